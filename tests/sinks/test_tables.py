"""CSV tables, live and exported, and sinks of others."""

import csv
import math

import pytest

from lrkit.errors import LoopWarning, SpecError
from lrkit.records import Journal, Sink, read_columns, replay
from lrkit.sinks import CSV, export


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "first"


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


class Memory(Sink):
    """Remembers what it was told."""

    def __init__(self):
        self.told = []

    def open(self, folder, header, resumed, run):
        self.told.append(("open", header["name"], resumed, run and len(run.metrics["step"])))

    def metrics(self, step, time, values):
        self.told.append(("metrics", step, dict(values)))

    def event(self, kind, fields):
        self.told.append((kind, fields.get("step")))

    def close(self, status, reason):
        self.told.append(("close", status, reason))


def test_table_grows_with_the_run(folder):
    journal = Journal.create(folder, sinks=[CSV()])
    journal.metrics(0, lr=0.1, loss=1 / 3)
    journal.flush()
    assert rows(folder / "csv" / "metrics.csv")[0]["loss"] == repr(1 / 3)
    journal.metrics(1, lr=0.1, loss=math.nan)
    journal.metrics(2, lr=0.1, accuracy=0.5)
    journal.append("evaluation", step=3, accuracy=0.5, best=[1, 2])
    journal.append("edit", edit="scale", factor=0.5, step=3, reason='a "spike",\nsaid ada')
    journal.close()
    table = rows(folder / "csv" / "metrics.csv")
    assert list(table[0]) == ["step", "time", "lr", "loss", "accuracy"]
    assert [(r["loss"], r["accuracy"]) for r in table] == [
        (repr(1 / 3), ""),
        ("nan", ""),
        ("", "0.5"),
    ]
    assert rows(folder / "csv" / "evaluations.csv")[0]["best"] == "[1, 2]"
    assert rows(folder / "csv" / "edits.csv")[0]["reason"] == 'a "spike",\nsaid ada'


def test_resume_leaves_each_step_once(folder):
    journal = Journal.create(folder, sinks=[CSV()])
    for step in range(10):
        journal.metrics(step, loss=1.0)
    journal.close("stopped")
    start = 4
    table = folder / "csv" / "metrics.csv"
    table.write_text(table.read_text()[:-50])  # what a kill leaves of the last row
    with Journal.resume(folder, step=start, sinks=[CSV()]) as journal:
        for step in range(start, 12):
            journal.metrics(step, loss=2.0)
    found = read_columns(folder / "csv" / "metrics.csv", ["step", "loss"])
    assert found["step"].tolist() == list(range(12))
    assert found["loss"].tolist() == [1.0] * start + [2.0] * (12 - start)


def test_export_equals_the_live_tables(folder, tmp_path):
    with Journal.create(folder, sinks=[CSV()]) as journal:
        for step in range(20):
            journal.metrics(step, loss=1 / (step + 1))
            if step % 5 == 0:
                journal.append("edit", edit="hold", step=step)
                journal.append("evaluation", step=step, accuracy=0.1)
    out = export(replay(folder), "csv", tmp_path / "out")
    for live in (folder / "csv").iterdir():
        assert (out / live.name).read_text() == live.read_text()


def test_sink_of_ones_own_hears_the_same_live_and_later(folder):
    live, later = Memory(), Memory()
    with Journal.create(folder, sinks=[live]) as journal:
        journal.metrics(0, loss=math.inf)
        journal.append("edit", step=1, edit="hold")
        journal.metrics(1, loss=0.5)
        journal.append("note", text="x")
    assert export(folder, later) is None
    assert live.told == later.told
    assert live.told == [
        ("open", "first", None, None),
        ("metrics", 0, {"loss": math.inf}),
        ("edit", 1),
        ("metrics", 1, {"loss": 0.5}),
        ("note", None),
        ("close", "done", ""),
    ]


def test_export_says_what_it_cannot_do(folder, tmp_path):
    journal = Journal.create(folder)
    with pytest.raises(SpecError, match="tensorboard or csv, got 'wandb'"):
        export(folder, "wandb")
    with pytest.raises(SpecError, match="still being written"):
        export(folder, "csv")
    export(folder, "csv", tmp_path / "out")
    with pytest.raises(SpecError, match="knows where it writes"):
        export(folder, Memory(), tmp_path)
    journal.close()
    assert export(folder, "csv") == folder / "csv"


def test_full_disk_lets_the_table_go_and_the_training_on(folder):
    class Full(CSV):
        def metrics(self, step, time, values):
            raise OSError(28, "No space left on device")

    with Journal.create(folder, sinks=[Full(), memory := Memory()]) as journal:
        with pytest.warns(LoopWarning, match=r"Full\.metrics raised OSError.*goes on without it"):
            journal.metrics(0, loss=1.0)
        journal.metrics(1, loss=1.0)
    assert len([t for t in memory.told if t[0] == "metrics"]) == 2
    assert (folder / "csv" / "metrics.csv").read_text() == "step,time\n"
    assert replay(folder).metrics["step"].tolist() == [0, 1]
