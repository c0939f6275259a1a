"""Spaces need no Optuna, and a search says which package is missing."""

from __future__ import annotations

import subprocess
import sys


def output(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_space_loads_no_optuna() -> None:
    code = """
import sys
from lrkit.search import SAMPLERS, Space
Space.parse("~log(1e-3, 1) * cosine()", {"m": "~uniform(0, 1)"}).grid(3)
print([name for name in ("optuna", "sqlalchemy", "scipy", "torch") if name in sys.modules])
"""
    assert output(code) == "[]"


def test_what_is_missing_is_named_with_the_remedy() -> None:
    code = """
import sys
sys.modules["optuna"] = None  # as where it is not installed
from lrkit.errors import LrkitError
from lrkit.search import Search, Space
try:
    Search.open("nowhere", Space.parse("~log(1e-3, 1)"))
except LrkitError as error:
    print(error)
"""
    assert output(code) == (
        "a search needs optuna, which is not installed; pip install 'lrkit[search]'"
    )
