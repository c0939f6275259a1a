"""Colours, dashes and numbers, the same in every view; and what to say when a library is missing.

The colours are those of Okabe and Ito ("Color Universal Design", 2008), which people with any
colour vision tell apart, in an order of good contrast on white, less the yellow, which has none.
A dark page takes lighter tones of the same hues.
"""

from __future__ import annotations

import importlib
import math
from types import ModuleType
from typing import Final, NamedTuple

import numpy as np

from lrkit.errors import LrkitError


class Colour(NamedTuple):
    """One colour on a light page, on a dark page, and as a code of a 256-colour terminal."""

    light: str
    dark: str
    terminal: int


PALETTE: Final = (
    Colour("#0072B2", "#4BA3E3", 32),  # blue
    Colour("#D55E00", "#F0813A", 166),  # vermillion
    Colour("#009E73", "#2DBD92", 36),  # bluish green
    Colour("#B8619A", "#E0A0C4", 175),  # reddish purple, darker than theirs: it is text, too
    Colour("#E69F00", "#F2BC4B", 214),  # orange
    Colour("#56B4E9", "#9FD8FF", 117),  # sky blue
    Colour("#4D4D4D", "#C9CCD1", 245),  # grey in place of their black, the colour of the axes
)
DASHES: Final = ("solid", "dash", "dot", "dashdot")

# Anchors of viridis (van der Walt and Smith, 2015), without its two ends: one is too pale on
# white, the other too dark on black.
_SCALE_LIGHT: Final = ("#46327E", "#365C8D", "#277F8E", "#1FA187", "#4AC16D", "#9FC130")
_SCALE_DARK: Final = ("#7A6BD0", "#5B8FD6", "#3FB3C4", "#3CCBA7", "#7BDD7E", "#D9E650")
_SCALE_TERMINAL: Final = (61, 67, 73, 36, 77, 149)


def colour(index: int, count: int, *, sweep: bool) -> Colour:
    """Return the colour of line *index* of *count*: of the palette, or of a scale in a sweep."""
    if not sweep:
        return PALETTE[index % len(PALETTE)]
    place = index / max(count - 1, 1) * (len(_SCALE_LIGHT) - 1)
    return Colour(
        _mixed(_SCALE_LIGHT, place), _mixed(_SCALE_DARK, place), _SCALE_TERMINAL[round(place)]
    )


def dash(index: int, *, sweep: bool) -> str:
    """Return the dash of line *index*: solid, until the palette has been used up."""
    return "solid" if sweep else DASHES[index // len(PALETTE) % len(DASHES)]


def short(value: float) -> str:
    """Return *value* as a label: 0.3, 1e-5, 2k, 1.5M.

    >>> [short(v) for v in (0, 0.3, 0.000015, 1500, 2e6, 7050)]
    ['0', '0.3', '1.5e-5', '1.5k', '2M', '7.05k']
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(value) < 1000 * size:
            return f"{value / size:.4g}{unit}"
    text = f"{value:.3e}" if 0 < abs(value) < 1e-3 else f"{value:.4g}"
    mantissa, e, exponent = text.partition("e")
    return f"{float(mantissa):g}e{int(exponent)}" if e else text


def ticks(low: float, high: float, count: int, *, log: bool = False) -> list[float]:
    """Return about *count* round numbers within [*low*, *high*].

    >>> ticks(0, 30, 6), ticks(0.0005, 0.3, 5, log=True)
    ([0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0], [0.001, 0.01, 0.1])
    """
    if log and high / low >= 100:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        stride = max(1, -(-(last - first + 1) // max(count, 1)))
        return [10.0**power for power in range(first, last + 1) if (power - first) % stride == 0]
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first_tick = math.ceil(low / step - 1e-9)
    found = [k * step for k in range(first_tick, math.floor(high / step + 1e-9) + 1)]
    # 3 * 0.1 is no 0.3; the labels would show it.
    return [float(f"{value:.10g}") for value in found if not log or value > 0]


def library(name: str, what: str) -> ModuleType:
    """Return module *name*, or raise the error that says how to get *what* it is for."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise LrkitError(
            f"{what} needs {name.partition('.')[0]}, which is not installed; "
            "pip install 'lrkit[plots]'"
        ) from error


def _mixed(anchors: tuple[str, ...], place: float) -> str:
    points = np.array([[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in anchors], dtype=float)
    channels = [np.interp(place, np.arange(len(anchors)), points[:, c]) for c in range(3)]
    return "#" + "".join(f"{round(float(c)):02X}" for c in channels)
