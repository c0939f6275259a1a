"""Comparisons with real worker processes: results, replays, and what a fault may not cost."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from lrkit.errors import DataError, LoopError, SpecError
from lrkit.lab import Comparison, RowResult, Study, compare, decode_study, report, table, train
from lrkit.lab.comparison import RUNS, only_one
from lrkit.lab.jobs import jobs_of
from lrkit.lab.reporting import markdown
from lrkit.records import list_runs
from tests.lab.test_resume import KilledAt

TWO = Study(
    name="two",
    title="Two <rates>",
    task="homemade:line",
    schedules=("constant(0.1)", "0.3 * cosine()", "constant(1e5)"),
    seeds=(0, 1, 2),
    epochs=20,
)


def said(study: Study, out: Path, **options: object) -> tuple[Comparison, str]:
    """Return the comparison and what it printed."""
    console = Console(file=io.StringIO(), width=200)
    result = compare(study, out, console=console, **options)  # type: ignore[arg-type]
    return result, console.file.getvalue()  # type: ignore[attr-defined]


def journals(out: Path) -> dict[str, bytes]:
    return {p.parent.name: p.read_bytes() for p in sorted((out / RUNS).glob("*/journal.jsonl"))}


def test_a_comparison_from_end_to_end(homemade: Path) -> None:
    out = homemade / "out"
    first, text = said(TWO, out, workers=2)
    assert "9/9" in text
    assert "constant(1e5), seed 2: failed: diverged" in text
    constant, cosine, wild = first.rows
    assert list(constant.scores) == [0, 1, 2]
    assert wild.scores == {}
    assert list(wild.failures) == [0, 1, 2]
    assert first.paired(cosine).n == 3
    assert first.paired(wild).n == 0
    assert not (out / ".progress").exists()

    written = journals(out)
    again, text = said(TWO, out)
    assert "9 of 9 trainings are there already" in text
    assert again.replayed == 9
    assert [r.scores for r in again.rows] == [r.scores for r in first.rows]

    # Other words: nothing to do. Another schedule: only that is run. A torn journal: done again.
    torn = next((out / RUNS).glob("constant-0.1-s1-*/journal.jsonl"))
    torn.write_bytes(torn.read_bytes()[:-200])
    more = msgspec.structs.replace(TWO, title="new", schedules=(*TWO.schedules, "constant(0.2)"))
    third, text = said(more, out, workers=2)
    assert "constant-0.1-s1-" in text
    assert "it is done again" in text
    assert third.replayed == 8
    assert third.rows[0].scores == first.rows[0].scores
    kept = journals(out)
    assert len(kept) == 12
    assert sum(kept[name] == raw for name, raw in written.items()) == 8


@pytest.fixture
def result(homemade: Path) -> Comparison:
    """Trainings made in this process; one schedule diverges, and one seed of another."""
    study = decode_study(REFERENCED)
    rows = []
    for row in study.rows():
        runs = tuple(
            train(
                study.task,
                row.schedule if (row.name, seed) != ("cosine", 1) else "constant(1e5)",
                epochs=4,
                seed=seed,
                options=study.options,
            )
            for seed in study.seeds
        )
        rows.append(RowResult(row, row.schedule.over("4ep", steps_per_epoch=8), runs))
    return Comparison(study, tuple(rows), "error", higher_is_better=False)


REFERENCED = """
name = "two"
title = "Two <rates>"
task = "homemade:line"
options = { batch_size = 1, noise = 0.1 }
seeds = [0, 1, 2]
epochs = 4

[[schedules]]
name = "constant"
text = "constant(0.1)"
references = [{ source = "a book", scores = [500.0], failed = 1 }]

[[schedules]]
name = "cosine"
text = "0.3 * cosine()"

