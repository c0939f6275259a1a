"""Cost of a schedule's values and of importing lrkit, as ratios in one run.

1. 1,000,000 values of a three-piece schedule against the same formula by hand in NumPy.
2. `import lrkit` in a fresh interpreter, beside `import numpy` alone, and what it loads.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import lrkit as lr
from bench.table import Row, show

N = 1_000_000
REPEATS = 25


Array = NDArray[np.float64]


def by_hand() -> Array:
    """Return warm-up over 10,000 steps, constant, cosine to 0 over the last 200,000."""
    t = np.arange(N, dtype=np.float64)
    up, down = 10_000, N - 200_000
    out = np.full_like(t, 0.3)
    out[:up] = 0.3 * (t[:up] + 1) / (up + 1)
    out[down:] = 0.3 * 0.5 * (1 + np.cos(np.pi * (t[down:] - down) / (N - down)))
    return out


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def values() -> Row:
    schedule = 0.3 * (lr.warmup("10000st") >> lr.hold("790000st") >> lr.cosine(1, 0, "200000st"))
    curve = schedule.over(N)
    np.testing.assert_allclose(curve.values(), by_hand(), rtol=1e-7, atol=1e-15)
    ratios = [seconds(curve.values) / seconds(by_hand) for _ in range(REPEATS)]
    return Row.of("1e6 values of a three-piece schedule / by hand in NumPy", ratios, 2.0)


PROBE = """
import json, sys, time
start = time.perf_counter(); import {module}; end = time.perf_counter()
heavy = [m for m in ("torch", "matplotlib", "plotly", "scipy") if m in sys.modules]
print(json.dumps([end - start, heavy]))
"""


def imports() -> list[Row]:
    rows = []
    for module, bar in (("lrkit", 0.15), ("numpy", None)):
        times = []
        for _ in range(REPEATS):
            command = [sys.executable, "-c", PROBE.format(module=module)]
            taken, heavy = json.loads(subprocess.check_output(command, text=True))
            if heavy:
                raise SystemExit(f"import {module} loads {heavy}")
            times.append(taken)
        rows.append(Row.of(f"import {module} (seconds)", times, bar))
    return rows


def main() -> int:
    return 0 if show("Schedules", [values(), *imports()]) else 1


if __name__ == "__main__":
    sys.exit(main())
