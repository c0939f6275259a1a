"""Golden values of code that is published as a file: `from_sources.py clr_callback.py chapter.md`.

clr_callback.py is bckenstler/CLR's; its class is run with an empty Keras, of which its formula
uses nothing. chapter.md is d2l's chapter on schedulers, from which the classes are taken.
"""

from __future__ import annotations

import hashlib
import math
import re
import sys
import types
from pathlib import Path

import numpy as np
from golden_file import write

from tests.parity.row import Row
from tests.parity.rows_papers import CLR, D2L

CLR_COMMIT = "968cf5a49577f470d55fc17676fcfb6b11447d11"
D2L_COMMIT = "0c984ed366d89c023334586bebbe76a7f8e0838e"


def clr_class(path: Path) -> type:
    empty = types.ModuleType("tensorflow.keras.callbacks")
    empty.Callback = object
    keras = types.ModuleType("tensorflow.keras")
    keras.callbacks, keras.backend = empty, types.ModuleType("backend")
    sys.modules |= {
        "tensorflow": types.ModuleType("tensorflow"),
        "tensorflow.keras": keras,
        "tensorflow.keras.callbacks": empty,
    }
    names: dict[str, object] = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return names["CyclicLR"]


def chapter_classes(path: Path) -> dict[str, object]:
    names: dict[str, object] = {"math": math}
    for block in re.findall(r"```\{\.python[^\n]*\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
        # A class ends where the text comes back to the margin.
        for found in re.findall(
            r"^class \w+Scheduler:\n(?:[ \t]+[^\n]*\n|\n)+", block, re.MULTILINE
        ):
            exec(found, names)
    return names


def main(callback: Path, chapter: Path) -> None:
    cyclic, schedulers = clr_class(callback), chapter_classes(chapter)

    def clr(row: Row) -> list[float]:
        schedule = eval(row.call, {"CyclicLR": cyclic, "np": np})
        out = []
        for step in range(row.steps):
            schedule.clr_iterations = float(step)
            out.append(float(schedule.clr()))
        return out

    def d2l(row: Row) -> list[float]:
        schedule = eval(row.call, schedulers)
        return [schedule(step) for step in range(row.steps)]

    for name, rows, values, commit, path in (
        ("clr", CLR, clr, CLR_COMMIT, callback),
        ("d2l", D2L, d2l, D2L_COMMIT, chapter),
    ):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        write(
            name,
            rows,
            values,
            version=f"commit {commit[:7]}",
            source=f"{path.name} at {commit}",
            public={row.name for row in rows},
        )
        print(f"{name}: sha256 {digest} of {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
