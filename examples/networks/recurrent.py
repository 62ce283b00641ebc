"""A recurrent network: a bidirectional LSTM that classifies sequences."""

from builder import Network

SIZES = {
    "tiny": dict(layers=2, steps=5, batch=2, width=4, hidden=3, vocabulary=12, classes=3),
    "full": dict(layers=2, steps=64, batch=4, width=64, hidden=64, vocabulary=1000, classes=5),
}


def bilstm(size):
    """Embeddings; layers that read the sequence both ways, each with ONNX's LSTM node; the last
    states of both directions; cross-entropy."""
    s = SIZES[size]
    steps, batch, hidden = s["steps"], s["batch"], s["hidden"]
    net = Network("bilstm", opset=17, seed=5)
    ids = net.input("ids", net.rng.integers(0, s["vocabulary"], (steps, batch)))
    labels = net.input("labels", net.rng.integers(0, s["classes"], batch))
    words = net.embedding("words", s["vocabulary"], s["width"])
    x, n = net.op("Gather", [words, ids], "embedded"), s["width"]
    for k in range(s["layers"]):
        weights = [net.weight(f"lstm{k}.w", 2, 4 * hidden, n, fan_in=n),
                   net.weight(f"lstm{k}.r", 2, 4 * hidden, hidden, fan_in=hidden),
                   net.constant(f"lstm{k}.b", net.rng.normal(0, 0.1, (2, 8 * hidden)))]  # fmt: skip
        x, last, _ = net.op(
            "LSTM", [x, *weights], f"lstm{k}", outputs=3, hidden_size=hidden,
            direction="bidirectional",
        )  # fmt: skip
        x = net.op("Transpose", [x], f"lstm{k}.steps", perm=[0, 2, 1, 3])
        x = net.op("Reshape", [x, [0, 0, -1]], f"lstm{k}.joined")
        n = 2 * hidden
    last = net.op("Transpose", [last], "last", perm=[1, 0, 2])
    features = net.op("Reshape", [last, [0, -1]], "features")
    net.cross_entropy(net.linear(features, "logits", n, s["classes"]), labels)
    return net
