"""What a row of the parity table is, and what it means for one to hold.

The rows are the single source: the tests evaluate them, the golden files are generated from them,
and the page "Your scheduler in lrkit" prints them. This module imports neither lrkit nor a peer,
so that a generator script can read the rows inside an environment that has only the peer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# float64 and float32 are exact to half of these, relative to the number that was rounded.
ROUNDING = {"float64": 2.0**-52, "float32": 2.0**-23}


@dataclass(frozen=True)
class Pin:
    """Steps first..last where the peer is wrong: ours has *value* there, the peer has not.

    `always=False` says that the fault depends on the machine, so that a peer that is right at
    these steps is no failure of the test.
    """

    first: int
    last: int
    value: float
    always: bool = True


@dataclass(frozen=True, kw_only=True)
class Row:
    """One scheduler of a peer with one set of parameters, and the same curve in lrkit.

    `call` is evaluated where the peer's names and `opt` (an optimizer at learning rate `lr`) are
    known; `ours` goes through `lrkit.parse` and `over(total)`, with no total where the peer has no
    end. Values 0..`steps` - 1 must agree to `rtol` relative. A peer that computes 1 + cos(x) near
    x = pi, or subtracts two near numbers, has lost digits of its own in the tiny results:
    `rounding` allows that many roundings (of the number format the peer computes in) of the
    largest value on top.

    A row with `metrics` is steered: step t has seen the first t of them, and `steered_by` is the
    expression of lrkit's controller that makes the edits.
    """

    name: str
    call: str
    ours: str
    total: int | None = None
    lr: float = 1.0
    steps: int = 0
    rtol: float = 1e-12
    rounding: int = 0
    hyper: str = "lr"
    steered_by: str = ""
    metrics: tuple[float, ...] = ()
    pins: tuple[Pin, ...] = ()
    fault: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.metrics:
            object.__setattr__(self, "steps", len(self.metrics) + 1)
        if self.total is None and not self.steps:
            raise ValueError(f"{self.call}: a schedule without an end needs the number of steps")
        if bool(self.pins) != bool(self.fault):
            raise ValueError(f"{self.call}: pins need a fault that they keep out, and a fault pins")
        if self.total is not None and not self.steps:  # both ends and one step past the end
            object.__setattr__(self, "steps", self.total + 2)

    @property
    def key(self) -> str:
        """Return the name under which a golden file keeps the peer's values."""
        seen = f" | {self.metrics!r}" if self.metrics else ""
        return f"{self.call} | {self.hyper} | {self.lr!r} | {self.steps}{seen}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of one peer.

    *source* says which code answered, *numbers* in which format it computes, *golden* names the
    file with its answers (none: the peer is run), *left_out* the public names without a row.
    """

    peer: str
    version: str
    source: str
    rows: tuple[Row, ...]
    numbers: str = "float64"
    golden: str = ""
    intro: str = ""
    left_out: dict[str, str] = field(default_factory=dict)


def pinned(row: Row) -> NDArray[np.bool_]:
    """Return which of the row's steps are pinned to our own value."""
    mask = np.zeros(row.steps, dtype=bool)
    for pin in row.pins:
        mask[pin.first : pin.last + 1] = True
    return mask


def difference(row: Row, ours: object, theirs: object, numbers: str = "float64") -> str:
    """Return what is wrong with the row in one line, or nothing when it holds."""
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if a.shape != b.shape or not np.isfinite(a).all():
        return f"{row.call}: {a.shape} values against {b.shape}, all finite: {np.isfinite(a).all()}"
    allowed = row.rtol * np.abs(b) + row.rounding * ROUNDING[numbers] * np.nanmax(np.abs(b))
    mask = pinned(row)
    off = ~(np.abs(a - b) <= allowed) & ~mask  # so that a NaN of the peer's is a difference
    if off.any():
        first = int(np.flatnonzero(off)[0])
        return (
            f"{row.call} and {row.ours} differ at {int(off.sum())} of {row.steps} steps, first at "
            f"step {first}: {b[first]!r} against our {a[first]!r}; worst relative "
            f"{_relative(a, b)[off].max():.1e}"
        )
    return _difference_of_pins(row, a, b)


def _difference_of_pins(row: Row, a: NDArray[np.float64], b: NDArray[np.float64]) -> str:
    for pin in row.pins:
        for step in range(pin.first, pin.last + 1):
            if abs(a[step] - pin.value) > 1e-12 * abs(pin.value):
                return f"{row.ours}: step {step} is pinned to {pin.value!r}, got {a[step]!r}"
            if pin.always and abs(b[step] - pin.value) <= row.rtol * abs(pin.value):
                return f"{row.call}: step {step} is pinned as a fault but the peer agrees"
    return ""


def _relative(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(a - b) / np.maximum(np.abs(b), np.finfo(float).tiny)
