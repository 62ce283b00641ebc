//! Attacks every operation and random graphs with fresh bytes until so many checks were made.
//!
//! `cargo run --release --example soak -- [CHECKS] [SEED]` runs the fuzz targets `node` and
//! `graph`, three bytes strings for a node to one for a graph, on all cores. A check is an
//! element of a computed value that is compared with a finite bound; a violated obligation
//! panics with the graph.

use gradbound::fuzz;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::time::Instant;

/// Cases of a round; rounds follow one another, so that the same seed makes the same checks.
const ROUND: u64 = 1 << 14;

/// Bytes of a case: the first of a node's name the operation.
fn bytes(seed: u64, case: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ case);
    let len = rng.usize(4..400);
    std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
}

/// What a case attacked and how many checks that made.
fn attack(seed: u64, case: u64, operations: &[&'static str]) -> (&'static str, usize) {
    let bytes = bytes(seed, case);
    if case % 4 == 3 {
        return ("random graphs", fuzz::graph(&bytes));
    }
    let operation = operations[usize::from(bytes[0]) % operations.len()];
    (operation, fuzz::node(&bytes))
}

fn main() {
    let mut words = (std::env::args().skip(1)).map(|w| w.parse::<u64>().unwrap_or(0));
    let wanted = words.next().unwrap_or(1_000_000) as usize;
    let seed = words.next().unwrap_or(0);
    let operations = fuzz::node::operations();
    let mut checks: BTreeMap<&str, usize> = BTreeMap::new();
    let (start, mut cases, mut total) = (Instant::now(), 0, 0);
    while total < wanted {
        let round: Vec<_> = (cases..cases + ROUND)
            .into_par_iter()
            .map(|case| attack(seed, case, &operations))
            .collect();
        for (operation, made) in round {
            *checks.entry(operation).or_default() += made;
            total += made;
        }
        cases += ROUND;
    }
    let each = checks.iter().map(|(name, n)| format!("{name} {n}"));
    println!("{}", each.collect::<Vec<_>>().join(", "));
    println!(
        "{total} checks in {cases} cases, {:.0} a second, no obligation violated",
        total as f64 / start.elapsed().as_secs_f64()
    );
}
