"""The weights at a point of a slice, and a training that begins there."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import Tensor, isfinite

from lrkit.errors import DataError, SpecError
from lrkit.lab.contract import Task
from lrkit.lab.result import RunResult
from lrkit.lab.training import train
from lrkit.landscape.frames import frame_of
from lrkit.landscape.planes import Slice, read_slice
from lrkit.landscape.slicing import FOLDER
from lrkit.landscape.subjects import Subject, of_run, of_task, put_vector
from lrkit.records import replay
from lrkit.records.writer import JOURNAL

KEPT_OPTIONS: Final = ("clip", "accumulate", "amp", "per")
"""What the new training takes over from the run of the slice, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class Point:
    """A point of a slice: its coordinates *at*, the *weights* there, and whose they are."""

    at: tuple[float, ...]
    weights: dict[str, Tensor]
    slice: Slice
    subject: Subject


def weights_at(
    path: str | os.PathLike[str],
    at: Sequence[float],
    *,
    what: Task | str | None = None,
    device: str | None = None,
) -> Point:
    """Return the weights at coordinates *at* of the slice in the file at *path*.

    w = origin + sum_k at[k] * direction[k], rounded to the model's own numbers: where the slice
    was computed, the very weights whose loss it shows. Buffers are those of the origin, as is all
    that is not trained. *what* is the task where the run does not say it.

    Raises `SpecError` for another number of coordinates than the slice has axes and where these
    or the weights are not finite, `DataError` when a checkpoint that the slice is made of is gone.
    """
    found = read_slice(path)
    if len(at) != len(found.axes):
        raise SpecError(
            f"a point of this slice has {len(found.axes)} coordinates, one for each axis, "
            f"got {len(at)}; write for example --at {','.join(['0'] * len(found.axes))}"
        )
    if not all(map(math.isfinite, at)):
        told = ",".join(f"{value:g}" for value in at)
        raise SpecError(f"coordinates must be finite, got {told}; write for example --at 0,0")
    subject = _subject(found, Path(path), what, device)
    frame = frame_of(subject, found.about["recipe"])
    subject.load(subject.named(frame.origin_name))
    put_vector(subject.task.model, frame.weights(at), subject.parts())
    state = subject.task.model.state_dict()
    weights = {name: value.detach().cpu().clone() for name, value in state.items()}
    if not all(isfinite(value).all() for value in weights.values()):
        told = ", ".join(f"{value:g}" for value in at)
        raise SpecError(
            f"weights must be finite, at ({told}) they are not; choose a point nearer to the origin"
        )
    return Point(tuple(map(float, at)), weights, found, subject)


def start_training(
    path: str | os.PathLike[str],
    at: Sequence[float],
    *,
    what: Task | str | None = None,
    device: str | None = None,
    seed: int | None = None,
    **training: Any,
) -> RunResult:
    """Train from the point *at* of the slice in the file at *path*, and return what came of it.

    The task, its options, the seed and how the loop makes updates are those of the slice's run;
    the optimizer begins fresh. *training* are the arguments of `train`: `schedule`, `epochs`,
    `run` and so on. The journal of the run says from where it began, in `begun_at`.

    Raises `SpecError` for a slice of a `Task` object without *what*, and as `weights_at` and
    `train` do.

    >>> import tempfile
    >>> from lrkit.landscape import slice_plane
    >>> fresh, file = of_task("poly-tanh", device="cpu"), tempfile.mkdtemp() + "/plane.jsonl"
    >>> _ = slice_plane(fresh, "random", points=5, samples=100, path=file)
    >>> result = start_training(file, (0.5, 0.0), schedule="constant(0.02)", epochs=1, device="cpu")
    >>> result.status, len(result.losses)
    ('done', 50)
    """
    point = weights_at(path, at, what=what, device=device)
    about = point.subject.about
    name = what if what is not None else about.get("made_by")
    if name is None:
        raise SpecError(
            f"the slice is of a Task of your own ({about['task']}); pass a fresh one: what=task"
        )
    run = point.subject.run
    before = {} if run is None else {k: run.header[k] for k in KEPT_OPTIONS if k in run.header}
    place = device or ("auto" if run is None else str(run.header.get("device", "auto")))
    header = {
        "begun_at": {
            "slice": os.path.abspath(path),
            "run": about.get("run"),
            "kind": point.slice.kind,
            "at": list(point.at),
        }
    }
    return train(
        name,
        seed=int(about["seed"] or 0) if seed is None else seed,
        device=place,
        options=about.get("options"),
        weights=point.weights,
        header=header | dict(training.pop("header", None) or {}),
        **(before | training),
    )


def _subject(found: Slice, path: Path, what: Task | str | None, device: str | None) -> Subject:
    """Return whose slice *found* is: the run whose folder it lies in, or the one it names."""
    about = found.about["subject"]
    if about.get("run") is None:
        name = what or about.get("made_by")
        if name is None:
            raise SpecError(
                f"the slice is of a Task of your own ({about['task']}); pass a fresh one: what=task"
            )
        return of_task(name, int(about["seed"]), device or "auto", dict(about.get("options") or {}))
    folder = Path(os.path.abspath(path)).parent.parent
    if path.parent.name != FOLDER or not (folder / JOURNAL).is_file():
        folder = Path(about["folder"])
    if not (folder / JOURNAL).is_file():
        raise DataError(
            f"the slice is of run {about['run']}, which is no more at {folder}; "
            "move it back, or compute a slice of a run that is there"
        )
    header = replay(folder).header
    if (header.get("task"), header.get("seed")) != (about["task"], about["seed"]):
        raise DataError(
            f"the slice is of task {about['task']} with seed {about['seed']}, the run in {folder} "
            "is another; compute a slice of it"
        )
    return of_run(folder, what=what, device=device)
