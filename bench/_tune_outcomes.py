"""What trainings came to, each made once and kept on disk by what decides its numbers."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bench._tune_pairs import Pair
from lrkit.lab import RunResult, task, train
from lrkit.records import write_file


@dataclass(frozen=True)
class Trial:
    """All that decides what a training computes, on one version of torch."""

    task: str
    options: Mapping[str, Any]
    schedule: str
    total: str
    seed: int

    @classmethod
    def of(cls, pair: Pair, schedule: str, seed: int, *, choosing: bool, total: str = "") -> Trial:
        """Return the training of *pair* under *schedule*, to choose by or to be judged by."""
        settings = pair.settings(choosing=choosing)
        return cls(pair.task, settings, schedule, total or pair.total, seed)


@dataclass(frozen=True)
class Outcome:
    """The last score, the last loss of the same evaluation, and those of every epoch.

    A training that left the finite numbers has the score of the weights it began with: to train
    it was worth nothing.
    """

    score: float
    loss: float
    failed: bool
    higher_is_better: bool
    scores: tuple[float, ...]
    updates: int

    @classmethod
    def of(cls, trial: Trial, result: RunResult) -> Outcome:
        """Return what is kept of *result*."""
        scores = tuple(float(e[result.score_name]) for e in result.evaluations)
        failed = result.status == "failed" or not scores
        if failed:
            begun = task(trial.task, trial.seed, "cpu", **trial.options).evaluate()
            score, loss = float(begun[result.score_name]), math.inf
        else:
            score = result.score
            loss = float(result.evaluations[-1].get("loss", score))
        better = result.higher_is_better
        return cls(score, loss, failed, better, scores, len(result.losses))

    @property
    def rank(self) -> tuple[bool, float, float]:
        """What choices are ordered by, the higher the better: by the score, then by the loss."""
        return not self.failed, self.score if self.higher_is_better else -self.score, -self.loss


class Outcomes:
    """Trainings by what decides them, made when first asked for; *folder* None keeps none."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def of(self, trial: Trial) -> Outcome:
        """Return what *trial* came to."""
        kept = self.kept("trainings", asdict(trial))
        if kept is not None:
            return Outcome(**(kept | {"scores": tuple(kept["scores"])}))
        made = _trained(trial)
        self.keep("trainings", asdict(trial), asdict(made))
        return made

    def kept(self, kind: str, what: Mapping[str, Any]) -> Any:
        """Return what is kept of *what*; None where there is nothing."""
        file = self._file(kind, what)
        return json.loads(file.read_text())["came to"] if file and file.exists() else None

    def keep(self, kind: str, what: Mapping[str, Any], came_to: Any) -> None:
        """Keep what *what* came to, where there is a folder."""
        if file := self._file(kind, what):
            told = {"what": what, "torch": torch.__version__, "came to": came_to}
            write_file(file, json.dumps(told))

    def _file(self, kind: str, what: Mapping[str, Any]) -> Path | None:
        if self.folder is None:
            return None
        told = json.dumps([what, torch.__version__], sort_keys=True, default=dict)
        key = hashlib.sha256(told.encode()).hexdigest()[:24]
        return self.folder / kind / key[:2] / f"{key}.json"


def _trained(trial: Trial) -> Outcome:
    one_thread()
    result = train(
        trial.task,
        trial.schedule,
        total=trial.total,
        seed=trial.seed,
        device="cpu",
        options=trial.options,
    )
    return Outcome.of(trial, result)


def one_thread() -> None:
    """Keep to one thread: the processes share the cores."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
