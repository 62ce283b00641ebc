//! A hand-written softmax for AVX2 and FMA: rows of eight lanes, an exponential by a polynomial
//! and its backward pass.
//!
//! # How accurate
//! x = k·ln 2 + r with |r| ≤ 0.347, by two FMA and a ln 2 in two parts; e^r is Cephes' polynomial
//! 1 + r + r²·p(r) with p of degree 5; times 2^k. `tests/avx2.rs` measures the whole against f64 on
//! 4 million arguments from −87 to 0: within 1 ulp. Below −87 it gives 0, which is off by less
//! than e^−87.

use gradbound::kernel::{Dim, Input, Kernel, Role, Slices};
use gradbound::{Config, libm::Libm, lower};

/// Whether the processor has what the kernel needs.
pub fn is_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// e^x of numbers that are at most 0.
///
/// # Panics
/// As [`softmax`].
pub fn exp(x: &[f32]) -> Vec<f32> {
    assert!(is_supported(), "this processor has no AVX2 or no FMA");
    let mut y = vec![0.0; x.len()];
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the processor has both features, and both slices are equally long.
    unsafe {
        x86::exp_of(x, &mut y);
    }
    y
}

/// softmax of each row of `width` elements.
///
/// # Panics
/// Without AVX2 and FMA; ask [`is_supported`].
pub fn softmax(x: &[f32], width: usize) -> Vec<f32> {
    assert!(is_supported(), "this processor has no AVX2 or no FMA");
    let mut y = vec![0.0; x.len()];
    for (x, y) in x.chunks(width).zip(y.chunks_mut(width)) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has both features, and the rows are equally long.
        unsafe {
            x86::softmax(x, y);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (x, y);
    }
    y
}

/// p·(δ − Σpδ) of each row, with p recomputed.
///
/// # Panics
/// As [`softmax`].
pub fn softmax_gradient(x: &[f32], dy: &[f32], width: usize) -> Vec<f32> {
    let mut p = softmax(x, width);
    for (p, dy) in p.chunks_mut(width).zip(dy.chunks(width)) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `softmax` has asked for both features, and the rows are equally long.
        unsafe {
            x86::pull_back(p, dy);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (p, dy);
    }
    p
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    const LANES: usize = 8;
    /// ln 2 in two parts; the first has few digits, so that k times it is exact.
    const LN2: [f32; 2] = [0.693_359_375, -2.121_944_4e-4];
    /// The coefficients of Cephes' expf, the highest first.
    #[expect(clippy::excessive_precision, reason = "as they are published")]
    const COEFFICIENTS: [f32; 6] = [
        1.987_569_150_0e-4,
        1.398_199_950_7e-3,
        8.333_451_907_3e-3,
        4.166_579_589_4e-2,
        1.666_666_545_9e-1,
        5.000_000_120_1e-1,
    ];

    /// e^x of eight numbers that are at most 0; 0 below −87.
    #[target_feature(enable = "avx2,fma")]
    fn exp(x: __m256) -> __m256 {
        let set = |x: f32| _mm256_set1_ps(x);
        let clamped = _mm256_max_ps(x, set(-87.0));
        let k = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(
            _mm256_mul_ps(clamped, set(std::f32::consts::LOG2_E)),
        );
        let r = _mm256_fnmadd_ps(k, set(LN2[0]), clamped);
        let r = _mm256_fnmadd_ps(k, set(LN2[1]), r);
        let mut p = set(COEFFICIENTS[0]);
        for c in &COEFFICIENTS[1..] {
            p = _mm256_fmadd_ps(p, r, set(*c));
        }
        let square = _mm256_mul_ps(r, r);
        let tail = _mm256_fmadd_ps(p, square, r);
        let y = _mm256_add_ps(tail, set(1.0));
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127));
        let power = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent));
        let y = _mm256_mul_ps(y, power);
        let kept = _mm256_cmp_ps::<_CMP_GE_OQ>(x, set(-87.0));
        _mm256_and_ps(y, kept)
    }

    /// Eight elements of a row; `fill` beyond its end.
    #[target_feature(enable = "avx2,fma")]
    fn load(row: &[f32], at: usize, fill: f32) -> __m256 {
        let mut lanes = [fill; LANES];
        let some = &row[at..row.len().min(at + LANES)];
        lanes[..some.len()].copy_from_slice(some);
        // SAFETY: eight floats are read of an array of eight.
        unsafe { _mm256_loadu_ps(lanes.as_ptr()) }
    }

    #[target_feature(enable = "avx2,fma")]
    fn store(y: __m256, row: &mut [f32], at: usize) {
        let mut lanes = [0.0; LANES];
        // SAFETY: eight floats are written into an array of eight.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), y) };
        let end = row.len().min(at + LANES);
        row[at..end].copy_from_slice(&lanes[..end - at]);
    }

    #[target_feature(enable = "avx2,fma")]
    fn lanes(x: __m256) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: eight floats are written into an array of eight.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), x) };
        lanes
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn exp_of(x: &[f32], y: &mut [f32]) {
        for at in (0..x.len()).step_by(LANES) {
            store(exp(load(x, at, 0.0)), y, at);
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn softmax(x: &[f32], y: &mut [f32]) {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shift = _mm256_set1_ps(largest);
        let mut sums = _mm256_setzero_ps();
        for at in (0..x.len()).step_by(LANES) {
            let e = exp(_mm256_sub_ps(load(x, at, f32::NEG_INFINITY), shift));
            sums = _mm256_add_ps(sums, e);
            store(e, y, at);
        }
        let sum: f32 = lanes(sums).iter().sum();
        for y in y {
            *y /= sum;
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn pull_back(p: &mut [f32], dy: &[f32]) {
        let mut sums = _mm256_setzero_ps();
        for at in (0..p.len()).step_by(LANES) {
            sums = _mm256_fmadd_ps(load(p, at, 0.0), load(dy, at, 0.0), sums);
        }
        let sum = _mm256_set1_ps(lanes(sums).iter().sum());
        for at in (0..p.len()).step_by(LANES) {
            let difference = _mm256_sub_ps(load(dy, at, 0.0), sum);
            store(_mm256_mul_ps(load(p, at, 0.0), difference), p, at);
        }
    }
}

/// The softmax as it is attacked: every function within `ulps`, arguments that are at most 80
/// apart, so that no exponential is cut off.
pub fn kernel(ulps: f64) -> Kernel {
    Kernel::new("AVX2 softmax")
        .input(Input::floats([Dim::up_to(3), Dim::up_to(20)]).role(Role::Within(40.0)))
        .spec(|g, x| lower::softmax(g, x[0], 1))
        .runtime_on(|x: &Slices<f32>| softmax(&x[0], x.shape(0)[1]))
        .vjp_on(|x: &Slices<f32>, dy| vec![softmax_gradient(&x[0], dy, x.shape(0)[1])])
        .config(Config {
            libm: Libm::Ulp(ulps),
            ..Config::default()
        })
}
