//! Runs the graph fuzz target on a stream of pseudo-random programs.
//!
//! `cargo run --release --example soak -- [CASES] [SEED]`; a violated obligation panics with
//! the graph.

fn main() {
    let mut words = std::env::args()
        .skip(1)
        .map(|w| w.parse::<u64>().unwrap_or(0));
    let cases = words.next().unwrap_or(10_000);
    let mut state = words
        .next()
        .unwrap_or(0)
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut next = move || {
        // SplitMix64 (Steele, Lea & Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    for _ in 0..cases {
        let len = next() % 160;
        let bytes: Vec<u8> = (0..len).map(|_| (next() >> 32) as u8).collect();
        gradbound::fuzz::graph(&bytes);
    }
    println!("{cases} random graphs, no obligation violated");
}
