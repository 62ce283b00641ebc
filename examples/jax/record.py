"""Record what JAX computes on a CPU: small models, their values and gradients.

    python examples/jax/record.py

Versions as in requirements.txt. Beside this script appears a folder per model of models.py:
    model.onnx, inputs.npz      the model and one run's inputs (and `seed:NAME` cotangents)
    jit_f32.npz                 every named value and gradient, as jitted JAX computes them
    eager_f32.npz               the same, one operation at a time
    jit_bf16.npz, jit_f16.npz   the same in the 16-bit formats, from inputs and weights rounded to
                                them first
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import onnx
from models import MODELS
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

jax.config.update("jax_platforms", "cpu")

FOLDER = Path(__file__).resolve().parent
FORMATS = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "f16": np.float16}
OPSET = 20


def onnx_model(model):
    """The model as ONNX, checked, with the shapes of its outputs inferred."""
    info = helper.make_tensor_value_info
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
    constants = model.weights | model.constants
    graph = helper.make_graph(
        model.nodes,
        model.name,
        inputs=[info(n, types[a.dtype], a.shape) for n, a in model.inputs.items()],
        outputs=[info(n, TensorProto.FLOAT, None) for n in model.outputs],
        initializer=[numpy_helper.from_array(a, n) for n, a in constants.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    proto = helper.make_model(graph, opset_imports=[opset], ir_version=9, producer_name="record.py")
    proto = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    del proto.graph.value_info[:]
    onnx.checker.check_model(proto, full_check=True)
    return proto


def observe(model, dtype, transform):
    """NAME → value and grad:NAME → gradient, of everything the program names."""
    arrays = {n: jnp.asarray(a) for n, a in (model.inputs | model.weights).items()}
    floats = {n: a.astype(dtype) for n, a in arrays.items() if a.dtype == jnp.float32}
    integers = {n: a for n, a in arrays.items() if a.dtype != jnp.float32}

    def run(floats, nudges):
        values = {}

        def tap(name, x):
            # The derivative with respect to a nudge, which is zero, is the value's gradient.
            values[name] = x + nudges[name] if nudges is not None else x
            return values[name]

        model.program(floats | integers, tap)
        return values

    shapes = jax.eval_shape(lambda f: run(f, None), floats)
    nudges = {n: jnp.zeros(s.shape, dtype) for n, s in shapes.items()}
    seeds = {n: jnp.asarray(c).astype(dtype) for n, c in model.cotangents.items()}
    seeds = seeds or {"loss": jnp.ones((), dtype)}

    def all_gradients(floats, nudges):
        def seeded(floats, nudges):
            values = run(floats, nudges)
            return {n: values[n] for n in seeds}, values

        _, pull_back, values = jax.vjp(seeded, floats, nudges, has_aux=True)
        return values, *pull_back(seeds)

    values, by_float, by_nudge = transform(all_gradients)(floats, nudges)
    grads = by_float | by_nudge
    observed = values | {f"grad:{n}": g for n, g in grads.items()}
    assert all(a.dtype == dtype for a in observed.values())
    return {n: np.asarray(a) for n, a in observed.items()}


def storable(array):
    """bfloat16 as its bits: numpy has no such type."""
    return array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array


def save(path, arrays):
    """Writes and reports a file."""
    np.savez_compressed(path, **{n: storable(a) for n, a in arrays.items()})
    print(f"{path.stat().st_size:8d}  {path.relative_to(FOLDER)}")


def record(model):
    """Writes the model, its inputs and what JAX computes."""
    folder = FOLDER / model.name
    folder.mkdir(exist_ok=True)
    proto = onnx_model(model)
    f32 = observe(model, np.float32, jax.jit)
    outputs = ReferenceEvaluator(proto).run(model.outputs, model.inputs)
    for name, expected in zip(model.outputs, outputs):
        np.testing.assert_allclose(f32[name], expected, rtol=1e-4, atol=1e-5)
    onnx.save(proto, folder / "model.onnx")
    seeds = {f"seed:{n}": c for n, c in model.cotangents.items()}
    save(folder / "inputs.npz", model.inputs | seeds)
    save(folder / "jit_f32.npz", f32)
    save(folder / "eager_f32.npz", observe(model, np.float32, lambda f: f))
    for name in ("bf16", "f16"):
        save(folder / f"jit_{name}.npz", observe(model, FORMATS[name], jax.jit))


def main():
    for model in MODELS:
        record(model())


if __name__ == "__main__":
    main()
