"""Families of range-test curves with a known noiseless truth: the loss against log10 of the rate.

A draw of a family fixes its parameters (where it falls, how far, where it blows up) and its noise.
`SEEN` were looked at while the rule was made, `HELD_OUT` only in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Random = np.random.Generator
LOW, HIGH, POINTS = 1e-7, 10.0, 100  # fastai's sweep, the one its rules were made for


@dataclass(frozen=True)
class Draw:
    """One noisy curve and its truth; `losses` is not finite where the training had blown up."""

    rates: Array
    losses: Array
    true: Array

    def landmarks(self) -> dict[str, float | None]:
        """Return base, steepest point and maximum of the noiseless curve.

        Whole fall: from the first value to the lowest. A maximum on the last rate is None: the
        curve does not say where the fall ends.
        """
        log, true = np.log10(self.rates), np.where(np.isfinite(self.true), self.true, np.inf)
        lowest = int(np.argmin(true))
        fall = true[0] - true[lowest]
        base = int(np.argmax(true <= true[0] - 0.1 * fall))
        slope = np.diff(true[: lowest + 1]) / np.diff(log[: lowest + 1])
        steepest = int(np.argmin(slope))
        between = 10 ** ((log[steepest] + log[steepest + 1]) / 2)
        ends = lowest < len(log) - 2
        return {
            "base": float(self.rates[base]),
            "steepest": float(between),
            "maximum": float(self.rates[lowest]) if ends else None,
        }


Shape = Callable[[Random, Array], Array]  # parameters drawn, at log10 of the rates


@dataclass(frozen=True)
class Family:
    """A shape with its kind of noise: "even", "growing" with the rate, or "spiky"."""

    name: str
    shape: Shape
    noise: str = "even"

    def draw(self, seed: int) -> Draw:
        """Return draw *seed*, on 100 rates from 1e-7 to 10."""
        random = np.random.default_rng([seed, *self.name.encode()])
        log = np.linspace(np.log10(LOW), np.log10(HIGH), POINTS)
        true = self.shape(random, log)
        seen = true[np.isfinite(true)]
        fall = seen[0] - seen.min()
        level = fall * 10 ** random.uniform(np.log10(0.02), np.log10(0.2))
        noise = level * random.standard_normal(POINTS)
        if self.noise == "growing":
            noise *= np.linspace(0.2, 2.0, POINTS)
        if self.noise == "spiky":
            spikes = random.random(POINTS) < 0.06
            noise += spikes * fall * random.exponential(1.0, POINTS)
        return Draw(10.0**log, true + noise, true)


def _sigmoid(z: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def _start(random: Random) -> tuple[float, float]:
    """Return the first loss and the depth of the whole fall."""
    first = random.uniform(1.0, 7.0)
    return first, first * random.uniform(0.4, 0.9)


def _blow_up(log: Array, at: float, speed: float, scale: float) -> Array:
    """Return scale * rate^speed growth that is `scale` at *at*, cut before it overflows."""
    return np.asarray(scale * np.exp(np.minimum(speed * (log - at), 12.0)))


def sigmoid_fall(random: Random, log: Array) -> Array:
    """A sigmoid fall, then exponential divergence."""
    first, fall = _start(random)
    centre, width = random.uniform(-4.5, -1.5), random.uniform(0.1, 0.35)
    at = centre + random.uniform(1.0, 2.2)
    up = _blow_up(log, at, random.uniform(3, 8), 0.5 * fall)
    return first - fall * _sigmoid((log - centre) / width) + up


def power_fall(random: Random, log: Array) -> Array:
    """A slow fall as a saturating power of the rate, then divergence."""
    first, fall = _start(random)
    centre, power = random.uniform(-4.0, -2.0), random.uniform(0.4, 0.8)
    at = centre + random.uniform(1.5, 3.0)
    ratio = 10 ** (power * (log - centre))
    return first - fall * ratio / (1 + ratio) + _blow_up(log, at, random.uniform(4, 10), 0.5 * fall)


def two_stage(random: Random, log: Array) -> Array:
    """Two falls with a shelf between them, one steeper than the other."""
    first, fall = _start(random)
    one = random.uniform(-5.0, -3.5)
    two = one + random.uniform(1.2, 2.2)
    share = random.choice([random.uniform(0.15, 0.35), random.uniform(0.65, 0.85)])
    width = random.uniform(0.12, 0.22)
    down = share * _sigmoid((log - one) / width) + (1 - share) * _sigmoid((log - two) / width)
    at = two + random.uniform(0.8, 1.8)
    return np.asarray(first - fall * down + _blow_up(log, at, random.uniform(4, 9), 0.4 * fall))


def late_fall(random: Random, log: Array) -> Array:
    """Flat for most of the sweep, then a quick fall and a quick end."""
    first, fall = _start(random)
    centre = random.uniform(-1.5, -0.5)
    down = _sigmoid((log - centre) / random.uniform(0.06, 0.15))
    at = centre + random.uniform(0.5, 1.2)
    return first - fall * down + _blow_up(log, at, random.uniform(6, 14), 0.3 * fall)


def cliff(random: Random, log: Array) -> Array:
    """A fall that goes on until the loss is not a number from one step to the next."""
    first, fall = _start(random)
    centre, width = random.uniform(-4.5, -2.0), random.uniform(0.2, 0.5)
    at = centre + random.uniform(0.8, 2.0)
    true = first - fall * _sigmoid((log - centre) / width)
    return np.where(log > at, np.nan, true)


def shallow(random: Random, log: Array) -> Array:
    """A fall of a tenth of the loss, far from zero."""
    first = random.uniform(5.0, 50.0)
    fall = first * random.uniform(0.05, 0.15)
    centre, width = random.uniform(-4.0, -2.0), random.uniform(0.2, 0.4)
    at = centre + random.uniform(1.2, 2.0)
    up = _blow_up(log, at, random.uniform(3, 7), fall)
    return first - fall * _sigmoid((log - centre) / width) + up


def never_diverges(random: Random, log: Array) -> Array:
    """A fall that is still going on at the last rate."""
    first, fall = _start(random)
    centre, width = random.uniform(-2.5, 0.5), random.uniform(0.2, 0.6)
    return first - fall * _sigmoid((log - centre) / width)


def catapult(random: Random, log: Array) -> Array:
    """A fall, a hump of instability with recovery below it, then divergence."""
    first, fall = _start(random)
    centre, width = random.uniform(-5.0, -3.0), random.uniform(0.2, 0.35)
    hump = centre + random.uniform(0.9, 1.4)
    top = random.uniform(0.2, 0.45) * fall * np.exp(-(((log - hump) / 0.15) ** 2))
    at = hump + random.uniform(0.9, 1.6)
    further = 0.25 * fall * _sigmoid((log - hump) / 0.25)
    up = _blow_up(log, at, random.uniform(4, 9), 0.5 * fall)
    return first - 0.75 * fall * _sigmoid((log - centre) / width) - further + top + up


def parabola(random: Random, log: Array) -> Array:
    """A wide U on the log axis behind a flat start."""
    first, fall = _start(random)
    low, half = random.uniform(-3.5, -1.0), random.uniform(1.0, 2.5)
    bowl = np.minimum(((log - low) / half) ** 2 - 1, np.where(log < low, 0.0, 3.0))
    return np.asarray(first + fall * bowl)


def plateau(random: Random, log: Array) -> Array:
    """A fall to a long floor that sinks slowly, then divergence."""
    first, fall = _start(random)
    centre, width = random.uniform(-5.0, -3.5), random.uniform(0.12, 0.3)
    at = centre + random.uniform(2.0, 3.5)
    sink = 0.1 * fall * np.clip(log - centre, 0, None)
    up = _blow_up(log, at, random.uniform(5, 12), 0.5 * fall)
    return first - fall * _sigmoid((log - centre) / width) - sink + up


def drifting(random: Random, log: Array) -> Array:
    """A loss that creeps up before it falls, and ends in a steep wall to another level."""
    first, fall = _start(random)
    centre, width = random.uniform(-4.0, -2.0), random.uniform(0.15, 0.3)
    at = centre + random.uniform(0.9, 1.8)
    creep = 0.05 * fall * np.clip(log - log[0], 0, centre - 1 - log[0])
    wall = 1.3 * fall * _sigmoid((log - at) / 0.06)
    return np.asarray(first + creep - fall * _sigmoid((log - centre) / width) + wall)


def below_zero(random: Random, log: Array) -> Array:
    """A log-likelihood: from above zero to far below it, with an asymmetric fall (Gompertz)."""
    first, fall = random.uniform(-1.0, 3.0), random.uniform(3.0, 8.0)
    centre, width = random.uniform(-4.5, -2.5), random.uniform(0.25, 0.6)
    at = centre + random.uniform(1.5, 2.5)
    down = np.exp(-np.exp(np.minimum(-(log - centre) / width, 12.0)))
    return first - fall * down + _blow_up(log, at, random.uniform(4, 10), 0.5 * fall)


def straight(random: Random, log: Array) -> Array:
    """A straight fall on the log axis with rounded ends, quicker towards its end, then a wall."""
    first, fall = _start(random)
    begin, length = random.uniform(-5.5, -3.5), random.uniform(1.2, 2.5)
    part = np.clip((log - begin) / length, 0, 1)
    down = 0.6 * part + 0.4 * part**3
    up = _blow_up(log, begin + length + 0.5, random.uniform(6, 15), 0.7 * fall)
    return first - fall * down + up


SEEN = (
    Family("sigmoid fall, then divergence", sigmoid_fall),
    Family("slow power fall", power_fall),
    Family("two stages", two_stage),
    Family("long flat start", late_fall),
    Family("cliff to NaN", cliff),
    Family("shallow fall far from zero", shallow),
    Family("noise that grows with the rate", sigmoid_fall, "growing"),
    Family("spiky", sigmoid_fall, "spiky"),
    Family("never diverging", never_diverges),
)
HELD_OUT = (
    Family("catapult", catapult),
    Family("wide U", parabola),
    Family("long floor", plateau),
    Family("creeps up, then a wall", drifting),
    Family("below zero, asymmetric", below_zero),
    Family("straight fall, spiky", straight, "spiky"),
)
