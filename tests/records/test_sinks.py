"""Sinks of a journal: what they hear, when, and what happens when they fail."""

import os
import subprocess
import sys
import textwrap

import pytest

from lrkit.errors import LoopWarning, SpecError
from lrkit.records import Journal, Sink, replay


class Memory(Sink):
    def __init__(self, fails=""):
        self.told = []
        self.fails = fails

    def _hear(self, *what):
        self.told.append(what)
        if what[0] == self.fails:
            raise ConnectionError("gone")

    def open(self, folder, header, resumed, run):
        self._hear("open", resumed, None if run is None else run.metrics["step"].tolist())

    def metrics(self, step, time, values):
        self._hear("metrics", step, dict(values))

    def event(self, kind, fields):
        self._hear(kind, fields.get("step"))

    def flush(self):
        self._hear("flush")

    def close(self, status, reason):
        self._hear("close", status, reason)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def test_life_of_a_sink(folder):
    memory = Memory()
    with Journal.create(folder, sinks=[memory]) as journal:
        journal.metrics(0, loss=1.0)
        journal.metrics(1, loss=2.0)
        journal.append("refused", letter="1", reason="no")
        journal.flush()
        journal.rewind(1)
        journal.metrics(1, loss=3.0)
    assert memory.told == [
        ("open", None, None),
        ("metrics", 0, {"loss": 1.0}),
        ("metrics", 1, {"loss": 2.0}),
        ("refused", None),
        ("flush",),
        ("open", 1, [0]),
        ("metrics", 1, {"loss": 3.0}),
        ("close", "done", ""),
    ]
    assert [e["reason"] for e in replay(folder).refused] == ["no"]
    again = Memory()
    Journal.resume(folder, sinks=[again]).close("failed", "why")
    assert again.told == [("open", None, [0, 1]), ("close", "failed", "why")]


def write_two(folder, sinks):
    with Journal.create(folder, sinks=sinks) as journal:
        for step in range(2):
            journal.metrics(step, loss=1.0)
            journal.append("note", text="x")
            journal.flush()


@pytest.mark.parametrize("call", ["open", "metrics", "note", "flush", "close"])
def test_failing_sink_is_let_go_and_the_journal_goes_on(folder, call):
    bad, good = Memory(fails=call), Memory()
    with pytest.warns(LoopWarning, match="Memory.* raised ConnectionError: gone"):
        write_two(folder, [bad, good])
    assert [t for t in good.told if t[0] == "metrics"] == [
        ("metrics", 0, {"loss": 1.0}),
        ("metrics", 1, {"loss": 1.0}),
    ]
    assert sum(t[0] == call for t in bad.told) == 1
    assert bad.told[-1][0] == "close", "its files are closed"
    assert replay(folder).status == "done"


def test_what_is_no_sink_is_refused_before_anything_is_made(folder):
    for wrong in (Memory, print, None):
        with pytest.raises(SpecError, match="a sink has the methods open, metrics"):
            Journal.create(folder, sinks=[wrong])
    assert not folder.exists()


def test_refused_event_reaches_no_sink(folder):
    memory = Memory()
    with Journal.create(folder, sinks=[memory]) as journal:
        with pytest.raises(SpecError):
            journal.metrics(0, loss="low")
        with pytest.raises(SpecError):
            journal.append("note", text=object())
    assert memory.told == [("open", None, None), ("close", "done", "")]


def test_program_that_never_closes_and_its_forks(tmp_path):
    code = f"""
        import os
        from lrkit.records import Journal, Sink
        class Say(Sink):
            def close(self, status, reason):
                os.write(1, f"closed {{status}} by {{os.getpid() == parent}}\\n".encode())
        parent = os.getpid()
        journal = Journal.create({os.fspath(tmp_path / "a")!r}, sinks=[Say()])
        if os.fork():
            os.wait()
        journal.closed or journal.metrics(0, loss=1.0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert done.stdout == "closed dead by True\n"
    assert done.stderr == ""
