"""A fitted law as a value: its parameters, how sure they are, and what it was fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from lrkit.errors import SpecError
from lrkit.laws.curves import LossCurve
from lrkit.laws.grid import Array
from lrkit.laws.law import Law
from lrkit.laws.registry import law_named

FORMAT: Final = 1
KIND: Final = "lrkit law"


@dataclass(frozen=True)
class Seen:
    """What a fit has seen of a run, kept to say when a prediction goes beyond it.

    `peak`, `lowest` (after the peak) and `final` are rates, `updates` the number up to the last
    loss, `total` the length of the training, `rises` whether the rate rises again after it fell.
    """

    name: str
    schedule: str
    peak: float
    lowest: float
    final: float
    updates: int
    total: int
    points: int
    final_loss: float
    rises: bool


@dataclass(frozen=True)
class Trial:
    """One run predicted from the others: the final loss, the error's sign is predicted - observed.

    `width` is the standard error that was stated for the logarithm of the final loss, `reach` what
    came on top because the run lies beyond those fitted; `prede` is the mean relative error over
    the whole curve.
    """

    run: str
    observed: float
    predicted: float
    width: float
    reach: float
    prede: float

    @property
    def apart(self) -> float:
        """The error of the logarithm of the final loss."""
        return float(np.log(self.predicted / self.observed))


@dataclass(frozen=True)
class Fit:
    """A law with its parameters.

    `covariance`, over the `free` parameters in the coordinates they are fitted in (logarithms
    where `Parameter.log`), comes from a bootstrap over runs; `offset` is the spread of runs
    around the law (of the logarithm of the loss), `factor` turns a standard error into half of a
    90 % interval, calibrated on `trials`. `notes` are sentences for the reader.
    """

    law: str
    values: Mapping[str, float]
    objective: float
    seen: tuple[Seen, ...]
    free: tuple[str, ...] = ()
    covariance: tuple[tuple[float, ...], ...] = ()
    offset: float = 0.0
    factor: float = 1.645
    trials: tuple[Trial, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def form(self) -> Law:
        """The law itself."""
        return law_named(self.law)

    @property
    def error(self) -> float | None:
        """The mean relative error over runs that the fit had not seen; None where none was held."""
        return float(np.mean([trial.prede for trial in self.trials])) if self.trials else None

    def interval(self, name: str) -> tuple[float, float]:
        """Return the 90 % interval of the parameter *name*; a point where it was held."""
        value = self.values[name]
        if name not in self.free:
            return value, value
        place = self.free.index(name)
        half = self.factor * float(np.sqrt(self.covariance[place][place]))
        parameter = next(p for p in self.form.parameters if p.name == name)
        if parameter.log:
            return float(value * np.exp(-min(half, 700.0))), float(value * np.exp(min(half, 700.0)))
        return value - half, value + half

    def sigma(self) -> Array:
        """Return the covariance as a matrix."""
        return np.array(self.covariance, dtype=np.float64).reshape(len(self.free), len(self.free))

    def to_dict(self) -> dict[str, Any]:
        """Return the fit as JSON types, with a format number."""
        return {
            "format": FORMAT,
            "kind": KIND,
            "law": self.law,
            "formula": self.form.formula,
            "values": dict(self.values),
            "intervals": {name: list(self.interval(name)) for name in self.values},
            "objective": self.objective,
            "free": list(self.free),
            "covariance": [list(row) for row in self.covariance],
            "offset": self.offset,
            "factor": self.factor,
            "seen": [vars(run).copy() for run in self.seen],
            "trials": [vars(trial).copy() for trial in self.trials],
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fit:
        """Return the fit that `to_dict` wrote; raise `SpecError` for anything else."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, Mapping) else type(data).__name__
            raise SpecError(
                f"a fitted law of format {FORMAT} is needed, got {found!r}; write one with "
                "`lrkit law fit CURVES -o law.json`"
            )
        try:
            form = law_named(str(data["law"]))
            values = {name: float(data["values"][name]) for name in form.names}
            return cls(
                law=form.name,
                values=values,
                objective=float(data.get("objective", 0.0)),
                seen=tuple(Seen(**run) for run in data.get("seen", ())),
                free=tuple(str(name) for name in data.get("free", ())),
                covariance=tuple(
                    tuple(float(x) for x in row) for row in data.get("covariance", ())
                ),
                offset=float(data.get("offset", 0.0)),
                factor=float(data.get("factor", 1.645)),
                trials=tuple(Trial(**trial) for trial in data.get("trials", ())),
                notes=tuple(str(note) for note in data.get("notes", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, SpecError):
                raise
            raise SpecError(
                f"the fitted law is damaged or lacks a parameter: {error!r}; fit it again"
            ) from error


def seen_of(curve: LossCurve) -> Seen:
    """Return what a fit keeps of *curve*."""
    top = int(curve.rates.argmax())
    after = curve.rates[top:]
    # A fall of 2 % and a rise of as much after it: not the ripple of a log read off with noise.
    lows = np.minimum.accumulate(after)
    return Seen(
        name=curve.name,
        schedule=curve.schedule,
        peak=curve.peak,
        lowest=float(after.min()),
        final=curve.final_rate,
        updates=len(curve.rates),
        total=curve.total,
        points=len(curve.steps),
        final_loss=curve.final_loss,
        rises=bool((after > lows + 0.02 * curve.peak).any()),
    )
