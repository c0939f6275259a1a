"""What a run followed, from its journal alone; and what a resume makes void."""

import pytest

from lrkit.control import Extend, Hold, Scale, Set, course
from lrkit.errors import DataError, SpecError
from lrkit.records import Journal, course_of, declared_of, edits_of, replay
from lrkit.schedules import Horizon, cosine

HORIZON = {"total": 100.0, "steps_per_epoch": 10.0}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def scale(step, author="plateau"):
    return Scale(0.5, step=step, author=author)


def test_course_is_the_fold_of_the_edits(folder):
    edits = [scale(20), Set(0.05, step=40, over="1ep"), Extend("20ep", step=60)]
    with Journal.create(folder, schedule=cosine(0.1, 0), horizon=HORIZON) as journal:
        for edit in edits:
            journal.append("edit", **edit.to_dict(), source="hand", at=edit.step)
    run = replay(folder)
    wanted = course(cosine(0.1, 0), edits, Horizon(100.0, steps_per_epoch=10.0))
    assert edits_of(run) == edits
    assert course_of(run) == wanted
    assert course_of(run).total == 200
    assert declared_of(run) == cosine(0.1, 0).over(Horizon(100.0, steps_per_epoch=10.0))


def test_groups_keep_their_ratio(folder):
    groups = [
        {"name": "body", "own": 0.1, "schedule": cosine().to_dict()},
        {"name": None, "own": 0.01, "schedule": cosine().to_dict()},
        {"name": "frozen", "own": 0.3, "schedule": None},
    ]
    with Journal.create(folder, groups=groups, horizon=HORIZON) as journal:
        journal.append("edit", **Set(0.5, step=50).to_dict(), source="hand")
    run = replay(folder)
    assert course_of(run)(60) == course_of(run, "body")(60) == course_of(run, 0)(60) == 0.5
    assert course_of(run, 1)(60) == pytest.approx(0.05)
    assert declared_of(run, 1)(0) == 0.01
    with pytest.raises(SpecError, match=r"drives \(body, 1\), got 'frozen'"):
        course_of(run, "frozen")


def test_what_cannot_be_told_is_said(folder, tmp_path):
    Journal.create(folder).close()
    with pytest.raises(DataError, match="does not say which schedule"):
        course_of(replay(folder))
    with Journal.create(tmp_path / "old", spec="cosine()", horizon=HORIZON) as journal:
        journal.append("edit", step=5, edit={"kind": "scale"})
    with pytest.raises(DataError, match="edit at step 5 that is none of lrkit's"):
        course_of(replay(tmp_path / "old"))
    Journal.create(tmp_path / "wrong", spec="cosine(", horizon=HORIZON).close()
    with pytest.raises(DataError, match="cannot be read"):
        course_of(replay(tmp_path / "wrong"))


def write(journal, edit, source):
    journal.append("edit", **edit.to_dict(), source=source, at=edit.step)


def test_resume_makes_void_what_is_decided_again(folder):
    journal = Journal.create(folder, spec="cosine()", horizon=HORIZON)
    for step in (10, 20, 30):
        write(journal, scale(step), "controller")
    write(journal, Hold(step=25, author="ada"), "hand")
    write(journal, scale(26, "script"), "loop")
    journal.close("stopped")
    Journal.resume(folder, step=20).close()
    assert [(e.step, e.author) for e in edits_of(replay(folder))] == [(10, "plateau"), (25, "ada")]


def test_resume_keeps_the_edits_that_the_state_knows(folder):
    # The controller's edit for step 20 was decided when the state of step 20 was saved, and one
    # more before the next update.
    journal = Journal.create(folder, spec="cosine()", horizon=HORIZON)
    known = [scale(10), scale(20)]
    for edit in [*known, scale(20, "greedy"), scale(20)]:
        write(journal, edit, "controller")
    journal.close("stopped")
    with Journal.resume(folder, step=20, edits=known) as journal:
        assert edits_of(replay(folder)) == known
        write(journal, scale(20, "greedy"), "controller")
        journal.rewind(10, edits=[scale(10)])
    assert edits_of(replay(folder)) == [scale(10)]


def test_append_takes_no_resume(folder):
    with Journal.create(folder) as journal, pytest.raises(SpecError, match="rewind"):
        journal.append("resume", step=1)
