"""Write the test cases that the onnx package brings along as files.

Run from anywhere, with the versions in requirements.txt:

    python examples/onnx_conformance/write_cases.py DIR

A case becomes DIR/KIND/CASE/ with
    model.onnx                          the model
    case.json                           {"rtol": ..., "atol": ...}: the suite's tolerance
    test_data_set_K/input_N.pb          the arguments, as TensorProto (or SequenceProto, ...)
    test_data_set_K/output_N.pb         the results that are expected

KIND is `node` (the cases that the package builds in Python), `pytorch-converted`, `pytorch-operator`
and `simple` (those it ships as files), and `light` (whole networks without their weights; their input
is the suite's: arange(n)/n).
"""

import argparse
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test import loader

SHIPPED = ("pytorch-converted", "pytorch-operator", "simple")
# The suite's tolerance for the light networks, from its "real" cases of the same names.
LIGHT_DEFAULT = {"rtol": 1e-3, "atol": 1e-7}


def fresh(folder):
    """The folder, empty."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def write_tolerance(folder, rtol, atol):
    (folder / "case.json").write_text(json.dumps({"rtol": rtol, "atol": atol}) + "\n")


def proto(value, info):
    """A value as the message of its declared type."""
    if isinstance(value, TensorProto):
        return value
    kind = info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name)
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name)
    return numpy_helper.from_array(np.asarray(value), info.name)


def write_values(folder, stem, values, infos):
    for position, (value, info) in enumerate(zip(values, infos, strict=True)):
        path = folder / f"{stem}_{position}.pb"
        path.write_bytes(proto(value, info).SerializeToString())


def write_node_cases(target):
    """The cases that Python functions build; all of them have their data in memory."""
    with warnings.catch_warnings():
        # The cases overflow and divide by zero on purpose.
        warnings.simplefilter("ignore", RuntimeWarning)
        cases = loader.load_node_model_tests()
    for case in cases:
        folder = fresh(target / "node" / case.name)
        (folder / "model.onnx").write_bytes(case.model.SerializeToString(deterministic=True))
        write_tolerance(folder, case.rtol, case.atol)
        for number, (inputs, outputs) in enumerate(case.data_sets):
            data = fresh(folder / f"test_data_set_{number}")
            graph = case.model.graph
            write_values(data, "input", inputs, graph.input)
            write_values(data, "output", outputs, graph.output)
    return len(cases)


def write_shipped_cases(target, kind):
    """The cases that are files already."""
    cases = loader.load_model_tests(kind=kind)
    for case in cases:
        folder = target / kind / case.name
        shutil.copytree(case.model_dir, fresh(folder), dirs_exist_ok=True)
        write_tolerance(folder, case.rtol, case.atol)
    return len(cases)


def write_light_cases(target):
    """The networks, with the input that the suite's runner makes for them."""
    light = Path(loader.DATA_DIR) / "light"
    real = {case.url.rsplit("/", 1)[-1]: case for case in loader.load_model_tests(kind="real")}
    models = sorted(light.glob("*.onnx"))
    for path in models:
        folder = fresh(target / "light" / path.stem)
        shutil.copy(path, folder / "model.onnx")
        case = real.get(path.name)
        tolerance = {"rtol": case.rtol, "atol": case.atol} if case else LIGHT_DEFAULT
        write_tolerance(folder, **tolerance)
        data = fresh(folder / "test_data_set_0")
        graph = onnx.load(path).graph
        weights = {initializer.name for initializer in graph.initializer}
        inputs = [info for info in graph.input if info.name not in weights]
        values = []
        for info in inputs:
            shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
            count = int(np.prod(shape))
            values.append((np.arange(count).reshape(shape) / count).astype(np.float32))
        write_values(data, "input", values, inputs)
        for position in range(len(graph.output)):
            expected = path.with_name(f"{path.stem}_output_{position}.pb")
            shutil.copy(expected, data / f"output_{position}.pb")
    return len(models)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, help="the folder to write to")
    target = parser.parse_args().target
    counts = {"node": write_node_cases(target)}
    counts |= {kind: write_shipped_cases(target, kind) for kind in SHIPPED}
    counts["light"] = write_light_cases(target)
    print(", ".join(f"{kind} {count}" for kind, count in counts.items()))


if __name__ == "__main__":
    main()
