//! The extents that `gradbound::kernel` draws: all of a range, those at which code with vector
//! loops goes wrong more often, and none that was not meant.

#[path = "common/kernels.rs"]
mod kernels;

use gradbound::kernel::{Dim, Input, Kernel, Role, Slices};
use gradbound::lower;
use gradbound::obligation::Obligation;
use kernels::found_in;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How often each extent is drawn with the default number of trials, by exact inputs alone.
fn drawn(dim: Dim) -> BTreeMap<usize, usize> {
    let seen = Arc::new(Mutex::new(BTreeMap::new()));
    let log = Arc::clone(&seen);
    let kernel = Kernel::new("negation")
        .input([dim])
        .spec(|g, x| g.neg(x[0]))
        .runtime_on(move |x: &Slices<f32>| {
            let mut log = log.lock().expect("no thread panicked");
            *log.entry(x[0].len()).or_insert(0) += 1;
            x[0].iter().map(|x| -x).collect()
        });
    kernel.exact().assert_sound();
    let seen = seen.lock().expect("no thread panicked");
    seen.clone()
}

#[test]
fn every_extent_is_drawn() {
    for largest in [1, 7, 8, 16, 32, 64] {
        let all: Vec<usize> = drawn(Dim::up_to(largest)).into_keys().collect();
        let range: Vec<usize> = (1..=largest).collect();
        assert_eq!(all, range, "up to {largest}");
    }
    let all: Vec<usize> = drawn(Dim::between(40..=55)).into_keys().collect();
    assert_eq!(all, (40..=55).collect::<Vec<_>>());
}

#[test]
fn ends_and_block_lengths_are_drawn_more_often_in_wide_ranges() {
    let counts = drawn(Dim::up_to(1024));
    let trials: usize = counts.values().sum();
    let of = |n: usize| counts.get(&n).copied().unwrap_or(0);
    for end in [1, 1024] {
        assert!(of(end) > trials / 16, "{end}: {} of {trials}", of(end));
    }
    for near in [2, 3, 4, 8, 16, 32, 64, 128, 256, 512] {
        assert!(of(near) > 0, "{near}: {counts:?}");
    }
    // An eighth of all extents is, without a preference, a multiple of 8.
    let blocks: usize = (1..128).map(|k| of(8 * k)).sum();
    let others: usize = (1..128).map(|k| of(8 * k + 4)).sum();
    assert!(blocks > 3 * others / 2, "{blocks} and {others}");
}

fn sum(largest: usize, wrong: fn(usize) -> bool) -> Kernel {
    Kernel::new("sum")
        .input([Dim::up_to(largest)])
        .spec(|g, x| g.sum(x[0], &[0], false))
        .runtime_on(move |x: &Slices<f32>| {
            let rest = usize::from(wrong(x[0].len()));
            vec![x[0][rest..].iter().sum()]
        })
}

#[test]
fn a_sum_that_is_wrong_at_one_length_is_found() {
    found_in(&sum(64, |n| n == 16), Obligation::Sound);
    found_in(&sum(64, |n| n == 8), Obligation::Sound);
    found_in(&sum(16, |n| n == 8), Obligation::Sound);
    found_in(&sum(1024, |n| n == 1), Obligation::Sound);
    found_in(&sum(256, |n| n == 256), Obligation::Sound);
}

#[test]
fn a_softmax_that_is_wrong_without_a_remainder_is_found() {
    let softmax = |row: &[f32]| -> Vec<f32> {
        let top = row
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
        let e: Vec<f32> = row.iter().map(|x| (x - top).exp()).collect();
        let sum: f32 = e.iter().sum();
        // The loop over the remainder divides by what is left of the sum: nothing.
        let broken = row.len().is_multiple_of(8) && row.len() < 64;
        let sum = if broken { f32::NAN } else { sum };
        e.iter().map(|e| e / sum).collect()
    };
    let kernel = Kernel::new("softmax")
        .input(Input::floats([Dim::up_to(2), Dim::up_to(64)]).role(Role::Within(40.0)))
        .spec(|g, x| lower::softmax(g, x[0], 1))
        .runtime_on(move |x: &Slices<f32>| x[0].chunks(x.shape(0)[1]).flat_map(softmax).collect());
    found_in(&kernel, Obligation::Sound);
}

#[test]
fn extents_are_what_they_are_said_to_be() {
    assert_eq!(drawn(Dim::up_to(0)).into_keys().collect::<Vec<_>>(), [1]);
    assert_eq!(drawn(Dim::fixed(3)).into_keys().collect::<Vec<_>>(), [3]);
    let least = drawn(Dim::between(0..=2));
    assert_eq!(least.into_keys().collect::<Vec<_>>(), [0, 1, 2]);
    let negation = |dims: [Dim; 2]| {
        let [first, second] = dims;
        let kernel = Kernel::new("negation").input([first]).input([second]);
        kernel
            .spec(|g, x| g.neg(x[1]))
            .runtime_on(|x: &Slices<f32>| x[1].iter().map(|x| -x).collect())
            .trials(50)
    };
    let said = |kernel: Kernel| kernel.attack().expect_err("too many").to_string();
    let all = Dim::between(0..=usize::MAX);
    assert!(said(negation([Dim::fixed(1), all.clone()])).contains("more than"));
    // Of two extents of one name the first one's range counts, for what is refused as well.
    let n = |dim: Dim| dim.named("n");
    assert!(said(negation([n(all), n(Dim::fixed(1))])).contains("more than"));
    negation([n(Dim::fixed(1)), n(Dim::between(0..=usize::MAX))]).assert_sound();
}

/// Rows of x, of which there may be none.
fn rows(indices: Dim, below: Dim) -> Kernel {
    Kernel::new("rows")
        .input(Input::floats([below.clone(), Dim::fixed(1)]).role(Role::Moderate))
        .input(Input::indices([indices], below))
        .spec(|g, x| g.gather(x[0], x[1], 0))
        .runtime_on(|x: &Slices<f32>| x.indices(1).iter().map(|i| x[0][*i as usize]).collect())
        .trials(300)
}

#[test]
fn indices_below_nothing_are_refused() {
    let said = |kernel: &Kernel| kernel.attack().expect_err("no index").to_string();
    for most in [0, 2, 100_000] {
        let kernel = rows(Dim::up_to(2), Dim::between(0..=most).named("rows"));
        assert!(said(&kernel).contains("none exists"), "{most}");
        let all = [[0_u8; 64], [7; 64], [0xff; 64]];
        assert!(all.iter().all(|bytes| kernel.judge_bytes(bytes).is_ok()));
    }
    let of_floats = Kernel::new("negation")
        .input(Input::floats([Dim::up_to(2)]).role(Role::Index(0)))
        .spec(|g, x| g.neg(x[0]))
        .runtime_on(|x: &Slices<f32>| x[0].iter().map(|x| -x).collect());
    assert!(said(&of_floats).contains("none exists"));
    // As many indices as rows: where there is none, none is needed.
    let rows_of = || Dim::between(0..=3).named("rows");
    rows(rows_of(), rows_of()).assert_sound();
}
