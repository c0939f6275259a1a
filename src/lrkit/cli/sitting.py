"""What `lrkit train` is asked to do, made into a training: a new one, or one that goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from lrkit.cli.errors import Stopped
from lrkit.cli.places import RUNS, folder_of
from lrkit.cli.screen import remark
from lrkit.errors import DataError, SpecError

if TYPE_CHECKING:
    from lrkit.lab import RunResult
    from lrkit.lab.progress import Bar
    from lrkit.records import RunSummary

DEFAULT: Final = "lenet-digits"
FIXED: Final = (
    "schedule", "schedule_from", "seed", "per", "clip", "accumulate", "amp", "option", "no_run",
    "weights",
)  # fmt: skip
"""What a run that goes on says itself."""


@dataclass(frozen=True)
class Wanted:
    """The options of `lrkit train`; None where nothing was said."""

    task: str | None
    schedule: str | None
    schedule_from: str | None
    epochs: int | None
    total: str | None
    seed: int | None
    per: Literal["step", "epoch"] | None
    clip: float | None
    accumulate: int | None
    amp: bool
    device: str | None
    option: list[str] | None
    run: Path | None
    no_run: bool
    policy: Literal["keep", "stretch", "new"] | None
    checkpoint: str | None
    keep: str | None
    tensorboard: bool
    ask: bool
    stage: str | None
    progress: bool
    weights: Path | None = None

    def company(self, name: str) -> dict[str, Any]:
        """Return who is told and who is asked while it trains."""
        if not self.ask:
            if self.stage is not None:
                raise SpecError("--stage says when --ask asks; add --ask, or leave it out")
            return {"progress": self.progress}
        from lrkit.cli.asking import Asker
        from lrkit.lab.progress import Bar

        bar: Bar | None = Bar(name) if self.progress else None
        return {"progress": bar or False, "ask": Asker(bar), "stage": self.stage}


def trained(wanted: Wanted) -> RunResult:
    """Train anew as *wanted*, and return what it came to."""
    if wanted.policy is not None:
        raise SpecError("--policy is for a run that goes on; add --resume, or leave it out")
    if wanted.no_run and wanted.run is not None:
        raise SpecError("--run and --no-run exclude each other; keep one")
    if wanted.schedule is not None and wanted.schedule_from is not None:
        raise SpecError("--schedule and --schedule-from exclude each other; keep one")
    arguments: dict[str, Any] = {
        "what": wanted.task,
        "schedule": wanted.schedule,
        "epochs": wanted.epochs,
        "total": wanted.total,
        "seed": wanted.seed,
        "per": wanted.per,
        "device": wanted.device,
        "options": named_values(wanted.option) if wanted.option else None,
        "clip": wanted.clip,
        "accumulate": wanted.accumulate,
        "amp": wanted.amp or None,
        "weights": wanted.weights,
    }
    if wanted.schedule_from is not None:
        before = as_before(wanted.schedule_from, anew=wanted.task is not None)
        if wanted.epochs is not None or wanted.total is not None:
            before.pop("total")
        arguments |= {name: v for name, v in before.items() if arguments[name] is None}
    given = {name: value for name, value in arguments.items() if value is not None}
    name = given.setdefault("what", DEFAULT)
    folder = None if wanted.no_run else wanted.run or _free_folder(name)
    given |= keeping(wanted.checkpoint, wanted.keep) | wanted.company(name)
    from lrkit.lab import train

    return sat(folder, lambda: train(**given, run=folder, tensorboard=wanted.tensorboard))


def as_before(name: str, *, anew: bool) -> dict[str, Any]:
    """Return what trains as run *name* did; *anew* leaves all but schedule and length open."""
    from lrkit.records import course_of, progress_of, replay

    run = replay(folder_of(RUNS, name))
    course, header = course_of(run), run.header
    per = header.get("per") or "step"
    if any(edit.get("group") is not None for edit in run.edits):
        remark(f"run {run.name} has edits of single groups: the schedule is that of its first one")
    # In epochs the clock counts whole ones, and the training may end within the last.
    length = progress_of(run, course).updates if per == "epoch" else course.total
    found: dict[str, Any] = {"schedule": course.schedule, "total": f"{length!r}st", "per": per}
    if anew:
        return found
    if not header.get("made_by"):
        raise SpecError(f"run {run.name} does not say which task it trained; name the TASK")
    found |= {"what": header["made_by"], "options": dict(header.get("options") or {})}
    if header.get("weights"):
        found["weights"] = run.folder / str(header["weights"]["file"])
    return found | {name: header.get(name) for name in ("seed", "clip", "accumulate", "amp")}


def resumed(wanted: Wanted) -> RunResult:
    """Go on with a run as *wanted*, and return what the whole of it came to."""
    for name in FIXED:
        if getattr(wanted, name) not in (None, False):
            raise SpecError(
                f"a run that goes on keeps what it began with, got --{name.replace('_', '-')}; "
                "leave it out, or train anew"
            )
    total = wanted.total if wanted.epochs is None else f"{wanted.epochs}ep"
    if wanted.epochs is not None and wanted.total is not None:
        raise SpecError("--epochs and --total say the same; give one")
    if wanted.policy is not None and total is None:
        raise SpecError("--policy is for another length; add --total, or leave it out")
    folder = _run_to_resume(wanted, longer=total is not None)
    given = keeping(wanted.checkpoint, wanted.keep) | wanted.company(folder.name)
    if wanted.tensorboard:
        given["tensorboard"] = True
    if wanted.run is not None and wanted.task is not None:
        given["what"] = wanted.task
    from lrkit.lab import resume

    given |= {"total": total, "policy": wanted.policy or "raise", "device": wanted.device}
    return sat(folder, lambda: resume(folder, **given))


def _run_to_resume(wanted: Wanted, *, longer: bool) -> Path:
    """Return the run that is to go on, and say which it is."""
    from lrkit.records import list_runs, progress_of, replay

    if wanted.run is not None:
        there = wanted.run.is_dir() or len(wanted.run.parts) > 1
        folder = wanted.run if there else folder_of(RUNS, str(wanted.run))
    else:
        ends = ("dead", "stopped", "done") if longer else ("dead", "stopped")
        found = [one for one in list_runs(RUNS) if one.status in ends and _is_of(one, wanted.task)]
        if not found:
            what = f"of {wanted.task} " if wanted.task else ""
            raise DataError(
                f"no run {what}in {RUNS} is {' or '.join(ends)}; name one with --run DIR, "
                "`lrkit runs` lists them"
            )
        folder = max(found, key=lambda one: one.updated).folder
    run = replay(folder)
    remark(f"going on with {_shown(folder)}: {run.status}, {progress_of(run).done} updates done")
    return folder


def _is_of(one: RunSummary, task: str | None) -> bool:
    """Return whether *one* is a training of *task*, or of any for None."""
    header: Mapping[str, Any] = one.header
    return "updates" in header and task in (None, header.get("made_by"), header.get("task"))


def keeping(checkpoint: str | None, keep: str | None) -> dict[str, Any]:
    """Return --checkpoint and --keep as the lab takes them, where they were given."""
    found: dict[str, Any] = {} if checkpoint is None else {"checkpoint": checkpoint}
    if keep is not None:
        found["keep"] = int(keep) if keep.isdecimal() else keep
    return found


def sat(folder: Path | None, training: Callable[[], RunResult]) -> RunResult:
    """Return what *training* came to; Ctrl-C says what is kept in *folder*."""
    try:
        return training()
    except KeyboardInterrupt:
        raise Stopped(_kept(folder)) from None


def _kept(folder: Path | None) -> str:
    if folder is None or not folder.is_dir():
        return "stopped; nothing was to be kept"
    return f"stopped; go on with `lrkit train --resume --run {_shown(folder)}`"


def _shown(folder: Path) -> Path:
    """Return *folder* from here where it is below."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _free_folder(task: str) -> Path:
    from lrkit.records import free_name

    name = re.sub(r"[^\w.-]+", "-", task).strip("-.")[:60] or "run"
    return free_name(RUNS / name)


def named_values(pairs: Sequence[str]) -> dict[str, Any]:
    """Return NAME=VALUE pairs as a dict; a value that JSON knows is a number or a truth."""
    import msgspec

    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise SpecError(f"an option of a task is written NAME=VALUE, got {pair!r}")
        try:
            value = msgspec.json.decode(text, type=bool | int | float)
        except (msgspec.DecodeError, UnicodeEncodeError):
            value = text
        found[name] = value
    return found