[[schedules]]
name = "wild"
text = "constant(1e5)"
"""


def test_the_report_has_every_number_and_nothing_from_outside(
    result: Comparison, tmp_path: Path
) -> None:
    paths = report(result, tmp_path / "out")
    assert {"report.html", "report.md", "rate.png", "loss.png", "score.png", "runs.csv"} <= set(
        paths
    )
    page = paths["report.html"].read_text()
    assert "Two &lt;rates&gt;" in page
    assert "<rates>" not in page
    assert "wild, seeds 0, 1, 2: diverged; seed 0: loss is" in page
    assert "default-src 'none'" in page  # what the browser holds it to
    assert "<script src" not in page
    lines = paths["runs.csv"].read_text().splitlines()
    assert len(lines) == 1 + 9
    assert len(paths["epochs.csv"].read_text().splitlines()) == 1 + 5 * 4
    assert all(paths[f"{n}.png"].stat().st_size > 5000 for n in ("rate", "loss", "score"))


def test_failures_are_counted_and_published_numbers_stand_beside_ours(result: Comparison) -> None:
    text = markdown(result, {})
    result_table = text.partition("## ")[0].splitlines()
    rows = {line.split(" | ")[0][2:]: line for line in result_table if line[:2] == "| "}
    assert "2 of 3" in rows["cosine"]
    assert "n = 2" in rows["cosine"]
    assert "0 of 3" in rows["wild"]
    assert rows["schedule"].endswith("| a book |")
    assert "500 (1 failed); differs" in rows["constant"]
    assert text.count("diverged: ") == 1  # the one seed of the cosine
    assert "wild, seeds 0, 1, 2: diverged; seed 0: loss is" in text
    console = Console(file=io.StringIO(), width=200)
    console.print(table(result))
    assert "0 of 3" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_report_on_a_full_disk_is_one_line(result: Comparison) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(DataError, match="cannot"):
        report(result, "/dev/full/x")


def test_a_worker_that_dies_takes_nothing_along(homemade: Path) -> None:
    study = msgspec.structs.replace(
        TWO, task="homemade:dies_once", schedules=("constant(0.1)",), seeds=(0, 1, 2)
    )
    result = compare(study, homemade / "out", workers=2, progress=False)
    assert (homemade / "died").exists()
    assert list(result.rows[0].scores) == [0, 1, 2]
    assert {s.status for s in list_runs(homemade / "out" / RUNS)} == {"done"}


def test_two_comparisons_in_one_folder_refuse_each_other(homemade: Path) -> None:
    out = homemade / "out"
    with only_one(out), pytest.raises(DataError, match=f"used by process {os.getpid()}"):
        compare(TWO, out)
    assert not (out / RUNS).exists()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"task": "homemade:raises"}, LoopError, "raised RuntimeError"),
        ({"task": "lenet-digit"}, SpecError, "did you mean"),
        ({"options": {"bach_size": 1}}, SpecError, "no option 'bach_size'"),
        ({"schedules": ("linear(1, 0, 5tok)",)}, SpecError, "schedule 'linear.*tokens_per_step"),
        ({"schedules": ("hold(99ep) >> linear()",)}, SpecError, "schedule 'hold"),
    ],
)
def test_what_can_be_known_before_the_first_training_is_said_before(
    change: dict[str, object], error: type[Exception], says: str, homemade: Path
) -> None:
    with pytest.raises(error, match=says):
        compare(msgspec.structs.replace(TWO, **change), homemade / "out")
    assert not (homemade / "out" / RUNS).exists()


def test_no_workers_is_an_error(homemade: Path) -> None:
    with pytest.raises(SpecError, match="workers >= 1"):
        compare(TWO, homemade / "out", workers=0)


def test_a_fault_within_a_training_stops_the_comparison_in_one_line(homemade: Path) -> None:
    study = msgspec.structs.replace(TWO, task="homemade:breaks")
    with pytest.raises(LoopError, match="raised RuntimeError: shape") as caught:
        compare(study, homemade / "out", workers=1, progress=False)
    assert "\n" not in str(caught.value)
    assert len(journals(homemade / "out")) == 1


def test_curves_alone_need_no_training(tmp_path: Path) -> None:
    study = Study(
        name="c",
        schedules=("cosine()", "linear()"),
        total="10ep",
        steps_per_epoch=10,
    )
    result = compare(study, tmp_path)
    assert [row.curve.steps for row in result.rows] == [100, 100]
    paths = report(result, tmp_path)
    assert set(paths) == {"report.html", "report.md", "curves.png"}


RUN = """
import sys
from lrkit.errors import DataError
from lrkit.lab import compare, decode_study
study = decode_study(open("study.toml").read())
try:
    compare(study, "out", workers=1)
except KeyboardInterrupt:
    sys.exit(130)
except DataError as error:
    print(error)
    sys.exit(2)
print(json.dumps([len(row.scores) for row in result.rows]))
"""


def test_ctrl_c_keeps_what_is_finished_and_the_next_call_goes_on(homemade: Path) -> None:
    text = (
        'name = "s"\ntask = "homemade:line"\nepochs = {}\nseeds = [0, 1]\n'
        'schedules = ["constant(0.1)", "constant(0.2)"]\n'
    )
    compare(decode_study(text.format(2)), homemade / "out", workers=1, progress=False)
    short = journals(homemade / "out")
    assert len(short) == 4
    (homemade / "study.toml").write_text(text.format(1_000_000))
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C goes to the whole group, workers included
    )
    until = time.monotonic() + 300  # on a busy machine torch takes long to load
    while len(journals(homemade / "out")) < 5 and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert "stopped: 0 of 4 trainings are finished" in errors
    assert "Traceback" not in errors
    statuses = {s.name: s.status for s in list_runs(homemade / "out" / RUNS)}
    assert {statuses[name] for name in short} == {"done"}
    assert {status for name, status in statuses.items() if name not in short} == {"stopped"}
    assert {k: v for k, v in journals(homemade / "out").items() if k in short} == short


def test_a_full_disk_is_one_line_and_the_finished_stay(homemade: Path) -> None:
    """A limit on the size of files, which workers inherit, stands for the full disk."""
    text = 'name = "s"\ntask = "homemade:line"\nepochs = {}\nschedules = ["constant(0.1)"]\n'
    compare(decode_study(text.format(2)), homemade / "out", workers=1, progress=False)
    kept = journals(homemade / "out")
    (homemade / "study.toml").write_text(text.format(2000))
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))\n" + RUN
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stdout
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    after = journals(homemade / "out")
    assert all(after[name] == raw for name, raw in kept.items())


def test_what_was_cut_short_goes_on_from_its_checkpoint(homemade: Path) -> None:
    study = msgspec.structs.replace(TWO, schedules=("0.3 * cosine()",), seeds=(0, 1))
    whole = compare(study, homemade / "whole", progress=False)
    job = jobs_of(study, "cpu", homemade / "out" / RUNS)[1]
    with pytest.raises(LoopError, match="killed"):
        train(study.task, "0.3 * cosine()", epochs=20, seed=1, device="cpu", checkpoint="3st",
              run=job.folder, header={"identity": job.identity}, progress=KilledAt(8))  # fmt: skip
    begun = (job.folder / "journal.jsonl").read_bytes()
    result, text = said(study, homemade / "out")
    assert f"{job.folder.name} goes on from its checkpoint" in text
    assert (job.folder / "journal.jsonl").read_bytes().startswith(begun)
    assert not list((homemade / "out" / RUNS).glob("*/checkpoints"))
    for run, other in zip(result.rows[0].runs, whole.rows[0].runs, strict=True):
        assert run.losses.tolist() == other.losses.tolist()
        assert run.score == other.score
