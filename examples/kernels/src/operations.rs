//! Operations of candle and what they mean.
//!
//! Each is attacked under the default configuration, forward and backward, on any floats unless a
//! role says otherwise. README.md has what came of it.

use crate::bridge::{Operation, backward, forward};
use candle_core::{D, Result as CandleResult, Tensor as Candle};
use candle_nn::ops;
use gradbound::graph::{Graph, ValueId};
use gradbound::kernel::{Dim, Input, Kernel, Role};
use gradbound::lower::{self, Conv, Gelu, Spatial, Variance};
use gradbound::tensor::DType;

/// The epsilon of the layer normalization; f32 holds it.
const EPSILON: f64 = 1.0 / 65536.0;

fn of(name: &str, f: Operation) -> Kernel {
    Kernel::new(format!("candle {name}"))
        .runtime(move |x| forward(f, x))
        .vjp(move |x, dy| backward(f, x, dy))
}

/// f of one vector, within ±30.
fn unary(
    name: &str,
    f: Operation,
    meaning: fn(&mut Graph, ValueId) -> gradbound::Result<ValueId>,
) -> Kernel {
    of(name, f)
        .input(Input::floats([Dim::up_to(9)]).role(Role::Within(30.0)))
        .spec(move |g, x| meaning(g, x[0]))
}

pub fn exp() -> Kernel {
    of("exp", |x| x[0].exp())
        .input([Dim::up_to(9)])
        .spec(|g, x| g.exp(x[0]))
}

pub fn tanh() -> Kernel {
    unary("tanh", |x| x[0].tanh(), |g, x| g.tanh(x))
}

pub fn silu() -> Kernel {
    unary("silu", |x| x[0].silu(), |g, x| lower::swish(g, x, 1.0))
}

pub fn gelu_erf() -> Kernel {
    unary(
        "gelu_erf",
        |x| x[0].gelu_erf(),
        |g, x| lower::gelu(g, x, Gelu::Erf),
    )
}

pub fn gelu_tanh() -> Kernel {
    unary(
        "gelu",
        |x| x[0].gelu(),
        |g, x| lower::gelu(g, x, Gelu::Tanh),
    )
}

pub fn sqrt() -> Kernel {
    of("sqrt", |x| x[0].sqrt())
        .input(Input::floats([Dim::up_to(9)]).role(Role::Positive))
        .spec(|g, x| g.sqrt(x[0]))
}

fn rows() -> [Dim; 2] {
    [Dim::up_to(3), Dim::up_to(8)]
}

pub fn softmax() -> Kernel {
    of("softmax", |x| ops::softmax(&x[0], D::Minus1))
        .input(Input::floats(rows()).role(Role::Within(60.0)))
        .spec(|g, x| lower::softmax(g, x[0], 1))
}

pub fn log_softmax() -> Kernel {
    of("log_softmax", |x| ops::log_softmax(&x[0], D::Minus1))
        .input(Input::floats(rows()).role(Role::Within(60.0)))
        .spec(|g, x| lower::log_softmax(g, x[0], 1))
}

pub fn sum() -> Kernel {
    of("sum", |x| x[0].sum(1))
        .input(rows())
        .spec(|g, x| g.sum(x[0], &[1], false))
}

pub fn mean() -> Kernel {
    of("mean", |x| x[0].mean(1))
        .input(rows())
        .spec(|g, x| g.mean(x[0], &[1], false))
}

pub fn matmul() -> Kernel {
    let named = |name, largest| Dim::up_to(largest).named(name);
    of("matmul", |x| x[0].matmul(&x[1]))
        .input([named("m", 5), named("k", 9)])
        .input([named("k", 9), named("n", 5)])
        .spec(|g, x| g.matmul(x[0], x[1]))
}

fn layer_norm_of(x: &[Candle]) -> CandleResult<Candle> {
    // The fused `layer_norm` has no backward pass in candle 0.9.
    ops::layer_norm_slow(&x[0], &x[1], &x[2], EPSILON as f32)
}

pub fn layer_norm() -> Kernel {
    let width = || Dim::between(2..=8).named("width");
    of("layer_norm", layer_norm_of)
        .input(Input::floats([Dim::up_to(3), width()]).role(Role::Moderate))
        .input(Input::floats([width()]).role(Role::Moderate))
        .input(Input::floats([width()]).role(Role::Moderate))
        .spec(|g, x| {
            let value = lower::standardize(g, x[0], &[1], EPSILON, Variance::TwoPass)?.value;
            let scaled = g.mul(value, x[1])?;
            g.add(scaled, x[2])
        })
}

/// 3×3 kernels over images of `channels` channels and the given height; padded by 1.
fn conv2d_of(name: &str, channels: Dim, height: Dim) -> Kernel {
    let channels = || channels.clone().named("channels");
    let height = || height.clone().named("height");
    of(name, |x| x[0].conv2d(&x[1], 1, 1, 1, 1))
        .input([Dim::up_to(2), channels(), height(), Dim::fixed(2)])
        .input([Dim::up_to(2), channels(), Dim::fixed(3), Dim::fixed(3)])
        .spec(|g, x| {
            let padded = || Spatial {
                before: 1,
                after: 1,
                ..Spatial::default()
            };
            let how = Conv {
                axes: vec![padded(), padded()],
                groups: 1,
            };
            lower::conv(g, x[0], x[1], None, &how)
        })
}

pub fn conv2d() -> Kernel {
    conv2d_of("conv2d", Dim::up_to(2), Dim::between(3..=4))
}

/// The same over images that may be as high and as wide as they have channels: candle 0.9.2 takes
/// them for images with the channels last.
pub fn conv2d_of_cubes() -> Kernel {
    conv2d_of("conv2d of cubes", Dim::up_to(2), Dim::between(2..=4))
}

/// The gradients of both forms of GELU in f64: candle has six digits of their constants.
pub fn gelu_in_f64() -> [Kernel; 2] {
    let narrow = |kernel: Kernel| kernel.formats([DType::F64]).trials(40);
    [narrow(gelu_erf()), narrow(gelu_tanh())]
}

/// All of them.
pub fn all() -> Vec<Kernel> {
    vec![
        exp(),
        tanh(),
        sqrt(),
        silu(),
        gelu_erf(),
        gelu_tanh(),
        softmax(),
        log_softmax(),
        sum(),
        mean(),
        matmul(),
        layer_norm(),
        conv2d(),
    ]
}
