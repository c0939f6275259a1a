"""The words of `lrkit steer`, made into edits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lrkit.errors import SpecError
from lrkit.schedules import as_span, nearest

if TYPE_CHECKING:
    from lrkit.control import Edit


@dataclass(frozen=True)
class Word:
    """What a word takes: a value (what it is, "" none), whether it must be given, and options."""

    value: str
    needed: bool
    options: tuple[str, ...]
    example: str


WORDS: Final = {
    "scale": Word("a factor", True, ("over", "group"), "scale 0.5"),
    "set": Word("a rate", True, ("over", "group"), "set 0.01"),
    "ramp": Word("a rate", True, ("over", "group"), "ramp 0.05 --over 2ep"),
    "hold": Word("", False, ("group",), "hold"),
    "release": Word("", False, ("group",), "release"),
    "cooldown": Word("how long", True, ("to", "shape"), "cooldown 20%"),
    "extend": Word("the new total", True, ("how",), "extend 40ep"),
    "replace": Word("a schedule", True, ("group",), 'replace "0.01 * cosine()"'),
    "checkpoint": Word("", False, (), "checkpoint"),
    "stop": Word("", False, (), "stop"),
    "rollback": Word("a factor", False, (), "rollback 0.5"),
}
OPTIONS: Final = ("over", "to", "shape", "how", "group")


@dataclass(frozen=True)
class Asked:
    """What was typed; None and "" where nothing was."""

    word: str
    value: str
    over: str | None
    to: float | None
    shape: str | None
    how: str | None
    group: str | None
    why: str
    by: str | None

    def given(self) -> list[str]:
        """Return the options given that belong to some words only."""
        return [name for name in OPTIONS if getattr(self, name) is not None]

    def refuse_options(self) -> None:
        """Raise `SpecError` where options were given and no edit."""
        if given := self.given():
            raise SpecError(f"--{given[0]} is for an edit, and none is named; write e.g. scale 0.5")


def edit_of(asked: Asked) -> Edit:
    """Return the edit that was *asked* for; raise `SpecError` where it is none."""
    from lrkit import control
    from lrkit.records import login_name

    word = _checked(asked)
    common: dict[str, Any] = {
        "author": login_name() if asked.by is None else asked.by,
        "reason": asked.why,
    }
    if "group" in word.options:
        common["group"] = _group(asked.group)
    over = None if asked.over is None else as_span(asked.over, "--over")
    match asked.word:
        case "scale":
            return control.Scale(_number(asked), over=over, **common)
        case "set" | "ramp":
            return control.Set(_number(asked), over=over, **common)
        case "hold":
            return control.Hold(**common)
        case "release":
            return control.Release(**common)
        case "cooldown":
            to, shape = asked.to or 0.0, asked.shape or "linear"
            return control.Cooldown(asked.value, to=to, shape=shape, **common)
        case "extend":
            return control.Extend(asked.value, how=asked.how or "stretch", **common)
        case "replace":
            return control.Replace(asked.value, **common)
        case "checkpoint":
            return control.Checkpoint(**common)
        case "stop":
            return control.Stop(**common)
    return control.Rollback(_number(asked) if asked.value else 1.0, **common)


def _checked(asked: Asked) -> Word:
    if asked.word not in WORDS:
        hint = nearest(asked.word, list(WORDS)) or f"; write one of {', '.join(WORDS)}"
        raise SpecError(f"unknown edit {asked.word!r}{hint}")
    word = WORDS[asked.word]
    if asked.value and not word.value:
        raise SpecError(f"{asked.word} takes no value, got {asked.value!r}; leave it out")
    if word.needed and not asked.value:
        raise SpecError(f"{asked.word} needs {word.value}; write e.g. {word.example}")
    for name in asked.given():
        if name not in word.options:
            has = ", ".join(f"--{option}" for option in word.options) or "none of these"
            raise SpecError(f"{asked.word} takes no --{name}; it takes {has}")
    if asked.word == "ramp" and asked.over is None:
        raise SpecError("a ramp takes its time: --over says how much, as in ramp 0.05 --over 2ep")
    return word


def _number(asked: Asked) -> float:
    try:
        return float(asked.value)
    except ValueError:
        word = WORDS[asked.word]
        raise SpecError(
            f"{asked.word} takes {word.value}, got {asked.value!r}; write e.g. {word.example}"
        ) from None


def _group(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isdecimal() else text
