"""A network as it grows: ONNX nodes, seeded weights and the inputs of one run."""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


class Network:
    """Appends nodes; each returns the name of its value. Weights are drawn from one seeded
    generator, so that a network is the same on every machine."""

    def __init__(self, name, opset, seed):
        self.name, self.opset = name, opset
        self.rng = np.random.default_rng(seed)
        self.nodes, self.initializers, self.inputs, self.outputs = [], {}, {}, []

    def input(self, name, array):
        """An input of the model with its value in this run."""
        self.inputs[name] = array
        return name

    def output(self, *names):
        """Marks values as outputs of the model."""
        self.outputs += names

    def op(self, op, inputs, name, outputs=1, **attributes):
        """A node, named after its value. An input is a name or an array, which becomes a constant;
        "" leaves one out. Of several outputs all names are returned."""
        given = [x if isinstance(x, str) else self.constant(f"{name}.c{k}", x)
                 for k, x in enumerate(inputs)]  # fmt: skip
        made = [name] if outputs == 1 else [f"{name}.{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, given, made, name=name, **attributes))
        return made[0] if outputs == 1 else made

    def constant(self, name, value):
        """An initializer: floats as float32, integers as int64."""
        array = np.asarray(value)
        kind = np.float32 if array.dtype.kind == "f" else np.int64
        if array.dtype.kind == "b":
            kind = np.bool_
        self.initializers[name] = array.astype(kind)
        return name

    def weight(self, name, *shape, fan_in):
        """Normal, with deviation 1/√(3·fan-in): that of PyTorch's layers before training."""
        return self.constant(name, self.rng.normal(0, 1 / math.sqrt(3 * fan_in), shape))

    def embedding(self, name, *shape):
        """Normal, with deviation 1."""
        return self.constant(name, self.rng.normal(0, 1, shape))

    def bias(self, name, n):
        """Normal, with deviation 0.1."""
        return self.constant(name, self.rng.normal(0, 0.1, n))

    def gain(self, name, n):
        """Around 1, with deviation 0.1."""
        return self.constant(name, 1 + self.rng.normal(0, 0.1, n))

    def linear(self, x, name, n, m, bias=True):
        """x·W + b as exporters write it: MatMul, then Add."""
        weight = self.weight(f"{name}.weight", n, m, fan_in=n)
        if not bias:
            return self.op("MatMul", [x, weight], name)
        product = self.op("MatMul", [x, weight], f"{name}.product")
        return self.op("Add", [product, self.bias(f"{name}.bias", m)], name)

    def conv(self, x, name, n, m, size, stride=1, groups=1, bias=True):
        """A square convolution that keeps the extent, but for its stride."""
        weight = self.weight(
            f"{name}.weight", m, n // groups, size, size, fan_in=n // groups * size * size
        )
        inputs = [x, weight] + ([self.bias(f"{name}.bias", m)] if bias else [])
        return self.op(
            "Conv", inputs, name, kernel_shape=[size, size], strides=[stride, stride],
            pads=[size // 2] * 4, group=groups,
        )  # fmt: skip

    def cross_entropy(self, logits, labels):
        """The scalar to differentiate; the logits are an output as well."""
        loss = self.op("SoftmaxCrossEntropyLoss", [logits, labels], "loss", reduction="mean")
        self.output(logits, loss)

    def parameters(self):
        """Number of floats among the initializers."""
        return sum(a.size for a in self.initializers.values() if a.dtype == np.float32)

    def proto(self):
        """The model, checked, with the shapes of its outputs inferred."""
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            self.name,
            inputs=[info(n, TYPES[a.dtype], a.shape) for n, a in self.inputs.items()],
            outputs=[info(n, TensorProto.FLOAT, None) for n in self.outputs],
            initializer=[numpy_helper.from_array(a, n) for n, a in self.initializers.items()],
        )
        opset = helper.make_opsetid("", self.opset)
        proto = helper.make_model(graph, opset_imports=[opset], ir_version=11)
        proto.producer_name = "write_networks.py"
        proto = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
        del proto.graph.value_info[:]
        onnx.checker.check_model(proto, full_check=True)
        return proto
