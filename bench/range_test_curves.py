"""How well rates are read off noisy range-test curves whose noiseless truth is known.

    python -m bench.range_test_curves [draws]

Each draw of a family is one sweep of 100 rates from 1e-7 to 10 with noise between 2 % and 20 % of
the whole fall. Ours and every other rule read the same noisy losses, the others with their own
smoothing, stop and trimming. The error is a factor: estimate / truth or its inverse, infinite where
a rule gives none; the table has medians with the 90th percentile. The rules of others suggest one
rate: it is held against the steepest point, and fastai's `minimum`, times ten again, against the
maximum too; none of them looks for a base.

Bars, on the families the rule was made with and on those held out: median <= 1.5 and 90th
percentile <= 3 for steepest point and maximum, and every other rule farther off.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from bench._range_families import HELD_OUT, SEEN, Draw, Family
from bench._range_rules import FINDERS, fastai_minimum
from bench.table import Row, show
from lrkit.probe import RangeCurve, suggest

DRAWS = 200
MEDIAN_BAR, WIDE_BAR = 1.5, 3.0
LANDMARKS = ("base", "steepest", "maximum")
Found = Mapping[str, float | None]
Reader = Callable[[Draw], Found]


def ours(draw: Draw) -> Found:
    """Return what `suggest` reads."""
    found = suggest(RangeCurve(draw.rates, draw.losses))
    estimates = {name: getattr(found, name) for name in LANDMARKS}
    return {name: estimate and estimate.value for name, estimate in estimates.items()}


def others(draw: Draw) -> dict[str, Found]:
    """Return what every other rule reads; it may meet NaN and infinity, as it would in use."""
    with np.errstate(all="ignore"):
        found: dict[str, Found] = {
            name: {"steepest": finder(draw.rates, draw.losses)} for name, finder in FINDERS.items()
        }
        lowest = 10 * fastai_minimum(draw.rates, draw.losses)
    found["fastai minimum"] = {**found["fastai minimum"], "maximum": lowest}
    return found


def factor(found: float | None, true: float) -> float:
    """Return how far *found* lies from *true*, 1 or more."""
    if found is None or not np.isfinite(found) or found <= 0:
        return np.inf
    return max(found / true, true / found)


Errors = dict[str, dict[str, list[float]]]  # by rule and landmark


def errors(families: Iterable[Family], draws: int) -> tuple[dict[str, Errors], int]:
    """Return the errors by family, and how often a maximum is claimed where there is none."""
    table: dict[str, Errors] = {}
    claimed = 0
    for family in families:
        rows = table.setdefault(family.name, {})
        for seed in range(draws):
            draw = family.draw(seed)
            truth, mine = draw.landmarks(), ours(draw)
            claimed += truth["maximum"] is None and mine["maximum"] is not None
            for rule, found in {"ours": mine, **others(draw)}.items():
                for landmark in found:
                    if (true := truth[landmark]) is not None:
                        row = rows.setdefault(rule, {}).setdefault(landmark, [])
                        row.append(factor(found[landmark], true))
    return table, claimed


def quantile(values: list[float], share: float) -> float:
    """Return the *share* quantile, one of *values*: some are infinite."""
    return float(np.quantile(values, share, method="higher"))


def pooled(table: Mapping[str, Errors], rule: str, landmark: str) -> list[float]:
    """Return the errors over all families."""
    return [x for rows in table.values() for x in rows[rule].get(landmark, [])]


def rows_of(table: Mapping[str, Errors], where: str) -> list[Row]:
    """Return the rows of a table: ours by family and over all, then everyone else's over all."""
    rows = []
    for landmark in LANDMARKS:
        for name, by_rule in table.items():
            if values := by_rule["ours"].get(landmark):
                rows.append(row(f"ours, {landmark}: {name}", values))
    for landmark in LANDMARKS:
        rules = [rule for rule in ("ours", *FINDERS) if pooled(table, rule, landmark)]
        best = pooled(table, "ours", landmark)
        for rule in rules:
            barred = rule == "ours" and landmark != "base"
            values = pooled(table, rule, landmark)
            rows.append(row(f"{rule}, {landmark}: all {where}", values, barred))
            if barred:
                wide = quantile(best, 0.9)
                rows.append(Row(f"   its 90th percentile, {landmark}", wide, wide, wide, WIDE_BAR))
    return rows


def row(what: str, values: list[float], barred: bool = False) -> Row:
    """Return a row of the table: the median, and the range from the 10th to the 90th percentile."""
    bar = MEDIAN_BAR if barred else None
    return Row(what, quantile(values, 0.5), quantile(values, 0.1), quantile(values, 0.9), bar)


def ahead(table: Mapping[str, Errors]) -> bool:
    """Return whether every other rule is farther off than ours, in the median and at 90 %."""
    good = True
    for rule in FINDERS:
        for landmark in LANDMARKS:
            theirs, mine = pooled(table, rule, landmark), pooled(table, "ours", landmark)
            for share in (0.5, 0.9) if theirs else ():
                if quantile(theirs, share) <= quantile(mine, share):
                    print(f"{rule} is not behind ours in {landmark} at {share:.0%}")
                    good = False
    return good


def main() -> int:
    """Print the tables; the exit code is 1 when a bar is missed."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS
    good = True
    for where, families in (("families", SEEN), ("held-out families", HELD_OUT)):
        table, claimed = errors(families, draws)
        title = f"Range test, {len(families)} {where}, {draws} draws each: factor off the truth"
        good &= show(f"{title} (median; 10 % .. 90 %)", rows_of(table, where))
        good &= ahead(table)
        none = sum(family.name == "never diverging" for family in families) * draws
        if none:
            print(f"a maximum claimed where there is none: {claimed} of {none}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
