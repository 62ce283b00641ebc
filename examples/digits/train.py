"""Train a small digit classifier in JAX; write what `gradbound audit` needs to judge it.

Run from anywhere, with the versions in requirements.txt:

    python examples/digits/train.py

Beside this script appear
    model.onnx          the trained 64-32-16-10 ReLU network and its cross-entropy loss
    inputs.npz          eight test images and their labels
    observed.npz        every value and gradient, as jitted JAX computes them in float32 on CPU
    observed_f64.npz    the same in float64, from the same float32 weights and images
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

# float64 is allowed, not implied: every array below states its dtype, and `observe` asserts it.
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)

FOLDER = Path(__file__).resolve().parent
SEED = 0
WIDTHS = (64, 32, 16, 10)
BATCH = 8  # images in inputs.npz; a power of two, so that the mean divides exactly
STEPS = 300
LEARNING_RATE = 5e-3
WEIGHT_DECAY = 0.3  # times LEARNING_RATE, a step
INTERMEDIATES = ("h1_pre", "h1", "h2_pre", "h2", "logits", "log_prob")


def load_data():
    """The UCI digits, pixels scaled to [0, 1]: x_train, x_test, y_train, y_test."""
    digits = load_digits()
    images = (digits.data / 16).astype(np.float32)  # pixels are 0..16: exact
    labels = digits.target.astype(np.int64)
    return train_test_split(images, labels, test_size=0.25, random_state=SEED, stratify=labels)


def initial_params():
    """He-normal weights and zero biases, float32."""
    rng = np.random.default_rng(SEED)
    params = {}
    for layer, (fan_in, fan_out) in enumerate(zip(WIDTHS, WIDTHS[1:]), start=1):
        weight = rng.normal(0.0, np.sqrt(2 / fan_in), (fan_in, fan_out))
        params[f"w{layer}"] = jnp.asarray(weight, jnp.float32)
        params[f"b{layer}"] = jnp.zeros(fan_out, jnp.float32)
    return params


def forward(params, images, labels, nudge):
    """Every named value of the model, in ONNX's names.

    `nudge[NAME]` (zero, always) is added to the intermediate NAME: the derivative with respect to
    it is the gradient with respect to NAME.
    """
    value = {}
    value["h1_pre"] = images @ params["w1"] + params["b1"] + nudge["h1_pre"]
    value["h1"] = jax.nn.relu(value["h1_pre"]) + nudge["h1"]
    value["h2_pre"] = value["h1"] @ params["w2"] + params["b2"] + nudge["h2_pre"]
    value["h2"] = jax.nn.relu(value["h2_pre"]) + nudge["h2"]
    value["logits"] = value["h2"] @ params["w3"] + params["b3"] + nudge["logits"]
    value["log_prob"] = jax.nn.log_softmax(value["logits"]) + nudge["log_prob"]
    value["loss"] = -jnp.mean(value["log_prob"][jnp.arange(len(labels)), labels])
    return value


def zero_nudges(batch, dtype):
    """A zero for each intermediate value."""
    width = dict(h1_pre=32, h1=32, h2_pre=16, h2=16, logits=10, log_prob=10)
    return {name: jnp.zeros((batch, width[name]), dtype) for name in INTERMEDIATES}


def train(images, labels):
    """Full-batch Adam with a little decoupled weight decay; the trained float32 parameters."""
    nudge = zero_nudges(len(images), jnp.float32)

    def loss(params):
        return forward(params, images, labels, nudge)["loss"]

    def step(count, state):
        params, mean, square = state
        grads = jax.grad(loss)(params)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grads)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, grads)
        t = (count + 1).astype(jnp.float32)

        def update(p, m, s):
            direction = m / (1 - 0.9**t) / (jnp.sqrt(s / (1 - 0.999**t)) + 1e-8)
            return p - LEARNING_RATE * (direction + WEIGHT_DECAY * p)

        return jax.tree.map(update, params, mean, square), mean, square

    params = initial_params()
    zeros = jax.tree.map(jnp.zeros_like, params)
    return jax.jit(lambda s: jax.lax.fori_loop(0, STEPS, step, s))((params, zeros, zeros))[0]


def accuracy(params, images, labels):
    """The share of images whose largest logit is at the label."""
    nudge = zero_nudges(len(images), jnp.float32)
    logits = forward(params, images, labels, nudge)["logits"]
    return float(jnp.mean(jnp.argmax(logits, axis=1) == labels))


def unsure(params, images, labels):
    """The images that are classified correctly by the smallest margin: their gradients are large
    enough that dropping one image's contribution is no rounding error."""
    nudge = zero_nudges(len(images), jnp.float32)
    log_prob = np.asarray(forward(params, images, labels, nudge)["log_prob"])
    correct = log_prob.argmax(axis=1) == labels
    confidence = np.where(correct, log_prob[np.arange(len(labels)), labels], np.inf)
    chosen = np.argsort(confidence, kind="stable")[:BATCH]
    return images[chosen], labels[chosen]


