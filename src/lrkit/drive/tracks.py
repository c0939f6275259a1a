"""Tracks: the values of one hyper-parameter of one group, edits and all, by the step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lrkit.control import Edit, Overlay, overlay, share_out
from lrkit.drive.driven import Array, Driven
from lrkit.drive.rules import RATE, Rule
from lrkit.errors import SpecError

UNTOUCHED = Overlay()


@dataclass(frozen=True)
class Track:
    """value(t) = overlay(own * driven(t)); *own* is the group's own rate, 1 for absolute values."""

    index: int
    hyper: str
    driven: Driven
    own: float = 1.0
    done: Overlay = UNTOUCHED

    @property
    def source(self) -> tuple[Driven, float, Overlay]:
        """What decides its values: tracks of one source have equal values."""
        return self.driven, self.own, self.done

    def alone(self, t: float) -> float:
        """Return the value at step *t* before any edit."""
        return self.own * self.driven.at(t)

    def at(self, t: float) -> float:
        """Return the value at step *t*, bit for bit that of `values`."""
        return float(self.values(np.array([t], dtype=np.float64))[0])

    def values(self, t: Array) -> Array:
        """Return the values at steps *t*; raises `SpecError` for one that is no rate."""
        with np.errstate(over="ignore", invalid="ignore"):  # found below, with the step
            values = self.done.over(self.own * self.driven.values(t), t)
        fine = (values >= 0.0) & (values < np.inf)
        if not fine.all():
            at = int(np.argmin(fine))
            raise SpecError(
                f"`{self.hyper}` must be finite and >= 0, got {values[at]:g} at step {t[at]:g} "
                f"from `{self.driven.curve.schedule}`; clip(floor=0) it, or mend the formula"
            )
        return values


def make_tracks(
    rules: Sequence[Rule],
    names: Sequence[str | None],
    owns: Sequence[float],
    edits: Iterable[Edit] = (),
) -> list[Track]:
    """Return the tracks of all groups, given their names and own rates, edits included."""
    tracks = []
    for rule in rules:
        for index, name in enumerate(names):
            driven = rule.for_group(name, index)
            if driven is not None:
                own = owns[index] if rule.relative else 1.0
                tracks.append(Track(index, rule.hyper, driven, own))
    rates = {track.index: track for track in tracks if track.hyper == RATE}
    edits = list(edits)
    if not edits:
        return tracks
    shares = share_out(
        edits, names, [rates[i].alone if i in rates else _nothing for i in range(len(names))]
    )
    return [
        Track(t.index, t.hyper, t.driven, t.own, overlay(shares[t.index], t.alone))
        if t.hyper == RATE
        else t
        for t in tracks
    ]


def _nothing(_step: float) -> float:
    return 0.0
