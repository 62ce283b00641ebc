//! Shapes and storage: what a value of the graph is made of.

mod narrow;
mod sources;
mod types;

pub use narrow::{bf16_from_f64, f16_from_f64};
pub use sources::{Sources, ZERO_FILL};
pub use types::{DType, MAX_ELEMENTS, Shape, Ty};

use crate::error::{Error, Result};
use crate::number::Up;
use crate::number::simulated::{E2m1, E2m3, E3m2, E4m3, E5m2, Tf32};
use half::{bf16, f16};
use std::sync::Arc;

/// Elements in row-major order, shared where a tensor is copied.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "one variant per element type")]
pub enum Data {
    F64(Arc<[f64]>),
    F32(Arc<[f32]>),
    F16(Arc<[f16]>),
    BF16(Arc<[bf16]>),
    TF32(Arc<[Tf32]>),
    E4M3(Arc<[E4m3]>),
    E5M2(Arc<[E5m2]>),
    E3M2(Arc<[E3m2]>),
    E2M3(Arc<[E2m3]>),
    E2M1(Arc<[E2m1]>),
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
            $crate::tensor::Data::TF32($elements) => $body,
            $crate::tensor::Data::E4M3($elements) => $body,
            $crate::tensor::Data::E5M2($elements) => $body,
            $crate::tensor::Data::E3M2($elements) => $body,
            $crate::tensor::Data::E2M3($elements) => $body,
            $crate::tensor::Data::E2M1($elements) => $body,
            $crate::tensor::Data::I64($elements) => $body,
            $crate::tensor::Data::Bool($elements) => $body,
        }
    };
}

impl Tensor {
    constructors! {
        f64s: f64 => F64, f32s: f32 => F32, f16s: f16 => F16, bf16s: bf16 => BF16,
        tf32s: Tf32 => TF32, e4m3s: E4m3 => E4M3, e5m2s: E5m2 => E5M2, e3m2s: E3m2 => E3M2,
        e2m3s: E2m3 => E2M3, e2m1s: E2m1 => E2M1, i64s: i64 => I64, bools: bool => Bool,
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
            DType::TF32 => Data::TF32(values.iter().map(|&x| Tf32::from_f64(x)).collect()),
            DType::E4M3 => Data::E4M3(values.iter().map(|&x| E4m3::from_f64(x)).collect()),
            DType::E5M2 => Data::E5M2(values.iter().map(|&x| E5m2::from_f64(x)).collect()),
            DType::E3M2 => Data::E3M2(values.iter().map(|&x| E3m2::from_f64(x)).collect()),
            DType::E2M3 => Data::E2M3(values.iter().map(|&x| E2m3::from_f64(x)).collect()),
            DType::E2M1 => Data::E2M1(values.iter().map(|&x| E2m1::from_f64(x)).collect()),
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
            Data::TF32(_) => DType::TF32,
            Data::E4M3(_) => DType::E4M3,
            Data::E5M2(_) => DType::E5M2,
            Data::E3M2(_) => DType::E3M2,
            Data::E2M3(_) => DType::E2M3,
            Data::E2M1(_) => DType::E2M1,
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
            Data::TF32(d) => d[position].to_f64(),
            Data::E4M3(d) => d[position].to_f64(),
            Data::E5M2(d) => d[position].to_f64(),
            Data::E3M2(d) => d[position].to_f64(),
            Data::E2M3(d) => d[position].to_f64(),
            Data::E2M1(d) => d[position].to_f64(),
            Data::I64(d) => d[position] as f64,
            Data::Bool(d) => f64::from(u8::from(d[position])),
        }
    }

    /// Every element as an f64, as [`get`](Self::get) gives it.
    pub fn to_f64s(&self) -> Vec<f64> {
        match &self.data {
            Data::F64(d) => d.to_vec(),
            Data::F32(d) => d.iter().map(|&x| f64::from(x)).collect(),
            Data::F16(_)
            | Data::BF16(_)
            | Data::TF32(_)
            | Data::E4M3(_)
            | Data::E5M2(_)
            | Data::E3M2(_)
            | Data::E2M3(_)
            | Data::E2M1(_)
            | Data::I64(_)
            | Data::Bool(_) => (0..self.len()).map(|i| self.get(i)).collect(),
        }
    }

    /// The integer at a position, where the tensor holds integers.
    pub fn integer(&self, position: usize) -> Option<i64> {
        self.as_i64s()?.get(position).copied()
    }

    /// An upper bound of an element's magnitude: |c|, rounded up where it is an integer that
    /// an f64 does not hold.
    pub fn magnitude(&self, position: usize) -> Up {
        let c = self.get(position);
        match self.integer(position) {
            Some(n) if n.unsigned_abs() >> 53 != 0 => Up::magnitude(c.abs().next_up()),
            _ => Up::magnitude(c),
        }
    }

    /// The integers, where the tensor holds integers.
    pub fn as_i64s(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(d) => Some(d),
            Data::F64(_)
            | Data::F32(_)
            | Data::F16(_)
            | Data::BF16(_)
            | Data::TF32(_)
            | Data::E4M3(_)
            | Data::E5M2(_)
            | Data::E3M2(_)
            | Data::E2M3(_)
            | Data::E2M1(_)
            | Data::Bool(_) => None,
        }
    }

    /// The same elements under another shape.
    pub fn reshaped(&self, shape: Shape) -> Result<Tensor> {
        Tensor::from_data(shape, self.data.clone())
    }

    /// The same elements with zeros in place of subnormals; integers as they are.
    pub fn flushed(&self) -> Tensor {
        let Some(format) = self.dtype().format() else {
            return self.clone();
        };
        let kept = |x: f64| x == 0.0 || x.abs() >= format.lambda().get() || x.is_nan();
        let values = self.to_f64s();
        if values.iter().all(|&x| kept(x)) {
            return self.clone();
        }
        let sources: Vec<usize> = (0..values.len())
            .map(|i| if kept(values[i]) { i } else { ZERO_FILL })
            .collect();
        self.take(self.shape.clone(), &sources)
            .unwrap_or_else(|_| self.clone())
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

    /// The tensor of the elements that a movement picks.
    pub fn take(&self, shape: Shape, sources: &(impl Sources + ?Sized)) -> Result<Tensor> {
        fn pick<T: Copy + Default>(data: &[T], sources: &(impl Sources + ?Sized)) -> Arc<[T]> {
            sources.pick(|i| data[i], &T::default())
        }
        let data = match &self.data {
            Data::F64(d) => Data::F64(pick(d, sources)),
            Data::F32(d) => Data::F32(pick(d, sources)),
            Data::F16(d) => Data::F16(pick(d, sources)),
            Data::BF16(d) => Data::BF16(pick(d, sources)),
            Data::TF32(d) => Data::TF32(pick(d, sources)),
            Data::E4M3(d) => Data::E4M3(pick(d, sources)),
            Data::E5M2(d) => Data::E5M2(pick(d, sources)),
            Data::E3M2(d) => Data::E3M2(pick(d, sources)),
            Data::E2M3(d) => Data::E2M3(pick(d, sources)),
            Data::E2M1(d) => Data::E2M1(pick(d, sources)),
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

impl<N> SpecTensor<N> {
    /// A tensor of the given elements, as many as the shape says.
    pub fn new(shape: Shape, data: impl Into<Arc<[N]>>) -> Self {
        let data = data.into();
        debug_assert_eq!(shape.len(), data.len());
        SpecTensor { shape, data }
    }
}
