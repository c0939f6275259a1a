"""Computing a slice: coarse first, each result on the disk before the next is begun."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np

from lrkit.errors import SpecError
from lrkit.landscape.directions import Array
from lrkit.landscape.evaluation import SAMPLES, Evaluation, Meter, Norm, evaluation_of, metering
from lrkit.landscape.frames import Frame, checkpoint_frame, frame_of, random_frame
from lrkit.landscape.growing import Growing
from lrkit.landscape.lattice import check_points, levels
from lrkit.landscape.planes import KIND, Axis, Slice, Waypoint, read_slice, slice_of
from lrkit.landscape.subjects import Stop, Subject

FOLDER: Final = "landscape"
"""Where a run keeps its slices, in its own folder."""
POINTS: Final = 33
MARGIN: Final = 0.25
"""How far a slice goes beyond the training, in parts of its extent."""
LINE: Final = (-0.25, 1.25)
RANDOM: Final = (-1.0, 1.0)

Span: TypeAlias = Sequence[float]


Watcher: TypeAlias = Callable[[int, int], None]
"""Told of every loss that has been taken: how many of how many."""


def slice_plane(
    subject: Subject,
    plane: Literal["pca", "random", "three"] = "pca",
    *,
    at: Sequence[int] = (),
    points: int = POINTS,
    span: Span = (),
    samples: int | Literal["all"] = SAMPLES,
    bn: Norm | None = None,
    seed: int = 0,
    path: str | os.PathLike[str] | None = None,
    watch: Watcher | None = None,
) -> Slice:
    """Take the loss of *subject* on a plane through its weights, and return the slice.

    - *plane* "pca" goes through the final weights along the first two principal directions of the
      checkpoints, "random" along two filter-normalised random ones of *seed* (through the final
      weights, those of step *at*, or those of a fresh task), "three" through the checkpoints of
      the three steps *at*.
    - *points* an axis: 5, 9, 17, 33, 65, 129 or 257, computed level by level. More points later
      go on from there.
    - *span* is (low, high) for both axes, or (low, high, low, high), in coordinates. Empty: what
      the training covers and a quarter more; -1 to 1 for random directions.
    - *samples* and *bn* are those of `evaluation_of`.
    - *path* is the file that grows (None: in the folder `landscape` of the run, or here for a
      task). What it has already of this slice is kept: a computation that was killed goes on.

    Raises `SpecError` for arguments that break a rule and `DataError` for a subject without the
    checkpoints that the plane needs.

    >>> import tempfile
    >>> from lrkit.landscape import of_task
    >>> fresh, file = of_task("poly-tanh", device="cpu"), tempfile.mkdtemp() + "/plane.jsonl"
    >>> found = slice_plane(fresh, "random", points=5, samples=100, path=file)
    >>> found.done, found.grid()[1].shape
    (True, (5, 5))

    Source: Li et al. 2018 (arXiv 1712.09913).
    """
    if plane not in ("pca", "random", "three"):
        raise SpecError(f"`plane` must be pca, random or three, got {plane!r}")
    if len(span) not in (0, 2, 4):
        raise SpecError(f"a plane's range is low, high, or two of them, got {list(span)}")
    rule = {"pca": (0,), "random": (0, 1), "three": (3,)}[plane]
    if len(at) not in rule:
        need = " or ".join(map(str, rule))
        raise SpecError(f"plane {plane} takes {need} steps of checkpoints, got {len(at)}")
    given: dict[str, Any] = {"slice": plane, "at": list(at), "span": list(span)}
    given |= {"seed": seed} if plane == "random" else {}
    make = (
        (lambda: random_frame(subject, at, seed))
        if plane == "random"
        else (lambda: checkpoint_frame(subject, plane, at))
    )
    return _sliced(subject, given, make, points, samples, bn, path, watch)


def slice_line(
    subject: Subject,
    start: int,
    end: int,
    *,
    points: int = POINTS,
    span: Span = LINE,
    samples: int | Literal["all"] = SAMPLES,
    bn: Norm | None = None,
    path: str | os.PathLike[str] | None = None,
    watch: Watcher | None = None,
) -> Slice:
    """Take the loss on the line through the weights of the checkpoints of two steps.

    Coordinate t stands for (1 - t) w_start + t w_end; *span* is from where to where. The other
    arguments and the errors are those of `slice_plane`.

    >>> import tempfile
    >>> from lrkit.lab import train
    >>> from lrkit.landscape import of_run
    >>> run = tempfile.mkdtemp() + "/run"
    >>> how = {"checkpoint": "1ep", "keep": "all", "device": "cpu"}
    >>> _ = train("poly-tanh", "constant(0.03)", epochs=2, run=run, **how)
    >>> line = slice_line(of_run(run), 0, 100, points=5, span=(0, 1))
    >>> line.way[-1].step, line.losses[(0,)] > line.losses[(256,)]
    (100, True)

    Source: Goodfellow et al. 2015 (arXiv 1412.6544).
    """
    if len(span) != 2:
        raise SpecError(f"a line's range is low, high, got {list(span)}")
    if start == end:
        raise SpecError(f"a line needs two checkpoints, got step {start} twice; choose another")
    given: dict[str, Any] = {"slice": "line", "at": [start, end], "span": list(span)}
    make = lambda: checkpoint_frame(subject, "line", (start, end))  # noqa: E731
    return _sliced(subject, given, make, points, samples, bn, path, watch)


def _sliced(
    subject: Subject,
    given: dict[str, Any],
    make: Callable[[], Frame],
    points: int,
    samples: int | Literal["all"],
    bn: Norm | None,
    path: str | os.PathLike[str] | None,
    watch: Watcher | None,
) -> Slice:
    check_points(points)
    _check_span(given["span"])
    seed = int(subject.about["seed"] or 0)
    evaluation = evaluation_of(subject.task, samples, bn, seed)
    checkpoints = [one.name for one in subject.stops]
    # A folder may be moved; the checkpoints' names carry their hashes.
    of = {name: value for name, value in subject.about.items() if name != "folder"}
    identity = {**given, "subject": of, "checkpoints": checkpoints}
    identity |= {"evaluation": evaluation.to_dict()}
    target = default_path(subject, identity) if path is None else Path(path)
    made: list[Frame] = []

    def describe() -> dict[str, Any]:
        made.append(make())
        return _described(subject, given, made[0], evaluation)

    with Growing(target, KIND, identity, describe) as file:
        frame = made[0] if made else frame_of(subject, file.header["recipe"])
        file.add("wanted", points=points)
        subject.load(subject.named(frame.origin_name))
        with metering(subject.task, subject.parts(), evaluation, seed) as meter:
            _compute(file, subject, frame, meter, points, watch)
    return read_slice(target)


def default_path(subject: Subject, identity: dict[str, Any]) -> Path:
    """Return the file of what *identity* says: in the run's folder, or in ./landscape."""
    code = hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest()[:10]
    name = f"{identity['slice']}-{code}.jsonl"
    if subject.run is not None:
        return subject.run.folder / FOLDER / name
    return Path(FOLDER, f"{subject.task.name}-{name}")


