"""What drives what: schedules by hyper-parameter and by parameter group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from lrkit.control import Controller, GroupKey, controller_from_dict
from lrkit.drive.driven import Driven, SpecLike, as_driven, driven_from_dict
from lrkit.errors import SpecError
from lrkit.schedules import Curve, Horizon, nearest

# A mapping's keys must fit to the letter, so that of names and that of indices stand by themselves.
ByGroup: TypeAlias = (
    SpecLike | Mapping[str, SpecLike] | Mapping[int, SpecLike] | Mapping[GroupKey, SpecLike]
)
ParamGroup: TypeAlias = dict[str, Any]
RATE = "lr"
OTHERS = "*"
"""The key of all groups that no other key names, those added later included."""

_HYPER = re.compile(r"(?P<key>[A-Za-z_]\w*)(?:\[(?P<item>\d+)\])?")


@dataclass(frozen=True)
class Rule:
    """The schedules of one hyper-parameter by group; *relative* ones multiply the group's own."""

    hyper: str
    relative: bool
    by: tuple[tuple[GroupKey, Driven], ...]

    def for_group(self, name: str | None, index: int) -> Driven | None:
        """Return what drives the group, or None when the rule leaves it alone."""
        others = None
        for key, driven in self.by:
            if key in (name, index):
                return driven
            if key == OTHERS:
                others = driven
        return others

    @property
    def label(self) -> str:
        """How the difference that a resume prints calls it."""
        return "scale" if self.relative else self.hyper

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as JSON types."""
        by = [[key, driven.to_dict()] for key, driven in self.by]
        return {"hyper": self.hyper, "relative": self.relative, "by": by}


def rule_from_dict(data: Mapping[str, Any]) -> Rule:
    """Return the rule that `to_dict` wrote."""
    by = tuple((key, driven_from_dict(driven)) for key, driven in data["by"])
    return Rule(data["hyper"], data["relative"], by)


@dataclass(frozen=True)
class Plan:
    """All that a scheduler is told to do, as one value."""

    unit: str
    rules: tuple[Rule, ...]
    controllers: tuple[Controller, ...] = ()

    @property
    def total(self) -> float:
        """The number of steps of the longest schedule; infinite when one has no end."""
        return max(driven.total for rule in self.rules for _, driven in rule.by)

    @property
    def end(self) -> float:
        """The step after which the rates have nothing to say, infinite where they always do."""
        rates = [rule for rule in self.rules if rule.hyper == RATE] or self.rules
        all_driven = [driven for rule in rates for _, driven in rule.by]
        return max(driven.end for driven in all_driven)

    @property
    def horizon(self) -> Horizon:
        """The horizon of the rate, on which controllers place their spans."""
        rates = [rule for rule in self.rules if rule.hyper == RATE] or self.rules
        return max((d.curve for _, d in rates[0].by), key=lambda curve: curve.total).horizon

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON types; raises `SpecError` for what cannot be saved."""
        return {
            "unit": self.unit,
            "rules": [rule.to_dict() for rule in self.rules],
            "controllers": [controller.to_dict() for controller in self.controllers],
        }


def plan_from_dict(data: Mapping[str, Any], known: Sequence[Controller]) -> Plan:
    """Return the plan that `to_dict` wrote; controllers found in *known* are taken from there."""
    controllers = []
    for saved in data["controllers"]:
        same = [c for c in known if c.to_dict() == saved]
        controllers.append(same[0] if same else controller_from_dict(saved))
    rules = tuple(rule_from_dict(rule) for rule in data["rules"])
    return Plan(data["unit"], rules, tuple(controllers))


