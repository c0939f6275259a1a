"""What a range test measured, as a value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrkit.errors import SpecError

Array = NDArray[np.float64]
Kind = Literal["exponential", "linear"]
Ending = Literal["end", "diverged", "not finite"]

FORMAT: Final = 1
KINDS: Final[tuple[str, ...]] = get_args(Kind)
ENDINGS: Final[tuple[str, ...]] = get_args(Ending)


@dataclass(frozen=True, eq=False, init=False)
class RangeCurve:
    """Losses against the learning rate: what a range test measured.

    - `rates`, (n,): the rate of update i, rising; with several groups that of the first group
      whose rate is not 0, and `groups` holds every group's rate as a multiple of it.
    - `losses`, (repeats, n): the mean training loss of update i's batches, computed before that
      update, so it shows what rates[0], ..., rates[i - 1] have done. It is NaN where the repeat
      had ended already, and infinite where the loss was infinite or not a number.
    - `validation`, `dead`: the same shape, or None where not asked for; NaN where not measured.
      They too were measured before update i. `dead` is the share of dead ReLU units, 0 to 1.
    - `initial_loss`: the mean loss of the first update over the repeats, before anything moved;
      taken from `losses` where it is not given.
    - `endings`: why each repeat ended: "end" (the last rate was reached), "diverged" (the loss
      had risen far above its best), "not finite" (infinite or not a number). Read off `losses`
      where not given, which cannot tell "diverged" from an end that was left out.
    - `kind` says how the rates are spaced; `validation_name` and `higher_is_better` belong to the
      validation; `notes` are sentences about how the test went, for the reader.

    One repeat may be given flat. Raises `SpecError` for shapes that differ, for rates that do not
    rise from above 0, and for names that are not known.

    >>> curve = RangeCurve([0.01, 0.1, 1.0], [2.3, 2.1, float("inf")])
    >>> curve.losses.shape, curve.endings, curve.initial_loss
    ((1, 3), ('not finite',), 2.3)
    """

    rates: Array
    losses: Array
    kind: Kind
    initial_loss: float
    validation: Array | None
    validation_name: str
    higher_is_better: bool
    dead: Array | None
    endings: tuple[Ending, ...]
    groups: Mapping[str, float]
    notes: tuple[str, ...]

    def __init__(
        self,
        rates: ArrayLike,
        losses: ArrayLike,
        *,
        kind: Kind = "exponential",
        initial_loss: float | None = None,
        validation: ArrayLike | None = None,
        validation_name: str = "loss",
        higher_is_better: bool = False,
        dead: ArrayLike | None = None,
        endings: Iterable[Ending] | None = None,
        groups: Mapping[str, float] | None = None,
        notes: Iterable[str] = (),
    ) -> None:
        axis = _rates(rates)
        table = _table("losses", losses, len(axis))
        fields = {
            "rates": axis,
            "losses": table,
            "kind": _one_of("kind", kind, KINDS),
            "initial_loss": _start(table) if initial_loss is None else float(initial_loss),
            "validation": _beside("validation", validation, table),
            "validation_name": str(validation_name),
            "higher_is_better": bool(higher_is_better),
            "dead": _shares(_beside("dead", dead, table)),
            "endings": _endings(endings, table),
            "groups": {str(name): float(value) for name, value in (groups or {}).items()},
            "notes": tuple(str(note) for note in notes),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def repeats(self) -> int:
        """How often the test was made."""
        return len(self.losses)

    @property
    def reached(self) -> int:
        """How many rates the repeat that went farthest has used."""
        used = np.flatnonzero(~np.isnan(self.losses).all(axis=0))
        return int(used[-1]) + 1 if used.size else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON types; what JSON lacks is spelt "NaN" and "Infinity"."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "rates": self.rates.tolist(),
            "losses": _spelt(self.losses),
            "initial_loss": _spell(self.initial_loss),
            "validation": _spelt(self.validation),
            "validation_name": self.validation_name,
            "higher_is_better": self.higher_is_better,
            "dead": _spelt(self.dead),
            "endings": list(self.endings),
            "groups": dict(self.groups),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RangeCurve:
        """Return the curve that `to_dict` wrote; raise `SpecError` for anything else."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, Mapping) else type(data).__name__
            raise SpecError(
                f"a range curve of format {FORMAT} is needed, got {found!r}; "
                "pass what RangeCurve.to_dict() returned"
            )
        try:
            fields = {name: value for name, value in data.items() if name != "format"}
            for name in ("losses", "validation", "dead"):
                if (table := fields.get(name)) is not None:
                    fields[name] = [[float(value) for value in row] for row in table]
            fields["initial_loss"] = float(fields["initial_loss"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, SpecError):
                raise
            raise SpecError(f"the range curve is damaged: {error}; measure it again") from error


def _rates(rates: ArrayLike) -> Array:
    axis = _numbers("rates", rates)
    if axis.ndim != 1 or len(axis) < 2:
        raise SpecError(f"`rates` must be flat and hold two or more, got shape {axis.shape}")
    if not np.isfinite(axis).all() or axis[0] <= 0:
        wrong = axis[~np.isfinite(axis) | (axis <= 0)]
        raise SpecError(f"rates must be finite and above 0, got {wrong[0]:g}; leave it out")
    falls = np.flatnonzero(np.diff(axis) <= 0)
    if falls.size:
        i = int(falls[0])
        raise SpecError(f"rates must rise, {axis[i + 1]:g} follows {axis[i]:g}; sort the columns")
    return axis


def _table(name: str, values: ArrayLike, length: int) -> Array:
    table = np.atleast_2d(_numbers(name, values))
    if table.ndim != 2 or not len(table) or table.shape[1] != length:
        raise SpecError(
            f"`{name}` must be (repeats, {length}), one column for each rate, got {table.shape}"
        )
    return table


def _beside(name: str, values: ArrayLike | None, losses: Array) -> Array | None:
    if values is None:
        return None
    table = _table(name, values, losses.shape[1])
    if table.shape != losses.shape:
        raise SpecError(
            f"`{name}` must have the shape of the losses, {losses.shape}, got {table.shape}"
        )
    return table


def _shares(dead: Array | None) -> Array | None:
    if dead is not None and ((dead < 0) | (dead > 1)).any():
        raise SpecError("`dead` holds shares from 0 to 1; divide by the number of units")
    return dead


def _numbers(name: str, values: ArrayLike) -> Array:
    try:
        array = np.array(values, dtype=np.float64)  # a copy: the curve is a value
    except (TypeError, ValueError) as error:
        raise SpecError(f"`{name}` must hold numbers in rows of one length: {error}") from error
    array.flags.writeable = False
    return array


def _one_of(name: str, value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise SpecError(f"`{name}` must be one of {', '.join(known)}, got {value!r}")
    return str(value)


def _endings(given: Iterable[Ending] | None, losses: Array) -> tuple[Ending, ...]:
    if given is None:
        return tuple("not finite" if np.isinf(row).any() else "end" for row in losses)
    endings = tuple(given)
    if len(endings) != len(losses):
        raise SpecError(f"`endings` needs one for each of {len(losses)} repeats, got {endings}")
    for ending in endings:
        _one_of("endings", ending, ENDINGS)
    return endings


def _start(losses: Array) -> float:
    first = losses[:, 0][np.isfinite(losses[:, 0])]
    return float(first.mean()) if first.size else math.nan


def _spell(value: float) -> float | str:
    # The spelling of the journal (see `records.format`), kept here so that a curve is pure NumPy.
    if math.isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _spelt(table: Array | None) -> list[list[float | str]] | None:
    return None if table is None else [[_spell(v) for v in row] for row in table.tolist()]
