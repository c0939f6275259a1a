"""What a training came to: the same value from a training just done and from its journal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import DataError
from lrkit.records import Run

Status = Literal["done", "failed", "stopped"]
FIRST_UPDATES: Final = 10
NO_PROGRESS: Final = 0.99


@dataclass(frozen=True, eq=False)
class RunResult:
    """One training: how it ended, the rate and the loss of every update, the scores.

    `rates[t]` and `losses[t]` are the rate that update t used and the mean training loss of its
    batch. `evaluations` has a dict for each epoch: `step` (updates done), `epoch` (done), `seconds`
    (since the start), `train_loss` (mean over the epoch) and the task's scores.
    """

    task: str
    schedule: str
    seed: int
    status: Status
    reason: str
    score_name: str
    higher_is_better: bool
    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    evaluations: tuple[Mapping[str, Any], ...]
    folder: Path | None = None

    @property
    def score(self) -> float:
        """The score of the last evaluation; NaN when there was none."""
        return float(self.evaluations[-1][self.score_name]) if self.evaluations else math.nan

    @property
    def best(self) -> float:
        """The best score of all evaluations; NaN when there was none."""
        scores = [float(e[self.score_name]) for e in self.evaluations]
        return (max if self.higher_is_better else min)(scores, default=math.nan)

    @property
    def seconds(self) -> float:
        """How long the training took, evaluations included."""
        return float(self.evaluations[-1]["seconds"]) if self.evaluations else math.nan

    @property
    def failure(self) -> str:
        """Why the run does not count as trained: it diverged or learned nothing; "" if it does."""
        if self.status != "done":
            return self.reason or self.status
        if not self.evaluations:
            return "it ended before its first evaluation"
        few = min(FIRST_UPDATES, self.losses.size // 2)
        if not few:
            return ""  # one update shows nothing, either way
        first = float(self.losses[:few].mean())
        # The last epoch of a very short training holds its first updates too.
        short = few < FIRST_UPDATES
        last = float(self.losses[-few:].mean() if short else self.evaluations[-1]["train_loss"])
        if last >= NO_PROGRESS * first:
            return (
                f"it learned nothing: the loss of the last epoch is {last:.4g}, "
                f"that of the first updates was {first:.4g}"
            )
        return ""

    @classmethod
    def of(cls, run: Run) -> RunResult:
        """Return what the journal of a training says; raise `DataError` when it is none."""
        header = run.header
        try:
            return cls(
                task=str(header["task"]),
                schedule=str(header["spec"]),
                seed=int(header["seed"]),
                status=_status(run),
                reason=run.reason,
                score_name=str(header["score"]),
                higher_is_better=bool(header["higher_is_better"]),
                rates=np.asarray(run.metrics.get("lr", ()), dtype=np.float64),
                losses=np.asarray(run.metrics.get("loss", ()), dtype=np.float64),
                evaluations=tuple(run.evaluations),
                folder=run.folder,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{run.folder} is not the journal of a training by `lrkit train` or `compare` "
                f"(no {error}); choose another folder"
            ) from error


class OverSeeds:
    """What trainings that differ by their seed alone came to."""

    runs: tuple[RunResult, ...]

    @property
    def scores(self) -> dict[int, float]:
        """The last score of every seed that trained."""
        return {run.seed: run.score for run in self.runs if not run.failure}

    @property
    def failures(self) -> dict[int, str]:
        """Why the other seeds count as failed."""
        return {run.seed: run.failure for run in self.runs if run.failure}


def _status(run: Run) -> Status:
    """Return how a training ended: only one that diverged has failed, what raised has stopped."""
    kinds = [event["kind"] for event in run.events]
    # What diverged before the last resume was gone back from.
    since = kinds[max((i for i, k in enumerate(kinds) if k == "resume"), default=0) :]
    if run.status == "failed" and "diverged" in since:
        return "failed"
    return "done" if run.status == "done" else "stopped"
