"""Prediction and measurement joined: what came out, which pairs were ranked right, who won."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lrkit.lab.checking.foreseeing import DESIGN, Contender, Foreseen
from lrkit.lab.checking.measuring import final_loss
from lrkit.lab.checking.planning import Member, Planned
from lrkit.lab.result import OverSeeds, RunResult
from lrkit.lab.statistics import Paired, Summary
from lrkit.laws import LossCurve

Verdict = Literal["right", "wrong", "open"]


@dataclass(frozen=True, eq=False)
class Outcome(OverSeeds):
    """A contender and its long runs; `curves` are the losses of those that trained, by seed."""

    contender: Contender
    runs: tuple[RunResult, ...]
    curves: Mapping[int, LossCurve]

    @property
    def finals(self) -> dict[int, float]:
        """The measured final loss of every seed that trained."""
        return {run.seed: final_loss(run) for run in self.runs if not run.failure}

    @property
    def measured(self) -> Summary:
        """Mean and spread of the final losses over the seeds."""
        return Summary.of(list(self.finals.values()))

    @property
    def inside(self) -> int:
        """How many runs ended within the interval that was predicted."""
        low, high = self.contender.interval
        return sum(low <= final <= high for final in self.finals.values())


@dataclass(frozen=True)
class Pair:
    """Two contenders: the predicted and the measured difference of their final losses.

    `verdict` is "open" where the measured one is not clear of 0 over the seeds.
    """

    first: str
    second: str
    predicted: float
    measured: Paired
    verdict: Verdict

    @classmethod
    def of(cls, a: Outcome, b: Outcome) -> Pair:
        """Return the pair of *a* and *b*, differences taken as a - b."""
        predicted = a.contender.final - b.contender.final
        measured = Paired.of(a.finals, b.finals)
        verdict: Verdict = "open"
        if measured.clear:
            verdict = "right" if predicted * measured.mean > 0 else "wrong"
        return cls(a.contender.name, b.contender.name, predicted, measured, verdict)


@dataclass(frozen=True, eq=False)
class Checked:
    """A check that has been made; `replayed` of its trainings were there before.

    `members`, `runs` and `curves` are the cheap ones; only those that trained have a curve.
    """

    plan: Planned
    members: tuple[Member, ...]
    runs: tuple[RunResult, ...]
    curves: tuple[LossCurve, ...]
    foreseen: Foreseen
    outcomes: tuple[Outcome, ...]
    replayed: int = 0

    @property
    def pairs(self) -> list[Pair]:
        """Every two contenders that both have a run that trained."""
        trained = [outcome for outcome in self.outcomes if outcome.finals]
        return [Pair.of(a, b) for a, b in itertools.combinations(trained, 2)]

    def verdict(self) -> list[str]:
        """Return what came out, in sentences."""
        return [*self._failed(), self._errors(), self._ranks(), self._winner()]

    def _failed(self) -> list[str]:
        """Return a sentence for every contender that some seeds did not train with."""
        return [
            f"{outcome.contender.name.capitalize()} failed with {len(outcome.failures)} of "
            f"{len(outcome.runs)} seeds, which no law foresees and no mean "
            "below counts; lower peaks are safer."
            for outcome in self.outcomes
            if outcome.failures
        ]

    def _errors(self) -> str:
        trained = [outcome for outcome in self.outcomes if outcome.finals]
        count = sum(len(outcome.finals) for outcome in trained)
        inside = sum(outcome.inside for outcome in trained)
        apart = [_apart(outcome) for outcome in trained]
        if not apart:
            return "No long run trained, so nothing can be held against the predictions."
        size = sum(map(abs, apart)) / len(apart)
        return (
            f"The law predicted the final losses to {100 * size:.1f} % on average "
            f"({', '.join(f'{100 * a:+.1f} %' for a in apart)}), and {inside} of {count} runs "
            "ended within their 90 % interval."
        )

    def _ranks(self) -> str:
        words = {
            "right": "ranked right",
            "wrong": "ranked wrong",
            "open": "not told apart by these seeds",
        }
        parts = []
        for verdict, told in words.items():
            names = [f"{p.first} / {p.second}" for p in self.pairs if p.verdict == verdict]
            if names:
                parts.append(f"{told}: {', '.join(names)}")
        return f"Pairs {'; '.join(parts)}." if parts else "There is no pair to rank."

    def _winner(self) -> str:
        trained = [outcome for outcome in self.outcomes if outcome.finals]
        ours = next((o for o in trained if o.contender.name == DESIGN), None)
        if ours is None:
            return "The design did not train."
        others = [o for o in trained if o is not ours]
        if not others:
            return "Nothing trained beside the design."
        rival = min(others, key=lambda o: o.measured.mean)
        paired = Paired.of(ours.finals, rival.finals)
        name = f"the best other schedule ({rival.contender.name}, {rival.contender.about})"
        share = 100 * abs(paired.mean) / rival.measured.mean
        if len(ours.failures) > len(rival.failures):
            return (
                f"The design lost: it failed with {len(ours.failures)} of {len(ours.runs)} seeds, "
                f"{name} with {len(rival.failures)}."
            )
        if not paired.clear:
            side = "below" if paired.mean < 0 else "above"
            return (
                f"Whether the design won is open: it ended {share:.1f} % {side} {name}, and the "
                f"difference is not clear of 0 over {paired.n} seeds."
            )
        won = "won" if paired.mean < 0 else "lost"
        side = "below" if paired.mean < 0 else "above"
        return f"The design {won}: it ended {share:.1f} % {side} {name}."

    def to_dict(self) -> dict[str, Any]:
        """Return the check as JSON types."""
        plan, check = self.plan, self.plan.check
        return {
            "format": 1,
            "task": check.task,
            "options": dict(check.options),
            "updates": plan.updates,
            "cheap_updates": plan.cheap_updates,
            "peaks": list(plan.peaks),
            "seeds": check.seeds,
            "law": self.foreseen.law.law,
            "held_out": {fit.law: fit.error for fit in self.foreseen.fits},
            "unfitted": dict(self.foreseen.unfitted),
            "notes": list(self.foreseen.law.notes),
            "cheap": _cheap(self),
            "contenders": [_joined(outcome) for outcome in self.outcomes],
            "pairs": [asdict(pair) for pair in self.pairs],
            "verdict": self.verdict(),
            "replayed": self.replayed,
        }


def _apart(outcome: Outcome) -> float:
    return outcome.contender.final / outcome.measured.mean - 1


def _cheap(checked: Checked) -> list[dict[str, Any]]:
    held = {trial.run: trial for trial in checked.foreseen.law.trials}
    return [
        {
            "name": member.name,
            "schedule": str(member.training.spec),
            "final": final_loss(run) if not run.failure else None,
            "held_out": held[member.name].predicted if member.name in held else None,
            "failure": run.failure,
            "folder": str(run.folder),
        }
        for member, run in zip(checked.members, checked.runs, strict=True)
    ]


def _joined(outcome: Outcome) -> dict[str, Any]:
    return outcome.contender.to_dict() | {
        "measured": asdict(outcome.measured),
        "finals": outcome.finals,
        "error": _apart(outcome) if outcome.finals else None,
        "inside": outcome.inside,
        "scores": outcome.scores,
        "failures": outcome.failures,
        "runs": [str(run.folder) for run in outcome.runs],
    }


def outcomes_of(
    foreseen: Foreseen,
    runs: Sequence[Sequence[RunResult]],
    curves: Sequence[Mapping[int, LossCurve]],
) -> tuple[Outcome, ...]:
    """Return every contender with its own runs and curves, which come in the same order."""
    return tuple(
        Outcome(contender, tuple(mine), curve)
        for contender, mine, curve in zip(foreseen.contenders, runs, curves, strict=True)
    )
