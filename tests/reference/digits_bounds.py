"""Error bounds of examples/digits, a second time: design.md's rules, in plain numpy.

An independent reference for `gradbound audit examples/digits/model.onnx`: it shares no code with
the crate. Schedule any, contract any, gradual underflow, float32 storage and accumulator.

    pip install numpy==2.4.6 onnx==1.23.2 mpmath==1.4.1
    python tests/reference/digits_bounds.py

writes digits_bounds.npz beside this script. For NAME every ONNX value and every grad:NAME:

    eps:NAME         the error bound, per element (float64)
    run:NAME         c, the float32 run that the bound was computed from, per element
    true_error:NAME  |c - x|, x the exact value (mpmath, 300 bits), per element
    jax_error:NAME   |observed - x|, observed from examples/digits/observed.npz, per element
    true_max:NAME    max(|x|, |c|) over the tensor
    internal_eps:N   eps of the lowered internals N: s, e, d, log_d, p, t, pt (float64)
    drift:N          how far another admissible execution's s, e, d, log_d may lie beyond 2 eps

The bounds are evaluated in ordinary float64, rounded to nearest: compare within about 1e-12
relative, where c is the same. Another run's c moves eps by about 1e-7 relative, and by up to a
factor 2 in a single ulp term when a magnitude crosses a power of two.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import mpmath
import numpy as np
import onnx
from onnx import numpy_helper

EXP_ULP = 2  # assumed accuracy of exp and log, in ulp: the `portable` table
LOG_ULP = 2
U = 2.0**-24  # unit roundoff of float32
ETA = 2.0**-149  # its least subnormal

HERE = Path(__file__).resolve().parent
DIGITS = HERE.parent.parent / "examples" / "digits"
BATCH = 8
F32 = np.float32


# ---------------------------------------------------------------------------------- the rules


@dataclass
class Bounded:
    """A value: this run's c (float32), its bound eps, and a drift (see `log_softmax`)."""

    c: np.ndarray
    eps: np.ndarray
    drift: np.ndarray | float = 0.0

    @property
    def abs(self):
        return np.abs(self.c.astype(np.float64))

    @property
    def mag(self):
        """A bound on every admissible execution's magnitude."""
        return self.abs + 2 * self.eps + self.drift

    @property
    def lo(self):
        return self.c.astype(np.float64) - 2 * self.eps - self.drift

    @property
    def hi(self):
        return self.c.astype(np.float64) + 2 * self.eps + self.drift

    @property
    def T(self):
        return Bounded(self.c.T, self.eps.T, self.drift)


def exact(c):
    """A value without error: an input, a weight, a constant."""
    return Bounded(c, np.zeros(c.shape))


def ulp(z):
    """float32's ulp at magnitude z, with the least subnormal as its floor."""
    _, exponent = np.frexp(z)  # z = m 2^exponent, 1/2 <= m < 1
    return np.where(z > 0, np.maximum(np.ldexp(1.0, exponent - 24), ETA), ETA)


def gamma(count):
    """(1+u)^count - 1."""
    return np.expm1(count * np.log1p(U))


@dataclass
class Nest:
    """The leaves of a maximal nest of sums and dots, per output element.

    `size` is the sum of the leaves' magnitudes, `prop` that of their propagated errors.
    """

    leaves: int
    products: int
    size: np.ndarray
    prop: np.ndarray

    def __add__(self, other):
        return Nest(
            self.leaves + other.leaves,
            self.products + other.products,
            self.size + other.size,
            self.prop + other.prop,
        )

    def sum(self, axis):
        """The nest that adds this one's elements along an axis."""
        factor = self.size.shape[axis]
        return Nest(
            self.leaves * factor,
            self.products * factor,
            self.size.sum(axis),
            self.prop.sum(axis),
        )

    def take(self, index):
        """The nest of the elements at a fixed index."""
        return replace(self, size=self.size[index], prop=self.prop[index])

    def eps(self):
        """The nest's bound: one reduction over all its leaves, in any tree."""
        steps = self.leaves if self.products else self.leaves - 1
        underflow = self.products * (ETA / 2) * (1 + U) ** self.leaves
        return self.prop + gamma(steps) * self.size + underflow


