"""Convolutional networks: a U-Net that labels every pixel, and a classifier after MobileNetV3."""

import numpy as np
from builder import Network

UNET = {
    "tiny": dict(levels=2, channels=2, extent=8, classes=2),
    "full": dict(levels=3, channels=16, extent=64, classes=3),
}
MOBILENET = {
    # Of each block: kernel, hidden channels, channels, squeeze-and-excite, activation, stride.
    "tiny": dict(
        extent=12, stem=4, last=12, head=8, classes=3,
        blocks=[(3, 4, 4, True, "relu6", 1), (3, 8, 6, False, "relu6", 2),
                (5, 12, 6, True, "hard_swish", 1)],
    ),
    "full": dict(
        extent=96, stem=16, last=288, head=128, classes=10,
        blocks=[(3, 16, 16, True, "relu6", 2), (3, 72, 24, False, "relu6", 2),
                (3, 88, 24, False, "relu6", 1), (5, 96, 40, True, "hard_swish", 2),
                (5, 240, 40, True, "hard_swish", 1), (5, 120, 48, True, "hard_swish", 1),
                (5, 288, 48, True, "hard_swish", 2)],
    ),
}  # fmt: skip


def images(net, *shape):
    """Pixels less their mean, over their deviation."""
    return net.input("x", net.rng.normal(0, 1, shape).astype(np.float32))


def unet(size):
    """The network with batch norm by running statistics, and ReLU."""
    return segmenter(size, "unet", batch_norm, relu)


def unet_group(size):
    """The network with group norm and SiLU."""
    return segmenter(size, "unet_group", group_norm, silu)


def segmenter(size, name, norm, active):
    """Pairs of convolutions, each normed and active; down by max-pooling, up by transposed
    convolutions (the last time by bilinear Resize), what was left on the way down concatenated;
    cross-entropy of every pixel."""
    s = UNET[size]
    net = Network(name, opset=17, seed=3)
    extent, channels = s["extent"], s["channels"]
    x = images(net, 1, 3, extent, extent)
    labels = net.input("labels", net.rng.integers(0, s["classes"], (1, extent, extent)))

    def pair(x, name, n, m):
        for k, before in enumerate((n, m)):
            x = net.conv(x, f"{name}.conv{k}", before, m, 3, bias=norm is group_norm)
            x = active(net, norm(net, x, f"{name}.norm{k}", m), f"{name}.active{k}")
        return x

    left, n = [], 3
    for k in range(s["levels"]):
        m = channels << k
        x, n = pair(x, f"down{k}", n, m), m
        left.append((x, m))
        x = net.op("MaxPool", [x], f"down{k}.pooled", kernel_shape=[2, 2], strides=[2, 2])
    x, n = pair(x, "bottom", n, 2 * n), 2 * n
    for k, (skip, m) in reversed(list(enumerate(left))):
        x = raised(net, x, f"up{k}", n, m, smoothly=k == 0)
        x = net.op("Concat", [skip, x], f"up{k}.both", axis=1)
        x, n = pair(x, f"up{k}", 2 * m, m), m
    net.cross_entropy(net.conv(x, "logits", n, s["classes"], 1), labels)
    return net


def relu(net, x, name):
    return net.op("Relu", [x], name)


def silu(net, x, name):
    return net.op("Mul", [x, net.op("Sigmoid", [x], f"{name}.sigmoid")], name)


def batch_norm(net, x, name, channels):
    """By running statistics."""
    variance = net.constant(f"{name}.variance", net.rng.uniform(0.5, 1.5, channels))
    parts = [net.gain(f"{name}.gain", channels), net.bias(f"{name}.bias", channels),
             net.bias(f"{name}.mean", channels), variance]  # fmt: skip
    return net.op("BatchNormalization", [x, *parts], name, epsilon=1e-3)


