"""The state of a training at a step boundary: as one value to save, and put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from torch import Tensor, nn

from lrkit.errors import DataError, SpecError
from lrkit.lab.checkpoints import DamagedError, Saved
from lrkit.lab.contract import Task, first_line
from lrkit.probe.randomness import RandomState

if TYPE_CHECKING:
    from lrkit.lab.loop import Loop

#: What a checkpoint and a run must agree on, or the one does not belong to the other.
ABOUT: Final = ("task", "made_by", "seed", "options", "accumulate", "clip", "amp", "per")


@dataclass
class Place:
    """Where a training is: *done* updates, in epoch *epoch*, which began after *first* of them.

    *began* is the random state in which the epoch
    began; None where nobody will ask for it.
    """

    epoch: int = 0
    first: int = 0
    done: int = 0
    began: RandomState | None = field(default=None, repr=False)


def snapshot(loop: Loop) -> dict[str, Any]:
    """Return the state of *loop* between two updates, for `write_checkpoint`."""
    place, task = loop.place, loop.task
    began = None if place.began is None else place.began.to_dict()
    random = loop.ranks.all_of({"epoch": began, "now": RandomState.now(task.device).to_dict()})
    return {
        "about": dict(loop.about),
        "place": {
            "epoch": place.epoch,
            "first": place.first,
            "done": place.done,
            "seconds": loop.seconds,
        },
        "model": task.model.state_dict(),
        "buffers": _unsaved_buffers(task.model),
        "optimizer": task.optimizer.state_dict(),
        "scheduler": loop.scheduler.state_dict(),
        "scaler": loop.precision.state_dict(),
        "parts": {name: part.state_dict() for name, part in task.parts.items()},
        "random": random[0],
        "random_of_others": random[1:],
    }


def restore(loop: Loop, state: Mapping[str, Any], saved: Saved, *, scheduler: bool = True) -> None:
    """Put *loop* where *state*, read from the checkpoint *saved*, was taken.

    Without *scheduler* the schedule stays what it is, for a run that takes another course.

    Random states come last, so that nothing that loads a part can move them. Raises `DataError`
    when the state does not fit the task.
    """
    try:
        load_parts(loop.task, state)
        loop.precision.load_state_dict(state["scaler"])
        if scheduler:
            loop.scheduler.load_state_dict(state["scheduler"])
        place, random = state["place"], [state["random"], *state.get("random_of_others", ())]
        random = random[loop.ranks.rank]
        began = random["epoch"]
        loop.go_to(
            Place(
                place["epoch"],
                place["first"],
                place["done"],
                None if began is None else RandomState.from_dict(began),
            ),
            place["seconds"],
        )
        RandomState.from_dict(random["now"]).restore()
    except SpecError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise DataError(
            f"checkpoint {saved.name} does not fit the task {loop.task.name!r} "
            f"({first_line(error)}); see that model and optimizer are built as they were then"
        ) from error


def about_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the checkpoints of a run must agree on with its header."""
    return {name: header.get(name) for name in ABOUT}


def check_about(state: Mapping[str, Any], about: Mapping[str, Any], saved: Saved) -> None:
    """Raise `DamagedError` when the checkpoint *saved* is of another training than *about* says."""
    its = state.get("about", {})
    for name in ABOUT:
        if its.get(name) != about.get(name):
            raise DamagedError(
                f"checkpoint {saved.name} is of another training: its {name} is "
                f"{its.get(name)!r}, that of the run is {about.get(name)!r}; remove it"
            )


def load_parts(task: Task, state: Mapping[str, Any]) -> None:
    """Give *task* the weights, the optimizer's state and the parts of a checkpoint's *state*."""
    load_model(task, state)
    task.optimizer.load_state_dict(state["optimizer"])
    if wrong := sorted(state["parts"].keys() ^ task.parts.keys()):
        raise KeyError(f"parts: {wrong[0]}")
    for name, part in task.parts.items():
        part.load_state_dict(state["parts"][name])


def load_model(task: Task, state: Mapping[str, Any]) -> None:
    """Give the model of *task* the weights and all buffers of a checkpoint's *state*."""
    task.model.load_state_dict(state["model"])
    buffers = dict(task.model.named_buffers())
    for name, value in state["buffers"].items():
        buffers[name].copy_(value)


def _unsaved_buffers(model: nn.Module) -> dict[str, Tensor]:
    """Return the buffers that `state_dict` leaves out; a resumed training needs them all."""
    known = model.state_dict().keys()
    return {name: value for name, value in model.named_buffers() if name not in known}
