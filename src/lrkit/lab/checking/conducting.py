"""A check from its first cheap run to its verdict."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from lrkit.errors import SpecError
from lrkit.lab.checking.foreseeing import Foreseen, foresee
from lrkit.lab.checking.judging import Checked, outcomes_of
from lrkit.lab.checking.measuring import curve_of, write_curves
from lrkit.lab.checking.planning import Check, Member, Planned, planned
from lrkit.lab.checking.running import How, run_all
from lrkit.lab.comparison import only_one
from lrkit.lab.result import RunResult
from lrkit.laws import LossCurve
from lrkit.records import write_file

RUNS: Final = "runs"
FORETOLD: Final = "prediction.json"


def check(
    wanted: Check,
    out: str | os.PathLike[str],
    *,
    engine: str = "auto",
    workers: int | None = None,
    progress: bool = True,
    console: Console | None = None,
) -> Checked:
    """Make the check *wanted* and return what came out.

    1. Cheap runs: every shape at every peak, one seed, a share of the length.
    2. Laws are fitted to their training losses, averaged in blocks; the best by cross-validation
       over runs designs a schedule for the whole length.
    3. What it predicts for the design, and for the best hand-made schedule and the best cosine of
       the cheap runs, is written to `out/prediction.json`.
    4. Only then are these three trained, with several new seeds, and held against it.

    The task's held-out score is reported and nothing is chosen by it. Runs are kept in
    `out/runs`; the same call goes on after an error or Ctrl-C, and trains nothing twice.

    Raises `SpecError`, `LoopError` and `DataError` before the first training where it can, and
    `DataError` when too few cheap runs trained or no law can be fitted.
    """
    if workers is not None and (isinstance(workers, bool) or workers < 1):
        raise SpecError(f"`workers >= 1` must hold, got {workers!r}")
    folder = Path(os.path.abspath(out))
    how = How(engine, workers, console or Console(stderr=True, quiet=not progress))
    plan = planned(wanted)
    with only_one(folder, "check"):
        root = folder / RUNS
        members = plan.cheap_members(root)
        _say_cost(plan, len(members), how.screen)
        runs, before = run_all(members, how, "cheap runs")
        curves = [
            _curve(plan, member, run, plan.cheap_updates)
            for member, run in zip(members, runs, strict=True)
            if not run.failure
        ]
        foreseen = foresee(plan, members, runs, curves)
        write_curves(curves, folder / "curves")
        write_file(folder / FORETOLD, _foretold(plan, foreseen))
        long = [plan.long_members(root, c.name, c.peak, c.schedule) for c in foreseen.contenders]
        done, there = run_all([member for group in long for member in group], how, "long runs")
    return _joined(plan, members, runs, curves, foreseen, long, done, before + there)


def _joined(
    plan: Planned,
    members: Sequence[Member],
    runs: Sequence[RunResult],
    curves: Sequence[LossCurve],
    foreseen: Foreseen,
    long: Sequence[Sequence[Member]],
    done: Sequence[RunResult],
    replayed: int,
) -> Checked:
    """Return the check; *done* has the long runs in the order of *long*, all in a row."""
    left = iter(done)
    by_contender = [[next(left) for _ in group] for group in long]
    their_curves = [
        {
            run.seed: _curve(plan, member, run, plan.updates)
            for member, run in zip(group, mine, strict=True)
            if not run.failure
        }
        for group, mine in zip(long, by_contender, strict=True)
    ]
    return Checked(
        plan,
        tuple(members),
        tuple(runs),
        tuple(curves),
        foreseen,
        outcomes_of(foreseen, by_contender, their_curves),
        replayed,
    )


def _curve(plan: Planned, member: Member, run: RunResult, updates: int) -> LossCurve:
    return curve_of(member.name, str(member.training.spec), updates, run, plan.block)


def _foretold(plan: Planned, foreseen: Foreseen) -> bytes:
    told = {
        "format": 1,
        "task": plan.check.task,
        "updates": plan.updates,
        "law": foreseen.law.law,
        "contenders": [contender.to_dict() for contender in foreseen.contenders],
        "design": foreseen.designed.to_dict(),
    }
    return msgspec.json.format(msgspec.json.encode(told))


def _say_cost(plan: Planned, cheap: int, screen: Console) -> None:
    long = 3 * plan.check.seeds
    whole = cheap * plan.cheap_updates + long * plan.updates
    screen.print(
        f"{plan.check.task}: {cheap} cheap runs of {plan.cheap_updates:,} updates, then {long} of "
        f"{plan.updates:,}; {whole:,} updates in all. Peaks {', '.join(map(str, plan.peaks))}",
        highlight=False,
        soft_wrap=True,
    )