def leaf(x):
    """A nest of one plain leaf."""
    return Nest(1, 0, x.mag, x.eps)


def dot_leaves(a, b):
    """The product leaves of a @ b."""
    prop = a.abs @ b.eps + a.eps @ b.abs + 3 * (a.eps @ b.eps)
    return Nest(a.c.shape[1], a.c.shape[1], a.mag @ b.mag, prop)


def propagated_product(x, y):
    return x.abs * y.eps + y.abs * x.eps + 3 * x.eps * y.eps


def mul(x, y):
    return propagated_product(x, y) + ulp(x.mag * y.mag) / 2


def div(x, y):
    """eps of x/y; the exact quotient is at most `quotient`, for every execution."""
    quotient = (x.abs + x.eps) / (y.abs - y.eps)
    prop = (x.eps + quotient * y.eps) / y.lo
    return prop + ulp(quotient + prop) / 2


def relu(x):
    return np.where(x.hi < 0, 0.0, x.eps)


def step_gate(x):
    """1 where x > 0, else 0; eps is the jump where the sign of x is not certain."""
    return Bounded((x.c > 0).astype(F32), np.where(x.abs > 2 * x.eps, 0.0, 1.0))


def exp_eps(x):
    return np.exp(x.hi) * x.eps + EXP_ULP * ulp(np.exp(x.hi))


def log_eps(x):
    assert (x.lo > 0).all()
    largest = np.maximum(np.abs(np.log(x.lo)), np.abs(np.log(x.hi)))
    return x.eps / x.lo + LOG_ULP * ulp(largest)


# ------------------------------------------------------ one admissible float32 run: the c values


def matmul_f32(a, b):
    """a @ b in float32, left to right, no FMA."""
    total = a[:, :1] * b[:1]
    for k in range(1, a.shape[1]):
        total = total + a[:, k : k + 1] * b[k : k + 1]
    return total


def sum_f32(a, axis):
    """The sum along an axis in float32, left to right."""
    parts = np.moveaxis(a, axis, 0)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def rounded(f, x):
    """An elementary function in float32, through float64: within 0.51 ulp."""
    return f(x.astype(np.float64)).astype(F32)


# ------------------------------------------------------------- the graph, forward and backward


def dense(x, weight, bias):
    """Gemm: its value and its nest."""
    nest = dot_leaves(x, weight) + leaf(Bounded(bias.c[None], bias.eps[None]))
    return Bounded(matmul_f32(x.c, weight.c) + bias.c, nest.eps()), nest


def log_softmax(z, z_nest):
    """y = s - log d, p = e/d, with s = z - max z, e = exp s, d = sum e, row by row.

    The shift is free: y and p do not depend on it in exact arithmetic, so the spec of s, e and d
    takes this run's shift and its eps is 0. Another execution may shift by up to 2 max eps(z)
    more or less: that is `drift`, part of the magnitude of s, e, d and log d, not of y and p.
    """
    drift = 2 * z.eps.max(axis=1, keepdims=True)
    shift = Bounded(z.c.max(axis=1, keepdims=True), np.zeros((BATCH, 1)), drift)
    s_nest = z_nest + leaf(shift)
    s = Bounded(z.c - shift.c, s_nest.eps(), drift)
    e = Bounded(rounded(np.exp, s.c), exp_eps(s), np.exp(s.hi) * drift)
    d_nest = leaf(e).sum(1)
    d_drift = e.drift.sum(1, keepdims=True)
    d = Bounded(sum_f32(e.c, 1)[:, None], d_nest.eps()[:, None], d_drift)
    log_d = Bounded(rounded(np.log, d.c), log_eps(d), d.drift / d.lo)
    y_nest = s_nest + leaf(log_d)
    y = Bounded(s.c - log_d.c, y_nest.eps())
    p = Bounded(e.c / d.c, div(e, d))
    return y, y_nest, p, dict(s=s, e=e, d=d, log_d=log_d, p=p)


