"""Edits for several parameter groups: each group's share of them, with the ratios kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lrkit.control.changes import Cooldown, Extend, Replace, Scale, Set
from lrkit.control.edits import Edit
from lrkit.control.fold import Fold, in_order, step_of
from lrkit.errors import SpecError
from lrkit.schedules import Curve, Span, as_span

NEAR = 1e-12
"""Ratios as near as this are those declared: they differ by rounding alone."""


def share_out(
    edits: Iterable[Edit],
    names: Sequence[str | None],
    curves: Sequence[Curve | None],
    owns: Sequence[float] | None = None,
) -> list[list[Edit]]:
    """Return the edits of each group: those for all groups are made into one for each.

    *names* are the groups' names (None: it has none), *curves* what each declared, its own rate
    included (None: its rate is not driven), *owns* the groups' own rates where schedules multiply
    them. `Set`, `Cooldown` and `Replace` for all groups are meant for the first group that is not
    at 0, and the others keep the ratio to it that they have at that step. Raises `SpecError` for
    a group that is not there.

    >>> from lrkit.control import Set
    >>> from lrkit.schedules import constant
    >>> curves = [constant(rate).over(100) for rate in (0.1, 0.2)]
    >>> [share[0].value for share in share_out([Set(0.3, step=4)], [None, None], curves)]
    [0.3, 0.6]
    """
    return [list(share) for share in folded(names, curves, owns).taking(edits).shares]


def courses(
    edits: Iterable[Edit],
    names: Sequence[str | None],
    curves: Sequence[Curve | None],
    owns: Sequence[float] | None = None,
) -> list[Curve | None]:
    """Return what each group of a run with *edits* follows; arguments as for `share_out`.

    A group that no edit is for keeps the very curve that it declared.
    """
    return folded(names, curves, owns).taking(edits).courses()


@dataclass(frozen=True)
class Folded:
    """What each group of a run follows after *edits*, so that the next edit is one step more."""

    names: tuple[str | None, ...]
    curves: tuple[Curve | None, ...]
    owns: tuple[float, ...]
    folds: tuple[Fold | None, ...]
    shares: tuple[tuple[Edit, ...], ...]
    edits: tuple[Edit, ...] = ()

    def courses(self) -> list[Curve | None]:
        """Return the course of each group, as `courses` does."""
        return [
            fold.curve() if fold is not None and share else curve
            for share, fold, curve in zip(self.shares, self.folds, self.curves, strict=True)
        ]

    def goes_on_to(self, edits: Sequence[Edit]) -> bool:
        """Return whether *edits* are those here, and then others that act after them."""
        count = len(self.edits)
        if len(edits) < count or any(a is not b for a, b in zip(self.edits, edits, strict=False)):
            return False
        steps = [step_of(edit) for edit in (*self.edits[-1:], *edits[count:])]
        return steps == sorted(steps)

    def taking(self, edits: Iterable[Edit]) -> Folded:
        """Return it with *edits* too, in the order of their steps."""
        folds, shares = list(self.folds), list(self.shares)
        ordered = in_order(edits)
        for edit in ordered:
            step = step_of(edit)
            chosen = [
                i
                for i, name in enumerate(self.names)
                if edit.group is None or edit.group in (name, i)
            ]
            if edit.group is not None and not chosen:
                raise SpecError(f"an edit is for group {edit.group!r}, which there is not")
            for i, own in _for_each(edit, step, self.names, folds, self.owns).items():
                fold = folds[i]
                if i in chosen and fold is not None:
                    shares[i] = (*shares[i], own)
                    folds[i] = own.on(fold, step)
        return replace(
            self, folds=tuple(folds), shares=tuple(shares), edits=(*self.edits, *ordered)
        )


def folded(
    names: Sequence[str | None],
    curves: Sequence[Curve | None],
    owns: Sequence[float] | None = None,
) -> Folded:
    """Return what the groups follow before any edit; arguments as for `share_out`."""
    return Folded(
        tuple(names),
        tuple(curves),
        (1.0,) * len(names) if owns is None else tuple(owns),
        tuple(None if c is None else Fold(c.schedule, c.horizon) for c in curves),
        ((),) * len(names),
    )


def _for_each(
    edit: Edit,
    step: int,
    names: Sequence[str | None],
    folds: Sequence[Fold | None],
    owns: Sequence[float],
) -> dict[int, Edit]:
    """Return what *edit* is for each group whose rate is driven."""
    driven = {i: fold for i, fold in enumerate(folds) if fold is not None}
    if isinstance(edit, Scale):
        return {i: edit.for_group(names[i], i) for i in driven}
    if isinstance(edit, Replace) and edit.group is not None:
        return {i: _times(owns[i], edit) for i in driven}
    if isinstance(edit, Extend):
        edit = replace(edit, total=_on_longest(as_span(edit.total), list(driven.values())))
    if not isinstance(edit, Set | Cooldown | Replace) or edit.group is not None:
        return dict.fromkeys(driven, edit)
    rates = {i: fold.rate(step) for i, fold in driven.items()}
    first = next((i for i, rate in rates.items() if rate > 0), None)
    # At equal rates the quotient is 1 exactly, so every group gets the value to the bit.
    ratios = {i: 1.0 if first is None else rate / rates[first] for i, rate in rates.items()}
    if isinstance(edit, Set):
        return {i: replace(edit, value=edit.value * ratio) for i, ratio in ratios.items()}
    if isinstance(edit, Replace):
        return {i: _times(_factor(i, first, ratio, owns), edit) for i, ratio in ratios.items()}
    edit = replace(edit, over=_on_longest(as_span(edit.over), list(driven.values())))
    if first is None or edit.to > rates[first]:
        return dict.fromkeys(driven, edit)  # which the first group refuses
    return {i: replace(edit, to=min(edit.to * ratio, rates[i])) for i, ratio in ratios.items()}


def _factor(index: int, first: int | None, ratio: float, owns: Sequence[float]) -> float:
    """Return what a new schedule for all groups is multiplied by for one of them."""
    if first is None or math.isclose(ratio * owns[first], owns[index], rel_tol=NEAR):
        return owns[index]
    return owns[first] * ratio


def _times(factor: float, edit: Replace) -> Replace:
    return edit if factor == 1 else replace(edit, schedule=factor * edit.new)


def _on_longest(span: Span, folds: Sequence[Fold]) -> Span:
    """Return a percentage in steps of the longest of several schedules, any other span as it is."""
    if span.unit != "%" or not folds:
        return span
    longest = max(folds, key=lambda fold: fold.horizon.total or math.inf)
    return Span(longest.steps(span, "a span"))
