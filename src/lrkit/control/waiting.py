"""The span that a controller waits before it looks: in any unit, placed before it is used."""

from __future__ import annotations

from lrkit.errors import SpecError
from lrkit.schedules import Horizon, Span, SpanLike, as_span

START = Span(0)
"""No waiting."""


def waiting_span(value: SpanLike) -> Span:
    """Return *value* as the span before which a controller does not look."""
    span = as_span(value, "after")
    return START if span.value == 0 else span


def steps_only(span: Span, horizon: Horizon) -> Span:
    """Return *span* in steps of *horizon*."""
    return Span(horizon.steps(span))


def begun(after: Span, step: int) -> bool:
    """Return whether *step* has come to *after*; `SpecError` where that is not in steps."""
    if after.unit != "st":
        raise SpecError(
            f"after={after} must be in steps by now; give the controller to a Scheduler, or call "
            "controller.placed(horizon)"
        )
    return step >= after.value
