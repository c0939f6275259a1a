"""Schedules as pure values: shapes, combinators, recipes, spans and horizon, text and JSON, facts.

This room touches NumPy and nothing else: no clock, no file, no random state, no torch.
"""

from typing import TYPE_CHECKING, Any

from lrkit.schedules.curve import Curve, attach_views
from lrkit.schedules.cycles import cyclic, one_cycle, one_cycle_momentum, sgdr, slanted_triangular
from lrkit.schedules.decays import (
    factor,
    inverse_sqrt,
    k_decay,
    multi_step,
    noam,
    polynomial,
    power_scheduler,
    square_root,
    step_decay,
)
from lrkit.schedules.json import from_dict
from lrkit.schedules.levels import (
    approach,
    constant,
    exponential,
    from_function,
    hold,
    inverse_time,
    multiplicative,
    noise,
    radam,
    table,
)
from lrkit.schedules.parser import parse
from lrkit.schedules.ramps import (
    cosine,
    geometric,
    hann,
    linear,
    one_minus_sqrt,
    one_minus_square,
    power,
    rex,
    tanh,
    triangle,
    welch,
)
from lrkit.schedules.registry import nearest
from lrkit.schedules.spans import Horizon, Span, SpanLike, as_span
from lrkit.schedules.tree import Schedule
from lrkit.schedules.warmups import cooldown, trapezoid, untuned_warmup, warmup, wsd

if TYPE_CHECKING:
    from lrkit.schedules.facts import Facts as Facts
    from lrkit.schedules.facts import Jump as Jump
    from lrkit.schedules.families import Family as Family
    from lrkit.schedules.families import catalog as catalog
    from lrkit.schedules.families import family as family

# What only some programs ask for is loaded when they do: everybody pays for `import lrkit`.
LATER = {
    "Facts": "facts",
    "Jump": "facts",
    "Family": "families",
    "catalog": "families",
    "family": "families",
}

__all__ = [
    "Curve", "Horizon", "Schedule", "Span", "SpanLike", "approach",
    "as_span", "attach_views", "constant", "cooldown", "cosine", "cyclic",
    "exponential", "factor", "from_dict", "from_function", "geometric", "hann", "hold",
    "inverse_sqrt", "inverse_time", "k_decay", "linear", "multi_step", "multiplicative",
    "nearest", "noam", "noise", "one_cycle", "one_cycle_momentum", "one_minus_sqrt",
    "one_minus_square", "parse", "polynomial", "power", "power_scheduler", "radam", "rex", "sgdr",
    "slanted_triangular", "square_root", "step_decay", "table", "tanh", "trapezoid", "triangle",
    "untuned_warmup", "warmup", "welch", "wsd",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module 'lrkit.schedules' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"lrkit.schedules.{LATER[name]}"), name)
