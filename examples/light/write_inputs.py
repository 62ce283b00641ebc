"""Copies the `light` networks of the onnx package and writes their inputs.

    pip install onnx numpy
    python examples/light/write_inputs.py DIR

For each network DIR gets NAME.onnx, NAME_forward.npz (the input that onnx's own suite uses,
arange(n)/n), NAME_backward.npz (the same with a seed of 1 for the first class) and
NAME_observed.npz (the output that the package ships). All weights of these networks are one
constant: they show which operations and sizes are taken, and nothing of tightness.
"""

import pathlib
import shutil
import sys

import numpy as np
import onnx
from onnx import numpy_helper

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
data = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"

for path in sorted(data.glob("*.onnx")):
    graph = onnx.load(path).graph
    weights = {i.name for i in graph.initializer}
    inputs = {}
    for value in graph.input:
        if value.name not in weights:
            shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
            n = int(np.prod(shape))
            inputs[value.name] = (np.arange(n) / n).astype(np.float32).reshape(shape)
    name = path.stem
    output = graph.output[0].name
    expected = numpy_helper.to_array(onnx.load_tensor(data / f"{name}_output_0.pb"))
    seed = np.zeros(expected.shape, np.float32)
    seed.reshape(-1)[0] = 1
    shutil.copy(path, out / path.name)
    np.savez(out / f"{name}_forward.npz", **inputs)
    np.savez(out / f"{name}_backward.npz", **inputs, **{f"seed:{output}": seed})
    np.savez(out / f"{name}_observed.npz", **{output: expected})
