"""The wheel: what a run follows, where it will be, which group an edit is for, and what answers."""

from __future__ import annotations

import pytest

from lrkit.control import Checkpoint, Cooldown, Extend, Hold, Scale, Set
from lrkit.errors import DataError, SpecError
from lrkit.records import (
    Inbox,
    Journal,
    Wheel,
    answer_of,
    courses_of,
    groups_of,
    replay,
    submit,
    told_of,
    wait_for,
    words_of,
)
from lrkit.schedules import cosine

HORIZON = {"total": 100.0, "steps_per_epoch": 10.0}
GROUPS = [
    {"name": "frozen", "own": 0.0, "schedule": cosine().to_dict()},
    {"name": "undriven", "own": 0.3, "schedule": None},
    {"name": "body", "own": 0.1, "schedule": cosine().to_dict()},
    {"name": None, "own": 0.01, "schedule": cosine().to_dict()},
]


def run(tmp_path, *, rows=20, ended=True, **header):
    journal = Journal.create(
        tmp_path / "run", **({"spec": "0.1 * cosine()", "horizon": HORIZON} | header)
    )
    for step in range(rows):
        journal.metrics(step, loss=1.0)
    journal.close() if ended else journal.flush()
    return journal


def wheel(tmp_path, **how):
    run(tmp_path, **how)
    return Wheel.of(replay(tmp_path / "run"))


def test_an_edit_for_all_groups_is_measured_by_the_first_that_moves(tmp_path):
    it = wheel(tmp_path, groups=GROUPS)
    assert [(g.index, g.name, g.own) for g in it.groups] == [
        (0, "frozen", 0.0), (2, "body", 0.1), (3, None, 0.01)
    ]  # fmt: skip
    assert list(courses_of(it.run)) == [0, 2, 3]
    assert it.lead(20).name == "body"
    assert it.lead(20, "frozen").index == it.lead(20, 0).index == 0
    assert it.lead(100).index == 0  # all are at 0 there
    edit = Set(0.5, step=30)
    assert it.before(edit)(30) == pytest.approx(0.1 * cosine().over(100)(30))
    assert it.after(edit)(30) == 0.5
    assert it.after(Set(0.5, step=30, group=3))(30) == 0.5
    assert it.rate(0, "body") == 0.1
    for wrong in ("undriven", "heads", 1, 9):
        with pytest.raises(SpecError, match=r"drives \(frozen, body, 3\), got"):
            it.after(Set(0.5, group=wrong))


def test_a_journal_that_does_not_tell_is_steered_unseen(tmp_path):
    it = wheel(tmp_path, spec=None)
    assert (it.course, it.groups, it.lead(3)) == (None, (), None)
    it.check(Hold(), sending=False)
    with pytest.raises(DataError, match="nothing can be drawn"):
        it.after(Hold())
    assert it.plain()["schedule"] is None


def test_steps_are_spans_from_the_beginning_and_not_behind(tmp_path):
    it = wheel(tmp_path)
    assert [it.step_of(at) for at in ("20", "5ep", "50%")] == [20, 50, 50]
    for at in ("19", "20.5", "0.55ep"):
        with pytest.raises(SpecError, match="`at` must be a whole step from 20 on"):
            it.step_of(at)


def test_what_the_training_would_refuse_is_refused_before(tmp_path):
    it = wheel(tmp_path)
    with pytest.raises(DataError, match="run is done"):
        it.check(Hold(), sending=True)
    it.check(Hold(), sending=False)
    with pytest.raises(SpecError, match="before the end"):
        it.check(Hold(step=100), sending=False)
    for late in (Checkpoint(step=100), Cooldown(5, step=100), Extend(200, step=100)):
        it.check(late, sending=False)


def test_a_step_soon_is_one_that_the_run_has_not_reached(tmp_path):
    it = wheel(tmp_path)
    assert it.soon(2) == 20  # it does not go
    journal = run(tmp_path / "b", ended=False, rows=1)
    with pytest.raises(DataError, match="no two updates yet"):
        Wheel.of(replay(journal.folder)).soon(2)
    for step in range(1, 50):
        journal.metrics(step, loss=1.0)
    journal.flush()
    now = Wheel.of(replay(journal.folder))
    assert now.far.speed > 100
    assert now.soon(0) == 51
    assert now.soon(1e-3) > 50
    assert now.soon(1e6) == 99  # the last there is
    journal.close()


def test_the_answer_to_a_letter(tmp_path):
    journal = run(tmp_path, ended=False, groups=GROUPS)
    letters = [submit(journal.folder, {"edit": "set"}) for _ in range(3)]
    edit = Set(0.5, step=30, author="anna", reason="why", letter=letters[0], group="body")
    journal.append("edit", **edit.to_dict(), source="hand")
    journal.append("refused", step=20, letter=letters[1], reason="no wheel")
    now = replay(journal.folder)
    taken, refused = (answer_of(now, letter) for letter in letters[:2])
    assert taken.plain() == {
        "answer": "taken", "step": 30, "rate": 0.5,
        "told": "set 0.5 group=body at 30 by anna: why; the rate there is 0.5",
    }  # fmt: skip
    assert refused.plain() == {
        "answer": "refused", "step": 20, "rate": None, "told": "refused at 20: no wheel",
        "reason": "no wheel",
    }  # fmt: skip
    assert answer_of(now, letters[2]) is None
    assert wait_for(now, letters[0], 0) == taken
    waiting = wait_for(now, letters[2], 0)
    assert (waiting.answer, "not taken within 0 s" in waiting.told) == ("waiting", True)
    journal.close("stopped")
    ended = wait_for(replay(journal.folder), letters[2], 5)
    assert "is stopped now" in ended.told
    assert [letter.id for letter in Wheel.of(now).waiting()] == letters
    assert len(Inbox(journal.folder).poll()) == 3


def test_words_of_what_others_wrote():
    assert words_of(Scale(0.5, over=200, step=3, letter="a").to_dict()) == "scale 0.5 over=200st"
    assert words_of({"edit": "replace", "schedule": {"type": "?"}}).startswith("edit replace")
    assert words_of({"edit": "scale"}) == "edit scale"
    assert words_of({}) == ""
    assert told_of({"edit": "stop", "step": 4}) == "stop at 4"


def test_groups_of_a_run_with_one_schedule(tmp_path):
    run(tmp_path)
    (only,) = groups_of(replay(tmp_path / "run"))
    assert (only.index, only.name, only.own) == (0, None, 1.0)
