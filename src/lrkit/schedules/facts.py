"""What a schedule will do, said before the training is paid for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lrkit.schedules.combine import Clip, Scale, Sequence
from lrkit.schedules.curve import Curve
from lrkit.schedules.tree import Schedule

MOST = 1 << 26  # updates looked at: a few seconds
CHUNK = 1 << 18  # values looked at together: 2 MB, whatever the length of the training


@dataclass(frozen=True)
class Jump:
    """A joint at which the rate changes at once: from *before* to *after* at step *at*."""

    at: float
    before: float
    after: float


@dataclass(frozen=True)
class Facts:
    """The figures of a curve; rates are those the updates use, positions are in steps.

    *area* is the sum of the rates of all updates, *mean* is area / steps, *final* the rate of the
    last update, *end* the value that holds after it, *smallest* the smallest rate above zero.

    >>> from lrkit import cosine, warmup
    >>> f = (0.3 * (warmup("5ep") >> cosine())).over("30ep", steps_per_epoch=10).facts()
    >>> f.peak, f.peak_at, round(f.area, 3), f.warnings
    (0.3, 50, 45.15, ())
    """

    schedule: str
    steps: int
    peak: float
    peak_at: int
    final: float
    end: float
    smallest: float
    area: float
    mean: float
    joints: tuple[float, ...]
    jumps: tuple[Jump, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        rows = [
            ("schedule", self.schedule),
            ("updates", f"{self.steps:,}"),
            ("peak", f"{self.peak:.6g} at step {self.peak_at:,}"),
            ("final", f"{self.final:.6g}, then {self.end:.6g}"),
            ("mean", f"{self.mean:.6g}"),
            ("area", f"{self.area:.6g}"),
            ("joints", ", ".join(f"{j:,.10g}" for j in self.joints[:8]) or "none"),
        ]
        if len(self.joints) > 8:
            rows[-1] = ("joints", f"{rows[-1][1]} and {len(self.joints) - 8} more")
        rows += [
            ("jump", f"{j.before:.6g} to {j.after:.6g} at step {j.at:,.10g}")
            for j in self.jumps[:4]
        ]
        if len(self.jumps) > 4:
            rows.append(("", f"and {len(self.jumps) - 4} more jumps"))
        rows += [("warning", w) for w in self.warnings]
        return "\n".join(f"{name:<9} {text}" for name, text in rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON types."""
        plain = {k: v for k, v in vars(self).items() if k not in ("joints", "jumps", "warnings")}
        return plain | {
            "joints": list(self.joints),
            "jumps": [vars(j).copy() for j in self.jumps],
            "warnings": list(self.warnings),
        }


