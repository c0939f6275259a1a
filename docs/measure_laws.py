"""Write the tables of docs/laws.md anew, from the published curves: `make laws-page`.

Takes tens of minutes on one core: every run of three folders is predicted from the others, by
every law, and the intervals of the chosen law are tested in the same way. What is done is kept in
a folder for temporary files, so a run that was stopped goes on where it was; a change of the laws
begins anew. The text between the tables is written by hand and stays; `--only NAME` makes one.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import lrkit.laws
from lrkit.laws import LAWS, Fit, LossCurve, choosing, fit, mean_score, score
from lrkit.laws.grid import grid_of
from lrkit.laws.intervals import half_widths
from lrkit.laws.limits import beyond
from lrkit.records import write_file
from lrkit.records.loss_curves import read_loss_curves

PAGE = Path(__file__).with_name("laws.md")
CURVES = Path(__file__).parents[2] / "shared" / "data" / "curves"
FOLDERS = ("llama-25m", "llama-100m", "slimpajama-124m")
SIZES = FOLDERS[:2]
TRAIN = ("cosine_24000", "constant_24000", "wsdcon_9")
CHOSEN = "memory"
CACHE = Path(tempfile.gettempdir()) / "lrkit-laws"
APART = ("bound", "designing", "peaks", "refinement", "sketch")  # no fit depends on these
KINDS = {  # of extrapolation, by the words of its warning
    "beyond the horizons seen": "a horizon of",
    "beyond the peaks seen": "a peak of",
    "below the rates seen": "the rate falls to",
}


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
            error = fit(train, name).error
            means = mean_score(score(fitted, test))
            rows.append(
                f"| {name} | {folder} | {error:.5f} | {means['PredE']:.5f} | {means['WorstE']:.5f} "
                f"| {means['R2']:.4f} | {means['final']:.4f} | {fitted.objective:.4g} "
                f"| {taken:.2f} |"
            )
    return "\n".join(rows)


def _trials(curves: Sequence[LossCurve], law: str) -> list[dict[str, Any]]:
    return [vars(trial) for trial in fit(curves, law).trials]


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
        trials = kept(f"left out {folder} {name}", functools.partial(_trials, curves, name))
        off = np.array([trial["predicted"] - trial["observed"] for trial in trials])
        errors = [trial["prede"] for trial in trials]
        rows.append(
            f"| {name} | {np.mean(errors):.5f} | {max(errors):.5f} | {np.abs(off).mean():.4f} "
            f"| {off.mean():+.4f} | {trials[int(np.argmax(errors))]['run']} |"
        )
    return "\n".join(rows)


def judged(fitted: Fit, curve: LossCurve) -> dict[str, Any]:
    """Return whether the final loss of *curve* lies in its 90 % interval, and what that is like."""
    grid = grid_of([curve])
    losses = fitted.form.losses(fitted.values, grid)[curve.tail]
    half = float(half_widths(fitted, curve, grid)[-1])
    told = " ".join(beyond(fitted, curve))
    return {
        "inside": bool(abs(np.log(losses.mean() / curve.final_loss)) <= half),
        "half": half * curve.final_loss,
        "kinds": [kind for kind, words in KINDS.items() if words in told]
        or ["within what was seen"],
    }


def held(folder: str, law: str) -> list[dict[str, Any]]:
    """Return how every run of *folder* is judged by *law* fitted to the others."""
    curves = read(folder)

    def made(out: LossCurve) -> dict[str, Any]:
        return judged(fit([curve for curve in curves if curve is not out], law), out)

    return [kept(f"held {folder} {law} {out.name}", functools.partial(made, out)) for out in curves]


def tested(folder: str, law: str) -> list[dict[str, Any]]:
    """Return how the six test runs are judged by *law* fitted to the three others."""
    train, test = split(folder)

    def made() -> list[dict[str, Any]]:
        fitted = fit(train, law)
        return [judged(fitted, curve) for curve in test]

    return list(kept(f"tested {folder} {law}", made))


def calibration() -> str:
    """How many final losses of runs that were held out lie in the stated 90 % interval."""
    sets = {
        **{f"{folder}, each run from the others": held(folder, CHOSEN) for folder in FOLDERS},
        **{f"{folder}, six test runs from three": tested(folder, CHOSEN) for folder in SIZES},
    }
    every = [one for found in sets.values() for one in found]
    kinds = {
        kind: [one for one in every if kind in one["kinds"]]
        for kind in ("within what was seen", *KINDS)
    }
    rows = ["| held out | runs | inside | half width, mean |", "|---|---|---|---|"]
    rows += [_counted(name, found) for name, found in sets.items()]
    rows += [_counted("**all**", every)]
    rows += [_counted(f"of all: {kind}", found) for kind, found in kinds.items() if found]
    return "\n".join(rows)


def calibration_by_law() -> str:
    """The same for every law, on the folders with nine runs."""
    rows = [
        "| law | each run from the others | half width, mean | six test runs from three "
        "| half width, mean |",
        "|---|---|---|---|---|",
    ]
    for law in LAWS:
        cells = [law]
        for judge in (held, tested):
            found = [one for folder in SIZES for one in judge(folder, law)]
            hits = sum(one["inside"] for one in found)
            cells += [f"{hits} of {len(found)}", f"{np.mean([one['half'] for one in found]):.4f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _counted(name: str, found: Sequence[dict[str, Any]]) -> str:
    hits = sum(one["inside"] for one in found)
    share = f"{hits} ({100 * hits / len(found):.0f} %)"
    half = np.mean([one["half"] for one in found])
    return f"| {name} | {len(found)} | {share} | {half:.4f} |"


def kept(name: str, make: Callable[[], Any]) -> Any:
    """Return what *make* gives, from the cache where these very laws have made it before."""
    path = CACHE / f"{_version()}.json"
    known = _known(path)
    if name not in known:
        made = make()
        known = {**_known(path), name: made}  # another process may have made others meanwhile
        write_file(path, json.dumps(known))
        print(name, flush=True)
    return known[name]


def _known(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@functools.cache
def _version() -> str:
    """Return a name for the laws as they are: results of others are of no use."""
    home = Path(lrkit.laws.__file__).parent
    files = [file for file in sorted(home.glob("*.py")) if file.stem not in APART]
    texts = [file.read_bytes() for file in files]
    return hashlib.sha256(b"".join(texts)).hexdigest()[:16]


TABLES: dict[str, Callable[[], str]] = {
    "split": published_split,
    "llama-25m": lambda: left_out("llama-25m"),
    "llama-100m": lambda: left_out("llama-100m"),
    "slimpajama-124m": lambda: left_out("slimpajama-124m"),
    "calibration": calibration,
    "calibration-by-law": calibration_by_law,
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
