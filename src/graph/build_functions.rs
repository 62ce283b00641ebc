//! Appending the elementary functions and what they need by name.

use super::build::unary;
use super::{Graph, ValueId};
use crate::error::Result;
use crate::op;
use crate::tensor::DType;

/// The largest exponent that is a product of factors: JAX's own has no limit, and beyond it most
/// formats have no claim.
const MOST_FACTORS: f64 = 1024.0;

impl Graph {
    /// x^n by repeated squaring, as `lax.integer_pow` does it: the squares whose bits n has, from
    /// the lowest; the reciprocal of that for a negative n. `None` where n is no integer of a
    /// moderate size.
    #[expect(clippy::float_cmp, reason = "exponents are single numbers")]
    pub fn by_squaring(&mut self, x: ValueId, n: f64) -> Result<Option<ValueId>> {
        if n.trunc() != n || n == 0.0 || n.abs() > MOST_FACTORS {
            return Ok(None);
        }
        let mut bits = n.abs() as u32;
        let (mut square, mut product) = (x, None);
        loop {
            if bits & 1 == 1 {
                product = Some(match product {
                    None => square,
                    Some(product) => self.mul(product, square)?,
                });
            }
            bits >>= 1;
            if bits == 0 {
                break;
            }
            square = self.mul(square, square)?;
        }
        match product {
            Some(product) if n < 0.0 => {
                let one = self.scalar(1.0, self.ty(x).dtype)?;
                Ok(Some(self.div(one, product)?))
            }
            product => Ok(product),
        }
    }

    unary! {
        /// e^x.
        exp => op::Exp,
        /// e^x − 1.
        expm1 => op::Expm1,
        /// ln x.
        log => op::Log,
        /// ln(1 + x).
        log1p => op::Log1p,
        /// The error function.
        erf => op::Erf,
        /// sin x.
        sin => op::Sin,
        /// cos x.
        cos => op::Cos,
        /// tan x.
        tan => op::Tan,
        /// arcsin x.
        asin => op::Asin,
        /// arccos x.
        acos => op::Acos,
        /// arctan x.
        atan => op::Atan,
        /// sinh x.
        sinh => op::Sinh,
        /// cosh x.
        cosh => op::Cosh,
        /// tanh x.
        tanh => op::Tanh,
        /// arsinh x.
        asinh => op::Asinh,
        /// arcosh x.
        acosh => op::Acosh,
        /// artanh x.
        atanh => op::Atanh,
        /// 1 / (1 + e^−x).
        sigmoid => op::Sigmoid,
        /// ln(1 + e^x).
        softplus => op::Softplus,
        /// 1/√x.
        rsqrt => op::Rsqrt,
    }

    /// x^y; the operands broadcast.
    pub fn pow(&mut self, x: ValueId, y: ValueId) -> Result<ValueId> {
        let shape = self.common_shape(&[x, y])?;
        let (x, y) = (self.broadcast(x, &shape)?, self.broadcast(y, &shape)?);
        self.push(op::Pow, &[x, y])
    }

    /// An irrational number as a scalar of a float type.
    pub fn irrational(&mut self, number: op::Number, dtype: DType) -> Result<ValueId> {
        self.push(op::Irrational { number, dtype }, &[])
    }
}
