"""Stop and resume: the state as JSON types, and what to do when the code says something else."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from lrkit.control import Edit, State, edit_from_dict
from lrkit.drive.difference import difference
from lrkit.drive.rules import Plan, Rule, plan_from_dict
from lrkit.errors import SpecError
from lrkit.schedules import nearest

FORMAT = 2
"""1 knew neither letters nor the edits beyond scale, set, hold and release; it is read."""
KEYS = ("format", "position", "plan", "groups", "edits", "states")
Policy: TypeAlias = Literal["raise", "keep", "new", "stretch"]
POLICIES = ("raise", "keep", "new", "stretch")

log = logging.getLogger("lrkit.drive")


@dataclass(frozen=True)
class Snapshot:
    """A scheduler at a step: its plan, the groups' own rates and rates in use, edits, states."""

    position: int
    plan: Plan
    owns: tuple[float, ...]
    rates: tuple[float | None, ...]
    names: tuple[str | None, ...]
    edits: tuple[Edit, ...] = ()
    states: tuple[State, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the snapshot as JSON types."""
        groups = zip(self.names, self.owns, self.rates, strict=True)
        return {
            "format": FORMAT,
            "position": self.position,
            "plan": self.plan.to_dict(),
            "groups": [{"name": name, "own": own, "rate": rate} for name, own, rate in groups],
            "edits": [edit.to_dict() for edit in self.edits],
            "states": [dict(state) for state in self.states],
        }


def read_state(state: Mapping[str, Any], plan: Plan) -> Snapshot:
    """Return the snapshot that was written as *state*; *plan* is the code's.

    Raises `SpecError` for a key too many or too few, another format, or a damaged value.
    """
    _check_keys(state)
    position = state["position"]
    if isinstance(position, bool) or not isinstance(position, int) or position < 0:
        raise SpecError(f"the position in a state is a whole number >= 0, got {position!r}")
    try:
        groups = [(g["name"], float(g["own"]), g["rate"]) for g in state["groups"]]
        saved = plan_from_dict(state["plan"], plan.controllers)
        edits = tuple(edit_from_dict(edit) for edit in state["edits"])
        states = tuple(dict(s) for s in state["states"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"the scheduler's state is damaged: {error!r}; use an older one") from error
    _check_states(saved, states)
    return Snapshot(
        position,
        saved,
        tuple(own for _, own, _ in groups),
        tuple(rate for _, _, rate in groups),
        tuple(name for name, _, _ in groups),
        edits,
        states,
    )


def _check_keys(state: Mapping[str, Any]) -> None:
    if not isinstance(state, Mapping):
        raise SpecError(f"a scheduler's state is a dictionary, got {type(state).__name__}")
    if unknown := [key for key in state if key not in KEYS]:
        raise SpecError(
            f"a scheduler's state has no key {unknown[0]!r}{nearest(str(unknown[0]), list(KEYS))}; "
            "pass what Scheduler.state_dict() returned"
        )
    if missing := [key for key in KEYS if key not in state]:
        raise SpecError(
            f"a scheduler's state needs {missing[0]!r}, which is missing; "
            "pass what Scheduler.state_dict() returned"
        )
    if state["format"] not in (1, FORMAT):
        raise SpecError(
            f"state format 1 or {FORMAT} is needed, got {state['format']!r}; update lrkit"
        )


def reconcile(saved: Snapshot, code: Snapshot, policy: Policy) -> tuple[Snapshot, str]:
    """Return what to go on with, and the difference between *saved* and the *code*'s as text.

    *code* is the scheduler as it was built. The text is empty where the two agree. Raises
    `SpecError` with the difference for policy "raise", for groups that are missing, and for a
    "stretch" of anything but the horizon.
    """
    if len(saved.owns) > len(code.owns):
        raise SpecError(
            f"the state is of {len(saved.owns)} groups, the optimizer has {len(code.owns)}; "
            "add the groups before loading"
        )
    owns = saved.owns + code.owns[len(saved.owns) :]
    text = difference(saved, code)
    if saved.plan.unit != code.plan.unit:
        raise SpecError(f"the unit of a run cannot change:\n{text}")
    if not text or policy == "keep":
        return _with(saved, saved.plan, owns, saved.edits, saved.states), text
    if policy == "raise":
        raise SpecError(
            f"{text}\nchoose with Scheduler(..., resume=...): 'keep' goes on with the saved "
            "schedule, 'new' takes the code's from this step on, 'stretch' spreads what is left "
            "of the saved one over the steps that are left now"
        )
    if policy == "new":
        known = [c.to_dict() for c in saved.plan.controllers]
        states = tuple(  # the edits end with the saved schedule; what was counted goes on
            c.without_edits(saved.states[known.index(c.to_dict())])
            if c.to_dict() in known
            else c.init()
            for c in code.plan.controllers
        )
        mine = tuple(own if _moved(own, saved, i) else owns[i] for i, own in enumerate(code.owns))
        return _with(saved, code.plan, mine, (), states), text
    rules = _stretched(saved, code, text)
    plan = Plan(saved.plan.unit, rules, saved.plan.controllers)
    return _with(saved, plan, owns, saved.edits, saved.states), text


def announce(text: str, policy: Policy) -> None:
    """Print the difference that *policy* has settled, on the log (standard error by default)."""
    log.warning("%s\nresume=%r", text, policy)


def _moved(own: float, saved: Snapshot, index: int) -> bool:
    """Return whether the code gives group *index* another rate of its own than the saved one.

    An optimizer that loaded its state before the scheduler was built shows the rate in use at the
    save in place of the group's own; that is no change.
    """
    return index >= len(saved.owns) or own not in (saved.owns[index], saved.rates[index])


def _with(
    base: Snapshot,
    plan: Plan,
    owns: tuple[float, ...],
    edits: tuple[Edit, ...],
    states: tuple[State, ...],
) -> Snapshot:
    return Snapshot(base.position, plan, owns, base.rates, base.names, edits, states)


def _stretched(saved: Snapshot, code: Snapshot, text: str) -> tuple[Rule, ...]:
    rules = []
    by_label = {(rule.hyper, rule.relative): rule for rule in code.plan.rules}
    same = len(by_label) == len(saved.plan.rules) and _same_controllers(saved, code)
    for rule in saved.plan.rules:
        other = by_label.get((rule.hyper, rule.relative))
        theirs = {} if other is None else dict(other.by)
        if other is None or set(theirs) != {key for key, _ in rule.by}:
            same = False
            break
        by = []
        for key, driven in rule.by:
            curve = theirs[key].curve
            same = same and driven.curve.schedule == curve.schedule
            equal = not same or driven.same_as(theirs[key])
            by.append((key, driven if equal else driven.stretched(curve, saved.position)))
        rules.append(Rule(rule.hyper, rule.relative, tuple(by)))
    if not same:
        raise SpecError(
            f"resume='stretch' is for another horizon only:\n{text}\nuse 'keep' or 'new'"
        )
    return tuple(rules)


def _same_controllers(saved: Snapshot, code: Snapshot) -> bool:
    return [c.to_dict() for c in saved.plan.controllers] == [
        c.to_dict() for c in code.plan.controllers
    ]


def _check_states(plan: Plan, states: Sequence[State]) -> None:
    if len(states) != len(plan.controllers):
        raise SpecError(
            f"the state has {len(states)} controller states for {len(plan.controllers)} "
            "controllers; use an older one"
        )
    for controller, state in zip(plan.controllers, states, strict=True):
        if wrong := sorted(set(state) ^ set(controller.init())):
            raise SpecError(f"the controllers' state is damaged at {wrong[0]!r}; use an older one")