def _check_span(span: Sequence[float]) -> None:
    for low, high in zip(span[::2], span[1::2], strict=True):
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise SpecError(f"`low < high` must hold for a range, got {low:g} and {high:g}")


def _described(
    subject: Subject, given: dict[str, Any], frame: Frame, evaluation: Evaluation
) -> dict[str, Any]:
    """Return the header: the axes, the training seen from them, and where all comes from."""
    found = [
        Waypoint(one.step, tuple(at), off, subject.rate(one.step))
        for one, at, off in zip(subject.stops, frame.at.tolist(), frame.off.tolist(), strict=True)
    ]
    lengths = np.linalg.norm(frame.directions, axis=1).tolist()
    shares: list[float | None] = [None] * len(lengths)
    shares = shares if frame.shares is None else [*frame.shares]
    axes = [
        Axis(label, *_extent(given, frame.at, k), length, share)
        for k, (label, length, share) in enumerate(zip(frame.labels, lengths, shares, strict=True))
    ]
    return {
        "slice": given["slice"],
        "subject": subject.about,
        "recipe": frame.recipe,
        "evaluation": evaluation.to_dict(),
        "checkpoints": {"used": len(subject.stops), "there": subject.there},
        "parameters": frame.directions.shape[1],
        "axes": [msgspec.to_builtins(axis) for axis in axes],
        "way": [{"step": w.step, "at": w.at, "off": w.off, "rate": w.rate} for w in found],
    }


def _extent(given: dict[str, Any], at: Array, k: int) -> tuple[float, float]:
    """Return from where to where axis *k* is drawn."""
    span = given["span"]
    if span:
        low, high = span[:2] if len(span) == 2 else span[2 * k : 2 * k + 2]
        return float(low), float(high)
    if given["slice"] == "random":
        return RANDOM
    values = np.append(at, np.zeros((1, at.shape[1])), axis=0)
    extents = values.max(axis=0) - values.min(axis=0)
    more = MARGIN * max(extents[k], MARGIN * extents.max())
    return float(values[:, k].min() - more), float(values[:, k].max() + more)


def _compute(
    file: Growing, subject: Subject, frame: Frame, meter: Meter, points: int, watch: Watcher | None
) -> None:
    """Take what losses are missing: the coarsest level, those beside the slice, then finer ones."""
    there = slice_of([file.header, *file.events], file.path)
    axes, grids = there.axes, list(levels(points, len(there.axes)))
    beside = [w for w in there.way if w not in there.measured]
    whole = len(beside) + sum(p not in there.losses for _, new in grids for p in new)
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        if watch is not None:
            watch(done, whole)

    for count, new in grids:
        for point in new:
            if point not in there.losses:
                at = [axis.at(i) for axis, i in zip(axes, point, strict=True)]
                file.add("point", at=point, loss=meter(frame.weights(at)))
                told()
        if count > there.level:
            file.add("level", points=count)
        for waypoint in beside:
            _measure(file, subject, frame, meter, waypoint)
            told()
        beside = []
    file.add("end")


def _measure(
    file: Growing, subject: Subject, frame: Frame, meter: Meter, waypoint: Waypoint
) -> None:
    """Take the loss at the true weights of *waypoint* and at their image in the slice."""
    inside = meter(frame.weights(waypoint.at))
    stop = subject.find(waypoint.step)
    if meter.evaluation.bn == "stored":
        with _at(subject, stop, frame.origin_name):
            loss = meter.here()
    else:
        loss = meter(subject.rows([stop])[0])
    file.add("waypoint", step=waypoint.step, loss=loss, inside=inside)


@contextmanager
def _at(subject: Subject, stop: Stop, origin: str) -> Iterator[None]:
    """Give the model the weights and the statistics of *stop*, then those of the origin again."""
    subject.load(stop)
    try:
        yield
    finally:
        subject.load(subject.named(origin))
