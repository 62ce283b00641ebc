//! The elementary functions of one argument, by name.

/// An elementary function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// e^x.
    Exp,
    /// e^x − 1.
    Expm1,
    /// ln x, for x > 0.
    Log,
    /// ln(1 + x), for x > −1.
    Log1p,
    /// The error function, (2/√π)·∫ e^(−t²) dt from 0 to x.
    Erf,
    /// sin x.
    Sin,
    /// cos x.
    Cos,
    /// tan x, off the odd multiples of π/2.
    Tan,
    /// arcsin x, for |x| ≤ 1.
    Asin,
    /// arccos x, for |x| ≤ 1.
    Acos,
    /// arctan x.
    Atan,
    /// sinh x.
    Sinh,
    /// cosh x.
    Cosh,
    /// tanh x.
    Tanh,
    /// arsinh x.
    Asinh,
    /// arcosh x, for x ≥ 1.
    Acosh,
    /// artanh x, for |x| < 1.
    Atanh,
    /// 1 / (1 + e^−x).
    Sigmoid,
    /// ln(1 + e^x).
    Softplus,
    /// 1/√x, for x > 0.
    Rsqrt,
}

impl Function {
    /// Every function.
    pub const ALL: [Function; 20] = [
        Function::Exp,
        Function::Expm1,
        Function::Log,
        Function::Log1p,
        Function::Erf,
        Function::Sin,
        Function::Cos,
        Function::Tan,
        Function::Asin,
        Function::Acos,
        Function::Atan,
        Function::Sinh,
        Function::Cosh,
        Function::Tanh,
        Function::Asinh,
        Function::Acosh,
        Function::Atanh,
        Function::Sigmoid,
        Function::Softplus,
        Function::Rsqrt,
    ];

    /// A rational point (x, f(x)), where the function has one.
    ///
    /// But for erf, which no theorem covers, and 1/√x, which has the squares, it is the only
    /// one: by Lindemann and Weierstrass e^x is transcendental at every algebraic x ≠ 0.
    pub fn rational_point(self) -> Option<(f64, f64)> {
        match self {
            Function::Exp | Function::Cos | Function::Cosh => Some((0.0, 1.0)),
            Function::Log | Function::Acos | Function::Acosh => Some((1.0, 0.0)),
            Function::Expm1
            | Function::Log1p
            | Function::Erf
            | Function::Sin
            | Function::Tan
            | Function::Asin
            | Function::Atan
            | Function::Sinh
            | Function::Tanh
            | Function::Asinh
            | Function::Atanh => Some((0.0, 0.0)),
            Function::Sigmoid => Some((0.0, 0.5)),
            Function::Rsqrt => Some((1.0, 1.0)),
            Function::Softplus => None,
        }
    }

    /// f(x) at a float of the function's rational point, exactly.
    #[expect(clippy::float_cmp, reason = "the point is one float")]
    pub(super) fn exactly_at(self, x: f64) -> Option<f64> {
        let (at, value) = self.rational_point()?;
        (x == at).then_some(value)
    }

    /// True where this crate's runtime rounds the function correctly.
    pub fn is_correctly_rounded(self) -> bool {
        self.correctly_rounded().is_some()
    }

    /// The correctly rounded f64 version, where CORE-MATH has one.
    pub(crate) fn correctly_rounded(self) -> Option<fn(f64) -> f64> {
        Some(match self {
            Function::Exp => core_math::exp,
            Function::Expm1 => core_math::expm1,
            Function::Log => core_math::log,
            Function::Log1p => core_math::log1p,
            Function::Erf => core_math::erf,
            Function::Sin => core_math::sin,
            Function::Cos => core_math::cos,
            Function::Tan => core_math::tan,
            Function::Asin => core_math::asin,
            Function::Acos => core_math::acos,
            Function::Atan => core_math::atan,
            Function::Sinh => core_math::sinh,
            Function::Cosh => core_math::cosh,
            Function::Tanh => core_math::tanh,
            Function::Asinh => core_math::asinh,
            Function::Acosh => core_math::acosh,
            Function::Atanh => core_math::atanh,
            Function::Rsqrt => core_math::rsqrt,
            Function::Sigmoid | Function::Softplus => return None,
        })
    }

    /// The correctly rounded f32 version, where CORE-MATH has one.
    pub(super) fn correctly_rounded_f32(self) -> Option<fn(f32) -> f32> {
        Some(match self {
            Function::Exp => core_math::expf,
            Function::Expm1 => core_math::expm1f,
            Function::Log => core_math::logf,
            Function::Log1p => core_math::log1pf,
            Function::Erf => core_math::erff,
            Function::Sin => core_math::sinf,
            Function::Cos => core_math::cosf,
            Function::Tan => core_math::tanf,
            Function::Asin => core_math::asinf,
            Function::Acos => core_math::acosf,
            Function::Atan => core_math::atanf,
            Function::Sinh => core_math::sinhf,
            Function::Cosh => core_math::coshf,
            Function::Tanh => core_math::tanhf,
            Function::Asinh => core_math::asinhf,
            Function::Acosh => core_math::acoshf,
            Function::Atanh => core_math::atanhf,
            Function::Rsqrt => core_math::rsqrtf,
            Function::Sigmoid | Function::Softplus => return None,
        })
    }
}
