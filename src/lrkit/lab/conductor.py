"""A training from its first update to its last: epochs, and what comes between two updates.

Between two updates edits take effect (the scheduler takes them in), commands are obeyed, the end
may move, checkpoints are written, and Ctrl-C and SIGTERM are heard.
"""

from __future__ import annotations

import logging
import math
from typing import Any, Final

from lrkit.control import Checkpoint, Edit, Rollback, Scale, Stop
from lrkit.lab.hands import by_hand
from lrkit.lab.interrupts import Interrupts
from lrkit.lab.keeping import Keeper
from lrkit.lab.loop import BATCH_LOSS, Loop, as_array
from lrkit.lab.plan import Plan
from lrkit.lab.recovery import newest_usable, rolled_back
from lrkit.lab.snapshots import restore, snapshot
from lrkit.lab.stages import Ask, Stage

log: Final = logging.getLogger("lrkit.lab")


class Conductor:
    """Runs a `Loop` by a plan, whose end edits may move."""

    def __init__(
        self,
        loop: Loop,
        plan: Plan,
        keeper: Keeper | None,
        ask: Ask | None,
        interrupts: Interrupts,
        stage: float | None = None,
    ) -> None:
        self.loop = loop
        self.plan = plan
        self.keeper = keeper
        self.ask = ask
        #: Updates between two questions; None: one at the end.
        self.stage = stage
        self._asked = 0
        self.interrupts = interrupts
        self.updates = plan.updates
        #: Why the training was stopped before its end; "" where it was not.
        self.stopped = ""
        scheduler = loop.scheduler
        self._declared = scheduler.total
        self._each = any(getattr(c, "metric", None) == BATCH_LOSS for c in scheduler.controllers)
        self._rolls = any(getattr(c, "rollback", False) for c in scheduler.controllers)
        self._left = False

    @property
    def over(self) -> bool:
        """Whether there is no update left to make."""
        return bool(self.stopped) or self.loop.place.done >= self.updates

    def run(self) -> None:
        """Train to the end; raise `Diverged` when loss or score stop being finite."""
        self.open()
        while True:
            while not self.over:
                if self._epoch():
                    self.close_epoch()
            if self.stopped:
                break
            if self.evaluated_at != self.loop.place.done:
                self.close_epoch()  # the end has moved to where the training is
            if self.over and not self._goes_on():
                break
        self.finish()

    def open(self) -> None:
        """Take in what waits at the beginning; it may move the end."""
        self.loop.scheduler.open()
        self._follow()
        self._obey_all()
        self._asked = self._stages
        if self._rolls and self.keeper is not None and not self.loop.place.done:
            self.save("start")

    def finish(self) -> None:
        """Write the last checkpoint, unless it is there."""
        if self.keeper is not None and not self._is_saved:
            self.save("stopped" if self.stopped else "end")

    def save(self, why: str, *, asked: bool = False) -> None:
        """Write a checkpoint now."""
        if self.keeper is not None:
            self.loop.read()
            self._judge()
            keeper, state = self.keeper, snapshot(self.loop)
            done = self.loop.place.done
            save = lambda: keeper.save(done, state, why, asked=asked)  # noqa: E731
            keeper.saved = self.loop.ranks.share(save)

    def _epoch(self) -> bool:
        """Make the updates that are left of the epoch; return whether it came to its end.

        It has not when the training was stopped or went back within it.
        """
        loop, place = self.loop, self.loop.place
        loop.task.model.train()
        self._left = False
        last = place.first + loop.per_epoch
        for group in loop.batches(remember=self.keeper is not None or self.ask is not None):
            loop.update(group)
            self._step()
            if self._left:
                return False
            if place.done >= self.updates:
                break
            # At the end of an epoch its evaluation comes first.
            if place.done < last and not self.between():
                return not (self.stopped or self._left)
        return True

    def _step(self) -> None:
        """Step the schedule after an update, and show controllers the loss where they look."""
        loop = self.loop
        per_step = loop.options.per == "step"
        if not self._each:
            if per_step:
                loop.scheduler.step()
            loop.read(all_of_them=False)
            if loop.unsound is not None:
                raise loop.diverged()
            return
        loop.read(tell=False)
        seen = {BATCH_LOSS: loop.losses[-1]}
        if per_step:
            loop.scheduler.step(seen)
        else:
            loop.scheduler.observe(seen)
        loop.tell_loss()  # when the step is over, as everywhere
        if loop.unsound is not None:
            self._obey_all()
            self._judge()

    def close_epoch(self) -> None:
        """Evaluate, show the controllers what came of it, and begin the next epoch."""
        loop, place = self.loop, self.loop.place
        loop.read()
        self._judge()
        whole = place.done - place.first == loop.per_epoch
        if whole and loop.options.per == "epoch":
            loop.scheduler.step()
        if self.evaluated_at == place.done:
            seen = {k: float(v) for k, v in loop.evaluations[-1].items()}
            seen.setdefault("loss", seen["train_loss"])
        else:
            seen = loop.evaluate()
        if whole:
            place.epoch, place.first, place.began = place.epoch + 1, place.done, None
        if loop.scheduler.controllers:
            loop.scheduler.observe(seen)
        self.between()
        self._judge()

    @property
    def evaluated_at(self) -> int:
        """The updates done at the last evaluation; -1 before the first."""
        evaluations = self.loop.evaluations
        return int(evaluations[-1]["step"]) if evaluations else -1

    def _judge(self) -> None:
        """Raise `Diverged` for a number that is not finite and that no rollback has undone."""
        if self.loop.unsound is not None:
            raise self.loop.diverged()

    def between(self) -> bool:
        """See to what has come since the last update; return whether the epoch goes on."""
        self._follow()
        self._obey_all()
        keeper = self.keeper
        interrupted, due = self.loop.ranks.any_of(
            self.loop.interrupted or self.interrupts.caught is not None,
            keeper is not None and not self._left and keeper.due(self.loop.place.done),
        )
        if interrupted:
            self.stopped = self.stopped or self.interrupts.reason
        if due:
            self.save("due")
        if self._stage_is_over():
            self._goes_on()
        return not (self._left or self.over)

    def _follow(self) -> None:
        """See where the end is now: edits may have moved it."""
        now = self.loop.scheduler.total
        if now == self._declared:
            updates = self.plan.updates
        elif math.isinf(now):
            return  # a schedule without an end has taken over; the budget stays
        else:
            per = self.loop.per_epoch if self.loop.options.per == "epoch" else 1
            updates = math.ceil(now * per)
        if updates != self.updates:
            self.updates = updates
            self.loop.tell_watcher(lambda watcher: watcher.started(updates))

    def _obey_all(self) -> None:
        while (command := self.loop.scheduler.take_command()) is not None:
            self._obey(command)

    def _obey(self, command: Edit) -> None:
        if isinstance(command, Stop):
            by = f"stopped by {command.author or 'hand'}"
            self.stopped = f"{by}: {command.reason}" if command.reason else by
        elif isinstance(command, Checkpoint):
            self._save_for(command)
        elif isinstance(command, Rollback):
            self._roll_back(command)

    def _save_for(self, command: Checkpoint) -> None:
        if self.keeper is None:
            self.say(
                "a checkpoint was asked for, but this training writes none; "
                "train with run= and checkpoint='auto'"
            )
        else:
            self.save(command.reason or "asked", asked=True)

    def _roll_back(self, command: Rollback) -> None:
        """Go back to the last checkpoint and scale the rate from there on."""
        loop, scheduler, keeper = self.loop, self.loop.scheduler, self.keeper
        found = None
        if keeper is not None:
            folder = keeper.folder
            found = loop.ranks.share(lambda: newest_usable(folder, loop.about, self.say))
        if keeper is None or found is None:
            self.say(
                "a rollback was asked for and there is no checkpoint to go back to; "
                "the rate is scaled from here on"
            )
        else:
            saved, state = found
            now = scheduler.controller_states()
            restore(loop, state, saved)
            scheduler.carry(rolled_back(scheduler, now))
            keeper.rewind(saved.step, state["scheduler"]["edits"], command.letter)
            self._left = True
        if command.factor != 1:
            made_by: dict[str, Any] = {"author": command.author, "group": command.group}
            why = command.reason or "rollback"
            scheduler.apply(by_hand(Scale(command.factor, reason=why, **made_by)))
        self._follow()
        if self._left:
            self.save("rollback")

    def say(self, text: str) -> None:
        """Say *text* on standard error and in the journal."""
        if self.loop.ranks.leads:
            log.warning("%s", text)
        if self.loop.journal is not None:
            self.loop.journal.append("note", step=self.loop.place.done, text=text)

    @property
    def _is_saved(self) -> bool:
        saved = None if self.keeper is None else self.keeper.saved
        return saved is not None and saved.step == self.loop.place.done

    def _goes_on(self) -> bool:
        """Ask whether to go on, where there is somebody to ask."""
        ask, self._asked = self.ask, self._stages
        if ask is not None and self.loop.journal is not None:
            self.loop.journal.flush()  # who watches sees all of it while we wait
        edits = self.loop.ranks.share(lambda: None if ask is None else ask(self._stage()))
        for edit in edits or ():
            self.loop.scheduler.apply(by_hand(edit))
        self._follow()
        self._obey_all()
        return not self.over

    def _stage_is_over(self) -> bool:
        if self.ask is None or self.stage is None or self._left or self.over:
            return False
        return self._stages > self._asked

    @property
    def _stages(self) -> int:
        return 0 if self.stage is None else math.floor(self.loop.place.done / self.stage)

    def _stage(self) -> Stage:
        loop = self.loop
        return Stage(
            step=loop.place.done,
            epoch=loop.evaluations[-1]["epoch"] if loop.evaluations else 0,
            total=loop.scheduler.total,
            per=loop.options.per,
            steps_per_epoch=loop.per_epoch,
            rate=float(loop.task.optimizer.param_groups[0]["lr"]),
            rates=as_array(loop.rates),
            losses=as_array(loop.losses),
            evaluations=tuple(loop.evaluations),
            score_name=loop.task.score,
            higher_is_better=loop.task.higher_is_better,
        )
