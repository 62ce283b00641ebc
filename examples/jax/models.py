"""Small models, each as ONNX nodes and as the JAX program of the same formulas.

`tap(NAME, x)` in a program names a value as ONNX does; it returns x.
"""

import math
from dataclasses import dataclass, field
from typing import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from onnx import helper

SEED = 0


@dataclass
class Model:
    """A model, its weights, one run's inputs, and what to differentiate."""

    name: str
    nodes: list
    inputs: dict
    """Float32 or int64 arrays, by ONNX name."""
    weights: dict
    """Float32 arrays, by ONNX name."""
    program: Callable
    """(arrays by name, tap) → None: the values it taps are compared."""
    outputs: list
    cotangents: dict = field(default_factory=dict)
    """By output; without any, the output `loss` is differentiated."""
    constants: dict = field(default_factory=dict)
    """int64 arrays that the ONNX nodes need and the program does not."""


def node(op, inputs, outputs, **attributes):
    """An ONNX node, named after its first output; names separated by spaces."""
    inputs = [] if not inputs else inputs.split(" ")
    outputs = outputs.split(" ")
    return helper.make_node(op, inputs, outputs, name=outputs[0], **attributes)


def random(rng):
    """Draws float32 arrays of a given scale."""
    return lambda scale, *shape: rng.normal(0, scale, shape).astype(np.float32)


def weights_of(rng, **shapes):
    """Normal weights with variance 1/fan-in (the first axis, or all but the first of a kernel);
    small biases."""
    draw = random(rng)
    weights = {}
    for name, shape in shapes.items():
        fan_in = {1: 100, 2: shape[0]}.get(len(shape)) or math.prod(shape[1:])
        weights[name] = draw(1 / math.sqrt(fan_in), *shape)
    return weights


def cnn():
    """Convolution with padding, max-pool, ReLU, convolution with stride, ReLU, dense layer,
    cross-entropy."""
    rng = np.random.default_rng(SEED)
    inputs = {
        "x": rng.uniform(0, 1, (2, 2, 10, 10)).astype(np.float32),
        "labels": rng.integers(0, 5, 2),
    }
    weights = weights_of(
        rng, w1=(4, 2, 3, 3), b1=(4,), w2=(6, 4, 3, 3), b2=(6,), w3=(54, 5), b3=(5,)
    )
    nodes = [
        node("Conv", "x w1 b1", "conv1", pads=[1, 1, 1, 1]),
        node("MaxPool", "conv1", "pool1", kernel_shape=[2, 2], strides=[2, 2]),
        node("Relu", "pool1", "h1"),
        node("Conv", "h1 w2 b2", "conv2", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", "conv2", "h2"),
        node("Flatten", "h2", "features"),
        node("Gemm", "features w3 b3", "logits"),
        node("SoftmaxCrossEntropyLoss", "logits labels", "loss log_prob", reduction="mean"),
    ]

    def convolution(x, kernel, bias, stride):
        sides = ("NCHW", "OIHW", "NCHW")
        y = jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), [(1, 1), (1, 1)], dimension_numbers=sides
        )
        return y + bias[:, None, None]

    def program(a, tap):
        h = tap("conv1", convolution(a["x"], a["w1"], a["b1"], 1))
        window = (1, 1, 2, 2)
        h = tap("pool1", jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, window, window, "VALID"))
        h = tap("h1", jax.nn.relu(h))
        h = tap("conv2", convolution(h, a["w2"], a["b2"], 2))
        h = tap("h2", jax.nn.relu(h))
        h = tap("features", h.reshape(2, 54))
        logits = tap("logits", h @ a["w3"] + a["b3"])
        log_prob = tap("log_prob", jax.nn.log_softmax(logits))
        tap("loss", -jnp.mean(log_prob[jnp.arange(2), a["labels"]]))

    return Model("cnn", nodes, inputs, weights, program, ["logits", "loss"])


