"""Write the tables of docs/laws.md anew, from the published curves: `make laws-page`.

Takes tens of minutes on one core: every run of three folders is predicted from the others, by
every law, and the intervals of the chosen law are tested in the same way. The text between the
tables is written by hand and stays; `--only NAME` makes one table.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lrkit.laws import LAWS, Fit, LossCurve, choosing, fit, mean_score, score
from lrkit.laws.grid import grid_of
from lrkit.laws.intervals import half_widths
from lrkit.records.loss_curves import read_loss_curves

PAGE = Path(__file__).with_name("laws.md")
CURVES = Path(__file__).parents[2] / "shared" / "data" / "curves"
FOLDERS = ("llama-25m", "llama-100m", "slimpajama-124m")
SIZES = FOLDERS[:2]
TRAIN = ("cosine_24000", "constant_24000", "wsdcon_9")
CHOSEN = "memory"


def read(folder: str) -> list[LossCurve]:
    """Return the curves of a folder."""
    return read_loss_curves([CURVES / folder])


def split(folder: str) -> tuple[list[LossCurve], list[LossCurve]]:
    """Return the published training and test curves."""
    curves = read(folder)
    train = [curve for curve in curves if curve.name in TRAIN]
    return train, [curve for curve in curves if curve.name not in TRAIN]


def published_split() -> str:
    """The published split: every law fitted on three runs, tested on six."""
    rows = [
        "| law | size | runs held out, PredE | test PredE | test WorstE | test R2 "
        "| final loss, mean size | objective | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for folder in SIZES:
        train, test = split(folder)
        for name in LAWS:
            begin = time.process_time()
            fitted = fit(train, name, trials=False)
            taken = time.process_time() - begin
            held = fit(train, name).error
            means = mean_score(score(fitted, test))
            rows.append(
                f"| {name} | {folder} | {held:.5f} | {means['PredE']:.5f} | {means['WorstE']:.5f} "
                f"| {means['R2']:.4f} | {means['final']:.4f} | {fitted.objective:.4g} "
                f"| {taken:.2f} |"
            )
    return "\n".join(rows)


def left_out(folder: str) -> str:
    """Every run of a folder predicted from the others, by every law."""
    curves = read(folder)
    choosing.FOLDS = len(curves)  # type: ignore[misc]  # each run alone, however many there are
    rows = [
        "| law | PredE | WorstE of a run's mean | final loss: mean size | final loss: bias "
        "| worst run |",
        "|---|---|---|---|---|---|",
    ]
    for name in LAWS:
        fitted = fit(curves, name)
        off = np.array([trial.predicted - trial.observed for trial in fitted.trials])
        worst = max(fitted.trials, key=lambda trial: trial.prede)
        rows.append(
            f"| {name} | {fitted.error:.5f} | {worst.prede:.5f} | {np.abs(off).mean():.4f} "
            f"| {off.mean():+.4f} | {worst.run} |"
        )
    return "\n".join(rows)


def inside(fitted: Fit, curves: Sequence[LossCurve]) -> tuple[int, float]:
    """Return how many final losses lie in their 90 % interval, and the mean of half its width."""
    hits, halves = 0, []
    for curve in curves:
        grid = grid_of([curve])
        losses = fitted.form.losses(fitted.values, grid)[curve.tail]
        half = float(half_widths(fitted, curve, grid)[-1])
        apart = abs(np.log(losses.mean() / curve.final_loss))
        hits += bool(apart <= half)
        halves.append(half * curve.final_loss)
    return hits, float(np.mean(halves))


def calibration() -> str:
    """How many final losses of runs that were held out lie in the stated 90 % interval."""
    rows = ["| held out | runs | inside | half width, mean |", "|---|---|---|---|"]
    runs = hits = 0
    for folder in FOLDERS:
        curves, found, halves = read(folder), 0, []
        for curve in curves:
            rest = [other for other in curves if other is not curve]
            hit, half = inside(fit(rest, CHOSEN), [curve])
            found += hit
            halves.append(half)
        rows.append(f"| {folder}, each run from the others | {len(curves)} | {found} "
                    f"| {np.mean(halves):.4f} |")  # fmt: skip
        runs, hits = runs + len(curves), hits + found
    for folder in SIZES:
        train, test = split(folder)
        found, half = inside(fit(train, CHOSEN), test)
        rows.append(f"| {folder}, six test runs from three | 6 | {found} | {half:.4f} |")
        runs, hits = runs + 6, hits + found
    rows.append(f"| all | {runs} | {hits} ({100 * hits / runs:.0f} %) | |")
    return "\n".join(rows)


TABLES: dict[str, Callable[[], str]] = {
    "split": published_split,
    "llama-25m": lambda: left_out("llama-25m"),
    "llama-100m": lambda: left_out("llama-100m"),
    "slimpajama-124m": lambda: left_out("slimpajama-124m"),
    "calibration": calibration,
}


def main() -> None:
    """Make the tables asked for, and put them in their places on the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(TABLES), metavar="NAME")
    for name in parser.parse_args().only or TABLES:
        made = TABLES[name]()
        text = PAGE.read_text(encoding="utf-8")
        place = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        PAGE.write_text(place.sub(rf"\1\n{made}\n\n\2", text), encoding="utf-8")
        print(f"{name}\n{made}", flush=True)


if __name__ == "__main__":
    main()
