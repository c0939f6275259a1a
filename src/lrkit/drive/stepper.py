"""Stepping: from one step to the next, and what may come between two."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from torch.optim import Optimizer

from lrkit.control import Command, Cooldown, Edit, Extend, Observation
from lrkit.drive.attach import claim
from lrkit.drive.audit import Audit, warn
from lrkit.drive.book import Source
from lrkit.drive.face import Face
from lrkit.drive.lanes import rate_in
from lrkit.drive.panel import Metrics, Panel
from lrkit.drive.rules import Plan, check_rules, describe
from lrkit.drive.writer import Writer
from lrkit.errors import LoopError, SpecError

FEW = 8
"""Groups that are looked at in every step that is not the shortest."""


class Stepper(Face):
    """The part of `Scheduler` that runs with the training."""

    _declared: Plan
    _audit: Audit
    _captured: list[float]

    @property
    def hypers(self) -> frozenset[str]:
        """The hyper-parameters that it drives."""
        return frozenset(rule.hyper for rule in self._plan.rules)

    def _tie(self, optimizer: Optimizer, writer: Writer, panel: Panel, position: int) -> None:
        """Take hold of *optimizer* and write the values of *position*."""
        check_rules(writer.rules, writer.optimizer.param_groups)
        self.optimizer = optimizer
        self._writer, self._panel = writer, panel
        self._plan = Plan(self._declared.unit, writer.rules, panel.controllers)
        self._extra_count = 0
        self._untie: Callable[[], None] | None = claim(writer.optimizer, self)
        try:
            writer.adopt()
            self._audit.follow(writer.end, position)
            self._go(position)
        except BaseException:
            self.detach()
            raise

    # Stepping.

    def step(self, metrics: Metrics | None = None) -> None:
        """Move on to the next step; call it after each update (or epoch, with unit="epoch").

        *metrics*, numbers by name, go to the controllers; a bare number is the metric that they
        look for. Raises `LoopError` after `detach`, and for metrics that nobody can place.
        """
        writer = self._writer
        row = writer.index + 1
        groups = writer.optimizer.param_groups
        if (
            metrics is None
            and row < writer.stop
            and groups is writer.groups
            and len(groups) == writer.count
            and groups[0]["lr"] is writer.written
        ):
            writer.written = value = writer.values[row]
            for group in groups:
                group["lr"] = value
            writer.index = row
            writer.fresh = False
            return
        self._advance(metrics)

    def _advance(self, metrics: Metrics | None) -> None:
        """Do a step that needs more than an index and an assignment."""
        self._check_tied()
        measured = None if metrics is None else self._panel.read(metrics)
        writer = self._writer
        if writer.watched:
            self._record(writer.position, measured or {}, rates=True)
        plain = writer.index + 1 < writer.limit
        # Before each update all groups are looked at anyway; here that pays where they are few.
        if writer.stale or writer.stop or not plain or writer.count <= FEW:
            self._look()
        if plain and writer.index + 1 < writer.limit:  # unless the look has changed it
            writer.go(writer.position + 1)
        else:
            self._go(writer.position + 1)
        writer.fresh = False
        if measured is not None:
            self._decide(measured)
        if writer.watched:
            self._receive()

    @abstractmethod
    def _opened(self) -> object:
        """Begin the run that is kept, with the first call."""

    @abstractmethod
    def _record(self, step: int, measured: dict[str, float], rates: bool) -> None:
        """Write down what update *step* used and what was measured with it."""

    @abstractmethod
    def _receive(self) -> None:
        """Take in the letters that have come."""

    @abstractmethod
    def _moved(self) -> None:
        """Write down that the training goes on from another step."""

    @abstractmethod
    def _note(self, edit: Edit, source: Source) -> None:
        """Write down that *edit* was accepted."""

    def _go(self, position: int) -> None:
        """Write the values of *position*, look at the loop, and say how far to go without."""
        writer, audit = self._writer, self._audit
        writer.go(position)
        if position >= audit.next:
            audit.call(position)
        writer.allow(audit.next - position - 1)

    def observe(self, metrics: Metrics) -> None:
        """Give *metrics* to the controllers without moving on.

        For what is measured between two updates, as an evaluation at the end of an epoch.
        """
        self._check_tied()
        measured = self._panel.read(metrics)
        writer = self._writer
        if writer.watched:  # what was measured belongs to the last update that was made
            self._record(max(writer.position - (not writer.fresh), 0), measured, rates=False)
        self._decide(measured)

    def _decide(self, measured: dict[str, float]) -> None:
        if not self._panel.controllers:
            return
        rates = tuple(rate_in(group) for group in self._writer.groups)
        for edit in self._panel.ask(Observation(self.position, measured, rates)):
            self._take(edit, "controller")

    def apply(self, edit: Edit) -> Edit:
        """Accept a live edit at this step boundary, and return it with its step filled in.

        An edit without a step takes effect with the next update; one with a later step waits for
        it. Raises `LoopError` for a step that is over, `SpecError` for a group that is not driven.

        >>> import torch
        >>> from lrkit.control import Scale
        >>> from lrkit.drive import Scheduler
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> sched = Scheduler(optimizer, lr=0.5)
        >>> sched.apply(Scale(0.5, author="anna", reason="loss spike")).step
        0
        >>> optimizer.param_groups[0]["lr"]
        0.25
        """
        return self._take(edit, "hand" if edit.letter else "loop")

    def _take(self, edit: Edit, source: Source) -> Edit:
        accepted = self._accept(edit)
        if self._writer.watched:
            self._note(accepted, source)
        return accepted

    def _accept(self, edit: Edit, *, careful: bool = False, again: bool = False) -> Edit:
        """Take *edit* in; *careful* looks at all rates to come, *again* is one accepted before."""
        self._check_tied()
        self._look()
        writer = self._writer
        if edit.step is not None and edit.step < self.position and not again:
            raise LoopError(
                f"an edit's step must be {self.position} or later, got {edit.step}; what is done "
                "cannot be changed, leave step out"
            )
        stamped = edit.stamped(self.position if edit.step is None else edit.step)
        if isinstance(stamped, Command):
            writer.command(stamped)
            return stamped
        mine = [i for i, name in enumerate(writer.names) if edit.group in (None, name, i)]
        if not any(writer.rate(i) for i in mine):
            raise SpecError(f"the rate of group {edit.group!r} is not driven here; name another")
        if (
            careful
            and (stamped.step or 0) >= writer.end
            and not isinstance(edit, Extend | Cooldown)
        ):
            raise LoopError(
                f"an edit acts before the end of the run, at {writer.end:.10g}, got step "
                f"{stamped.step}; extend the run first"
            )
        before = writer.edits
        writer.edits = (*before, stamped)
        try:
            writer.revise()
            if careful:
                writer.look_ahead(self.position)
            self._go(self.position)
        except Exception:
            writer.edits = before
            writer.revise()
            self._go(self.position)
            raise
        self._audit.until(writer.end)
        return stamped

    def seek(self, step: int) -> None:
        """Go to *step* (or epoch), a whole number >= 0; edits made later than it stay in force.

        Every value is looked up by its step, so going back or ahead costs nothing.
        """
        if isinstance(step, bool) or not isinstance(step, int) or step < 0:
            raise SpecError(f"a step is a whole number >= 0, got {step!r}; step 0 is the first")
        self._check_tied()
        self._look()
        self._audit.follow(self._writer.end, step)
        self._go(step)
        self._moved()

    def detach(self) -> None:
        """Let go of the optimizer: its values stay as they are, and `step()` raises from now on."""
        if self._untie is not None:
            self._untie()
            self._untie = None
            self._writer.halt()

    # The optimizer's side.

    def before_update(self, optimizer: Optimizer) -> None:
        """Called by the optimizer before each update."""
        writer = self._writer
        writer.fresh = True
        writer.found_inf = optimizer.__dict__.get("found_inf")
        self._audit.update()
        groups = optimizer.param_groups
        if writer.stop and groups is writer.groups and len(groups) == writer.count:
            value = writer.written
            for group in groups:
                if group["lr"] is not value:
                    break
            else:
                return  # the short way: every rate is the very number that was written
        if writer.watched:
            self._opened()
        self._look()

    def after_load(self) -> None:
        """Called by the optimizer when it has loaded a state: the rates in it may be old ones."""
        self._writer.adopt()
        self._go(self.position)

    def _look(self) -> None:
        """See whether the groups are still those we know, with the values that we wrote."""
        writer = self._writer
        if writer.stale:
            self._join()
        elif self._audit.watches_rates and (index := writer.changed()) is not None:
            track = writer.rate(index)
            self._audit.someone_else(
                describe(writer.groups[index], index),
                rate_in(writer.groups[index]),
                None if track is None else track.at(self.position),
            )
            writer.revise()

    def _join(self) -> None:
        """Take in groups that were added to the optimizer, from this very update on."""
        writer = self._writer
        added = writer.adopt()
        self._captured.extend(writer.owns[i] for i in added)
        self._go(self.position)
        for index in added:
            if not any(track.index == index for track in writer.tracks):
                name = describe(writer.groups[index], index)
                warn(
                    f"group {name} was added and no schedule is for it, so it is left alone; "
                    "use '*' as the key for all other groups"
                )

    def _check_tied(self) -> None:
        if self._untie is None:
            raise LoopError("this scheduler was detached from its optimizer; build another one")
