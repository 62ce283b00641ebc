//! The AVX2 softmax: its exponential is as accurate as it says, and its claims hold.

use gradbound_kernels::avx2;

/// Half a step between floats at y, times two.
fn ulp(y: f64) -> f64 {
    let y = y as f32;
    f64::from(y.next_up()) - f64::from(y)
}

#[test]
fn the_exponential_is_within_an_ulp() {
    if !avx2::is_supported() {
        return eprintln!("skipped: no AVX2 or no FMA");
    }
    let last = (-87.0_f32).to_bits();
    let x: Vec<f32> = ((1 << 31)..=last)
        .step_by(257)
        .map(f32::from_bits)
        .collect();
    let computed = avx2::exp(&x);
    let mut worst = (0.0, 0.0);
    for (x, y) in x.iter().zip(computed) {
        let exact = f64::from(*x).exp();
        let error = (f64::from(y) - exact).abs() / ulp(exact);
        if error > worst.0 {
            worst = (error, *x);
        }
    }
    println!(
        "{} arguments, at most {:.4} ulp, at {:e}",
        x.len(),
        worst.0,
        worst.1
    );
    assert!(worst.0 <= 1.0, "{worst:?}");
}

#[test]
fn the_softmax_is_sound() {
    if avx2::is_supported() {
        avx2::kernel(1.0).assert_sound();
    }
}
