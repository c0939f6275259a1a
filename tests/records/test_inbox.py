"""Edits from outside arrive whole, in order and once."""

import os
import threading
import time

import pytest

from lrkit.errors import DataError
from lrkit.records import Inbox, Journal, submit


@pytest.fixture
def folder(tmp_path):
    Journal.create(tmp_path / "run").close()
    return tmp_path / "run"


def test_letters_arrive_in_the_order_sent(folder):
    inbox = Inbox(folder)
    assert inbox.poll() == ()
    ids = [submit(folder, {"edit": {"kind": "scale", "factor": f}}) for f in (0.5, 0.1)]
    letters = inbox.poll()
    assert [letter.id for letter in letters] == ids
    assert [letter.fields["edit"]["factor"] for letter in letters] == [0.5, 0.1]
    assert inbox.poll() == (), "each letter once"
    for letter in letters:
        inbox.done(letter)
    assert os.listdir(folder / "inbox") == []
    inbox.done(letters[0])


def test_a_letter_not_done_comes_again_after_a_restart_unless_accepted(folder):
    name = submit(folder, {"edit": {"kind": "hold"}})
    assert [letter.id for letter in Inbox(folder).poll()] == [name]
    assert [letter.id for letter in Inbox(folder).poll()] == [name]
    assert Inbox(folder, accepted=[name]).poll() == ()


def test_no_letter_is_missed_however_fast_they_come(folder):
    sent = []

    def send():
        for number in range(60):
            sent.append(submit(folder, {"number": number}))

    senders = [threading.Thread(target=send) for _ in range(2)]
    inbox, got = Inbox(folder), []
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        got += inbox.poll()
    got += inbox.poll()
    assert sorted(letter.id for letter in got) == sorted(sent)
    assert not any(letter.problem for letter in got)


def test_a_quiet_inbox_is_not_read_again(folder, monkeypatch):
    inbox = Inbox(folder)
    os.utime(folder / "inbox", ns=(0, time.time_ns() - 10**9))
    inbox.poll()
    monkeypatch.setattr(os, "listdir", lambda path: pytest.fail("read again"))
    assert inbox.poll() == ()


def test_rubbish_in_the_inbox_is_reported_not_obeyed(folder):
    (folder / "inbox" / "a.json").write_text("{half")
    (folder / "inbox" / ".hidden.json").write_text("{}")
    (folder / "inbox" / "readme.txt").write_text("")
    (letter,) = Inbox(folder).poll()
    assert "send the edit again" in letter.problem
    assert letter.fields == {}


def test_an_edit_for_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not one"):
        submit(tmp_path, {"edit": {}})
    assert Inbox(tmp_path).poll() == ()
