"""Edits as the page asks for them: typed, bounded, and made into edits of `lrkit.control`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lrkit import control
from lrkit.control import Edit
from lrkit.errors import SpecError
from lrkit.records import Wheel, login_name
from lrkit.studio.texts import read

AHEAD: Final = 2.0
"""Seconds from now at which a drawn curve begins: the letter must arrive before its first step."""
MOST_POINTS: Final = 64
DIGITS: Final = 6

Number = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Length = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9_.eE+]{0,20}(st|ep|%|sa|tok)?$")]
Place = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Order(BaseModel):
    """What every edit may say: when (a span from the beginning; without it at once), who and why.

    Without an *author* it is whoever the studio belongs to.
    """

    model_config = ConfigDict(extra="forbid")

    at: Length | None = None
    author: Annotated[str, StringConstraints(max_length=80)] | None = None
    reason: Annotated[str, StringConstraints(max_length=500)] = ""

    def made(self, wheel: Wheel) -> Edit:
        """Return the edit for the run of *wheel*, with its step where one is asked for."""
        edit = self._edit(self._common())
        return edit if self.at is None else edit.stamped(wheel.step_of(self.at))

    def _common(self) -> dict[str, Any]:
        author = login_name() if self.author is None else self.author
        return {"author": author, "reason": self.reason}

    def _edit(self, common: dict[str, Any]) -> Edit:
        raise NotImplementedError


class ForGroups(Order):
    """An edit that may be for one parameter group, by index or name; without it for all."""

    group: (
        Annotated[int, Field(ge=0, le=100_000)]
        | Annotated[str, StringConstraints(min_length=1, max_length=200)]
        | None
    ) = None

    def _common(self) -> dict[str, Any]:
        return super()._common() | {"group": self.group}


class Scale(ForGroups):
    """Multiply the rate by *factor*, at once or little by little *over* a span."""

    edit: Literal["scale"]
    factor: Number
    over: Length | None = None

    def _edit(self, common: dict[str, Any]) -> Edit:
        return control.Scale(self.factor, over=_span(self.over), **common)


class Set(ForGroups):
    """Take over with the rate *value*, at once or in a ramp *over* a span, until released."""

    edit: Literal["set"]
    value: Number
    over: Length | None = None

    def _edit(self, common: dict[str, Any]) -> Edit:
        return control.Set(self.value, over=_span(self.over), **common)


class Hold(ForGroups):
    """Keep the rate in use, until released."""

    edit: Literal["hold"]

    def _edit(self, common: dict[str, Any]) -> Edit:
        return control.Hold(**common)


class Release(ForGroups):
    """Hand back to the schedule."""

    edit: Literal["release"]

    def _edit(self, common: dict[str, Any]) -> Edit:
        return control.Release(**common)


class Cooldown(Order):
    """Go down to the rate *to* over a span, and end the run there."""

    edit: Literal["cooldown"]
    over: Length
    to: Number = 0.0
    shape: Literal["linear", "cosine", "one_minus_sqrt"] = "linear"

    def _edit(self, common: dict[str, Any]) -> Edit:
        return control.Cooldown(self.over, to=self.to, shape=self.shape, **common)


class Extend(Order):
    """Give the run another total; *how* "stretch" spreads what is left, "keep" cuts or holds."""

    edit: Literal["extend"]
    total: Length
    how: Literal["stretch", "keep"] = "stretch"

    def _edit(self, common: dict[str, Any]) -> Edit:
        return control.Extend(self.total, how=self.how, **common)


class Replace(ForGroups):
    """Follow another *schedule*, a text, over what is left."""

    edit: Literal["replace"]
    schedule: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]

    def _edit(self, common: dict[str, Any]) -> Edit:
        found = read(self.schedule)
        if found.controllers:
            at = self.schedule.find("|")
            raise SpecError(
                "an edit's schedule takes no controllers; leave out what follows the |",
                self.schedule,
                at,
            )
        return control.Replace(found.schedule, **common)


class Draw(ForGroups):
    """Go through *points* (step, rate) over what is left, joined by a cubic or straight pieces.

    It begins a moment from now, so that every point keeps its step; points that the run has
    reached by then are left out.
    """

    edit: Literal["draw"]
    points: Annotated[list[tuple[Place, Number]], Field(min_length=1, max_length=MOST_POINTS)]
    kind: Literal["pchip", "linear"] = "pchip"
    at: None = None

    def made(self, wheel: Wheel) -> Edit:
        """Return the plainest edit that goes through the points, with the step it begins at."""
        step = wheel.soon(AHEAD)
        lead = wheel.lead(step, self.group)
        if lead is None:
            raise SpecError(
                f"run {wheel.run.name} does not say what it follows; set its rate instead"
            )
        left = [point for point in self.points if point[0] > step]
        if not left:
            raise SpecError(
                f"a point must lie after step {step}, which the run reaches in {AHEAD:g} s, got "
                f"{self.points[-1][0]:g} as the last; draw further ahead"
            )
        curve = wheel.courses[lead.index]
        rate = float(f"{curve(step):.{DIGITS}g}")  # it stands in the expression, for people to read
        return control.drawn(
            left, step=step, rate=rate, end=curve.total, own=lead.own, kind=self.kind,
            **self._common(),
        )  # fmt: skip


class Checkpoint(Order):
    """Write a checkpoint."""

    edit: Literal["checkpoint"]

    def _edit(self, common: dict[str, Any]) -> Edit:
        return control.Checkpoint(**common)


class Stop(Order):
    """End the training; it can be resumed."""

    edit: Literal["stop"]

    def _edit(self, common: dict[str, Any]) -> Edit:
        return control.Stop(**common)


class Rollback(Order):
    """Go back to the last checkpoint, and scale the rate by *factor* from there on."""

    edit: Literal["rollback"]
    factor: Number = 1.0

    def _edit(self, common: dict[str, Any]) -> Edit:
        return control.Rollback(self.factor, **common)


AnyOrder = Annotated[
    Scale
    | Set
    | Hold
    | Release
    | Cooldown
    | Extend
    | Replace
    | Draw
    | Checkpoint
    | Stop
    | Rollback,
    Field(discriminator="edit"),
]


def _span(text: str | None) -> Any:
    """Return *text* as the span it spells; the edits take None for a change at once."""
    from lrkit.schedules import as_span

    return None if text is None else as_span(text, "over")
