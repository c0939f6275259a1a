"""The entries of a study, and the rows that they make."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from lrkit.control import Command, Controller, Edit, Steered, edit_from_dict, steered
from lrkit.errors import SpecError
from lrkit.schedules import Schedule, Span, as_span

Value = bool | int | float | str


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What others found: `scores` of the runs that trained, and how many did not."""

    source: str
    scores: tuple[float, ...] = ()
    failed: int = 0

    def __post_init__(self) -> None:
        if self.failed < 0 or not all(math.isfinite(s) for s in self.scores):
            raise ValueError(f"scores must be finite and failed >= 0, {self.source!r} has others")
        if not self.scores and not self.failed:
            raise ValueError(f"a reference needs scores, {self.source!r} has none")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule of a study, or one for each value of the parameter in `vary`.

    Controllers may follow in `text`: `0.1 * cosine() | plateau(0.1)`; a rate of the study scales
    the schedule, not what they were given.
    `vary = {factor = [0.9, 0.8]}` puts each value where `text` and `name` say `{factor}`.
    `total` is a length of its own and `seeds` are some of the study's, for what takes long;
    `options` go to the task over those of the study. `edits` are made by hand while it trains:
    `{ at = "30ep", edit = "set", value = 0.01 }`, with the fields that the edit has. Entries of
    one `panel` are drawn on one axis when the study trains nothing.
    """

    text: str
    name: str = ""
    vary: dict[str, tuple[float | str, ...]] = {}
    total: str | int | None = None
    seeds: tuple[int, ...] = ()
    options: dict[str, Value] = {}
    edits: tuple[dict[str, Value], ...] = ()
    panel: str = ""
    note: str = ""
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Row:
    """One schedule of a study under its name; `value` of the parameter `sweep` made it, if any.

    `total` is its length (None: the task's own), `seeds` are its own (none: the study's),
    `options` those of its task, `edits` what is done to it while it trains, each with the moment
    for it. `family` is the name of its entry, which the rows at several rates share, and `sought`
    says that a range test has yet to give the rates in it. *controllers* steer the schedule.
    """

    name: str
    schedule: Schedule
    controllers: tuple[Controller, ...] = ()
    sweep: str = ""
    value: str = ""
    total: str | int | None = None
    seeds: tuple[int, ...] = ()
    options: Mapping[str, Value] = field(default_factory=dict)
    edits: tuple[tuple[Span, Edit], ...] = ()
    panel: str = ""
    note: str = ""
    references: tuple[Reference, ...] = ()
    family: str = ""
    sought: bool = False

    @property
    def spec(self) -> Steered:
        """The schedule with its controllers; its text is what the study says."""
        return Steered(self.schedule, self.controllers)


class Find(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A range test that gives the rates of a study: `{base}`, `{peak}`, `{maximum}` in a text.

    The fields are arguments of `lrkit.lab.find`; all else is as in the trainings, with the first
    seed of the study and on one thread.
    """

    low: float | None = None
    high: float | None = None
    steps: int = 200
    kind: Literal["exponential", "linear"] = "exponential"
    repeats: int = 3

    def __post_init__(self) -> None:
        if self.steps < 1 or self.repeats < 1:
            raise ValueError(f"`steps >= 1` and `repeats >= 1`, got {self.steps}, {self.repeats}")


STAND_INS: Final = {"base": 0.001, "peak": 0.003, "maximum": 0.006}
"""What the range test gives, and the rates that stand for it until then."""


def filled(text: str, rates: Mapping[str, float]) -> str:
    """Return *text* with each rate where its name stands in braces."""
    for name, rate in rates.items():
        text = text.replace(f"{{{name}}}", repr(rate))
    return text


def expanded(
    entry: Entry,
    rates: tuple[float, ...],
    total: str | int | None,
    options: Mapping[str, Value],
) -> Iterator[Row]:
    """Yield the rows of *entry*, for each of its values those of every rate.

    *total* and *options* are those of the study.
    """
    common: dict[str, Any] = {
        "total": total if entry.total is None else entry.total,
        "seeds": entry.seeds,
        "options": {**options, **entry.options},
        "edits": tuple(_edit(data, entry.name or entry.text) for data in entry.edits),
        "panel": entry.panel,
        "note": entry.note,
        "references": entry.references,
    }
    for name, text, sweep, value in _varied(entry):
        whole = filled(text, STAND_INS)
        common["sought"] = whole != text
        try:
            spec = steered(whole)
        except SpecError as error:
            reason = f"schedule {name!r}: {error.reason}"
            raise SpecError(reason, error.text, error.position) from error
        common["controllers"] = spec.controllers
        if not rates:
            yield Row(name, spec.schedule, sweep=sweep, value=value, **common)
        common["family"] = name
        for rate in rates:
            common |= {"sweep": "rate", "value": f"{rate:g}"}
            yield Row(f"{name} at {rate:g}", rate * spec.schedule, **common)


def _varied(entry: Entry) -> list[tuple[str, str, str, str]]:
    """Return (name, text, parameter, value) for each value of *entry*."""
    if not entry.vary:
        return [(entry.name or entry.text, entry.text, "", "")]
    if len(entry.vary) > 1:
        raise SpecError(f"vary takes one parameter, got {', '.join(entry.vary)}; use two entries")
    ((key, values),) = entry.vary.items()
    slot = f"{{{key}}}"
    if slot not in entry.text:
        raise SpecError(f"vary names {key!r}, so the text must say {slot}, got {entry.text!r}")
    name = entry.name if slot in entry.name else f"{entry.name} {key}={slot}".strip()
    return [(name.replace(slot, v), entry.text.replace(slot, v), key, v) for v in map(str, values)]


def _edit(data: Mapping[str, Value], name: str) -> tuple[Span, Edit]:
    """Return the moment and the edit that *data* of the entry called *name* spell."""
    given = dict(data)
    at = given.pop("at", None)
    if isinstance(at, bool) or not isinstance(at, int | float | str) or "step" in given:
        raise SpecError(
            f"an edit needs its moment, `at`, and no `step`; {name!r} has {dict(data)!r}: "
            "write at = '30ep'"
        )
    try:
        edit = edit_from_dict(given)
        if isinstance(edit, Command):
            raise SpecError(
                f"a study's edits change the rate, {edit.word!r} is for a person; leave it out"
            )
        return as_span(at, "at"), edit
    except SpecError as error:
        raise SpecError(f"schedule {name!r}: {error.reason}", error.text, error.position) from error
