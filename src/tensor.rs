//! Shapes and storage: what a value of the graph is made of.

use crate::error::{Error, Result};
use crate::number::{Format, Up};
use half::{bf16, f16};
use smallvec::SmallVec;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The largest number of elements one tensor may have.
pub const MAX_ELEMENTS: usize = 1 << 34;

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
    /// Signed integers: indices, labels, shapes.
    I64,
    /// Truth values: masks.
    Bool,
}

impl DType {
    /// The float format, where the type is a float.
    pub fn format(self) -> Option<Format> {
        match self {
            DType::F64 => Some(Format::F64),
            DType::F32 => Some(Format::F32),
            DType::F16 => Some(Format::F16),
            DType::BF16 => Some(Format::BF16),
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

    /// A shape, where its element count is one that a tensor may have.
    pub fn checked(extents: &[usize]) -> Result<Shape> {
        let mut len = 1_usize;
        for &extent in extents {
            len = len.saturating_mul(extent.max(1));
        }
        if len > MAX_ELEMENTS {
            return Err(Error::new(format!(
                "a tensor of shape {extents:?} has more than 2^34 elements"
            ))
            .remedy("use smaller inputs or a smaller batch"));
        }
        Ok(Shape::from(extents))
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

/// Elements in row-major order, shared where a tensor is copied.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "one variant per element type")]
pub enum Data {
    F64(Arc<[f64]>),
    F32(Arc<[f32]>),
    F16(Arc<[f16]>),
    BF16(Arc<[bf16]>),
    I64(Arc<[i64]>),
    Bool(Arc<[bool]>),
}

/// A tensor of native numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Data,
}

macro_rules! constructors {
    ($($name:ident: $element:ty => $variant:ident),+ $(,)?) => {$(
        #[doc = concat!("A tensor of `", stringify!($element), "` elements; fails where the count disagrees with the shape.")]
        pub fn $name(shape: impl Into<Shape>, data: impl Into<Arc<[$element]>>) -> Result<Tensor> {
            Tensor::from_data(shape.into(), Data::$variant(data.into()))
        }
    )+};
}

/// Runs an expression on the element slice, whatever its type.
macro_rules! on_elements {
    ($tensor:expr, $elements:ident => $body:expr) => {
        match $tensor.data() {
            $crate::tensor::Data::F64($elements) => $body,
            $crate::tensor::Data::F32($elements) => $body,
            $crate::tensor::Data::F16($elements) => $body,
            $crate::tensor::Data::BF16($elements) => $body,
            $crate::tensor::Data::I64($elements) => $body,
            $crate::tensor::Data::Bool($elements) => $body,
        }
    };
}

impl Tensor {
    constructors! {
        f64s: f64 => F64, f32s: f32 => F32, f16s: f16 => F16, bf16s: bf16 => BF16,
        i64s: i64 => I64, bools: bool => Bool,
    }

    /// A tensor of the given elements; fails where their count disagrees with the shape.
    pub fn from_data(shape: Shape, data: Data) -> Result<Tensor> {
        let tensor = Tensor { shape, data };
        let count = on_elements!(tensor, elements => elements.len());
        if count == tensor.shape.len() {
            Ok(tensor)
        } else {
            Err(Error::new(format!(
                "{count} elements cannot fill the shape {}",
                tensor.shape
            )))
        }
    }

    /// Elements rounded to `dtype`, to nearest even (integers are truncated, booleans are
    /// "not zero").
    pub fn from_f64s(shape: Shape, dtype: DType, values: &[f64]) -> Result<Tensor> {
        let data = match dtype {
            DType::F64 => Data::F64(values.into()),
            DType::F32 => Data::F32(values.iter().map(|&x| x as f32).collect()),
            DType::F16 => Data::F16(values.iter().map(|&x| f16_from_f64(x)).collect()),
            DType::BF16 => Data::BF16(values.iter().map(|&x| bf16_from_f64(x)).collect()),
            DType::I64 => Data::I64(values.iter().map(|&x| x as i64).collect()),
            DType::Bool => Data::Bool(values.iter().map(|&x| x != 0.0).collect()),
        };
        Tensor::from_data(shape, data)
    }

    /// Every element the same.
    pub fn full(shape: Shape, dtype: DType, value: f64) -> Result<Tensor> {
        let values = vec![value; shape.len()];
        Tensor::from_f64s(shape, dtype, &values)
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match self.data {
            Data::F64(_) => DType::F64,
            Data::F32(_) => DType::F32,
            Data::F16(_) => DType::F16,
            Data::BF16(_) => DType::BF16,
            Data::I64(_) => DType::I64,
            Data::Bool(_) => DType::Bool,
        }
    }

    /// Shape and element type.
    pub fn ty(&self) -> Ty {
        Ty::new(self.shape.clone(), self.dtype())
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        on_elements!(self, elements => elements.len())
    }

    /// True for a tensor without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at a row-major position as an f64: exact for every float and boolean,
    /// and for integers below 2^53.
    pub fn get(&self, position: usize) -> f64 {
        match &self.data {
            Data::F64(d) => d[position],
            Data::F32(d) => f64::from(d[position]),
            Data::F16(d) => d[position].to_f64(),
            Data::BF16(d) => d[position].to_f64(),
            Data::I64(d) => d[position] as f64,
            Data::Bool(d) => f64::from(u8::from(d[position])),
        }
    }

    /// Every element as an f64, as [`get`](Self::get) gives it.
    pub fn to_f64s(&self) -> Vec<f64> {
        match &self.data {
            Data::F64(d) => d.to_vec(),
            Data::F32(d) => d.iter().map(|&x| f64::from(x)).collect(),
            Data::F16(_) | Data::BF16(_) | Data::I64(_) | Data::Bool(_) => {
                (0..self.len()).map(|i| self.get(i)).collect()
            }
        }
    }

    /// The integer at a position, where the tensor holds integers.
    pub fn integer(&self, position: usize) -> Option<i64> {
        self.as_i64s()?.get(position).copied()
    }

    /// The integers, where the tensor holds integers.
    pub fn as_i64s(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(d) => Some(d),
            Data::F64(_) | Data::F32(_) | Data::F16(_) | Data::BF16(_) | Data::Bool(_) => None,
        }
    }

    /// The same elements under another shape.
    pub fn reshaped(&self, shape: Shape) -> Result<Tensor> {
        Tensor::from_data(shape, self.data.clone())
    }

    /// The elements converted to another type, rounded to nearest even.
    pub fn cast(&self, dtype: DType) -> Result<Tensor> {
        if self.dtype() == dtype {
            return Ok(self.clone());
        }
        if let (DType::I64, Data::Bool(d)) = (dtype, &self.data) {
            let data: Arc<[i64]> = d.iter().map(|&b| i64::from(b)).collect();
            return Tensor::i64s(self.shape.clone(), data);
        }
        Tensor::from_f64s(self.shape.clone(), dtype, &self.to_f64s())
    }

    /// The tensor whose element k is this one's element `sources[k]`, or zero for
    /// [`ZERO_FILL`].
    pub fn take(&self, shape: Shape, sources: &[usize]) -> Result<Tensor> {
        fn pick<T: Copy + Default>(data: &[T], sources: &[usize]) -> Arc<[T]> {
            sources
                .iter()
                .map(|&s| data.get(s).copied().unwrap_or_default())
                .collect()
        }
        let data = match &self.data {
            Data::F64(d) => Data::F64(pick(d, sources)),
            Data::F32(d) => Data::F32(pick(d, sources)),
            Data::F16(d) => Data::F16(pick(d, sources)),
            Data::BF16(d) => Data::BF16(pick(d, sources)),
            Data::I64(d) => Data::I64(pick(d, sources)),
            Data::Bool(d) => Data::Bool(pick(d, sources)),
        };
        Tensor::from_data(shape, data)
    }
}

/// A tensor of reals: what the specification of a value is.
#[derive(Debug, Clone)]
pub struct SpecTensor<N> {
    /// The extents.
    pub shape: Shape,
    /// The elements, row-major.
    pub data: Arc<[N]>,
}

impl Up {
    /// An upper bound of an element's magnitude: |c|, rounded up where it is an integer that
    /// an f64 does not hold.
    pub fn of_element(tensor: &Tensor, position: usize) -> Up {
        let c = tensor.get(position);
        match tensor.integer(position) {
            Some(n) if n.unsigned_abs() >> 53 != 0 => Up::magnitude(c.abs().next_up()),
            _ => Up::magnitude(c),
        }
    }
}

impl<N> SpecTensor<N> {
    /// A tensor of the given elements, as many as the shape says.
    pub fn new(shape: Shape, data: impl Into<Arc<[N]>>) -> Self {
        let data = data.into();
        debug_assert_eq!(shape.len(), data.len());
        SpecTensor { shape, data }
    }
}

/// A source position that stands for a zero that is filled in.
pub const ZERO_FILL: usize = usize::MAX;

/// x rounded to odd in f32: exact, or the neighbour with an odd significand. A second
/// rounding to at most 22 bits then gives what one rounding of x would have given
/// (Boldo & Melquiond 2008).
#[expect(clippy::float_cmp, reason = "whether the rounding was exact")]
fn odd_f32(x: f64) -> f32 {
    let near = x as f32;
    let exact = f64::from(near) == x;
    if exact || !near.is_finite() || near.to_bits() & 1 == 1 {
        return near;
    }
    // An even neighbour was chosen; the odd one lies on x's other side.
    let grow = f64::from(near).abs() < x.abs();
    f32::from_bits(if grow {
        near.to_bits() + 1
    } else {
        near.to_bits() - 1
    })
}

/// Rounds once, to nearest even; `bf16::from_f64` drops low bits first and can misround.
pub fn bf16_from_f64(x: f64) -> bf16 {
    bf16::from_f32(odd_f32(x))
}

/// Rounds once, to nearest even; `f16::from_f64` goes through f32 where the processor does.
pub fn f16_from_f64(x: f64) -> f16 {
    f16::from_f32(odd_f32(x))
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

    #[test]
    fn sixteen_bit_floats_round_once() {
        // Just above the tie between 1 and 1 + 2^-7: rounding twice would go to 1.
        let x = 1.0 + 2f64.powi(-8) + 2f64.powi(-50);
        assert_eq!(bf16_from_f64(x).to_f64(), 1.0 + 2f64.powi(-7));
        assert_eq!(bf16_from_f64(-x).to_f64(), -1.0 - 2f64.powi(-7));
        assert_eq!(bf16_from_f64(1.0 + 2f64.powi(-8)).to_f64(), 1.0);
        assert!(bf16_from_f64(f64::MAX).is_infinite());
        let x = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
        assert_eq!(f16_from_f64(x).to_f64(), 1.0 + 2f64.powi(-10));
        assert_eq!(f16_from_f64(-x).to_f64(), -1.0 - 2f64.powi(-10));
        assert_eq!(f16_from_f64(1e-300).to_f64(), 0.0);
        assert_eq!(f16_from_f64(1.5 * 2f64.powi(-25)).to_f64(), 2f64.powi(-24));
    }
}
