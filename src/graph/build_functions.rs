//! Appending the elementary functions and what they need by name.

use super::build::unary;
use super::{Graph, ValueId};
use crate::error::Result;
use crate::op;
use crate::tensor::DType;

impl Graph {
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