def observe(params, images, labels, dtype):
    """What jitted JAX computes in `dtype`: NAME for values, grad:NAME for gradients of the loss."""
    params = {name: jnp.asarray(array, dtype) for name, array in params.items()}

    @jax.jit
    def run(params, images, nudge):
        def loss(params, images, nudge):
            value = forward(params, images, labels, nudge)
            return value["loss"], value

        return jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(params, images, nudge)

    (by_param, by_image, by_nudge), value = run(
        params, jnp.asarray(images, dtype), zero_nudges(len(images), dtype)
    )
    grads = {"images": by_image, **by_param, **by_nudge, "loss": jnp.ones((), dtype)}
    observed = value | {f"grad:{name}": grad for name, grad in grads.items()}
    assert all(array.dtype == dtype for array in observed.values())
    return {name: np.asarray(array) for name, array in observed.items()}


def onnx_model(params):
    """The same network in ONNX: three Gemm, two Relu, one SoftmaxCrossEntropyLoss."""
    node = helper.make_node
    nodes = [
        node("Gemm", ["images", "w1", "b1"], ["h1_pre"], name="h1_pre"),
        node("Relu", ["h1_pre"], ["h1"], name="h1"),
        node("Gemm", ["h1", "w2", "b2"], ["h2_pre"], name="h2_pre"),
        node("Relu", ["h2_pre"], ["h2"], name="h2"),
        node("Gemm", ["h2", "w3", "b3"], ["logits"], name="logits"),
        node("SoftmaxCrossEntropyLoss", ["logits", "labels"], ["loss", "log_prob"],
             name="loss", reduction="mean"),
    ]  # fmt: skip
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "digits",
        inputs=[
            info("images", TensorProto.FLOAT, [BATCH, WIDTHS[0]]),
            info("labels", TensorProto.INT64, [BATCH]),
        ],
        outputs=[
            info("logits", TensorProto.FLOAT, [BATCH, WIDTHS[-1]]),
            info("loss", TensorProto.FLOAT, []),
        ],
        initializer=[numpy_helper.from_array(np.asarray(params[n]), n) for n in sorted(params)],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8, producer_name="train.py")
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    x_train, x_test, y_train, y_test = load_data()
    params = train(x_train, y_train)
    score = accuracy(params, x_test, y_test)
    print(f"test accuracy {score:.4f} ({len(x_test)} images)")
    assert score > 0.95

    images, labels = unsure(params, x_test, y_test)
    model = onnx_model(params)
    observed = observe(params, images, labels, jnp.float32)
    observed_f64 = observe(params, images, labels, jnp.float64)

    # The ONNX file and the JAX function are two texts of one network: they must agree.
    feed = {"images": images, "labels": labels}
    logits, loss = ReferenceEvaluator(model).run(["logits", "loss"], feed)
    np.testing.assert_allclose(logits, observed["logits"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(loss, observed["loss"], rtol=1e-4, atol=1e-4)

    onnx.save(model, FOLDER / "model.onnx")
    np.savez_compressed(FOLDER / "inputs.npz", images=images, labels=labels)
    np.savez_compressed(FOLDER / "observed.npz", **observed)
    np.savez_compressed(FOLDER / "observed_f64.npz", **observed_f64)
    for file in ("model.onnx", "inputs.npz", "observed.npz", "observed_f64.npz"):
        print(f"{(FOLDER / file).stat().st_size:8d}  {file}")


if __name__ == "__main__":
    main()
