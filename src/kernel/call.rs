//! Calls of an author's code: on tensors or on slices, with panics caught.

use crate::error::Error;
use crate::number::simulated::Tf32;
use crate::tensor::{DType, Data, Shape, Tensor, Ty};
use half::{bf16, f16};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::Index;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

/// What an author's closure gives: any error will do, `?` converts it.
pub type Outcome<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A number that slices are made of.
pub trait Element: Copy + Send + Sync + 'static {
    /// Its type.
    const DTYPE: DType;
    /// The elements of a tensor of its type.
    fn slice(tensor: &Tensor) -> Option<&[Self]>;
    /// A tensor of elements; fails where the count disagrees with the shape.
    fn tensor(shape: Shape, elements: Vec<Self>) -> Result<Tensor, Error>;
    /// From a float of the same format, exactly.
    fn from_f64(x: f64) -> Self;
    /// As a float, exactly.
    fn to_f64(self) -> f64;
}

macro_rules! elements {
    ($($element:ty => $variant:ident, $from:expr, $to:expr;)+) => {$(
        impl Element for $element {
            const DTYPE: DType = DType::$variant;
            fn slice(tensor: &Tensor) -> Option<&[Self]> {
                if let Data::$variant(elements) = tensor.data() { Some(elements) } else { None }
            }
            fn tensor(shape: Shape, elements: Vec<Self>) -> Result<Tensor, Error> {
                Tensor::from_data(shape, Data::$variant(elements.into()))
            }
            fn from_f64(x: f64) -> Self {
                $from(x)
            }
            fn to_f64(self) -> f64 {
                $to(self)
            }
        }
    )+};
}

elements! {
    f64 => F64, |x| x, |x| x;
    f32 => F32, |x| x as f32, f64::from;
    f16 => F16, crate::tensor::f16_from_f64, f16::to_f64;
    bf16 => BF16, crate::tensor::bf16_from_f64, bf16::to_f64;
    Tf32 => TF32, Tf32::from_f64, Tf32::to_f64;
}

/// The inputs of a kernel on slices, row-major: `x[0]` is the first.
#[derive(Debug)]
pub struct Slices<'a, T> {
    tensors: &'a [Tensor],
    elements: Vec<&'a [T]>,
}

impl<T: Element> Slices<'_, T> {
    /// The shape of an input.
    pub fn shape(&self, input: usize) -> &Shape {
        self.tensors[input].shape()
    }

    /// The integers of an input of indices; empty for floats.
    pub fn indices(&self, input: usize) -> &[i64] {
        self.tensors[input].as_i64s().unwrap_or(&[])
    }

    /// Number of inputs.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// True without inputs.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }
}

impl<T> Index<usize> for Slices<'_, T> {
    type Output = [T];
    fn index(&self, input: usize) -> &[T] {
        self.elements[input]
    }
}

fn slices<T: Element>(tensors: &[Tensor]) -> Slices<'_, T> {
    let elements = tensors.iter().map(|t| T::slice(t).unwrap_or(&[])).collect();
    Slices { tensors, elements }
}

/// The forward pass: inputs and the result's type.
pub(super) type Forward = dyn Fn(&[Tensor], &Ty) -> Outcome<Tensor> + Send + Sync;
/// The backward pass: inputs and the cotangent; a gradient for every input of floats.
pub(super) type Backward = dyn Fn(&[Tensor], &Tensor) -> Outcome<Vec<Tensor>> + Send + Sync;

/// A forward pass on slices.
pub(super) fn forward_on<T: Element>(
    f: impl Fn(&Slices<'_, T>) -> Vec<T> + Send + Sync + 'static,
) -> Arc<Forward> {
    Arc::new(move |inputs, ty| Ok(T::tensor(ty.shape.clone(), f(&slices(inputs)))?))
}

/// A backward pass on slices.
pub(super) fn backward_on<T: Element>(
    f: impl Fn(&Slices<'_, T>, &[T]) -> Vec<Vec<T>> + Send + Sync + 'static,
) -> Arc<Backward> {
    Arc::new(move |inputs, cotangent| {
        let gradients = f(&slices(inputs), T::slice(cotangent).unwrap_or(&[]));
        let floats = inputs.iter().filter(|t| t.dtype().is_float());
        let (given, owed) = (gradients.len(), floats.clone().count());
        if given != owed {
            return Err(format!("{given} gradients for {owed} inputs of floats").into());
        }
        let each = floats.zip(gradients);
        let each = each.map(|(input, elements)| T::tensor(input.shape().clone(), elements));
        Ok(each.collect::<Result<Vec<_>, Error>>()?)
    })
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Calls an author's code; a panic becomes an error that says where, and nothing is printed:
/// a search would print it for every trial.
pub(super) fn guarded<T>(f: impl FnOnce() -> Outcome<T>) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                let place = info.location().map(ToString::to_string);
                PLACE.set(place.unwrap_or_default());
            } else {
                earlier(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    QUIET.set(before);
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("an error: {error}")),
        Err(payload) => Err(format!(
            "a panic at {}: {}",
            PLACE.take(),
            message(&*payload)
        )),
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message")
}
