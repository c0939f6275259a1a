"""Spans (how long a piece lasts, in the user's unit) and the horizon that turns them into steps."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from lrkit.errors import HorizonError, SpecError

UNITS = {
    "st": "steps",
    "ep": "epochs",
    "%": "percent of the whole",
    "sa": "samples",
    "tok": "tokens",
}
_SPAN = re.compile(
    r"\s*(?P<value>[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)\s*(?P<unit>[a-z%]*)\s*"
)


@dataclass(frozen=True)
class Span:
    """A length of training: *value* of *unit*, where unit is one of st, ep, %, sa, tok.

    >>> Span(5, "ep")
    Span(value=5.0, unit='ep')
    >>> str(as_span("1e6sa"))
    '1000000sa'
    """

    value: float
    unit: str = "st"

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise SpecError(f"a span's unit must be one of {', '.join(UNITS)}, got {self.unit!r}")
        object.__setattr__(self, "value", number(self.value, "a span"))

    def __str__(self) -> str:
        return f"{text_of(self.value)}{self.unit}"


SpanLike = Span | str | float


def as_span(value: SpanLike, what: str = "span") -> Span:
    """Return *value* as a `Span`: a number or "500" means steps, else "5ep", "10%", "1e6sa"...

    Raises `SpecError` when the text is no span or the length is negative, NaN or infinite.

    >>> as_span("10%"), as_span(500)
    (Span(value=10.0, unit='%'), Span(value=500.0, unit='st'))
    """
    if isinstance(value, Span):
        return value
    if isinstance(value, str):
        match = _SPAN.fullmatch(value)
        if match is None or (match["unit"] or "st") not in UNITS:
            raise SpecError(
                f"{what} must be a number with a unit "
                f"({', '.join(f'{u} = {name}' for u, name in UNITS.items())}), got {value!r}; "
                "write for example '5ep' or '500st'"
            )
        return Span(number(float(match["value"].replace("_", "")), what), match["unit"] or "st")
    return Span(number(value, what))


def maybe_span(value: SpanLike | None, what: str = "span") -> Span | None:
    """Return `as_span(value)`, or None, which means what is left, for None."""
    return None if value is None else as_span(value, what)


def positive_span(value: SpanLike, what: str) -> Span:
    """Return *value* as a `Span` that is longer than zero; a period of zero has no meaning."""
    span = as_span(value, what)
    if span.value == 0:
        raise SpecError(f"`{what} > 0` must hold, got {span}; use hold() for a flat piece")
    return span


def number(value: float, what: str, low: float = 0.0, high: float = math.inf) -> float:
    """Return *value* as a finite float in [low, high], or raise `SpecError` that names *what*."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise SpecError(f"{what} must be a number, got {value!r}")
    result = float(value) + 0.0  # + 0.0 turns -0.0 into 0.0: equal values have equal JSON
    if not (math.isfinite(result) and low <= result <= high):
        rule = "finite and >= 0" if low == 0 and high == math.inf else f"in [{low:g}, {high:g}]"
        raise SpecError(f"{what} must be {rule}, got {value!r}")
    return result


def text_of(value: float) -> str:
    """Return the shortest text that reads back as *value*: 1 for 1.0, 0.0003 for 3e-4."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


@dataclass(frozen=True)
class Horizon:
    """How long the whole training is, and how long an epoch, a sample and a token are in steps.

    *total* is in steps (None: not known); *steps_per_epoch* is updates per epoch, *batch_size* is
    samples per update, *tokens_per_step* is tokens per update, over all devices and accumulation.

    >>> Horizon.of("30ep", steps_per_epoch=235).steps(as_span("10%"))
    705.0
    """

    total: float | None = None
    steps_per_epoch: float | None = None
    batch_size: float | None = None
    tokens_per_step: float | None = None

    @classmethod
    def of(
        cls,
        total: SpanLike | None = None,
        *,
        steps_per_epoch: float | None = None,
        batch_size: float | None = None,
        tokens_per_step: float | None = None,
    ) -> Horizon:
        """Return the horizon of *total*, a span in any unit but %, or None when it has no end."""
        rates = {
            "steps_per_epoch": steps_per_epoch,
            "batch_size": batch_size,
            "tokens_per_step": tokens_per_step,
        }
        for name, rate in rates.items():
            if rate is not None and number(rate, name) == 0:
                raise SpecError(f"`{name} > 0` must hold, got {rate!r}; leave it out if not known")
        units = cls(None, **{k: None if r is None else float(r) for k, r in rates.items()})
        if total is None:
            return units
        span = positive_span(total, "total")
        if span.unit == "%":
            raise SpecError(f"total must not be a percentage of itself, got {span}; write steps")
        return cls(
            units.steps(span), units.steps_per_epoch, units.batch_size, units.tokens_per_step
        )

    def steps(self, span: Span) -> float:
        """Return the length of *span* in steps, a real number: nothing is rounded.

        Raises `HorizonError` that names the missing number.
        """
        if span.unit == "st":
            return span.value
        if span.unit == "%":
            return span.value * self._need(self.total, span, "total", 'total="30ep"') / 100
        if span.unit == "ep":
            rate = self._need(
                self.steps_per_epoch, span, "steps_per_epoch", "steps_per_epoch=len(loader)"
            )
            return span.value * rate
        if span.unit == "sa":
            return span.value / self._need(self.batch_size, span, "batch_size", "batch_size=256")
        rate = self._need(self.tokens_per_step, span, "tokens_per_step", "tokens_per_step=524288")
        return span.value / rate

    def _need(self, value: float | None, span: Span, name: str, example: str) -> float:
        if value is None:
            raise HorizonError(
                f"the span {span} needs {name}, which is missing; pass {name}, e.g. {example}"
            )
        return value
