"""Measure how accurate the elementary functions of JAX's CPU backend are.

    python examples/jax/measure_functions.py                  # write the table functions.md
    python examples/jax/measure_functions.py --stride 1 exp   # exp on every float32 there is

Of float32 every input with 2^-10 <= |x| < 2^7 is tried and, of the others, one of every `stride`
neighbours (64 by default); of the 16-bit formats every input; of float64, and of pairs, a sample.

For each function and format the largest error found is given in ulp of the exact result, and the
input at which it occurs. ulp(z) is the distance of the floats in z's binade: 2^(floor(log2|z|) - 23)
in float32. The exact result comes from a wider format: float64 for float32 and the 16-bit formats,
x87 extended precision (mpmath where numpy has no such function) for float64. Its own error is below
0.01 ulp of the format that is measured.

Not counted, because XLA's CPU backend flushes them to zero: inputs and exact results below the
least normal number. Not counted, because no finite result is right: exact results beyond the largest
float. A finite exact result that comes out infinite or NaN counts as an infinite error.

Three programs are measured: the function called eagerly; jitted and fused with its neighbours; and
in a loop over single elements, for which other machine code is made. Results in the last binade
before overflow are apart: there XLA's exponential is less accurate.
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import jax
import jax.numpy as jnp
import ml_dtypes
import mpmath
import numpy as np
import scipy.special

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)

FOLDER = Path(__file__).resolve().parent
CHUNK = 1 << 20
DENSE = (2.0**-10, 2.0**7)
WIDE = np.longdouble
mpmath.mp.prec = 120


@dataclass(frozen=True)
class Function:
    """A function of JAX, and its exact values in float64 and wider."""

    jax: Callable
    """What is measured."""
    double: Callable
    """Within a few ulp of float64."""
    wide: Callable | None = None
    """The same in extended precision; without it `precise` is used, element by element."""
    precise: Callable | None = None
    """The same in mpmath."""


def softplus(x):
    """ln(1 + e^x) in the format of x, without overflow or cancellation."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x):
    """1 / (1 + e^-x) in the format of x, without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


FUNCTIONS = {
    "exp": Function(jnp.exp, np.exp, np.exp),
    "expm1": Function(jnp.expm1, np.expm1, np.expm1),
    "log": Function(jnp.log, np.log, np.log),
    "log1p": Function(jnp.log1p, np.log1p, np.log1p),
    "tanh": Function(jnp.tanh, np.tanh, np.tanh),
    "sigmoid": Function(jax.nn.sigmoid, sigmoid, sigmoid),
    "softplus": Function(jax.nn.softplus, softplus, softplus),
    "erf": Function(jax.lax.erf, scipy.special.erf, precise=mpmath.erf),
    "erfc": Function(jax.lax.erfc, scipy.special.erfc, precise=mpmath.erfc),
    "sqrt": Function(jnp.sqrt, np.sqrt, np.sqrt),
    "rsqrt": Function(jax.lax.rsqrt, lambda x: 1 / np.sqrt(x), lambda x: 1 / np.sqrt(x)),
    "sin": Function(jnp.sin, np.sin, np.sin),
    "cos": Function(jnp.cos, np.cos, np.cos),
    "tan": Function(jnp.tan, np.tan, np.tan),
    "asin": Function(jnp.arcsin, np.arcsin, np.arcsin),
    "acos": Function(jnp.arccos, np.arccos, np.arccos),
    "atan": Function(jnp.arctan, np.arctan, np.arctan),
    "sinh": Function(jnp.sinh, np.sinh, np.sinh),
    "cosh": Function(jnp.cosh, np.cosh, np.cosh),
    "asinh": Function(jnp.arcsinh, np.arcsinh, np.arcsinh),
    "acosh": Function(jnp.arccosh, np.arccosh, np.arccosh),
    "atanh": Function(jnp.arctanh, np.arctanh, np.arctanh),
    "pow": Function(jnp.power, np.power, np.power),
    "atan2": Function(jnp.arctan2, np.arctan2, np.arctan2),
}
BINARY = ("pow", "atan2")
FORMATS = {
    "float32": np.float32,
    "float64": np.float64,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}


def programs(function):
    """The function as programs run it, by name."""
    # A negation on either side is exact and makes XLA emit one fused loop.
    fused = jax.jit(lambda *xs: -function(*(-x for x in xs)))
    loop = jax.jit(lambda *xs: jax.lax.map(lambda each: function(*each), xs))
    return {"fused": lambda *xs: -fused(*(-x for x in xs)), "eager": function, "loop": loop}


def ulp(exact, dtype):
    """Distance of the floats of the binade of `exact`, in float64 or wider."""
    mantissa_bits = ml_dtypes.finfo(dtype).nmant
    if exact.dtype == np.float64:
        exponent = exact.view(np.int64) & 0x7FF0000000000000
        return (exponent - (mantissa_bits << 52)).view(np.float64)
    return np.ldexp(np.ones_like(exact), np.frexp(exact)[1] - 1 - mantissa_bits)


def errors(exact, computed, arguments, dtype):
    """|computed − exact| in ulp; −1 where the element is not counted."""
    info = ml_dtypes.finfo(dtype)
    least, largest = float(info.smallest_normal), float(info.max)
    beyond = largest * (1 + 2.0 ** -(info.nmant + 2))
    with np.errstate(all="ignore"):
        size = np.abs(exact)
        counted = (size >= least) & (size <= beyond)
        for x in arguments:
            counted &= np.isfinite(x) & ((np.abs(x) >= least) | (x == 0))
        wide = computed.astype(exact.dtype)
        error = np.abs(wide - exact) / ulp(exact, dtype)
        error[~np.isfinite(wide)] = np.inf
        error[exact == 0] = np.where(wide[exact == 0] == 0, 0, np.inf)
    error[~(counted | (exact == 0))] = -1
    return error


@dataclass
class Worst:
    """The largest error so far and where it occurred."""

    error: float = 0.0
    at: tuple = ()

    def see(self, error, arguments):
        """Takes the largest of `error`."""
        k = int(np.argmax(error))
        if error[k] > self.error:
            self.error, self.at = float(error[k]), tuple(float(x[k]) for x in arguments)

    def __str__(self):
        at = ", ".join(f"{x:.9g}" for x in self.at)
        return f"{rounded_up(self.error)} at {at}" if self.at else "0"


def chunks32(arity, stride, rng):
    """Chunks of float32 arguments: bit patterns in order, or random pairs."""
    if arity == 2:
        for _ in range(64):
            magnitude = np.exp2(rng.uniform(-30, 30, CHUNK)).astype(np.float32)
            # Exponents of a size at which the power is neither 0 nor infinite.
            largest = 150 / np.maximum(np.abs(np.log2(magnitude)), 1e-3)
            yield magnitude, (rng.uniform(-1, 1, CHUNK) * largest).astype(np.float32)
        return
    first, last = (int(np.float32(x).view(np.uint32)) for x in DENSE)
    sign, infinity = 1 << 31, 0x7F800000
    for base in (0, sign):
        for lo, hi, step in ((0, first, stride), (first, last, 1), (last, infinity, stride)):
            for start in range(lo, hi, CHUNK * step):
                index = np.arange(start, min(start + CHUNK * step, hi), step, dtype=np.uint64)
                within = rng.integers(0, step, len(index), dtype=np.uint64)
                yield ((base + index + within).astype(np.uint32).view(np.float32),)


def chunks64(arity, count, rng):
    """Chunks of float64 arguments, uniform in the logarithm and near 1."""
    for _ in range(max(1, count // CHUNK)):
        size = min(CHUNK, count)
        magnitude = np.exp2(rng.uniform(-40, 10, size))
        magnitude[::4] = rng.uniform(0, 2, len(magnitude[::4]))
        if arity == 1:
            yield (magnitude * rng.choice([-1.0, 1.0], size),)
        else:
            yield magnitude, rng.uniform(-20, 20, size)


def chunks16(arity, dtype, rng):
    """All arguments of a 16-bit format, or random pairs."""
    every = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    if arity == 1:
        yield (every,)
        return
    with np.errstate(invalid="ignore"):
        positive = every[np.asarray(every > 0) & np.isfinite(every)]
    yield rng.choice(positive, CHUNK >> 6), rng.choice(every, CHUNK >> 6)


def exact_values(function, arguments, dtype):
    """Exact results, wider than `dtype`."""
    with np.errstate(all="ignore"):
        if dtype != np.float64:
            return function.double(*(np.asarray(x, np.float64) for x in arguments))
        if function.wide is not None:
            return function.wide(*(x.astype(WIDE) for x in arguments))
    return np.array([wide_of(function.precise(mpmath.mpf(float(x)))) for x in arguments[0]])


def wide_of(x):
    """An mpmath number in extended precision: the nearest double and the rest."""
    high = float(x)
    return WIDE(high) + WIDE(float(x - high)) if math.isfinite(high) else WIDE(high)


def measure(name, format_name, stride):
    """Largest errors of a function in a format, by program, and in the last binade by any."""
    function, dtype = FUNCTIONS[name], FORMATS[format_name]
    arity = 2 if name in BINARY else 1
    rng = np.random.default_rng(0)
    if format_name == "float32":
        chunks = chunks32(arity, stride, rng)
    elif format_name == "float64":
        count = (1 << 14) if function.wide is None else max(1 << 14, (1 << 28) // stride)
        chunks = chunks64(arity, count, rng)
    else:
        chunks = chunks16(arity, dtype, rng)
    last_binade = float(ml_dtypes.finfo(dtype).max) / 2
    each = programs(function.jax)
    worst = {program: Worst() for program in [*each, "last binade"]}
    for arguments in chunks:
        exact = exact_values(function, arguments, dtype)
        with np.errstate(invalid="ignore"):
            last = np.abs(exact) > last_binade
        results = {}
        for program, run in each.items():
            computed = np.asarray(run(*arguments))
            if any(np.array_equal(computed, r, equal_nan=True) for r in results.values()):
                continue
            results[program] = computed
            error = errors(exact, computed, arguments, dtype)
            worst[program].see(np.where(last, -1.0, error), arguments)
            worst["last binade"].see(np.where(last, error, -1.0), arguments)
    return worst


def rounded_up(error):
    """What a table may state: two decimals, upward, the reference's own error included."""
    return math.ceil((error + 0.01) * 100) / 100 if math.isfinite(error) else math.inf


def row(name, format_name, worst):
    """A line of the table."""
    found = max(worst["fused"], worst["eager"], worst["loop"], key=lambda w: w.error)
    return f"| {name} | {format_name} | {found} | {worst['last binade']} |"


def write(fresh):
    """Replaces a row of functions.md, or appends it."""
    path = FOLDER / "functions.md"
    lines = path.read_text().splitlines()
    key = lambda line: line.split("|")[1:3]  # noqa: E731
    if not any(key(line) == key(fresh) for line in lines):
        lines.append(fresh)
    path.write_text("".join(f"{fresh if key(k) == key(fresh) else k}\n" for k in lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("functions", nargs="*", default=list(FUNCTIONS), metavar="FUNCTION")
    parser.add_argument("--stride", type=int, default=64)
    parser.add_argument("--formats", nargs="*", default=list(FORMATS), choices=list(FORMATS))
    args = parser.parse_args()
    for name in args.functions:
        for format_name in args.formats:
            fresh = row(name, format_name, measure(name, format_name, args.stride))
            print(fresh, flush=True)
            write(fresh)


if __name__ == "__main__":
    main()
