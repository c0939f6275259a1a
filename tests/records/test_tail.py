"""A follower that keeps the last metrics only: as `replay` tells it, but for how far back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lrkit.control import Scale, Set
from lrkit.records import Follower, Journal, Wheel, progress_of, replay
from lrkit.records import following as module

HEADER = {"spec": "0.1 * cosine()", "horizon": {"total": 1000.0}, "updates": 1000}


def same(folder, follower, keep):
    whole, seen = replay(folder, damaged="skip"), follower.look()
    assert seen.events == whole.events
    assert (seen.status, seen.reason) == (whole.status, whole.reason)
    last = seen.metrics["step"].tolist()
    assert len(last) <= keep
    assert last == whole.metrics["step"].tolist()[len(whole.metrics["step"]) - len(last) :]
    ours, theirs = Wheel.of(seen), Wheel.of(whole)
    assert (ours.far.done, ours.far.updates) == (theirs.far.done, theirs.far.updates)
    assert str(ours.course.schedule) == str(theirs.course.schedule)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["rows", "edit", "late edit", "resume", "end"]), max_size=12),
       st.integers(1, 30))  # fmt: skip
def test_it_tells_what_a_replay_tells(tmp_path_factory, what, keep):
    folder = tmp_path_factory.mktemp("runs") / "run"
    journal = Journal.create(folder, **HEADER)
    follower, step = Follower(folder, last=keep), 0
    for word in what:
        if journal.closed:
            journal = Journal.resume(folder, max(step - 7, 0))
            step = max(step - 7, 0)
        if word == "rows":
            for _ in range(11):
                journal.metrics(step, loss=1.0, lr=0.1)
                step += 1
        elif word == "edit":
            journal.append("edit", **Scale(0.5, step=step).to_dict(), source="controller")
        elif word == "late edit":
            journal.append("edit", **Set(0.5, step=step + 3, letter=f"l{step}").to_dict(),
                           source="hand")  # fmt: skip
        elif word == "resume":
            journal.rewind(max(step - 5, 0), edits=[])
            step = max(step - 5, 0)
        else:
            journal.close("stopped")
        journal.closed or journal.flush()
        same(folder, follower, keep)
    journal.close()


def test_blocks_end_where_lines_do_and_a_torn_end_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 256)
    with Journal.create(tmp_path / "run", **HEADER) as journal:
        for step in range(100):
            journal.metrics(step, loss=1.0)
        journal.append("edit", **Scale(0.5, step=40).to_dict(), source="hand")
    path = tmp_path / "run" / "journal.jsonl"
    whole = path.read_bytes()
    for keep in (None, 7):
        path.write_bytes(whole[:-40])
        follower = Follower(tmp_path / "run", last=keep)
        assert follower.look().status == "dead"
        with open(path, "ab") as file:
            file.write(whole[-40:])
        run = follower.look()
        assert (run.status, len(run.edits)) == ("done", 1)
        assert run.metrics["step"].tolist() == list(range(100))[-(keep or 100) :]


def test_after_a_resume_the_run_is_where_it_went_on(tmp_path):
    folder = tmp_path / "run"
    with Journal.create(folder, **HEADER) as journal:
        for step in range(500):
            journal.metrics(step, loss=1.0)
    Journal.resume(folder, 200).close("stopped")
    # None of the last ten rows count any more, and none has come since.
    assert progress_of(Follower(folder, last=10).look()).done == 200
    assert progress_of(replay(folder)).done == 200
