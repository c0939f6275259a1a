"""`Scheduler`: schedules on an optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.optim import Optimizer

from lrkit.control import Controller, Edit, Steered
from lrkit.drive.arguments import given_schedules, horizon_of, unsteered
from lrkit.drive.attach import check_free, innermost
from lrkit.drive.audit import Audit, warn
from lrkit.drive.book import RunLike, book_of
from lrkit.drive.lanes import rate_in
from lrkit.drive.panel import Panel, check_controllers
from lrkit.drive.resume import POLICIES, Policy, Snapshot, announce, read_state, reconcile
from lrkit.drive.rules import RATE, ByGroup, Plan, check_rules, make_rules
from lrkit.drive.running import Running
from lrkit.drive.writer import Writer
from lrkit.errors import LoopError, SpecError
from lrkit.records import Sink
from lrkit.schedules import Horizon, SpanLike


class Scheduler(Running):
    """Sets an optimizer's learning rates, and other hyper-parameters, by schedules.

    Update t of the optimizer, counted from 0, uses value(t): building sets value(0), `step()`
    after each update moves on by one. After the end the last value holds.

    *lr* is absolute; *scale* multiplies the rate that each group has of its own. Both take a
    schedule, its text, a number or a curve, or a mapping to those by group name
    (`param_group["name"]`) or index; "*" stands for all other groups, those added later included,
    and groups that no key names are left alone. A frozen group is a schedule of 0. Other
    hyper-parameters go the same way: `momentum=`, `weight_decay=`, `hyper={"betas[0]": ...}`.
    A `Steered`, or its text ("0.1 * hold() | plateau(0.5)"), brings its controllers along.

    *total*, *steps_per_epoch*, *batch_size* and *tokens_per_step* are the horizon, as in
    `Schedule.over`. With *unit* "epoch" `step()` is called once an epoch, *total* is in epochs,
    and the other three are left out. *resume* says what loading a state does when the saved
    schedule is not the code's: "raise" (default), "keep" the saved one, take the "new" one from
    that step on (live edits end), or "stretch" what is left over another horizon. *controllers*
    watch the metrics given to `step` or `observe` and answer with edits; under torch.distributed
    they see the mean over the ranks, all of which have to make the call.

    *run* is a folder to keep the run in, from the first update on: rates and metrics go into its
    journal, letters in its inbox take effect at the next step boundary, *sinks* and *tensorboard*
    show it elsewhere. A folder that exists is gone on with when a state was loaded before, else
    it is refused. With a `Journal` of the caller's only edits are written. Under torch.distributed
    give *run* on every rank: rank 0 reads and writes. See `close` for how a run ends.

    Raises `SpecError` for schedules, groups and hyper-parameters that do not fit, `HorizonError`
    for a horizon that lacks a number, `LoopError` when another Scheduler drives the same.

    Choices that other schedulers make differently:

    - The clock counts calls of `step()`. When a GradScaler skips an update the call moves on all
      the same, as in torch; `if sched.updated: sched.step()` waits for the update instead.
    - A rate that is a tensor is written in place, but it is a copy of our own, one per group: the
      caller's tensor stays as it is. Build the scheduler before capturing a graph.
    - Values are looked up, never computed from the value before, so rounding cannot drift, and
      neither the order of `load_state_dict` calls nor what the optimizer holds matters.

    >>> import torch
    >>> from lrkit import cosine, warmup
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    >>> sched = Scheduler(optimizer, lr=0.3 * (warmup(2) >> cosine()), total=10)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     sched.step()
    >>> optimizer.param_groups[0]["lr"]
    0.3
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        lr: ByGroup | Steered | None = None,
        scale: ByGroup | Steered | None = None,
        total: SpanLike | Horizon | None = None,
        steps_per_epoch: float | None = None,
        batch_size: float | None = None,
        tokens_per_step: float | None = None,
        unit: str = "step",
        resume: Policy = "raise",
        controllers: Sequence[Controller] | Controller = (),
        hyper: Mapping[str, ByGroup] | None = None,
        run: RunLike | None = None,
        sinks: Sequence[Sink] | Sink = (),
        tensorboard: bool = False,
        **hypers: ByGroup,
    ) -> None:
        groups = innermost(optimizer).param_groups
        horizon = horizon_of(total, unit, steps_per_epoch, batch_size, tokens_per_step)
        if resume not in POLICIES:
            raise SpecError(f"resume must be one of {', '.join(POLICIES)}, got {resume!r}")
        book = book_of(run, sinks, tensorboard)
        (lr, first), (scale, second) = unsteered(lr, "lr"), unsteered(scale, "scale")
        rules = make_rules(given_schedules(lr, scale, hyper or {}, hypers), horizon, groups)
        third = [controllers] if isinstance(controllers, Controller) else controllers
        self.resume: Policy = resume
        self._declared = Plan(unit, rules, check_controllers([*first, *second, *third]))
        panel = Panel(self._declared)
        self._audit = Audit(unit, self._declared.end, horizon.steps_per_epoch)
        self._tie(optimizer, Writer(innermost(optimizer), rules), panel, 0)
        self._watch(book)
        self._captured = list(self._writer.owns)
        try:
            self._declared.to_dict()
        except SpecError as error:
            warn(f"this scheduler cannot be saved, state_dict() will raise: {error}")

    # What it says of itself.

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The live edits accepted so far, in order."""
        return self._writer.edits

    @property
    def updated(self) -> bool:
        """Whether the optimizer has made an update since the last `step()`.

        A GradScaler that finds an infinite gradient skips the update. `if sched.updated:
        sched.step()` keeps the schedule on the updates that were made. It is counted by a hook,
        which a compiled `optimizer.step` does not call.
        """
        skipped = self._writer.found_inf
        return self._writer.fresh and (skipped is None or not bool(skipped.item()))

    def values_at(self, step: float, hyper: str = RATE) -> list[float | None]:
        """Return what each group has at *step* >= 0, edits included; None where nothing drives it.

        Asking changes nothing, so a whole run can be looked at before it is paid for.
        """
        tracks = {t.index: t for t in self._writer.tracks if t.hyper == hyper}
        if not tracks:
            raise SpecError(f"`{hyper}` is not driven here; it drives {', '.join(self.hypers)}")
        return [tracks[i].at(step) if i in tracks else None for i in range(self._writer.count)]

    def ahead(self, steps: int, hyper: str = RATE) -> NDArray[np.float64]:
        """Return the values of this step and those that follow, shape (groups, *steps*).

        Bit for bit what `step()` will write, unless an edit comes; NaN where nothing drives.
        """
        values = np.full((self._writer.count, steps), np.nan)
        t = np.arange(self.position, self.position + steps, dtype=np.float64)
        for track in self._writer.tracks:
            if track.hyper == hyper:
                values[track.index] = track.values(t)
        return values

    def skip(self, steps: int) -> None:
        """Move on by *steps* at once, for a loop that made that many updates with `ahead`.

        Letters are taken in where it comes to. The loop keeps its journal itself: raises
        `LoopError` for a run of the scheduler's own.
        """
        self._check_tied()
        if self._book is not None and self._book.owned:
            raise LoopError("a scheduler that keeps its own run is stepped once an update")
        self._look()
        self._go(self.position + steps)
        self._writer.fresh = False
        if self._writer.watched:
            self._receive()

    def __repr__(self) -> str:
        """Return the schedules and the position."""
        rules = ", ".join(
            f"{'' if key == '*' else f'{key!r}: '}{rule.label}={driven.curve.schedule!s}"
            for rule in self._plan.rules
            for key, driven in rule.by
        )
        total = self._plan.total
        whole = f" of {total:.10g}" if total < float("inf") else ""
        return f"Scheduler({rules}; {self._plan.unit} {self.position}{whole})"

    # Stop and resume.

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain JSON types, without NaN or infinity.

        What the run has so far leaves this process first, so that a state never knows more than
        the journal does after a kill. Raises `SpecError`, with the remedy, for a schedule that is
        made of a nameless function.
        """
        if self._book is not None:
            self._book.flush()
        return self._snapshot(self._plan, self._writer.owns).to_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from *state_dict*, what `state_dict()` returned; it is not changed.

        The rates are set at once, whether the optimizer's state is loaded before or after. Where
        the saved schedule is not the code's, `resume` decides and the difference is printed.
        Raises `SpecError` for another key or format, and for the difference under "raise".
        """
        self._check_tied()
        self._look()
        saved = read_state(state_dict, self._declared)
        result, text = reconcile(saved, self._snapshot(self._declared, self._captured), self.resume)
        check_rules(result.plan.rules, self._writer.groups)
        check_free(self._writer.optimizer, frozenset(r.hyper for r in result.plan.rules), self)
        if text:
            announce(text, self.resume)
        for i, own in enumerate(saved.owns):
            if self._captured[i] == saved.rates[i]:
                self._captured[i] = own  # the optimizer was loaded before the scheduler was built
        writer, self._plan = self._writer, result.plan
        self._panel = Panel(result.plan, result.states)
        writer.rules, writer.owns = result.plan.rules, [*result.owns]
        writer.take_edits(result.edits, result.position)
        writer.adopt()
        self._audit.follow(writer.end, result.position)
        self._go(result.position)
        self._came_back({edit.letter for edit in saved.edits}, self.resume if text else "")

    def _snapshot(self, plan: Plan, owns: Sequence[float]) -> Snapshot:
        writer = self._writer
        driven = {track.index for track in writer.tracks if track.hyper == RATE}
        return Snapshot(
            self.position,
            plan,
            tuple(owns),
            tuple(rate_in(g) if i in driven else None for i, g in enumerate(writer.groups)),
            tuple(writer.names),
            writer.edits,
            tuple(self._panel.states),
        )

    # Copies and pickles: hooks and tables are made anew, on the copied optimizer.

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs."""
        named = ("optimizer", "resume", "_declared", "_captured", "_extra_count")
        kept = {name: getattr(self, name) for name in named}
        here = self._snapshot(self._plan, self._writer.owns)
        return kept | {"here": here, "audit": self._audit, "tied": self._untie is not None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take hold of the copied optimizer, at the same step."""
        here: Snapshot = state["here"]
        for name in ("resume", "_declared", "_captured"):
            setattr(self, name, state[name])
        self._audit = state["audit"]
        writer = Writer(innermost(state["optimizer"]), here.plan.rules)
        writer.take_edits(here.edits, here.position)
        writer.owns = [*here.owns]
        self._tie(state["optimizer"], writer, Panel(here.plan, here.states), here.position)
        self._watch(None)  # of two who hold the same run, only one may write
        self._extra_count = state["_extra_count"]
        if not state["tied"]:
            self.detach()
