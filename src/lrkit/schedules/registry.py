"""The names that a schedule can be written with: constructors, and the class each one builds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any

from lrkit.schedules import cycles, decays, endless, levels, ramps, shapes, tables, warmups
from lrkit.schedules.shapes import Shape
from lrkit.schedules.tree import Schedule

RAMP_NAMES = (
    "linear", "cosine", "power", "geometric", "one_minus_sqrt", "one_minus_square", "rex", "tanh",
)  # fmt: skip
WINDOW_NAMES = ("triangle", "hann", "welch")
LEVEL_NAMES = (
    "constant", "hold", "exponential", "inverse_time", "approach", "radam", "noise", "table",
    "from_function", "multiplicative",
)  # fmt: skip
WARMUP_NAMES = ("warmup", "untuned_warmup", "cooldown", "wsd", "trapezoid")
DECAY_NAMES = (
    "step_decay", "multi_step", "factor", "polynomial", "k_decay", "square_root", "inverse_sqrt",
    "noam", "power_scheduler",
)  # fmt: skip
CYCLE_NAMES = ("one_cycle", "one_cycle_momentum", "slanted_triangular", "cyclic", "sgdr")

KINDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "ramp": (ramps, RAMP_NAMES),
    "window": (ramps, WINDOW_NAMES),
    "level": (levels, LEVEL_NAMES),
    "warm-up and cooldown": (warmups, WARMUP_NAMES),
    "decay": (decays, DECAY_NAMES),
    "cycle": (cycles, CYCLE_NAMES),
}
BUILDERS: dict[str, Callable[..., Schedule]] = {
    name: getattr(module, name) for module, names in KINDS.values() for name in names
}
SHAPES: dict[str, type[Shape]] = {
    cls.name: cls
    for module in (shapes, endless, tables)
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, Shape) and getattr(cls, "name", None) in BUILDERS
}


def nearest(name: str, known: list[str]) -> str:
    """Return "; did you mean a, b?" for the names nearest to *name*, or an empty text."""
    import difflib  # needed for mistakes only

    close = difflib.get_close_matches(name[:40], known, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else ""


def default_of(field: Field[Any]) -> Any:
    """Return the default of a dataclass field, or MISSING."""
    return field.default_factory() if field.default_factory is not MISSING else field.default


def arguments(node: Schedule) -> tuple[list[Any], dict[str, Any]]:
    """Return the (positional, by name) arguments that build *node*, defaults left out."""
    by_place, by_name = [], {}
    for f in fields(node):  # type: ignore[arg-type]
        value, default = getattr(node, f.name), default_of(f)
        if f.kw_only:
            if value != default:
                by_name[f.name] = value
        else:
            by_place.append((value, value == default))
    while by_place and by_place[-1][1]:
        by_place.pop()
    return [value for value, _ in by_place], by_name