def facts_of(curve: Curve, open_end: bool = False) -> Facts:
    """Return the facts of *curve*, in chunks of constant memory.

    Every update is looked at, or of more than `MOST` every second, third, ... one: the figures
    are then those of the updates looked at, and the area is scaled to all. *open_end* leaves out
    the warnings about how it ends.
    """
    area, peak, peak_at, smallest, zeros = 0.0, -1.0, 0, np.inf, 0
    first_zero = -1
    stride = -(-curve.steps // MOST)
    count = -(-curve.steps // stride)
    for start in range(0, count, CHUNK):
        at = np.arange(start, min(start + CHUNK, count)) * stride
        values = curve(at)
        top = int(values.argmax())
        if values[top] > peak:
            peak, peak_at = float(values[top]), int(at[top])
        area += float(values.sum()) * stride
        positive = values > 0
        if positive.any():
            smallest = min(smallest, float(values[positive].min()))
        if not positive.all():
            first_zero = int(at[(~positive).argmax()]) if first_zero < 0 else first_zero
            zeros += int((~positive).sum()) * stride
    final, end = float(curve(curve.steps - 1)), float(curve(curve.total))
    jumps = _jumps(curve, peak)
    warnings = _warnings(curve, peak, peak_at, first_zero, zeros, jumps)
    if peak > 0:
        warnings += [] if open_end else _end_warnings(curve, peak, end)
    return Facts(
        schedule=str(curve.schedule),
        steps=curve.steps,
        peak=peak,
        peak_at=peak_at,
        final=final,
        end=end,
        smallest=0.0 if smallest == np.inf else smallest,
        area=area,
        mean=area / curve.steps,
        joints=curve.joints,
        jumps=jumps,
        warnings=tuple(warnings),
    )


def _jumps(curve: Curve, peak: float) -> tuple[Jump, ...]:
    """Return the joints where the value just before and the value at the joint differ."""
    joints = np.array(curve.joints)
    if not joints.size or peak <= 0:
        return ()
    before, after = curve(np.nextafter(joints, 0)), curve(joints)
    apart = np.abs(after - before) > 1e-6 * peak
    return tuple(
        Jump(float(j), float(b), float(a))
        for j, b, a in zip(joints[apart], before[apart], after[apart], strict=True)
    )


def _warnings(
    curve: Curve,
    peak: float,
    peak_at: int,
    first_zero: int,
    zeros: int,
    jumps: tuple[Jump, ...],
) -> list[str]:
    if peak == 0:
        return ["the rate is 0 at every update: nothing will be learned"]
    found = []
    if zeros:
        found.append(
            f"{zeros:,} of {curve.steps:,} updates use a rate of exactly 0, the first at step "
            f"{first_zero:,}: they change nothing"
        )
    if curve.end > curve.total * (1 + 1e-12):
        found.append(
            f"the schedule takes {curve.end:,.10g} steps but is cut by the horizon at "
            f"{curve.total:,.10g}"
        )
    if peak_at > 0.5 * curve.total and _only_rises(curve, peak_at):
        found.append(f"the warm-up takes {peak_at / curve.total:.0%} of the training")
    return found + _half_scaled(curve.schedule, jumps)


def _end_warnings(curve: Curve, peak: float, end: float) -> list[str]:
    found = []
    cut = curve.end > curve.total * (1 + 1e-12)
    if not cut and end > 0.1 * peak and _moves(curve):
        found.append(f"it ends at {end:.3g}, above 10 % of the peak {peak:.3g}")
    if curve.end < curve.total:
        found.append(
            f"the schedule ends at step {curve.end:,.10g} and holds {end:.3g} for the remaining "
            f"{curve.total - curve.end:,.10g} steps"
        )
    floor = _named_floor(curve.schedule)
    if floor and curve(np.linspace(0, curve.total, 1025)).min() > floor * (1 + 1e-9):
        found.append(f"it never reaches the floor {floor:.3g} that it names; it ends at {end:.3g}")
    return found


def _moves(curve: Curve) -> bool:
    """Return whether the rate ever changes: a constant rate has no decay to miss."""
    grid = curve(np.linspace(0, curve.total, 257))
    return bool(np.ptp(grid) > 1e-9 * grid.max())


def _only_rises(curve: Curve, until: float) -> bool:
    """Return whether the rate rises from step 0 to *until* without ever falling."""
    grid = curve(np.linspace(0, until, 257))
    return bool(np.all(np.diff(grid) >= 0) and grid[-1] > grid[0])


def _half_scaled(schedule: Schedule, jumps: tuple[Jump, ...]) -> list[str]:
    """Return a warning where `0.3 * a >> b`, which scales only a, makes the rate jump."""
    if not isinstance(schedule, Sequence) or not jumps:
        return []
    scaled = [isinstance(piece, Scale) for piece in schedule.pieces]
    if all(scaled) or not any(scaled):
        return []
    # The piece that was meant to be scaled is a unit one, and at 1 where it jumps.
    jump = next((j for j in jumps if 1.0 in (j.before, j.after)), None)
    if jump is None:
        return []
    return [
        f"the rate jumps from {jump.before:.3g} to {jump.after:.3g} at step {jump.at:,.10g}: a "
        "number scales one piece only; to scale all, write 0.3 * (a >> b)"
    ]


def _named_floor(schedule: Schedule) -> float:
    """Return the floor at which the whole, or its last piece, is clipped; 0 where there is none."""
    match schedule:
        case Clip(floor=floor):
            return floor
        case Scale(factor=factor, child=child):
            return factor * _named_floor(child)
        case Sequence(pieces=pieces):
            return _named_floor(pieces[-1])
    return 0.0
