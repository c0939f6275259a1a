"""What a search is told to do, and how that is kept in its folder."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from lrkit.errors import DataError, SpecError
from lrkit.lab.entries import Value
from lrkit.records import write_file
from lrkit.schedules import nearest
from lrkit.search import PRUNERS, SAMPLERS

FILE: Final = "order.json"
MAY_CHANGE: Final = ("trials",)
"""A search can be made longer; whatever else differs makes it another one."""


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search of the schedules in a space on one task.

    - *space* is a schedule text in which ranges may stand, as in `~log(1e-3, 1) * cosine()`;
      *options* go to the task, and a text that begins with ~ is a range there, too. Both as
      `lrkit.search.Space` spells them.
    - *trials* is how many points of the space are tried in all, each with all of *seeds*.
    - *sampler* says how they are chosen and *pruner* which are stopped early, by the names of
      `lrkit.search`; *grid* is for the sampler of that name, how many values a range has.
      *sampler_seed* decides what they draw.
    - *total* is the length of a training, a span (None: the task's own budget); the rest are
      arguments of `lrkit.lab.train`.
    - *holdout* is the share of the training data kept for choosing, for the task's option of that
      name; None: the task has none.

    Raises `SpecError` for what breaks a rule.

    >>> Order(task="poly-tanh", space="~log(1e-3, 1) * cosine()").trials
    40
    """

    task: str
    space: str
    options: dict[str, Value] = {}
    format: Literal[1] = 1
    trials: int = 40
    sampler: str = "tpe"
    pruner: str = "hyperband"
    grid: int | None = None
    sampler_seed: int = 0
    seeds: tuple[int, ...] = (0,)
    total: str | int | None = None
    per: Literal["step", "epoch"] = "step"
    clip: float | None = None
    accumulate: int = 1
    amp: bool = False
    device: str = "auto"
    holdout: float | None = None

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise SpecError(f"`trials >= 1` must hold, got {self.trials}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise SpecError(
                f"seeds must be one or more different numbers >= 0, got {list(self.seeds)}"
            )
        for what, name, known in (
            ("sampler", self.sampler, SAMPLERS),
            ("pruner", self.pruner, PRUNERS),
        ):
            if name not in known:
                raise SpecError(
                    f"the {what} must be one of {', '.join(known)}, got {name!r}"
                    f"{nearest(name, list(known))}"
                )
        if self.sampler_seed < 0:
            raise SpecError(f"`sampler_seed >= 0` must hold, got {self.sampler_seed}")
        if self.holdout is not None and not (math.isfinite(self.holdout) and 0 <= self.holdout < 1):
            raise SpecError(f"`0 <= holdout < 1` must hold, got {self.holdout}; 0 keeps none")

    @property
    def identity(self) -> str:
        """A hash of all that makes it the search it is, to find it again in a database."""
        fields = {k: v for k, v in msgspec.structs.asdict(self).items() if k not in MAY_CHANGE}
        return hashlib.sha256(msgspec.json.encode(fields, order="deterministic")).hexdigest()[:12]

    def differences(self, there: Order) -> list[str]:
        """Return in what *there* is another search, as in "seeds: 0 there, 0, 1 here"."""
        return [
            f"{name}: {_shown(getattr(there, name))} there, {_shown(getattr(self, name))} here"
            for name in self.__struct_fields__
            if name not in MAY_CHANGE and getattr(there, name) != getattr(self, name)
        ]


def keep_order(order: Order, folder: Path) -> None:
    """Write *order* into *folder*, unless it is there already.

    Raises `DataError` where another search is at home there.
    """
    path = folder / FILE
    if path.exists():
        there = read_order(folder)
        if differences := order.differences(there):
            raise DataError(
                f"one search a folder: {folder} has another one ({'; '.join(differences)}); "
                "give another --out, or call it as it was begun"
            )
        if there == order:
            return
    write_file(path, msgspec.json.format(msgspec.json.encode(order, order="deterministic")))


def read_order(folder: Path) -> Order:
    """Return the order of the search in *folder*; raise `DataError` where there is none."""
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Order)
    except FileNotFoundError:
        raise DataError(
            f"{folder} has no search: no {FILE} in it; see that the path is right"
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"cannot read {path}: {reason}; check the path") from error
    except msgspec.DecodeError as error:
        raise DataError(
            f"{path} is damaged or of another program ({error}); choose another folder"
        ) from error


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{k}={v}" for k, v in value.items()) or "none"
    return "none" if value is None else str(value)
