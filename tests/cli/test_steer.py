"""`lrkit steer`: what is sent, what comes back, and what is refused before it is sent."""

from __future__ import annotations

import threading
import time

import pytest

from lrkit.cli.orders import WORDS
from lrkit.control.edits import _kinds
from lrkit.records import Inbox, Journal, replay


def test_an_edit_is_taken_and_its_step_is_said(lrkit, going):
    done = lrkit(
        "steer", "going", "scale", "0.5", "--over", "20st", "--why", "it jumps", "--by", "anna"
    )
    assert (done.code, done.err) == (0, "")
    (edit,) = replay(going).edits
    assert (edit["edit"], edit["factor"], edit["over"]) == ("scale", 0.5, "20st")
    assert (edit["author"], edit["reason"], edit["source"]) == ("anna", "it jumps", "hand")
    assert done.out.startswith(f"scale 0.5 over=20st at {edit['step']} by anna: it jumps; ")


def test_every_edit_reaches_the_run(lrkit, going):
    words = [
        ("set", "0.05"), ("ramp", "0.02", "--over", "1ep"), ("hold",), ("release",),
        ("replace", "0.01 * cosine()"), ("extend", "60ep", "--how", "keep"), ("checkpoint",),
        ("rollback", "0.5"), ("cooldown", "10%", "--shape", "cosine"), ("stop",),
    ]  # fmt: skip
    for word in words:
        done = lrkit("steer", "going", *word, "--json")
        assert (done.code, done.json["answer"]) == (0, "taken"), (word, done.err)
    kinds = ["set", "set", *(word for word, *_ in words[2:])]
    assert [edit["edit"] for edit in replay(going).edits] == kinds


def test_every_word_is_an_edit_and_every_edit_has_a_word():
    assert set(WORDS) - {"ramp"} == set(_kinds)


def test_a_preview_sends_nothing(lrkit, going):
    done = lrkit("steer", "going", "cooldown", "20%", "--at", "40ep", "--preview")
    assert done.code == 0
    assert "linear(" in done.out
    assert "total        1000" in done.out
    plain = lrkit("steer", "going", "extend", "100ep", "--preview", "--json").json
    assert (plain["before"]["total"], plain["after"]["total"]) == (1000, 2000)
    assert replay(going).edits == []


def test_an_edit_for_later_waits_for_its_step(lrkit, going):
    assert lrkit("steer", "going", "set", "0.5", "--at", "45ep").code == 0
    assert replay(going).edits[0]["step"] == 900


def test_the_state_tells_the_edits(lrkit, going):
    assert "edits        none" in lrkit("steer", "going").out
    lrkit("steer", "going", "hold", "--by", "anna")
    told = lrkit("steer", "going")
    assert "edit         hold at" in told.out
    assert "by anna" in told.out
    plain = lrkit("steer", "going", "--json").json
    assert (plain["status"], plain["total"], plain["waiting"]) == ("running", 1000, [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("scal", "0.5"), "did you mean scale?"),
        (("scale",), "scale needs a factor"),
        (("scale", "half"), "got 'half'"),
        (("scale", "-1"), "no option -1"),
        (("scale", "nan"), "finite"),
        (("scale", "0.5", "--over", "0st"), "over > 0"),
        (("scale", "0.5", "--shape", "cosine"), "takes no --shape"),
        (("set", "0.1", "--group", "head"), "head"),
        (("ramp", "0.1"), "--over"),
        (("hold", "3"), "takes no value"),
        (("cooldown", "10%", "--to", "5"), "goes down"),
        (("cooldown", "10%", "--shape", "round"), "round"),
        (("extend", "1st"), "total >"),
        (("extend", "40ep", "--group", "0"), "takes no --group"),
        (("replace", "cosin()"), "did you mean cosine?"),
        (("set", "0.1", "--at", "51ep"), "before the end"),
        (("set", "0.1", "--at", "900.5"), "--at"),
        (("--at", "5"), "name one"),
        (("--over", "5st"), "none is named"),
        (("hold", "--wait", "-1"), "--wait"),
    ],
)
def test_what_cannot_be_is_not_sent(lrkit, going, arguments, says):
    done = lrkit("steer", "going", *arguments)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert replay(going).edits == []
    assert Inbox(going).poll() == ()


def test_a_run_that_has_ended_is_refused_and_a_dead_one_keeps_the_letter(lrkit, edited, tmp_path):
    done = lrkit("steer", "edited", "hold")
    assert done.code == 2
    assert "--resume" in done.err
    journal = tmp_path / "runs" / "edited" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(line for line in lines if b'"kind":"end"' not in line))
    done = lrkit("steer", "edited", "scale", "0.5")
    assert done.code == 0
    assert "dead" in done.err
    assert len(Inbox(edited).poll()) == 1
    assert len(lrkit("steer", "edited", "--json").json["waiting"]) == 1


def test_a_run_that_does_not_listen_gets_its_letter_all_the_same(lrkit, tmp_path):
    with Journal.create(tmp_path / "runs" / "deaf", spec="cosine()", horizon={"total": 100}):
        done = lrkit("steer", "deaf", "hold", "--wait", "0.2")
        assert (done.code, done.out) == (0, "")
        assert "not taken within 0.2 s" in done.err


def test_what_the_training_refuses_is_said_with_its_reason(lrkit, tmp_path):
    with Journal.create(tmp_path / "runs" / "strict") as journal:
        journal.metrics(0, loss=1.0)

        def refuse() -> None:
            inbox = Inbox(journal.folder)
            while not (letters := inbox.poll()):
                time.sleep(0.01)
            journal.append("refused", step=1, letter=letters[0].id, reason="no wheel here")

        thread = threading.Thread(target=refuse)
        thread.start()
        done = lrkit("steer", "strict", "hold")
        thread.join()
    assert done.code == 2
    assert "no wheel here" in done.err
