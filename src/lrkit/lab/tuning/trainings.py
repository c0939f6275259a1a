"""From a request to a training in a folder of its own, and from its journal to an outcome."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
from pathlib import Path

import msgspec

from lrkit.control import steered
from lrkit.lab.engines import Training
from lrkit.lab.engines.trainings import finished
from lrkit.lab.jobs import IDENTITY, source_of
from lrkit.lab.result import RunResult
from lrkit.lab.tuning.aims import Aim, Terms, options_of
from lrkit.lab.tuning.outcomes import Outcome, Request
from lrkit.records import replay

RUNS = "runs"


def training_of(
    request: Request, aim: Aim, terms: Terms, folder: Path, *, final: bool = False
) -> Training:
    """Return the training that *request* asks for; *final*: on all of the training data.

    Its folder bears the hash of all that decides what it computes, so it is known again.
    """
    text = request.candidate.text
    total = f"{request.updates}st"
    options = options_of(aim, final=final)
    decides = [IDENTITY, aim.identity, source_of(aim.task), text, total, request.seed, final]
    identity = hashlib.sha256(msgspec.json.encode(decides, order="deterministic")).hexdigest()
    shape = re.sub(r"[^a-z0-9]+", "-", request.candidate.shape)
    name = f"{request.stage}-{shape}-{request.candidate.peak:g}-s{request.seed}-{identity[:8]}"
    return Training(
        aim.task,
        steered(text),
        folder / RUNS / name,
        total=total,
        seed=request.seed,
        options=options,
        device=aim.device,
        clip=aim.clip,
        accumulate=aim.accumulate,
        amp=aim.amp,
        header={"identity": identity, "stage": request.stage},
    )


def outcome_of(request: Request, result: RunResult) -> Outcome:
    """Return what *result* came to."""
    last = result.evaluations[-1] if result.evaluations else {}
    done = result.status == "done"

    def told(name: str) -> float:
        return float(last.get(name, math.nan)) if done else math.nan

    return Outcome(
        request,
        result.score if done else math.nan,
        math.nan if result.score_name == "loss" else told("loss"),
        told("train_loss"),
        len(result.losses),
        result.failure,
        result.seconds,
        "" if result.folder is None else str(result.folder),
    )


def there_already(training: Training) -> RunResult | None:
    """Return what the finished run of *training* came to; None where there is more to do."""
    if not (training.folder / "journal.jsonl").exists():
        return None
    return finished(replay(training.folder))


def tidy(training: Training) -> None:
    """Remove the checkpoints of a finished training: they are for one that is cut short."""
    shutil.rmtree(training.folder / "checkpoints", ignore_errors=True)