def encoder():
    """A transformer encoder block: LayerNorm before multi-head attention and before a GELU
    layer, with residuals; differentiated along a random cotangent."""
    tokens, width, heads, hidden = 6, 16, 2, 32
    rng = np.random.default_rng(SEED + 1)
    inputs = {"x": random(rng)(1.0, 1, tokens, width)}
    square = (width, width)
    weights = weights_of(
        rng, wq=square, wk=square, wv=square, wo=square, w1=(width, hidden), w2=(hidden, width),
        bq=(width,), bk=(width,), bv=(width,), bo=(width,), b1=(hidden,), b2=(width,),
        beta1=(width,), beta2=(width,),
    )  # fmt: skip
    for name in ("gamma1", "gamma2"):
        weights[name] = (1 + random(rng)(0.1, width)).astype(np.float32)
    size = width // heads
    weights["scale"] = np.float32(1 / math.sqrt(size)).reshape(())
    constants = {
        "split": np.array([1, tokens, heads, size]),
        "joined": np.array([1, tokens, width]),
    }
    nodes = [node("LayerNormalization", "x gamma1 beta1", "norm1", epsilon=1e-5)]
    for each, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            node("MatMul", f"norm1 w{each}", f"{each}_product"),
            node("Add", f"{each}_product b{each}", each),
            node("Reshape", f"{each} split", f"{each}_split"),
            node("Transpose", f"{each}_split", f"{each}_heads", perm=order),
        ]
    nodes += [
        node("MatMul", "q_heads k_heads", "products"),
        node("Mul", "products scale", "scores"),
        node("Softmax", "scores", "attention", axis=-1),
        node("MatMul", "attention v_heads", "mixed"),
        node("Transpose", "mixed", "mixed_split", perm=[0, 2, 1, 3]),
        node("Reshape", "mixed_split joined", "mixed_joined"),
        node("MatMul", "mixed_joined wo", "out_product"),
        node("Add", "out_product bo", "out"),
        node("Add", "x out", "residual1"),
        node("LayerNormalization", "residual1 gamma2 beta2", "norm2", epsilon=1e-5),
        node("MatMul", "norm2 w1", "hidden_product"),
        node("Add", "hidden_product b1", "hidden_pre"),
        node("Gelu", "hidden_pre", "hidden"),
        node("MatMul", "hidden w2", "mlp_product"),
        node("Add", "mlp_product b2", "mlp"),
        node("Add", "residual1 mlp", "y"),
    ]

    def layer_norm(x, gamma, beta):
        centered = x - jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.mean(centered * centered, axis=-1, keepdims=True)
        return centered * jax.lax.rsqrt(variance + 1e-5) * gamma + beta

    def gelu(x):
        return 0.5 * x * (1 + jax.lax.erf(x * math.sqrt(0.5)))

    def program(a, tap):
        def to_heads(each, norm):
            flat = tap(each, norm @ a[f"w{each}"] + a[f"b{each}"])
            return flat.reshape(1, tokens, heads, size).transpose(0, 2, 1, 3)

        norm = tap("norm1", layer_norm(a["x"], a["gamma1"], a["beta1"]))
        q, k, v = (to_heads(each, norm) for each in "qkv")
        scores = tap("scores", (q @ k.transpose(0, 1, 3, 2)) * a["scale"])
        attention = tap("attention", jax.nn.softmax(scores, axis=-1))
        mixed = tap("mixed", attention @ v).transpose(0, 2, 1, 3).reshape(1, tokens, width)
        out = tap("out", mixed @ a["wo"] + a["bo"])
        residual = tap("residual1", a["x"] + out)
        norm = tap("norm2", layer_norm(residual, a["gamma2"], a["beta2"]))
        hidden = tap("hidden", gelu(tap("hidden_pre", norm @ a["w1"] + a["b1"])))
        mlp = tap("mlp", hidden @ a["w2"] + a["b2"])
        tap("y", residual + mlp)

    seed = {"y": random(rng)(1.0, 1, tokens, width)}
    return Model(
        "encoder", nodes, inputs, weights, program, ["y"], cotangents=seed, constants=constants
    )


