"""One sitting of a training: from where it begins to its end, a stop or an error."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, ParamSpec, Protocol, cast

import torch

from lrkit.control import Edit
from lrkit.errors import LoopError, LrkitError
from lrkit.lab.conductor import Conductor
from lrkit.lab.contract import Task, first_line
from lrkit.lab.interrupts import Interrupts
from lrkit.lab.keeping import Keeper
from lrkit.lab.loop import Diverged, Loop, Options, as_array
from lrkit.lab.plan import Plan
from lrkit.lab.progress import Bar, Watcher
from lrkit.lab.ranks import Ranks, joined
from lrkit.lab.result import RunResult
from lrkit.lab.snapshots import about_of
from lrkit.lab.stages import Ask
from lrkit.probe.randomness import seeded
from lrkit.records import Journal

P = ParamSpec("P")
Ending = tuple[Literal["done", "failed", "stopped"], str]


@dataclass(eq=False)
class Session:
    """All that a sitting needs; *about* is what its checkpoints must agree on with the run.

    *edits* are given to the scheduler at the beginning, each with the step it is for. *threads* is
    the number that torch is to use, None for the present one: on a CPU the sums depend on it.
    *ranks* make the training together: rank 0 has the journal of the run in *folder*.
    """

    task: Task
    spec: str
    plan: Plan
    rules: Options
    seed: int
    watcher: Watcher | None = None
    ask: Ask | None = None
    stage: float | None = None
    edits: Sequence[Edit] = ()
    threads: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    ranks: Ranks = field(default_factory=Ranks)
    folder: Path | None = None

    def keep_in(self, folder: str | os.PathLike[str], journal: Journal | None) -> None:
        """Keep the training as the run in *folder*, whose *journal* rank 0 has."""
        self.folder = self.ranks.share(lambda: Path(os.path.abspath(folder)))
        header = self.ranks.share(lambda: {} if journal is None else journal.header)
        self.about = about_of(header)

    def conduct(
        self,
        journal: Journal | None,
        keeper: Keeper | None,
        begin: Callable[[Conductor], None] | None = None,
    ) -> RunResult:
        """Train to the end and return what it came to; *begin* puts the training in its place.

        The journal is closed. Ctrl-C and SIGTERM end the training between two updates, with a
        last checkpoint, and are raised again then.
        """
        task = self.task
        interrupts = Interrupts()
        book: AbstractContextManager[Any] = nullcontext() if journal is None else journal
        seed, watcher = self.ranks.seed(self.seed), self.watcher if self.ranks.leads else None
        with book, _conditions(seed, task.device, self.threads), _open(watcher):
            # The ranks meet in the scheduler where there is a run; one of them keeps its journal.
            scheduler = self.plan.scheduler(task, self.folder if journal is None else journal)
            self.ranks.same_weights(task.model)
            loop = Loop(task, scheduler, self.rules, journal, watcher, self.about, self.ranks)
            conductor = Conductor(loop, self.plan, keeper, self.ask, interrupts, self.stage)
            with nullcontext() if keeper is None else interrupts:
                if begin is not None:
                    begin(conductor)
                for edit in self.edits:
                    scheduler.apply(edit)
                status, reason = _run(conductor)
            if journal is not None:
                journal.close(status, reason)
        interrupts.raise_again()
        if loop.interrupted and status == "stopped":
            raise KeyboardInterrupt
        return self.result(loop, (status, reason))

    def result(self, loop: Loop, ending: Ending) -> RunResult:
        """Return what the training that *loop* made came to."""
        task, (status, reason) = self.task, ending
        return RunResult(
            task=task.name,
            schedule=self.spec,
            seed=self.seed,
            status=status,
            reason=reason,
            score_name=task.score,
            higher_is_better=task.higher_is_better,
            rates=as_array(loop.rates),
            losses=as_array(loop.losses),
            evaluations=tuple(loop.evaluations),
            folder=self.folder if loop.journal is None else loop.journal.folder,
        )


@dataclass(eq=False)
class Sitting:
    """A session and the run that it writes: all is ready, and not an update is made.

    *begin* puts the training in its place, where it does not begin at its beginning.
    """

    session: Session
    journal: Journal | None = None
    keeper: Keeper | None = None
    begin: Callable[[Conductor], None] | None = None

    def conduct(self) -> RunResult:
        """Train to the end; see `Session.conduct`."""
        return self.session.conduct(self.journal, self.keeper, self.begin)


class Conducted(Protocol[P]):
    """A function that trains; `prepare`, with the same arguments, only gets the training ready."""

    prepare: Callable[P, Sitting]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> RunResult:
        """Get the training ready, and make it."""
        ...


def conducted(prepare: Callable[P, Sitting]) -> Conducted[P]:
    """Return the function that makes the training which *prepare* gets ready.

    An engine that makes many at once prepares them, and conducts them in its own way.
    """

    @functools.wraps(prepare)
    def run(*args: P.args, **kwargs: P.kwargs) -> RunResult:
        with joined():
            return prepare(*args, **kwargs).conduct()

    run.__annotations__ = {**prepare.__annotations__, "return": "RunResult"}
    signature = inspect.signature(prepare).replace(return_annotation="RunResult")
    vars(run).update(prepare=prepare, __signature__=signature)
    return cast("Conducted[P]", run)


def blamed(error: Exception, loop: Loop) -> LrkitError:
    """Return *error*, raised by the task's own code in the training of *loop*, as one of ours."""
    if isinstance(error, LrkitError):
        return error
    if isinstance(error, torch.OutOfMemoryError):
        return LoopError(
            f"task {loop.task.name!r} does not fit into the memory of {loop.task.device}; "
            "make batch_size smaller and accumulate more batches"
        )
    return LoopError(
        f"task {loop.task.name!r} raised {first_line(error)} at update {loop.place.done}; "
        "see that its model, loss, batches and evaluate() work by themselves"
    )


def _run(conductor: Conductor) -> Ending:
    """Run to the end; what the user's own code raises becomes a `LoopError`."""
    loop = conductor.loop
    try:
        loop.tell_watcher(lambda watcher: watcher.started(conductor.updates))
        conductor.run()
    except Diverged as outcome:
        return "failed", str(outcome)
    except LrkitError:
        raise
    except Exception as error:
        raise blamed(error, loop) from error
    return ("stopped", conductor.stopped) if conductor.stopped else ("done", "")


@contextmanager
def _conditions(seed: int, device: torch.device, threads: int | None) -> Iterator[None]:
    """Seed all random states for the block, and take the same kernels and threads every time."""
    kernels: AbstractContextManager[None] = (
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
        if device.type == "cuda"
        else nullcontext()
    )
    before = torch.get_num_threads()
    if threads is not None and threads != before:
        torch.set_num_threads(threads)
    try:
        with seeded(seed, device), kernels:
            yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


@contextmanager
def _open(watcher: Watcher | None) -> Iterator[None]:
    if isinstance(watcher, Bar):
        with watcher:
            yield
    else:
        yield
