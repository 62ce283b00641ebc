"""Transformers: an encoder (BERT's plan) and a decoder (Llama's plan), the latter once in plain
operations and once in ONNX's own Attention, RotaryEmbedding and RMSNormalization."""

import math

import numpy as np
from builder import Network

ENCODER = {
    "tiny": dict(layers=2, width=8, heads=2, hidden=16, batch=2, tokens=5, vocabulary=12),
    "full": dict(layers=6, width=256, heads=4, hidden=1024, batch=2, tokens=32, vocabulary=1000),
}
DECODER = {
    "tiny": dict(layers=2, width=16, heads=4, groups=2, hidden=24, tokens=5, vocabulary=12),
    "full": dict(layers=4, width=256, heads=8, groups=4, hidden=688, tokens=48, vocabulary=1000),
}


def encoder(size):
    """Token and position embeddings; layers of attention with a padding mask and of a GELU
    network, LayerNorm after each residual; a tanh pooler of the first token; cross-entropy."""
    s = ENCODER[size]
    batch, tokens, width, heads = s["batch"], s["tokens"], s["width"], s["heads"]
    net = Network("encoder", opset=17, seed=1)
    ids = net.input("ids", net.rng.integers(0, s["vocabulary"], (batch, tokens)))
    lengths = np.array([tokens, max(2, tokens - 2)])[:, None]
    mask = net.input("mask", (np.arange(tokens) < lengths).astype(np.int64))
    labels = net.input("labels", net.rng.integers(0, 2, batch))

    attended = net.op("Unsqueeze", [net.op("Cast", [mask], "mask.float", to=1), [1, 2]], "mask.4d")
    absent = net.op("Sub", [1.0, attended], "mask.absent")
    mask = net.op("Mul", [absent, -1e4], "mask.bias")
    words = net.embedding("words", s["vocabulary"], width)
    x = net.op("Gather", [words, ids], "embedded")
    x = net.op("Add", [x, net.embedding("positions", tokens, width)], "positioned")
    x = layer_norm(net, x, "norm", width)
    for k in range(s["layers"]):
        y = self_attention(net, x, mask, f"layer{k}.attention", (batch, tokens, width, heads))
        x = layer_norm(net, net.op("Add", [y, x], f"layer{k}.mixed"), f"layer{k}.norm1", width)
        h = gelu(net, net.linear(x, f"layer{k}.up", width, s["hidden"]), f"layer{k}.gelu")
        y = net.linear(h, f"layer{k}.down", s["hidden"], width)
        x = layer_norm(net, net.op("Add", [y, x], f"layer{k}.sum"), f"layer{k}.norm2", width)
    first = net.op("Gather", [x, 0], "first", axis=1)
    pooled = net.op("Tanh", [net.linear(first, "pooler", width, width)], "pooled")
    net.cross_entropy(net.linear(pooled, "logits", width, 2), labels)
    return net


def layer_norm(net, x, name, width):
    return net.op(
        "LayerNormalization", [x, net.gain(f"{name}.gain", width), net.bias(f"{name}.bias", width)],
        name, axis=-1, epsilon=1e-5,
    )  # fmt: skip


def gelu(net, x, name):
    """½x·(1 + erf(x/√2)), node by node."""
    erf = net.op("Erf", [net.op("Div", [x, math.sqrt(2)], f"{name}.scaled")], f"{name}.erf")
    product = net.op("Mul", [x, net.op("Add", [erf, 1.0], f"{name}.one_more")], f"{name}.twice")
    return net.op("Mul", [product, 0.5], name)