def gru():
    """Four steps of a gated recurrent unit as ONNX's GRU node has it (reset before the linear
    layer), differentiated along random cotangents of all states."""
    steps, batch, width, size = 4, 2, 5, 6
    rng = np.random.default_rng(SEED + 2)
    draw = random(rng)
    inputs = {"x": draw(1.0, steps, batch, width), "h0": draw(0.5, 1, batch, size)}
    weights = {
        "w": draw(1 / math.sqrt(width), 1, 3 * size, width),
        "r": draw(1 / math.sqrt(size), 1, 3 * size, size),
        "b": draw(0.1, 1, 6 * size),
    }
    nodes = [node("GRU", "x w r b  h0", "states last", hidden_size=size)]

    def program(a, tap):
        wz, wr, wh = jnp.split(a["w"][0], 3)
        rz, rr, rh = jnp.split(a["r"][0], 3)
        bz, br, bh, cz, cr, ch = jnp.split(a["b"][0], 6)
        h, states = a["h0"][0], []
        for x in a["x"]:
            z = jax.nn.sigmoid(x @ wz.T + h @ rz.T + bz + cz)
            r = jax.nn.sigmoid(x @ wr.T + h @ rr.T + br + cr)
            candidate = jnp.tanh(x @ wh.T + (r * h) @ rh.T + bh + ch)
            h = (1 - z) * candidate + z * h
            states.append(h)
        tap("states", jnp.stack(states)[:, None])
        tap("last", h[None])

    seeds = {"states": draw(1.0, steps, 1, batch, size), "last": draw(1.0, 1, batch, size)}
    return Model("gru", nodes, inputs, weights, program, ["states", "last"], cotangents=seeds)


def field_mlp():
    """A tanh network of coordinates, differentiated with respect to them: what a
    physics-informed loss is made of."""
    points = 6
    rng = np.random.default_rng(SEED + 3)
    inputs = {"x": rng.uniform(-1, 1, (points, 3)).astype(np.float32)}
    weights = weights_of(
        rng, w1=(3, 16), b1=(16,), w2=(16, 16), b2=(16,), w3=(16, 1), b3=(1,)
    )  # fmt: skip
    nodes = [
        node("Gemm", "x w1 b1", "h1_pre"),
        node("Tanh", "h1_pre", "h1"),
        node("Gemm", "h1 w2 b2", "h2_pre"),
        node("Tanh", "h2_pre", "h2"),
        node("Gemm", "h2 w3 b3", "u"),
    ]

    def program(a, tap):
        h = tap("h1", jnp.tanh(tap("h1_pre", a["x"] @ a["w1"] + a["b1"])))
        h = tap("h2", jnp.tanh(tap("h2_pre", h @ a["w2"] + a["b2"])))
        tap("u", h @ a["w3"] + a["b3"])

    seed = {"u": np.ones((points, 1), np.float32)}
    return Model("field", nodes, inputs, weights, program, ["u"], cotangents=seed)


def alone(name, op, function, exact, interval):
    """One function on its own, at the inputs of an interval where JAX is least accurate."""
    lo, hi = (int(np.float32(x).view(np.uint32)) for x in interval)
    x = np.arange(lo, hi, dtype=np.uint32).view(np.float32)
    truth = exact(x.astype(np.float64))
    distance = np.abs(np.asarray(jax.jit(function)(x), np.float64) - truth)
    worst = np.argsort(-distance / np.spacing(truth.astype(np.float32)), kind="stable")[:32]
    inputs = {"x": x[np.sort(worst)]}

    def program(a, tap):
        tap("y", function(a["x"]))

    cotangent = {"y": random(np.random.default_rng(SEED + 4))(1.0, 32)}
    return Model(name, [node(op, "x", "y")], inputs, {}, program, ["y"], cotangents=cotangent)


def tanh_alone():
    """tanh where JAX's is 4.9 ulp off."""
    return alone("tanh", "Tanh", jnp.tanh, np.tanh, (4.0, 8.0))


def erf_alone():
    """erf where JAX's is 6.7 ulp off."""
    return alone("erf", "Erf", jax.lax.erf, scipy.special.erf, (2.0, 4.0))


MODELS = (cnn, encoder, gru, field_mlp, tanh_alone, erf_alone)
