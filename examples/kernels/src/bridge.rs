//! Between gradbound's tensors and candle's.

use candle_core::{Device, Tensor as Candle, Var};
use gradbound::kernel::Outcome;
use gradbound::tensor::{Data, Shape, Tensor};

/// The same tensor in candle.
pub fn to_candle(tensor: &Tensor) -> Outcome<Candle> {
    let (shape, cpu) = (tensor.shape().to_vec(), &Device::Cpu);
    Ok(match tensor.data() {
        Data::F64(x) => Candle::from_slice(x, shape, cpu)?,
        Data::F32(x) => Candle::from_slice(x, shape, cpu)?,
        Data::F16(x) => Candle::from_slice(x, shape, cpu)?,
        Data::BF16(x) => Candle::from_slice(x, shape, cpu)?,
        Data::I64(x) => Candle::from_slice(x, shape, cpu)?,
        _ => return Err(format!("candle has no tensors of {}", tensor.dtype()).into()),
    })
}

/// The same tensor in gradbound.
pub fn from_candle(tensor: &Candle) -> Outcome<Tensor> {
    let shape = Shape::from(tensor.dims());
    let flat = tensor.flatten_all()?;
    Ok(match tensor.dtype() {
        candle_core::DType::F64 => Tensor::f64s(shape, flat.to_vec1::<f64>()?)?,
        candle_core::DType::F32 => Tensor::f32s(shape, flat.to_vec1::<f32>()?)?,
        candle_core::DType::F16 => Tensor::f16s(shape, flat.to_vec1()?)?,
        candle_core::DType::BF16 => Tensor::bf16s(shape, flat.to_vec1()?)?,
        other => return Err(format!("gradbound has no tensors of {other:?}").into()),
    })
}

/// An operation of candle.
pub type Operation = fn(&[Candle]) -> candle_core::Result<Candle>;

/// What candle computes.
pub fn forward(f: Operation, inputs: &[Tensor]) -> Outcome<Tensor> {
    let inputs: Outcome<Vec<Candle>> = inputs.iter().map(to_candle).collect();
    from_candle(&f(&inputs?)?)
}

/// What candle's autograd computes: the gradients of Σ y·cotangent, which pulls the cotangent
/// back without a rounding before the operation's own.
pub fn backward(f: Operation, inputs: &[Tensor], cotangent: &Tensor) -> Outcome<Vec<Tensor>> {
    let variables: Outcome<Vec<Var>> = inputs
        .iter()
        .map(|x| Ok(Var::from_tensor(&to_candle(x)?)?))
        .collect();
    let variables = variables?;
    let tensors: Vec<Candle> = variables.iter().map(|v| v.as_tensor().clone()).collect();
    let loss = (f(&tensors)? * to_candle(cotangent)?)?.sum_all()?;
    let gradients = loss.backward()?;
    let each = tensors.iter().map(|x| match gradients.get(x) {
        Some(gradient) => from_candle(gradient),
        None => Err("autograd gives no gradient for an input".into()),
    });
    each.collect()
}