def self_attention(net, x, mask, name, extents):
    """Heads split off and joined again by Reshape and Transpose; the mask is added."""
    batch, tokens, width, heads = extents
    parts = []
    for part, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        flat = net.linear(x, f"{name}.{part}", width, width)
        split = net.op("Reshape", [flat, [batch, tokens, heads, width // heads]], f"{flat}.split")
        parts.append(net.op("Transpose", [split], f"{flat}.heads", perm=order))
    q, k, v = parts
    scores = net.op("MatMul", [q, k], f"{name}.products")
    scores = net.op("Div", [scores, math.sqrt(width // heads)], f"{name}.scores")
    scores = net.op("Add", [scores, mask], f"{name}.masked")
    weights = net.op("Softmax", [scores], f"{name}.weights", axis=-1)
    mixed = net.op("Transpose", [net.op("MatMul", [weights, v], f"{name}.mixed")],
                   f"{name}.mixed.split", perm=[0, 2, 1, 3])  # fmt: skip
    joined = net.op("Reshape", [mixed, [batch, tokens, width]], f"{name}.joined")
    return net.linear(joined, f"{name}.out", width, width)


def decoder(size):
    """The decoder in plain operations."""
    return language_model(size, "decoder", 17, PlainLayer)


def decoder_ops(size):
    """The same network in the operations that ONNX has for it since opset 23."""
    return language_model(size, "decoder_ops", 23, NativeLayer)


def language_model(size, name, opset, layer):
    """Embeddings; layers of causal attention (rotary positions, keys shared by groups of heads)
    and of SwiGLU, RMSNorm before each; logits; cross-entropy of the next token."""
    s = DECODER[size]
    width, tokens = s["width"], s["tokens"]
    net = Network(name, opset, seed=2)
    text = net.rng.integers(0, s["vocabulary"], (1, tokens + 1))
    ids, labels = net.input("ids", text[:, :-1]), net.input("labels", text[:, 1:])
    x = net.op("Gather", [net.embedding("words", s["vocabulary"], width), ids], "embedded")
    parts = layer(net, s)
    for k in range(s["layers"]):
        y = parts.attention(parts.norm(x, f"layer{k}.norm1"), f"layer{k}.attention")
        x = net.op("Add", [x, y], f"layer{k}.mixed")
        norm = parts.norm(x, f"layer{k}.norm2")
        gate = net.linear(norm, f"layer{k}.gate", width, s["hidden"], bias=False)
        up = net.linear(norm, f"layer{k}.up", width, s["hidden"], bias=False)
        silu = net.op("Mul", [gate, net.op("Sigmoid", [gate], f"{gate}.sigmoid")], f"{gate}.silu")
        h = net.op("Mul", [silu, up], f"layer{k}.hidden")
        y = net.linear(h, f"layer{k}.down", s["hidden"], width, bias=False)
        x = net.op("Add", [x, y], f"layer{k}.sum")
    logits = net.linear(parts.norm(x, "norm"), "logits", width, s["vocabulary"], bias=False)
    # ONNX's loss has the classes on the second axis.
    classes = net.op("Transpose", [logits], "classes", perm=[0, 2, 1])
    net.cross_entropy(classes, labels)
    return net


class PlainLayer:
    """RMSNorm, rotary embedding and masked attention, node by node, as exporters write them."""

    def __init__(self, net, sizes):
        self.net, self.s = net, sizes
        self.head = sizes["width"] // sizes["heads"]
        self.cos, self.sin = self.angles()

    def angles(self):
        """cos and sin of position · 10000^(−2k/size), each of [tokens, size/2]."""
        rates = 10000.0 ** (-np.arange(0, self.head, 2) / self.head)
        angles = np.outer(np.arange(self.s["tokens"]), rates)
        return np.cos(angles), np.sin(angles)

    def norm(self, x, name):
        op = self.net.op
        squares = op("Pow", [x, 2.0], f"{name}.squares")
        mean = op("ReduceMean", [squares], f"{name}.mean", axes=[-1], keepdims=1)
        root = op("Sqrt", [op("Add", [mean, 1e-6], f"{name}.shifted")], f"{name}.root")
        unit = op("Mul", [x, op("Div", [1.0, root], f"{name}.rate")], f"{name}.unit")
        return op("Mul", [unit, self.net.gain(f"{name}.gain", self.s["width"])], name)

    def rotated(self, x, name):
        """x·cos + (−second half, first half)·sin."""
        op, half = self.net.op, self.head // 2
        cos, sin = (np.concatenate([part, part], axis=-1) for part in (self.cos, self.sin))
        first = op("Slice", [x, [0], [half], [3]], f"{name}.first")
        second = op("Slice", [x, [half], [2 * half], [3]], f"{name}.second")
        turned = op("Concat", [op("Neg", [second], f"{name}.minus"), first], f"{name}.turned", axis=3)
        straight = op("Mul", [x, cos], f"{name}.straight")
        return op("Add", [straight, op("Mul", [turned, sin], f"{name}.across")], name)

    def split(self, flat, heads):
        apart = [1, self.s["tokens"], heads, self.head]
        split = self.net.op("Reshape", [flat, apart], f"{flat}.split")
        return self.net.op("Transpose", [split], f"{flat}.heads", perm=[0, 2, 1, 3])

    def repeated(self, x, name):
        """Each group's keys for every head of the group."""
        op, s = self.net.op, self.s
        times = s["heads"] // s["groups"]
        apart = op("Unsqueeze", [x, [2]], f"{name}.apart")
        spread = op("Expand", [apart, [1, s["groups"], times, s["tokens"], self.head]], f"{name}.spread")
        return op("Reshape", [spread, [1, s["heads"], s["tokens"], self.head]], name)

    def attention(self, x, name):
        net, op, s = self.net, self.net.op, self.s
        width, tokens = s["width"], s["tokens"]
        parts = {}
        for part, heads in (("q", s["heads"]), ("k", s["groups"]), ("v", s["groups"])):
            flat = net.linear(x, f"{name}.{part}", width, heads * self.head, bias=False)
            parts[part] = self.split(flat, heads)
        q = self.rotated(parts["q"], f"{name}.q.rotated")
        k = self.repeated(self.rotated(parts["k"], f"{name}.k.rotated"), f"{name}.keys")
        v = self.repeated(parts["v"], f"{name}.values")
        k = op("Transpose", [k], f"{name}.keys.columns", perm=[0, 1, 3, 2])
        scores = op("MatMul", [q, k], f"{name}.products")
        scores = op("Mul", [scores, 1 / math.sqrt(self.head)], f"{name}.scores")
        seen = np.tril(np.ones((tokens, tokens), bool))
        scores = op("Where", [seen, scores, -np.inf], f"{name}.masked")
        weights = op("Softmax", [scores], f"{name}.weights", axis=-1)
        mixed = op("MatMul", [weights, v], f"{name}.mixed")
        split = op("Transpose", [mixed], f"{name}.mixed.split", perm=[0, 2, 1, 3])
        joined = op("Reshape", [split, [1, tokens, width]], f"{name}.joined")
        return net.linear(joined, f"{name}.out", width, width, bias=False)


class NativeLayer(PlainLayer):
    """The same by RMSNormalization, RotaryEmbedding and Attention."""

    def norm(self, x, name):
        gain = self.net.gain(f"{name}.gain", self.s["width"])
        return self.net.op("RMSNormalization", [x, gain], name, axis=-1, epsilon=1e-6)

    def attention(self, x, name):
        net, s = self.net, self.s
        flat = [
            net.linear(x, f"{name}.{part}", s["width"], heads * self.head, bias=False)
            for part, heads in (("q", s["heads"]), ("k", s["groups"]), ("v", s["groups"]))
        ]
        q, k = (
            net.op("RotaryEmbedding", [part, self.cos[None], self.sin[None]], f"{part}.rotated",
                   num_heads=heads)
            for part, heads in zip(flat, (s["heads"], s["groups"]))
        )  # fmt: skip
        mixed = net.op("Attention", [q, k, flat[2]], f"{name}.mixed", q_num_heads=s["heads"],
                       kv_num_heads=s["groups"], is_causal=1)  # fmt: skip
        return net.linear(mixed, f"{name}.out", s["width"], s["width"], bias=False)
