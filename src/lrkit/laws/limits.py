"""What a fit cannot know: parameters no run determines, predictions beyond what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from lrkit.laws.curves import LossCurve
from lrkit.laws.fitted import Fit, Seen, seen_of
from lrkit.laws.law import Law

LOOSE: Final = 1.0  # of a logarithm: beyond a factor of 2.7 either way a scale is hardly known
SLACK: Final = 0.05  # relative: so little beyond what was seen is not called beyond


def undetermined(law: Law, fitted: Fit, curves: Sequence[LossCurve]) -> list[str]:
    """Return, by name, which parameters of *law* the *curves* do not determine, and why."""
    notes = []
    decay = [p.name for p in law.parameters if p.decay and p.name in fitted.free]
    if decay and not any(curve.decays for curve in curves):
        notes.append(
            f"no run decays, so {_listed(decay)} {_are(decay)} not determined; add a run whose "
            "rate falls"
        )
        return notes
    peaks = np.array([curve.peak for curve in curves])
    if peaks.max() < peaks.min() * (1 + SLACK):
        pinned = [p.name for p in law.parameters if p.spread is not None and p.name in fitted.free]
        about = f", and {_listed(pinned)} stay near their priors" if pinned else ""
        notes.append(
            f"every run peaks at {peaks.max():g}: nothing is known about other peaks{about}"
        )
    loose = [
        p.name
        for i, p in enumerate(q for q in law.parameters if q.name in fitted.free)
        if p.log
        and np.sqrt(fitted.covariance[fitted.free.index(p.name)][fitted.free.index(p.name)]) > LOOSE
    ]
    if loose:
        notes.append(
            f"{_listed(loose)} {_are(loose)} hardly determined (more than a factor of 2.7 either "
            "way); predictions near the runs seen can be good all the same"
        )
    return notes


def beyond(fitted: Fit, curve: LossCurve) -> list[str]:
    """Return where a prediction for *curve* leaves what *fitted* has seen."""
    if not fitted.seen:
        return ["the law says nothing about the runs it was fitted on"]
    asked, seen = seen_of(curve), fitted.seen
    notes = [
        *_outside("peak", asked.peak, [run.peak for run in seen], "{:.3g}"),
        *_outside("horizon", asked.updates, [run.updates for run in seen], "{:,.0f} updates", True),
    ]
    least = min(run.lowest / run.peak for run in seen)
    if asked.lowest / asked.peak < least * (1 - SLACK) - 1e-4:
        notes.append(
            f"extrapolates: the rate falls to {_percent(asked.lowest / asked.peak)} of its peak, "
            f"no run seen went below {_percent(least)}"
        )
    if asked.rises and not any(run.rises for run in seen):
        notes.append("extrapolates: the rate rises again after it fell, as in no run seen")
    if not any(run.lowest < 0.95 * run.peak for run in seen) and asked.lowest < 0.95 * asked.peak:
        notes.append("extrapolates: the rate decays, and no run seen did")
    return notes


def _outside(
    what: str, asked: float, seen: Sequence[float], form: str, only_above: bool = False
) -> list[str]:
    low, high = min(seen), max(seen)
    if asked > high * (1 + SLACK) or (not only_above and asked < low * (1 - SLACK)):
        span = form.format(high) if low == high else f"{form.format(low)} to {form.format(high)}"
        return [f"extrapolates: a {what} of {form.format(asked)}, the runs seen had {span}"]
    return []


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share > 1e-5 else "0"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


__all__ = ["Seen", "beyond", "undetermined"]
