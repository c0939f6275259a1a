"""Golden values of Keras: `pip install keras jax`, then run this; `float64` as the argument.

Keras computes schedules in the type of their arguments, which for plain numbers is float32
whatever `floatx` says. With float64 arguments the same code answers in float64, and that is the
second golden file; not for the cosines, which round their fraction to float32 all the same.
"""

from __future__ import annotations

import ast
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import jax

DOUBLE = sys.argv[1:] == ["float64"]
jax.config.update("jax_enable_x64", DOUBLE)

import keras  # noqa: E402
import numpy as np  # noqa: E402
from golden_file import write  # noqa: E402

from tests.parity.row import Row  # noqa: E402
from tests.parity.rows_keras import COSINE, DECAYS  # noqa: E402

SCHEDULES = keras.optimizers.schedules
NAMES = {name: getattr(SCHEDULES, name) for name in dir(SCHEDULES) if name[0].isupper()}


class Doubled(ast.NodeTransformer):
    """Turns every float of a call into a NumPy float64."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, float):
            return node
        return ast.Call(ast.Name("float64", ast.Load()), [node], [])


def values(row: Row) -> list[float]:
    tree = ast.parse(row.call, mode="eval")
    if DOUBLE:
        tree = ast.fix_missing_locations(Doubled().visit(tree))
    schedule = eval(compile(tree, row.call, "eval"), {**NAMES, "float64": np.float64})
    out = [np.asarray(schedule(step)) for step in range(row.steps)]
    wanted = "float64" if DOUBLE else "float32"
    if any(v.dtype != wanted for v in out):
        raise TypeError(f"{row.call} answered in {out[0].dtype}, not in {wanted}")
    return [float(v) for v in out]


write(
    "keras-float64" if DOUBLE else "keras",
    DECAYS if DOUBLE else DECAYS + COSINE,
    values,
    version=keras.__version__,
    source=f"keras.optimizers.schedules of keras {keras.__version__}, jax {jax.__version__}",
    public=[name for name in NAMES if name != "LearningRateSchedule"],
    variant="float64" if DOUBLE else "float32",
)
