"""Writes whole networks with seeded weights and the inputs of one run each.

    pip install -r examples/networks/requirements.txt
    python examples/networks/write_networks.py tiny               the models beside this script
    python examples/networks/write_networks.py full DIR [NAME …]  realistic sizes, in DIR

For each network: NAME.onnx, NAME_inputs.npz (its only scalar output, `loss`, is what an audit
differentiates) and NAME_observed.npz, every float value as onnx's reference evaluator computes it
in numpy. Nothing is trained: weights have the deviation that layers start with.
"""

import argparse
import pathlib

import numpy as np
import onnx
from convolutional import mobilenet, unet, unet_group
from onnx.reference import ReferenceEvaluator
from recurrent import bilstm
from transformers import decoder, decoder_ops, encoder

ALL = (encoder, decoder, decoder_ops, unet, unet_group, bilstm, mobilenet)
NETWORKS = {f.__name__: f for f in ALL}


def observe(proto, inputs):
    """Every float value that the reference evaluator computes, by name."""
    named = [v for node in proto.graph.node for v in node.output if v]
    shapes = onnx.shape_inference.infer_shapes(proto, strict_mode=True).graph
    floats = {v.name for v in [*shapes.value_info, *shapes.output]
              if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}  # fmt: skip
    wider = onnx.ModelProto()
    wider.CopyFrom(proto)
    del wider.graph.output[:]
    known = {v.name: v for v in [*shapes.value_info, *shapes.output]}
    wanted = [name for name in named if name in floats]
    wider.graph.output.extend(known[name] for name in wanted)
    values = ReferenceEvaluator(wider).run(wanted, inputs)
    finite = {n: v for n, v in zip(wanted, values) if np.isfinite(v).all()}
    assert all(np.asarray(v).dtype == np.float32 for v in finite.values())
    return finite


def write(name, size, folder):
    """The model, its inputs and what numpy makes of them."""
    net = NETWORKS[name](size)
    proto = net.proto()
    onnx.save(proto, folder / f"{name}.onnx")
    np.savez_compressed(folder / f"{name}_inputs.npz", **net.inputs)
    np.savez_compressed(folder / f"{name}_observed.npz", **observe(proto, net.inputs))
    print(f"{name}: {len(proto.graph.node)} nodes, {net.parameters()} parameters")


def main():
    parser = argparse.ArgumentParser(description="Writes whole networks as ONNX.")
    parser.add_argument("size", choices=["tiny", "full"])
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="without any: all of them")
    given = parser.parse_args()
    if given.size == "full" and given.folder is None:
        parser.error("the realistic sizes need a folder to go to")
    folder = given.folder or pathlib.Path(__file__).resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    for name in given.names or NETWORKS:
        write(name, given.size, folder)


if __name__ == "__main__":
    main()
