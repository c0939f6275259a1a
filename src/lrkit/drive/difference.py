"""The difference between a saved run and the code that resumes it, as a table to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lrkit.drive.driven import Driven, horizon_text
from lrkit.drive.rules import OTHERS, RATE, Plan
from lrkit.drive.tracks import Track, make_tracks

if TYPE_CHECKING:
    from lrkit.drive.resume import Snapshot

ABSENT = "-"
Rows = list[tuple[str, str, str]]


def difference(saved: Snapshot, code: Snapshot) -> str:
    """Return how *saved* and *code* differ, with the rates that each would give, or "".

    What counts is what was declared: schedules, horizons, controllers, the groups' own rates.
    """
    rows = _declared(saved.plan, code.plan) + _own_rates(saved, code)
    if not rows:
        return ""
    rows += _rates(saved, code)
    if saved.edits:
        rows.append(("edits so far", str(len(saved.edits)), "0"))
    return _table(f"at step {saved.position} the saved run is not what the code says", rows)


def _declared(saved: Plan, code: Plan) -> Rows:
    rows: Rows = []
    if saved.unit != code.unit:
        rows.append(("unit", saved.unit, code.unit))
    left, right = _by_label(saved), _by_label(code)
    for label in [*left, *(key for key in right if key not in left)]:
        a, b = left.get(label), right.get(label)
        if a is not None and b is not None and a.same_as(b):
            continue
        mine, its = _text(a), _text(b)
        rows.append((label, mine, its) if mine != its else (label, mine, '"'))
        rows.append((f"{label} over", _horizon(a, saved.unit), _horizon(b, code.unit)))
    mine_c = [c.to_dict() for c in saved.controllers]
    its_c = [c.to_dict() for c in code.controllers]
    if mine_c != its_c:
        both = [", ".join(map(repr, plan.controllers)) or ABSENT for plan in (saved, code)]
        rows.append(("controllers", both[0], both[1]))
    return rows


def _own_rates(saved: Snapshot, code: Snapshot) -> Rows:
    rows: Rows = []
    scaled = {
        i
        for rule in (*saved.plan.rules, *code.plan.rules)
        if rule.relative
        for i in range(len(saved.owns))
        if rule.for_group(saved.names[i], i) is not None
    }
    for i in sorted(scaled):
        own, mine = code.owns[i], saved.owns[i]
        if own not in (mine, saved.rates[i]):
            rows.append((f"own rate of {_group(saved, i)}", f"{mine:.6g}", f"{own:.6g}"))
    return rows


def _rates(saved: Snapshot, code: Snapshot) -> Rows:
    """Return the rate at the resume step and at the end, where saved and code part."""
    # Where the optimizer was loaded first, its rates in use stand for the groups' own.
    owns = [
        saved.owns[i] if i < len(saved.owns) and own == saved.rates[i] else own
        for i, own in enumerate(code.owns)
    ]
    left = _tracks(make_tracks(saved.plan.rules, saved.names, saved.owns, saved.edits))
    right = _tracks(make_tracks(code.plan.rules, code.names, owns))
    rows: Rows = []
    for what in ("rate now", "last rate"):
        shown = set()
        for i in sorted({*left, *right}):
            mine, its = (_rate(t.get(i), saved.position, what) for t in (left, right))
            if (mine, its) not in shown:  # groups that go together are shown once
                rows.append((f"{what}, group {_group(code, i)}", mine, its))
            shown.add((mine, its))
    return rows


def _rate(track: Track | None, position: int, what: str) -> str:
    if track is None:
        return ABSENT
    if what == "rate now":
        return f"{track.at(position):.6g}"
    total = track.driven.total
    return f"{track.at(total):.6g} at {total:.10g}" if total < float("inf") else "no end"


def _tracks(tracks: list[Track]) -> Mapping[int, Track]:
    return {track.index: track for track in tracks if track.hyper == RATE}


def _by_label(plan: Plan) -> dict[str, Driven]:
    return {
        rule.label if key == OTHERS else f"{rule.label} of {key!r}": driven
        for rule in plan.rules
        for key, driven in rule.by
    }


def _text(driven: Driven | None) -> str:
    return ABSENT if driven is None else str(driven.curve.schedule)


def _horizon(driven: Driven | None, unit: str) -> str:
    return ABSENT if driven is None else horizon_text(driven.curve, unit)


def _group(snapshot: Snapshot, index: int) -> str:
    name = snapshot.names[index] if index < len(snapshot.names) else None
    return str(index) if name is None else repr(name)


def _table(title: str, rows: Rows) -> str:
    head = ("", "saved", "code")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(2)]
    lines = [
        f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip()
        for row in [head, *rows]
    ]
    return "\n".join([title, *lines])
