"""Every value of the OCP 8-, 6- and 4-bit formats, by bit pattern, as ml_dtypes decodes it.

    python tests/reference/narrow_formats.py > tests/reference/narrow_formats.csv

One line per format: its name, then the values of the patterns 0, 1, 2, ... (ml_dtypes 0.6.0).
"""

import ml_dtypes
import numpy as np

FORMATS = {
    "e4m3": (ml_dtypes.float8_e4m3fn, 8),
    "e5m2": (ml_dtypes.float8_e5m2, 8),
    "e3m2": (ml_dtypes.float6_e3m2fn, 6),
    "e2m3": (ml_dtypes.float6_e2m3fn, 6),
    "e2m1": (ml_dtypes.float4_e2m1fn, 4),
}

for name, (dtype, bits) in FORMATS.items():
    patterns = np.arange(1 << bits, dtype=np.uint8)
    values = patterns.view(dtype).astype(np.float64)
    print(name, *(repr(float(x)) for x in values), sep=",")
