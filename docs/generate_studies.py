"""Write docs/studies.md from the kept results of the studies, docs/studies/NAME/.

    python docs/generate_studies.py --keep reports     copy new results there first
    python docs/generate_studies.py --check            fail where the page or a result is stale

A kept result is what `lrkit compare studies/NAME.toml --out reports/NAME` wrote: report.md, its
pictures and runs.csv. It is stale when it has a schedule that the study does not have; schedules of
the study that it does not have are named on the page as not measured.
"""

from __future__ import annotations

import csv
import re
import shutil
import sys
from pathlib import Path

import lrkit as lr
from lrkit.lab import load_study

DOCS = Path(__file__).resolve().parent
KEPT, PAGE, STUDIES = DOCS / "studies", DOCS / "studies.md", DOCS.parent / "studies"
TOO_LONG = frozenset({"clr-cifar10"})
"""Studies that wait for a GPU: that they have no result is not stale."""
HEAD = """\
# Studies

<!-- Written by docs/generate_studies.py from docs/studies/. Do not edit. -->

What `make studies` measured, as `lrkit compare` reported it: every study is a file in
[studies/](../studies), every single run is in the `runs.csv` beside its pictures. All runs on a
CPU, one thread each; the same seeds give the same figures on the same machine.

Beside a task, schedules, seeds and a length, a study may ask for

- a range test before its first training, `[find]`, whose `{base}`, `{peak}` and `{maximum}` its
  schedules take: `cyclic({base}, {maximum}, up=200st)`. The report says what was found and taken.
- edits made to a run by hand, at their moments: `edits = [{ at = "30ep", edit = "set", value =
  0.01 }]`. The report has the effective schedule beside the declared one.
- further scores of the task, `also = ["dead"]`; with several `rates` each is drawn against them.
- controllers behind a schedule, `0.1 * warmup(5ep) | plateau(0.1, after=5ep)`: each seed is steered
  by itself, and the report draws the rate that each followed. `rates` scale the schedule alone.
- a length, seeds or options of the task for one schedule alone: `total`, `seeds`, `options`.
"""


def keep(reports: Path) -> None:
    """Copy the small files of every report in *reports* to docs/studies."""
    for study in sorted(STUDIES.glob("*.toml")):
        source, target = reports / study.stem, KEPT / study.stem
        if not (source / "report.md").exists():
            print(f"no report of {study.stem} in {reports}; its kept result stays")
            continue
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file in [*source.glob("*.png"), source / "report.md", source / "runs.csv"]:
            if file.exists():
                shutil.copyfile(file, target / file.name)


def ran(study: Path) -> dict[str, lr.Steered] | None:
    """Return the schedules of the kept result by name, or None where the study trains nothing."""
    runs = KEPT / study.stem / "runs.csv"
    if not runs.exists():
        return None
    with runs.open(newline="") as file:
        return {row["schedule"]: lr.steered(row["text"]) for row in csv.DictReader(file)}


def strangers(study: Path) -> list[str]:
    """Return what the kept result has and the study has not, by name."""
    rows = load_study(study).rows()
    # The rates of some rows come from a range test: those are known by their names.
    known, sought = {r.spec for r in rows}, {r.name for r in rows if r.sought}
    measured = (ran(study) or {}).items()
    return [name for name, s in measured if s not in known and name not in sought]


def page() -> str:
    """Return the text of docs/studies.md."""
    parts = [HEAD]
    for study in sorted(STUDIES.glob("*.toml")):
        report = KEPT / study.stem / "report.md"
        if not report.exists():
            continue
        text = re.sub(r"^#", "##", report.read_text(), flags=re.MULTILINE)
        parts.append(re.sub(r"\]\(([\w-]+\.png)\)", rf"](studies/{study.stem}/\1)", text))
        measured = ran(study)
        rows = load_study(study).rows()
        missing = [
            row.name
            for row in rows
            if measured is not None
            and not (row.name in measured if row.sought else row.spec in measured.values())
        ]
        if missing:
            parts.append(f"Not measured yet, though in the study: {', '.join(missing)}.\n")
    return "\n".join(parts)


def stale() -> list[str]:
    """Return what no longer belongs together, by name."""
    found = [] if PAGE.exists() and PAGE.read_text() == page() else ["docs/studies.md"]
    for study in sorted(STUDIES.glob("*.toml")):
        if study.stem in TOO_LONG:
            continue
        if not (KEPT / study.stem / "report.md").exists():
            found.append(f"docs/studies/{study.stem} (no result)")
        elif strangers(study):
            found.append(f"docs/studies/{study.stem} (other schedules than the study)")
    return found


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        for name in (names := stale()):
            print(f"{name} is stale; run `make studies` and `make docs`", file=sys.stderr)
        return 1 if names else 0
    if "--keep" in arguments:
        keep(Path(arguments[arguments.index("--keep") + 1]))
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
