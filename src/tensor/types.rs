//! Element types and shapes.

use crate::error::{Error, Result};
use crate::number::Format;
use smallvec::SmallVec;
use std::fmt;
use std::ops::Deref;

/// The largest number of elements one tensor may have.
pub const MAX_ELEMENTS: usize = 1 << 34;

/// The most that the extents of an empty tensor come to, beside those that are 0.
const MAX_BESIDE_ZERO: usize = 1 << 24;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// IEEE binary64.
    F64,
    /// IEEE binary32.
    F32,
    /// IEEE binary16.
    F16,
    /// bfloat16.
    BF16,
    /// TF32: binary32's range with 11 significant bits, simulated.
    TF32,
    /// OCP FP8 E4M3 ("FN": no infinities), simulated.
    E4M3,
    /// OCP FP8 E5M2, simulated.
    E5M2,
    /// OCP FP6 E3M2, simulated.
    E3M2,
    /// OCP FP6 E2M3, simulated.
    E2M3,
    /// OCP FP4 E2M1, simulated.
    E2M1,
    /// Signed integers: indices, labels, shapes.
    I64,
    /// Truth values: masks.
    Bool,
}

impl DType {
    /// The float types, widest first.
    pub const FLOATS: [DType; 10] = [
        DType::F64,
        DType::F32,
        DType::TF32,
        DType::F16,
        DType::BF16,
        DType::E4M3,
        DType::E5M2,
        DType::E3M2,
        DType::E2M3,
        DType::E2M1,
    ];

    /// The float format, where the type is a float.
    pub fn format(self) -> Option<Format> {
        match self {
            DType::F64 => Some(Format::F64),
            DType::F32 => Some(Format::F32),
            DType::F16 => Some(Format::F16),
            DType::BF16 => Some(Format::BF16),
            DType::TF32 => Some(Format::TF32),
            DType::E4M3 => Some(Format::E4M3),
            DType::E5M2 => Some(Format::E5M2),
            DType::E3M2 => Some(Format::E3M2),
            DType::E2M3 => Some(Format::E2M3),
            DType::E2M1 => Some(Format::E2M1),
            DType::I64 | DType::Bool => None,
        }
    }

    /// True for the float types.
    pub fn is_float(self) -> bool {
        self.format().is_some()
    }

    /// The name used on the command line and in audit.json.
    pub fn name(self) -> &'static str {
        match self {
            DType::F64 => "f64",
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::TF32 => "tf32",
            DType::E4M3 => "e4m3",
            DType::E5M2 => "e5m2",
            DType::E3M2 => "e3m2",
            DType::E2M3 => "e2m3",
            DType::E2M1 => "e2m1",
            DType::I64 => "i64",
            DType::Bool => "bool",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The extents of a tensor, outermost first; empty for a scalar.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[usize; 4]>);

impl Shape {
    /// The shape of a scalar.
    pub fn scalar() -> Self {
        Shape::default()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.iter().product()
    }

    /// True where some extent is 0.
    pub fn is_empty(&self) -> bool {
        self.0.contains(&0)
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Row-major strides, in elements.
    pub fn strides(&self) -> SmallVec<[usize; 4]> {
        let mut strides: SmallVec<[usize; 4]> = SmallVec::from_elem(1, self.rank());
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }

    /// The multi-index of a row-major position.
    pub fn index_of(&self, position: usize) -> Vec<usize> {
        let mut rest = position;
        let mut index = vec![0; self.rank()];
        for axis in (0..self.rank()).rev() {
            index[axis] = rest % self.0[axis];
            rest /= self.0[axis];
        }
        index
    }

    /// The common shape of two operands under numpy's broadcasting.
    pub fn broadcast_with(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let extent = |s: &Shape, axis: usize| {
            (axis + s.rank())
                .checked_sub(rank)
                .map_or(1, |axis| s.0[axis])
        };
        (0..rank)
            .map(|axis| match (extent(self, axis), extent(other, axis)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect::<Option<SmallVec<_>>>()
            .map(Shape)
    }

    /// A shape, where a tensor may have it.
    pub fn checked(extents: &[usize]) -> Result<Shape> {
        match Shape::excess(extents) {
            None => Ok(Shape::from(extents)),
            Some(why) => Err(
                Error::new(format!("a tensor of shape {extents:?} has {why}"))
                    .remedy("use smaller inputs or a smaller batch"),
            ),
        }
    }

    /// What is too much about these extents. Those of an empty tensor are bounded as well: an
    /// operation may keep something by them (the tree over the factors of each of no products).
    pub(crate) fn excess(extents: &[usize]) -> Option<&'static str> {
        let beside_zero = extents.iter().filter(|&&n| n != 0);
        let len = beside_zero.fold(1_usize, |len, &n| len.saturating_mul(n));
        if extents.contains(&0) && len > MAX_BESIDE_ZERO {
            return Some("no elements, and other extents that come to more than 2^24");
        }
        (len > MAX_ELEMENTS).then_some("more than 2^34 elements")
    }
}

impl From<&[usize]> for Shape {
    fn from(extents: &[usize]) -> Self {
        Shape(SmallVec::from_slice(extents))
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(extents: [usize; N]) -> Self {
        Shape(SmallVec::from_slice(&extents))
    }
}

impl From<Vec<usize>> for Shape {
    fn from(extents: Vec<usize>) -> Self {
        Shape(SmallVec::from_vec(extents))
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_slice())
    }
}

/// A value's type: shape and element type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ty {
    /// The extents.
    pub shape: Shape,
    /// The element type.
    pub dtype: DType,
}

impl Ty {
    /// A type of the given parts.
    pub fn new(shape: impl Into<Shape>, dtype: DType) -> Self {
        Ty {
            shape: shape.into(),
            dtype,
        }
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_and_indices_agree() {
        let shape = Shape::from([2, 3, 4]);
        assert_eq!(shape.strides().as_slice(), &[12, 4, 1]);
        assert_eq!(shape.index_of(23), vec![1, 2, 3]);
        assert_eq!(shape.index_of(13), vec![1, 0, 1]);
    }

    #[test]
    fn broadcasting_follows_numpy() {
        let a = Shape::from([4, 1, 3]);
        assert_eq!(
            a.broadcast_with(&Shape::from([2, 1])),
            Some(Shape::from([4, 2, 3]))
        );
        assert_eq!(a.broadcast_with(&Shape::from([2])), None);
    }
}
