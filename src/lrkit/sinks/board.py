"""TensorBoard's event files, by TensorBoard's own writer; no torch is needed.

TensorBoard reads a run's event files in the order of their names, and its readers disagree about
steps that come twice. `torch.utils.tensorboard` and Keras leave both in the files after a resume
and count on a session START event (the Python reader drops what it has read of later steps) or
on the order of steps (the Rust reader drops them tag by tag, when the tag comes again). What the
writer's queue held when the process was killed is missing for good there. Here a run that goes
on gets one new file: all that its journal still counts, then what follows; the old files are
removed when that is on file. So each step stands in the files once, under any reader, and none
is missing. A START event at step 0 opens every file: a running TensorBoard takes the first that
it sees for the start of the run, and at each further one it forgets what it has read.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lrkit.errors import DataError, LoopError
from lrkit.records import Run, Sink
from lrkit.records.files import disk_errors
from lrkit.sinks.feeding import feed
from lrkit.sinks.messages import SUFFIX, Messages
from lrkit.sinks.words import sentence

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

#: The tag that texts of a kind stand under; every other kind has its own name for a tag.
TAGS: Final = {"edit": "edits", "note": "notes", "checkpoint": "checkpoints"}

#: Fields of the header that are no hyper-parameters.
_NOT_HYPER: Final = frozenset(
    {"kind", "format", "time", "name", "pid", "host", "versions", "git", "script", "command"}
    | {"schedule", "higher_is_better", "score", "made_by", "updates", "threads"}
    | {"checkpoint", "keep", "tensorboard"}
)
_NOT_SCORES: Final = frozenset({"step", "time", "epoch", "seconds"})


class TensorBoard(Sink):
    """Shows a run in TensorBoard while it goes; event files in *folder*, `RUN/tensorboard` if None.

    Scalars at every step: each metric under its own name (the rates are `lr`, `lr/GROUP`), and
    each number of an evaluation as `evaluation/NAME`. Text: `edits`, `notes`, `checkpoints`,
    and every other event under its kind (`refused`, `diverged`). Hyper-parameters: the plain
    fields of the journal's header, in the HPARAMS tab. TensorBoard keeps scalars as float32; the
    exact numbers are in the journal.

    A run that goes on stays one curve: each step is in the files once, also after a kill, as
    they are written again from the journal. Only files that end in `.lrkit` are ever emptied.

    Raises `LrkitError` where the package tensorboard is not installed.

    >>> import tempfile
    >>> from lrkit.records import Journal
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> with Journal.create(folder, sinks=[TensorBoard()], spec="0.1 * cosine()") as journal:
    ...     journal.metrics(0, lr=0.1, loss=2.5)
    >>> len(os.listdir(folder + "/tensorboard"))
    1
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._messages = Messages()
        self._target = None if folder is None else Path(os.path.abspath(folder))
        self._writer: EventFileWriter | None = None
        self._step = 0
        #: The last text of each tag: its step and its lines.
        self._texts: dict[str, tuple[int, list[str]]] = {}

    def open(
        self, folder: Path, header: Mapping[str, Any], resumed: int | None, run: Run | None
    ) -> None:
        if self._writer is not None:  # the run goes back
            self._writer.close()
        target = self._target or folder / "tensorboard"
        old = [path for path in target.glob(f"*tfevents*{SUFFIX}") if path.stat().st_size]
        if old and run is None:
            raise DataError(
                f"a new run needs event files of its own, {target} holds another's; "
                "name another folder"
            )
        with disk_errors(target):
            self._writer = self._messages.writer(target)
            self._step, self._texts = 0, {}
            began = float(header["time"])
            self._add(self._messages.start(began))
            self._add(self._messages.beginning(hyper_parameters(header), began))
            if run is not None:
                feed(run, self)
                self.flush()
            for path in old:
                os.truncate(path, 0)

    def metrics(self, step: int, time: float, values: Mapping[str, float]) -> None:
        self._step = step
        self._add(self._messages.scalars(step, time, values))

    def event(self, kind: str, fields: Mapping[str, Any]) -> None:
        step, at = fields.get("step"), float(fields["time"])
        if not isinstance(step, int) or isinstance(step, bool):
            step = self._step
        if kind == "evaluation":
            scores = {
                f"evaluation/{name}": float(value)
                for name, value in fields.items()
                if name not in _NOT_SCORES and isinstance(value, (int, float))
            }
            self._add(self._messages.scalars(step, at, scores))
        else:
            self._text(TAGS.get(kind, kind), step, at, sentence(kind, fields))

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def close(self, status: str, reason: str) -> None:
        if self._writer is not None:
            self._add(self._messages.ending(status, time.time()))
            self._writer.close()
            self._writer = None

    def _add(self, event: Event) -> None:
        if self._writer is None:
            raise LoopError("a closed sink takes no more events; open it again")
        self._writer.add_event(event)

    def _text(self, tag: str, step: int, at: float, line: str) -> None:
        # The Rust reader keeps one value a step and drops what it has of later steps. So a text
        # never goes back (an edit may be for a later step), and the second one of a step says
        # the first again.
        last, lines = self._texts.get(tag, (-1, []))
        step = max(step, last)
        lines = [*lines, line] if step == last else [line]
        self._texts[tag] = step, lines
        self._add(self._messages.text(tag, step, at, "\n\n".join(lines)))


def hyper_parameters(header: Mapping[str, Any]) -> dict[str, bool | float | str]:
    """Return the plain fields of a journal's *header*, those inside mappings as `outer.inner`.

    >>> hyper_parameters({"kind": "run", "spec": "cosine()", "options": {"width": 8}, "clip": None})
    {'spec': 'cosine()', 'options.width': 8.0}
    """
    found: dict[str, bool | float | str] = {}
    for name, value in header.items():
        if name in _NOT_HYPER:
            continue
        inner = {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else None
        for key, plain in (inner or {name: value}).items():
            if isinstance(plain, (bool, str)):
                found[key] = plain
            elif isinstance(plain, (int, float)) and math.isfinite(plain):
                found[key] = float(plain)
    return found