def gated(grad, pre):
    """grad where pre > 0, else 0: exact, but for an uncertain gate."""
    gate = step_gate(pre)
    return Bounded(grad.c * gate.c, propagated_product(grad, gate))


def dense_grads(x, weight, delta, delta_nest):
    """The gradients of a Gemm's input, weight and bias."""
    grad_x = Bounded(matmul_f32(delta.c, weight.c.T), dot_leaves(delta, weight.T).eps())
    grad_w = Bounded(matmul_f32(x.c.T, delta.c), dot_leaves(x.T, delta).eps())
    grad_b = Bounded(sum_f32(delta.c, 0), delta_nest.sum(0).eps())
    return grad_x, grad_w, grad_b


def bound_everything(params, images, labels):
    """Every ONNX value and gradient with its bound, and the internals of log-softmax."""
    w1, b1, w2, b2, w3, b3 = (exact(params[n]) for n in ("w1", "b1", "w2", "b2", "w3", "b3"))
    x = exact(images)
    at_label = (np.arange(BATCH), labels)

    h1_pre, _ = dense(x, w1, b1)
    h1 = Bounded(np.maximum(h1_pre.c, 0), relu(h1_pre))
    h2_pre, _ = dense(h1, w2, b2)
    h2 = Bounded(np.maximum(h2_pre.c, 0), relu(h2_pre))
    logits, logits_nest = dense(h2, w3, b3)
    y, y_nest, p, internals = log_softmax(logits, logits_nest)
    loss_c = sum_f32(-y.c[at_label], 0) / F32(BATCH)
    loss = Bounded(loss_c, y_nest.take(at_label).sum(0).eps() / BATCH)

    delta_y = np.zeros(y.c.shape, F32)
    delta_y[at_label] = -1 / BATCH
    delta_y = exact(delta_y)
    t = Bounded(sum_f32(delta_y.c, 1)[:, None], leaf(delta_y).sum(1).eps()[:, None])
    pt = Bounded(p.c * t.c, mul(p, t))
    delta_z_nest = leaf(delta_y) + leaf(pt)
    delta_z = Bounded(delta_y.c - pt.c, delta_z_nest.eps())

    grad_h2, grad_w3, grad_b3 = dense_grads(h2, w3, delta_z, delta_z_nest)
    grad_h2_pre = gated(grad_h2, h2_pre)
    grad_h1, grad_w2, grad_b2 = dense_grads(h1, w2, grad_h2_pre, leaf(grad_h2_pre))
    grad_h1_pre = gated(grad_h1, h1_pre)
    grad_x, grad_w1, grad_b1 = dense_grads(x, w1, grad_h1_pre, leaf(grad_h1_pre))

    forward = dict(h1_pre=h1_pre, h1=h1, h2_pre=h2_pre, h2=h2, logits=logits, log_prob=y, loss=loss)
    backward = dict(
        loss=exact(np.ones((), F32)), log_prob=delta_y, logits=delta_z, w3=grad_w3, b3=grad_b3,
        h2=grad_h2, h2_pre=grad_h2_pre, w2=grad_w2, b2=grad_b2,
        h1=grad_h1, h1_pre=grad_h1_pre, w1=grad_w1, b1=grad_b1, images=grad_x,
    )  # fmt: skip
    values = forward | {f"grad:{name}": grad for name, grad in backward.items()}
    return values, internals | dict(t=t, pt=pt)


# ----------------------------------------------------------------- the exact values, in mpmath


def big(array):
    """The same numbers, as mpmath's."""
    return np.vectorize(lambda v: mpmath.mpf(float(v)), otypes=[object])(array)