def make_rules(
    given: Sequence[tuple[str, bool, ByGroup]], horizon: Horizon, groups: Sequence[ParamGroup]
) -> tuple[Rule, ...]:
    """Return the rules for (hyper-parameter, relative, schedules) as the user gave them."""
    rules = []
    for hyper, relative, value in given:
        what = "scale" if relative else hyper
        pairs = dict(value) if isinstance(value, Mapping) else {OTHERS: value}
        if not pairs:
            raise SpecError(f"{what} maps no group to a schedule; leave it out")
        _check_keys(what, list(pairs), groups)
        by = tuple((key, as_driven(spec, horizon, what)) for key, spec in pairs.items())
        rules.append(Rule(hyper, relative, by))
    values = [
        v for _, _, spec in given for v in (spec.values() if isinstance(spec, Mapping) else [spec])
    ]
    if horizon != Horizon() and all(isinstance(v, Curve) for v in values):
        raise SpecError("a curve has a horizon of its own; leave out total, or pass a schedule")
    return tuple(rules)


def check_rules(rules: Sequence[Rule], groups: Sequence[ParamGroup]) -> None:
    """Raise `SpecError` where a rule drives what a group does not have, or two drive the same."""
    for index, group in enumerate(groups):
        driven: set[str] = set()
        for rule in rules:
            if rule.for_group(name_of(group), index) is None:
                continue
            _check_hyper(rule.hyper, group)
            if rule.hyper in driven:
                raise SpecError(
                    f"both lr= and scale= drive group {describe(group, index)}; name the groups "
                    "that each is for"
                )
            driven.add(rule.hyper)


def split_hyper(hyper: str) -> tuple[str, int | None]:
    """Return "betas[0]" as ("betas", 0) and "momentum" as ("momentum", None)."""
    match = _HYPER.fullmatch(hyper)
    if match is None:
        raise SpecError(f"a hyper-parameter is written 'momentum' or 'betas[0]', got {hyper!r}")
    return match["key"], None if match["item"] is None else int(match["item"])


def name_of(group: ParamGroup) -> str | None:
    """Return the name of a parameter group, or None."""
    name = group.get("name")
    return name if isinstance(name, str) else None


def describe(group: ParamGroup, index: int) -> str:
    """Return how messages call a group: 'head' (by name) or 1 (by index)."""
    name = name_of(group)
    return str(index) if name is None else repr(name)


def _check_keys(what: str, keys: Sequence[object], groups: Sequence[ParamGroup]) -> None:
    names = [name_of(group) for group in groups]
    seen: set[int] = set()
    for key in keys:
        if key == OTHERS:
            continue
        if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < len(groups):
            found = [key]
        else:
            found = [i for i, name in enumerate(names) if name == key and isinstance(key, str)]
        if not found:
            known = [n for n in names if n is not None]
            raise SpecError(
                f"{what} is for group {key!r}, but the optimizer's groups are "
                f"{', '.join(map(repr, known)) or 'without names'} (0 to {len(groups) - 1})"
                f"{nearest(str(key), known)}; add a group before you name it, or use '*'"
            )
        if seen & set(found):
            raise SpecError(f"{what} names group {key!r} twice, by name and by index; drop one")
        seen.update(found)


def _check_hyper(hyper: str, group: ParamGroup) -> None:
    key, item = split_hyper(hyper)
    known = [k for k, v in group.items() if k not in ("params", "name") and _is_numeric(v)]
    if key not in known:
        raise SpecError(
            f"the optimizer has no hyper-parameter {hyper!r}, it has {', '.join(known)}"
            f"{nearest(hyper, [*known, *ARGUMENTS])}"
        )
    many = isinstance(group[key], (tuple, list))
    if many and (item is None or item >= len(group[key])):
        raise SpecError(
            f"{key!r} holds {len(group[key])} numbers, got {hyper!r}; "
            f"name one of them: hyper={{'{key}[0]': ...}}"
        )
    if not many and item is not None:
        raise SpecError(f"{key!r} is one number, got {hyper!r}; leave out the index")


ARGUMENTS = [
    "lr", "scale", "total", "steps_per_epoch", "batch_size", "tokens_per_step", "unit", "resume",
    "controllers", "hyper",
]  # fmt: skip


def _is_numeric(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return bool(value) and all(map(_is_numeric, value))
    return hasattr(value, "__float__") and not isinstance(value, bool)
