//! What a test may be given: for the customary rtol of a type, the least certified atol.

use crate::bound::Bound;
use crate::number::{Down, Enclosure, SpecNumber, Up, decimal};
use crate::tensor::{DType, Tensor};

/// The customary relative tolerance of a type: torch.testing's defaults, f16's for TF32, and
/// one step of the significand for the formats without a custom.
pub fn customary_rtol(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-7,
        DType::F32 => 1.3e-6,
        DType::F16 => 1e-3,
        DType::BF16 => 1.6e-2,
        DType::TF32 => 1e-3,
        DType::E4M3 | DType::E2M3 => 0.125,
        DType::E5M2 | DType::E3M2 => 0.25,
        DType::E2M1 => 0.5,
        DType::I64 | DType::Bool => 0.0,
    }
}

/// The least atol, rounded up to three decimal digits, with |a − b| ≤ atol + rtol·|b| for
/// every two admissible executions a and b.
///
/// # Derivation
/// |a − b| ≤ |a − x| + |x − b| ≤ 2ε, and |b| ≥ |c| − 2ε. The comparison itself rounds: its
/// left side once, its right side three times, in the type that it compares in; 8u on either
/// side covers that.
pub fn atol(c: &Tensor, eps: &Bound, rtol: f64) -> Up {
    let u = c.dtype().format().map_or(Up::ZERO, |f| f.unit());
    let margin = Up::new(8.0) * u;
    let mut atol = Up::ZERO;
    for i in 0..c.len() {
        let off = eps.at(i) + eps.at(i);
        let least = Down::magnitude(c.get(i)) - off;
        let covered = Down::new(rtol) * least * (Down::new(1.0) - margin);
        // Its products may underflow as well.
        let lost = c.dtype().format().map_or(Up::ZERO, |f| f.eta() + f.eta());
        let needed = match off {
            Up::ZERO => off,
            _ => off * (Up::ONE + margin) + lost,
        };
        atol = atol.max(excess(needed, covered));
    }
    decimal_up(atol)
}

/// An upper bound of a − b, 0 where b is larger.
fn excess(a: Up, b: Down) -> Up {
    if !a.is_finite() {
        return a;
    }
    let rest = Enclosure::point(a.get()).sub(&Enclosure::point(b.get()));
    Up::new(rest.hi())
}

/// Rounded up to three significant decimal digits.
fn decimal_up(x: Up) -> Up {
    Up::new(decimal::up(x.get()).parse().unwrap_or(f64::INFINITY))
}