def exact_everything(params, images, labels):
    """The reals that the graph means: textbook formulas at 300 bits, no rule of the above."""
    p = {name: big(array) for name, array in params.items()}
    x = big(images)
    relu_exact = np.frompyfunc(lambda v: max(v, mpmath.mpf(0)), 1, 1)
    exp_exact, log_exact = np.frompyfunc(mpmath.exp, 1, 1), np.frompyfunc(mpmath.log, 1, 1)
    value = {}
    value["h1_pre"] = x.dot(p["w1"]) + p["b1"]
    value["h1"] = relu_exact(value["h1_pre"])
    value["h2_pre"] = value["h1"].dot(p["w2"]) + p["b2"]
    value["h2"] = relu_exact(value["h2_pre"])
    value["logits"] = value["h2"].dot(p["w3"]) + p["b3"]
    e = exp_exact(value["logits"])
    d = e.sum(axis=1, keepdims=True)
    value["log_prob"] = value["logits"] - log_exact(d)
    onehot = big(np.eye(10)[labels])
    value["loss"] = np.array(-(onehot * value["log_prob"]).sum() / BATCH)

    grad = {"loss": np.array(mpmath.mpf(1)), "log_prob": -onehot / BATCH}
    grad["logits"] = (e / d - onehot) / BATCH
    delta = grad["logits"]
    for layer, source in ((3, "h2"), (2, "h1"), (1, "images")):
        inputs = x if source == "images" else value[source]
        grad[f"w{layer}"] = inputs.T.dot(delta)
        grad[f"b{layer}"] = delta.sum(axis=0)
        grad[source] = delta.dot(p[f"w{layer}"].T)
        if source != "images":
            delta = grad[source] * (value[f"{source}_pre"] > 0)
            grad[f"{source}_pre"] = delta
    return value | {f"grad:{name}": array for name, array in grad.items()}


def error(run, spec):
    """|run - spec| per element, float64; the subtraction is done at 300 bits."""
    return np.vectorize(float, otypes=[float])(abs(big(run) - spec))


# --------------------------------------------------------------------------------------- output


def load():
    model = onnx.load(DIGITS / "model.onnx")
    params = {array.name: numpy_helper.to_array(array) for array in model.graph.initializer}
    inputs = np.load(DIGITS / "inputs.npz")
    observed, observed_f64 = (np.load(DIGITS / f"observed{tail}.npz") for tail in ("", "_f64"))
    return params, inputs["images"], inputs["labels"], observed, observed_f64


def main():
    mpmath.mp.prec = 300
    params, images, labels, observed, observed_f64 = load()
    values, internals = bound_everything(params, images, labels)
    specs = exact_everything(params, images, labels)
    assert values.keys() == specs.keys() == set(observed.files) == set(observed_f64.files)
    for name, spec in specs.items():  # the exact values, checked against a program that is not ours
        assert error(observed_f64[name], spec).max() < 1e-13, name

    out = {}
    jax_inside = True
    print("                 max eps  max error    max/max  jax error  worst jax error/eps")
    for name, value in values.items():
        spec, eps = specs[name], value.eps
        assert value.c.dtype == F32 and value.c.shape == eps.shape == spec.shape
        own, jax = error(value.c, spec), error(observed[name], spec)
        assert (own <= eps).all(), name
        jax_inside &= bool((jax <= eps).all())
        out[f"eps:{name}"] = eps
        out[f"run:{name}"] = value.c
        out[f"true_error:{name}"] = own
        out[f"jax_error:{name}"] = jax
        out[f"true_max:{name}"] = max(float(np.max(abs(spec))), value.abs.max())
        ratio = own.max() / eps.max() if eps.max() > 0 else 0.0
        worst = np.divide(jax, eps, out=np.zeros(eps.shape), where=eps > 0).max()
        columns = (eps.max(), own.max(), ratio, jax.max(), worst)
        print(f"{name:13}", *(f"{number:10.3e}" for number in columns))
    for name, value in internals.items():
        out[f"internal_eps:{name}"] = value.eps
        out[f"drift:{name}"] = np.broadcast_to(value.drift, value.eps.shape)

    print("this script's run: every value lies within eps of the exact one")
    print(f"jax's observed.npz: {'every' if jax_inside else 'NOT every'} value lies within eps")
    assert jax_inside
    np.savez_compressed(HERE / "digits_bounds.npz", **out)
    print(f"{(HERE / 'digits_bounds.npz').stat().st_size} bytes in digits_bounds.npz")


if __name__ == "__main__":
    main()
