"""What the shell offers when Tab is pressed; none of it imports torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

TASKS: Final = (
    "char-gpt", "cifar10-quick", "lenet-digits", "lenet-fashion", "poly-tanh", "relu-digits",
)  # fmt: skip
"""The built-in tasks. The lab would import torch at every Tab; a test holds the two equal."""


def families(incomplete: str) -> list[str]:
    """Return the names of families that begin so."""
    from lrkit.schedules import catalog

    return [f.name for f in catalog() if f.name.startswith(incomplete)]


def schedules(incomplete: str) -> list[str]:
    """Return *incomplete* with the name at its end made whole: "0.3 * (warm" to "...warmup("."""
    name = re.search(r"[a-z_]*$", incomplete)
    start = name.start() if name else len(incomplete)
    return [f"{incomplete[:start]}{whole}(" for whole in families(incomplete[start:])]


def schedules_or_studies(incomplete: str) -> list[str]:
    """Return schedules, and the TOML files of the folder *incomplete* is in."""
    return schedules(incomplete) + studies(incomplete)


def studies(incomplete: str) -> list[str]:
    """Return the folders and TOML files whose path begins so."""
    folder, _, name = incomplete.rpartition("/")
    inside = Path(folder or ("/" if incomplete.startswith("/") else "."))
    prefix = incomplete[: len(incomplete) - len(name)]
    if not inside.is_dir():
        return []
    return sorted(
        f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in inside.iterdir()
        if entry.name.startswith(name) and (entry.is_dir() or entry.suffix == ".toml")
    )


def tasks(incomplete: str) -> list[str]:
    """Return the built-in tasks that begin so."""
    return [name for name in TASKS if name.startswith(incomplete)]


def surfaces(incomplete: str) -> list[str]:
    """Return the functions of two variables that begin so."""
    from lrkit.landscape.functions import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


def optimizers(incomplete: str) -> list[str]:
    """Return the optimizers of a descent that begin so."""
    from lrkit.landscape.optimizers import KINDS

    return [name for name in KINDS if name.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Return the runs in ./runs whose name begins so."""
    root = Path("runs")
    if not root.is_dir():
        return []
    return sorted(entry.name for entry in root.iterdir() if entry.name.startswith(incomplete))


def edits(incomplete: str) -> list[str]:
    """Return the edits of `lrkit steer` that begin so."""
    from lrkit.cli.orders import WORDS

    return [word for word in WORDS if word.startswith(incomplete)]