def group_norm(net, x, name, channels, groups=2):
    """As PyTorch exports it: instance normalization of the groups, then gain and bias."""
    flat = net.op("Reshape", [x, [0, groups, -1]], f"{name}.groups")
    unit = [np.ones(groups), np.zeros(groups)]
    flat = net.op("InstanceNormalization", [flat, *unit], f"{name}.instances", epsilon=1e-5)
    back = net.op("Reshape", [flat, net.op("Shape", [x], f"{name}.shape")], f"{name}.unit")
    gain, bias = net.gain(f"{name}.gain", channels), net.bias(f"{name}.bias", channels)
    for weight in (gain, bias):
        net.initializers[weight] = net.initializers[weight].reshape(channels, 1, 1)
    return net.op("Add", [net.op("Mul", [back, gain], f"{name}.scaled"), bias], name)


def raised(net, x, name, n, m, smoothly):
    """Twice the extent, and m channels."""
    if smoothly:
        wide = net.op(
            "Resize", [x, "", np.array([1.0, 1.0, 2.0, 2.0])], f"{name}.resized", mode="linear",
            coordinate_transformation_mode="half_pixel",
        )  # fmt: skip
        return net.conv(wide, f"{name}.raised", n, m, 1)
    weight = net.weight(f"{name}.raised.weight", n, m, 2, 2, fan_in=n)
    bias = net.bias(f"{name}.raised.bias", m)
    return net.op(
        "ConvTranspose", [x, weight, bias], f"{name}.raised", kernel_shape=[2, 2], strides=[2, 2]
    )


def mobilenet(size):
    """Inverted bottlenecks with depthwise convolutions, batch norm, ReLU6 and hard swish,
    squeeze-and-excite; global average pool; two dense layers; cross-entropy."""
    s = MOBILENET[size]
    net = Network("mobilenet", opset=17, seed=4)
    x = images(net, 1, 3, s["extent"], s["extent"])
    labels = net.input("labels", net.rng.integers(0, s["classes"], 1))
    x = normed(net, x, "stem", (3, s["stem"], 3), "hard_swish", stride=2)
    n = s["stem"]
    for k, (kernel, hidden, m, squeezed, act, stride) in enumerate(s["blocks"]):
        name = f"block{k}"
        y = normed(net, x, f"{name}.expand", (n, hidden, 1), act) if hidden != n else x
        depthwise = (hidden, hidden, kernel)
        y = normed(net, y, f"{name}.depthwise", depthwise, act, stride, groups=hidden)
        y = excited(net, y, f"{name}.squeeze", hidden) if squeezed else y
        y = normed(net, y, f"{name}.project", (hidden, m, 1), None)
        x = net.op("Add", [x, y], f"{name}.sum") if stride == 1 and n == m else y
        n = m
    x = normed(net, x, "last", (n, s["last"], 1), "hard_swish")
    pooled = net.op("GlobalAveragePool", [x], "pooled")
    features = net.op("Flatten", [pooled], "features")
    h = net.op("HardSwish", [dense(net, features, "head", s["last"], s["head"])], "head.active")
    net.cross_entropy(dense(net, h, "logits", s["head"], s["classes"]), labels)
    return net


def normed(net, x, name, extents, act, stride=1, groups=1):
    """A convolution without a bias, batch norm, an activation."""
    n, m, kernel = extents
    x = net.conv(x, f"{name}.conv", n, m, kernel, stride, groups, bias=False)
    x = batch_norm(net, x, f"{name}.norm", m)
    match act:
        case "relu6":
            return net.op("Clip", [x, 0.0, 6.0], f"{name}.relu6")
        case "hard_swish":
            return net.op("HardSwish", [x], f"{name}.hard_swish")
        case None:
            return x


def excited(net, x, name, n):
    """Channels weighted by what they hold on average."""
    mean = net.op("GlobalAveragePool", [x], f"{name}.mean")
    h = net.op("Relu", [net.conv(mean, f"{name}.down", n, max(2, n // 4), 1)], f"{name}.relu")
    gate = net.conv(h, f"{name}.up", max(2, n // 4), n, 1)
    gate = net.op("HardSigmoid", [gate], f"{name}.gate", alpha=1 / 6, beta=0.5)
    return net.op("Mul", [x, gate], name)


def dense(net, x, name, n, m):
    """Gemm with the weight as PyTorch keeps it."""
    weight = net.weight(f"{name}.weight", m, n, fan_in=n)
    return net.op("Gemm", [x, weight, net.bias(f"{name}.bias", m)], name, transB=1)
