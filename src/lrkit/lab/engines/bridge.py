"""The process between an engine and a Ray cluster: `python -m lrkit.lab.engines.bridge`.

Ray ends the process it is used in when its cluster is gone, keeps one connection a process, and
starts threads and handlers of its own. So it has a process to itself, and the engine only reads
and writes messages.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import cloudpickle  # loky brings it
import ray
from ray.exceptions import RayActorError, RayError

from lrkit.errors import DataError, LrkitError
from lrkit.lab.contract import first_line
from lrkit.lab.engines.cluster import Plan
from lrkit.lab.engines.contract import Training
from lrkit.lab.engines.member import Look, Marker, Member
from lrkit.lab.engines.orders import ATTEMPTS, Order
from lrkit.lab.engines.parcels import pack, unpack
from lrkit.records.writer import JOURNAL

LOOK: Final = 0.1  # seconds between two looks at a training
WAIT: Final = 0.02
GRACE: Final = 10.0


@dataclass(eq=False)
class _Seat:
    """A worker of the cluster, and what it is at."""

    actor: Any
    share: float
    ready: Any
    order: Order | None = None
    over: Any = None
    looking: Any = None
    looked: float = 0.0
    free: bool = False


@dataclass(eq=False)
class Bridge:
    """Hands trainings to the workers of a cluster and tells the engine how they go."""

    line: Connection
    plan: Plan
    slots: int
    gpus: float
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    seats: list[_Seat] = field(default_factory=list)
    waiting: deque[Order] = field(default_factory=deque)
    markers: set[Path] = field(default_factory=set)
    failures: int = 0

    def run(self) -> None:
        """Work until the engine closes the line or says so."""
        try:
            while self._hear():
                self._staff()
                self._dispatch()
                refs = [ref for seat in self.seats for ref in _refs(seat)]
                if refs:
                    ray.wait(refs, timeout=WAIT)
                for seat in list(self.seats):
                    self._see(seat)
        finally:
            self._close()

    def _hear(self) -> bool:
        """Take in what the engine says; return whether to go on."""
        while self.line.poll(0 if self.seats else LOOK):
            try:
                kind, number, content = self.line.recv()
            except EOFError:
                return False
            if kind == "close":
                return False
            if kind == "submit":
                self.waiting.append(Order(cloudpickle.loads(content), number))
            else:
                self._stop(number)
        return True

    def _stop(self, number: int) -> None:
        for order in [o for o in self.waiting if o.number == number]:
            self.waiting.remove(order)
            self._tell("ended", number, False)
        for seat in self.seats:
            if seat.order is not None and seat.order.number == number:
                seat.order.stopping = True
                seat.actor.stop.remote()

    def _tell(self, kind: str, number: int, content: Any) -> None:
        self.line.send((kind, number, content))

    # Workers.

    def _staff(self) -> None:
        """Ask for as many workers as there are trainings that wait, within the slots."""
        idle = [seat for seat in self.seats if seat.order is None]
        wanted = [self._share(order.training) for order in self.waiting]
        for share in wanted[: self.slots]:
            fit = next((seat for seat in idle if seat.share == share), None)
            if fit is not None:
                idle.remove(fit)
            elif len(self.seats) < self.slots:
                self._hire(share)
            elif idle and idle[0].free:
                self._dismiss(idle.pop(0))
                self._hire(share)

    def _hire(self, share: float) -> None:
        made = ray.remote(Member).options(
            num_cpus=1, num_gpus=share, max_concurrency=3, max_restarts=0
        )
        actor: Any = made.remote(self.plan.cwd)
        self.seats.append(_Seat(actor, share, actor.ready.remote()))

    def _dismiss(self, seat: _Seat) -> None:
        self.seats.remove(seat)
        ray.kill(seat.actor)

    def _share(self, training: Training) -> float:
        """Return the share of a GPU that *training* gets; 0 on a CPU."""
        if not training.device.startswith("cuda"):
            return 0.0
        return min(1.0, self.gpus / self.slots) or 1.0

    # Trainings.

    def _dispatch(self) -> None:
        """Give what waits to the workers that are there and free."""
        for order in list(self.waiting):
            share = self._share(order.training)
            seat = next((s for s in self.seats if s.free and s.share == share), None)
            if seat is None:
                continue
            self.waiting.remove(order)
            training, cooldown = order.training, order.training.cooldown
            marker = None if self.plan.ship else self._marker(training.folder.parent)
            begun = pack(training.folder) if (training.folder / JOURNAL).exists() else None
            parent = None if cooldown is None else pack(cooldown.parent)
            seat.order, seat.free = order, False
            seat.over = seat.actor.train.remote(training, marker, begun, parent)

    def _marker(self, folder: Path) -> Marker:
        path = folder / f".lrkit-{self.token}"
        if path not in self.markers:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(self.token)
            self.markers.add(path)
        return Marker(path, self.token)

    def _see(self, seat: _Seat) -> None:
        """Take in what has come from the worker of *seat*, and look at it again."""
        try:
            if seat.ready is not None:
                if _done(seat.ready):
                    ray.get(seat.ready)
                    seat.ready, seat.free, self.failures = None, True, 0
            elif seat.order is not None:
                self._follow(seat, seat.order)
        except RayActorError as error:
            self.seats.remove(seat)
            self._bury(seat.order, error)

    def _follow(self, seat: _Seat, order: Order) -> None:
        over = _done(seat.over)
        if seat.looking is not None and (over or _done(seat.looking)):
            self._report(order, ray.get(seat.looking))
            seat.looking = None
        if over:
            try:
                outcome, look = ray.get(seat.over)
                self._report(order, look)
            except LrkitError as error:
                outcome = error
            seat.order, seat.over, seat.free = None, None, True
            self._tell("ended", order.number, outcome)
        elif seat.looking is None and time.monotonic() - seat.looked > LOOK:
            seat.looked = time.monotonic()
            seat.looking = seat.actor.look.remote()

    def _report(self, order: Order, look: Look) -> None:
        if look.parcel is not None:
            unpack(order.training.folder, look.parcel, dict(look.moved or {}))
        if look.updates:
            self._tell("stepped", order.number, (look.updates, look.done, look.loss))
        for epoch, done, scores in look.evaluated:
            if order.fresh(done):
                self._tell("evaluated", order.number, (epoch, done, scores))

    def _bury(self, order: Order | None, error: RayActorError) -> None:
        """See to the training of a worker that has died, or to one that never came."""
        if order is None:
            self.failures += 1
            if self.failures >= ATTEMPTS:
                gone = DataError(
                    f"a worker of the Ray cluster does not start: {first_line(error)}; see that "
                    "every node has lrkit[ray], of this version"
                )
                while self.waiting:
                    self._tell("ended", self.waiting.popleft().number, gone)
            return
        if (gone_for_good := order.died(error)) is not None:
            self._tell("ended", order.number, gone_for_good)
        elif order.stopping:
            self._tell("ended", order.number, (order.training.folder / JOURNAL).exists())
        else:
            self.waiting.appendleft(order)

    def _close(self) -> None:
        """Let the trainings close their journals, and take in what they came to."""
        self.waiting.clear()
        busy = [seat for seat in self.seats if seat.order is not None]
        with contextlib.suppress(RayError, OSError, LrkitError):
            for seat in busy:
                seat.actor.stop.remote()
            until = time.monotonic() + GRACE
            while busy and time.monotonic() < until:
                ray.wait([seat.over for seat in busy], timeout=WAIT)
                for seat in busy:
                    self._see(seat)
                busy = [seat for seat in self.seats if seat.order is not None]
        for path in self.markers:
            path.unlink(missing_ok=True)
        for seat in self.seats:
            ray.kill(seat.actor)


def _refs(seat: _Seat) -> list[Any]:
    return [ref for ref in (seat.ready, seat.over, seat.looking) if ref is not None]


def _done(ref: Any) -> bool:
    return bool(ray.wait([ref], timeout=0)[0])


def connect(plan: Plan) -> tuple[int, float]:
    """Join the cluster of *plan*; return how many trainings fit into it, and its GPUs."""
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if plan.address is None:
        ray.init(
            address="local",
            num_cpus=plan.workers,
            include_dashboard=False,
            object_store_memory=256 << 20,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(plan.folder / "ray"),
            **quiet,
        )
    else:
        ray.init(address=plan.address, **quiet)
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cores = max(1, int(there.get("CPU", 1)))
    return min(plan.workers or cores, cores), float(there.get("GPU", 0.0))


def main() -> None:
    """Join the cluster, say so, and work; the line is the descriptor named on the command line."""
    line = Connection(int(sys.argv[1]))
    plan: Plan = line.recv()
    try:
        slots, gpus = connect(plan)
    except Exception as error:
        line.send(("failed", 0, first_line(error)))
        return
    line.send(("ready", slots, None))
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the engine is gone
            Bridge(line, plan, slots, gpus).run()
    finally:
        ray.shutdown()


if __name__ == "__main__":
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    main()
