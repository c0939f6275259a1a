"""The journal: what is written comes back, once, whatever happens to the process or the disk."""

import errno
import gc
import json
import math
import os
import resource
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lrkit.errors import DataError, LoopError, SpecError
from lrkit.records import FORMAT, Journal, free_name, list_runs, replay


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "first"


def write_steps(journal, steps):
    for step in steps:
        journal.metrics(step, loss=1.0 / (step + 1), rate=0.1)


def test_everything_written_comes_back(folder):
    with Journal.create(folder, spec="0.1 * cosine()", seed=3, task="lenet-digits") as journal:
        write_steps(journal, range(10))
        journal.append("evaluation", step=10, accuracy=0.5)
        journal.append("edit", step=10, edit={"kind": "scale", "factor": 0.5}, author="ada")
        journal.append("checkpoint", step=10, path=Path("checkpoints/10.pt"))
        journal.append("note", text="so far so good")
    run = replay(folder)
    assert (run.name, run.folder, run.status, run.events_lost) == ("first", folder, "done", 0)
    assert run.spec == "0.1 * cosine()"
    assert run.header["seed"] == 3
    assert run.header["format"] == FORMAT
    assert run.metrics["step"].tolist() == list(range(10))
    assert run.metrics["loss"].tolist() == [1.0 / (step + 1) for step in range(10)]
    assert np.all(np.diff(run.metrics["time"]) >= 0)
    assert run.evaluations[0]["accuracy"] == 0.5
    assert run.edits[0]["edit"] == {"kind": "scale", "factor": 0.5}
    assert run.checkpoints[0]["path"] == "checkpoints/10.pt"
    assert run.notes[0]["text"] == "so far so good"
    assert [event["kind"] for event in run.events][-1] == "end"


def test_header_says_where_the_run_comes_from(folder):
    Journal.create(folder).close()
    header = replay(folder).header
    assert header["versions"]["numpy"] == np.__version__
    assert header["pid"] == os.getpid()
    assert set(header["git"] or {"commit": 0, "branch": 0, "dirty": 0}) == {
        "commit",
        "branch",
        "dirty",
    }
    assert header["command"] == sys.argv


def test_header_carries_the_script_of_a_plain_program(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(f"from lrkit.records import Journal\nJournal.create({str(tmp_path / 'a')!r})")
    subprocess.run([sys.executable, script], check=True, cwd=tmp_path)
    assert replay(tmp_path / "a").header["script"]["text"] == script.read_text()


def test_not_finite_numbers_survive_everywhere(folder):
    with Journal.create(folder, bounds=(math.inf, -math.inf)) as journal:
        for step, value in enumerate([math.nan, math.inf, -math.inf, 1e308]):
            journal.metrics(step, loss=value)
        journal.append("evaluation", step=4, loss=math.nan, nested={"worst": [math.inf]})
        journal.append("note", text="NaN", more={"$float": 3})
    run = replay(folder)
    np.testing.assert_array_equal(run.metrics["loss"], [math.nan, math.inf, -math.inf, 1e308])
    assert run.header["bounds"] == [math.inf, -math.inf]
    assert math.isnan(run.evaluations[0]["loss"])
    assert run.evaluations[0]["nested"] == {"worst": [math.inf]}
    assert run.notes[0]["text"] == "NaN"
    for line in (folder / "journal.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_numbers_of_numpy_are_numbers(folder):
    with Journal.create(folder, rates=np.array([0.1, 0.2])) as journal:
        journal.metrics(np.int64(3), loss=np.float32(0.5), count=np.array(7), flag=True)
        journal.append("evaluation", step=np.int64(4), accuracy=np.float64(0.25))
    run = replay(folder)
    assert run.header["rates"] == [0.1, 0.2]
    assert [run.metrics[k].tolist() for k in ("step", "loss", "count", "flag")] == [
        [3],
        [0.5],
        [7.0],
        [1.0],
    ]
    assert run.evaluations[0]["step"] == 4


def test_metrics_of_different_events_share_columns(folder):
    with Journal.create(folder) as journal:
        journal.metrics(0, loss=1.0)
        journal.metrics(1, rate=0.5, loss=math.nan)
        journal.metrics(2, rate=0.25)
    run = replay(folder)
    np.testing.assert_array_equal(run.metrics["loss"], [1.0, math.nan, math.nan])
    np.testing.assert_array_equal(run.metrics["rate"], [math.nan, 0.5, 0.25])
    steps, values = run.series("loss")
    assert steps.tolist() == [0, 1], "a NaN that was recorded is a value; a gap is not"
    assert math.isnan(values[1])
    with pytest.raises(SpecError, match="loss, rate"):
        run.series("accuracy")


def test_replay_is_a_value(folder):
    Journal.create(folder).close()
    with pytest.raises(ValueError, match="read-only"):
        replay(folder).metrics["step"][:] = 0


def test_existing_folder_is_refused_and_a_free_name_given(folder):
    Journal.create(folder, seed=1).close()
    (folder.parent / "first-2").mkdir()
    with pytest.raises(DataError, match="`first-3` is free"):
        Journal.create(folder, seed=2)
    assert replay(folder).header["seed"] == 1
    assert free_name(folder).name == "first-3"


def test_failed_creation_leaves_nothing_behind(folder):
    with pytest.raises(SpecError, match="`model` must be plain data"):
        Journal.create(folder, model=object())
    with pytest.raises(SpecError, match="own header field"):
        Journal.create(folder, pid=1)
    assert not folder.parent.exists() or not list(folder.parent.iterdir())


@pytest.mark.parametrize(
    "call",
    [
        lambda j: j.metrics(0.5, loss=1.0),
        lambda j: j.metrics(0, loss="low"),
        lambda j: j.metrics(0, loss=[1.0, 2.0]),
        lambda j: j.metrics(0, step=1.0),
        lambda j: j.append("metrics", loss=1.0),
        lambda j: j.append("note", time=3),
        lambda j: j.append("note", text=object()),
        lambda j: j.append("note", text={(1, 2): 3}),
        lambda j: j.close("perhaps"),
    ],
)
def test_what_is_no_event_is_refused_and_nothing_written(folder, call):
    with Journal.create(folder) as journal:
        with pytest.raises(SpecError):
            call(journal)
        journal.metrics(1, loss=1.0)
    run = replay(folder)
    assert run.metrics["step"].tolist() == [1]
    assert run.status == "done"


def test_status_follows_the_life_of_the_run(folder):
    journal = Journal.create(folder)
    assert replay(folder).status == "running"
    journal.close("stopped", "enough")
    assert (replay(folder).status, replay(folder).reason) == ("stopped", "enough")
    journal = Journal.resume(folder)
    assert replay(folder).status == "running"
    journal._writer.close()  # the process ends without a word
    assert replay(folder).status == "dead"
    Journal.resume(folder).close()
    assert replay(folder).status == "done"


def test_context_manager_tells_how_the_block_ended(tmp_path):
    with pytest.raises(ZeroDivisionError), Journal.create(tmp_path / "a"):
        raise ZeroDivisionError("no rate")
    assert (replay(tmp_path / "a").status, replay(tmp_path / "a").reason) == (
        "failed",
        "ZeroDivisionError: no rate",
    )
    with pytest.raises(KeyboardInterrupt), Journal.create(tmp_path / "b"):
        raise KeyboardInterrupt
    assert replay(tmp_path / "b").status == "stopped"


def test_closed_journal_takes_no_more(folder):
    journal = Journal.create(folder)
    journal.close()
    journal.close()
    assert journal.closed
    with pytest.raises(LoopError, match="resume"):
        journal.metrics(0, loss=1.0)


def test_two_writers_refuse_each_other(folder):
    with Journal.create(folder):
        with pytest.raises(DataError, match=f"process {os.getpid()}"):
            Journal.resume(folder)
        code = f"from lrkit.records import Journal; Journal.resume({str(folder)!r})"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "one writer a run" in other.stderr
    Journal.resume(folder).close()


def test_only_one_of_many_creators_wins(folder):
    made, refused = [], []

    def create():
        try:
            made.append(Journal.create(folder))
        except DataError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(refused) == 7
    assert all("is free" in message for message in refused)
    made[0].close()
    assert [p.name for p in folder.parent.iterdir()] == ["first"], "no half-made folder is left"


def test_asking_for_the_status_does_not_stop_a_writer_from_starting(folder):
    Journal.create(folder).close()
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            replay(folder)

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        for _ in range(30):
            Journal.resume(folder).close()
    finally:
        stop.set()
        asker.join()


def test_resume_cuts_a_torn_line_and_says_so(folder):
    Journal.create(folder, seed=1).close()
    with open(folder / "journal.jsonl", "ab") as file:
        file.write(b'{"kind":"metrics","step":1,"ti')
    assert replay(folder).events_lost == 1
    with Journal.resume(folder) as journal:
        assert "30 bytes cut" in journal.repaired
        journal.metrics(2, loss=0.5)
    run = replay(folder)
    assert run.metrics["step"].tolist() == [2]
    assert run.events_lost == 0
    assert [e["torn"] for e in run.events if e["kind"] == "resume"] == [
        '{"kind":"metrics","step":1,"ti'
    ]


def test_resume_keeps_a_last_line_that_lacks_only_its_newline(folder):
    with Journal.create(folder) as journal:
        journal.metrics(0, loss=1.0)
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert replay(folder).status == "done"
    journal = Journal.resume(folder)
    assert journal.repaired == ""
    journal.close("failed")
    assert replay(folder).status == "failed"
    assert replay(folder).events_lost == 0


def test_resume_survives_the_zeros_a_power_cut_leaves(folder):
    Journal.create(folder).close()
    with open(folder / "journal.jsonl", "ab") as file:
        file.write(b"\0" * 100_000)
    with Journal.resume(folder) as journal:
        assert "100000 bytes cut" in journal.repaired
    assert replay(folder).status == "done"


def test_resume_at_a_step_replaces_what_will_be_written_again(folder):
    journal = Journal.create(folder)
    write_steps(journal, range(6))
    journal.append("evaluation", step=3, accuracy=0.3)
    journal.append("edit", step=5, edit={"kind": "hold"})
    journal.append("evaluation", step=6, accuracy=0.6)
    journal.close("stopped")
    with Journal.resume(folder, step=3) as journal:
        for step in range(3, 8):
            journal.metrics(step, loss=-1.0, rate=0.1)
    run = replay(folder)
    assert run.metrics["step"].tolist() == list(range(8)), "no step twice, none missing"
    assert run.metrics["loss"].tolist() == [1.0, 1 / 2, 1 / 3, -1.0, -1.0, -1.0, -1.0, -1.0]
    assert [e["accuracy"] for e in run.evaluations] == [0.3]
    assert len(run.edits) == 1, "an accepted edit is never lost"


def test_resume_wants_a_run(tmp_path):
    with pytest.raises(DataError, match="is not one"):
        Journal.resume(tmp_path / "nothing")
    (tmp_path / "journal.jsonl").write_text('{"kind": "run", "format": 99, "time": 0}\n')
    with pytest.raises(DataError, match=r"format 99.*upgrade"):
        Journal.resume(tmp_path)
    (tmp_path / "journal.jsonl").write_text("step,loss\n")
    with pytest.raises(DataError, match="first line"):
        replay(tmp_path)
    (tmp_path / "journal.jsonl").write_text("")
    with pytest.raises(DataError, match="first line"):
        replay(tmp_path)


def test_damaged_middle_line_is_named_or_counted(folder):
    with Journal.create(folder) as journal:
        write_steps(journal, range(5))
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for damage in (b"rubbish\n", b"{}\n", b"\n", b'{"kind":"metrics","step":2}\n', lines[3][:20]):
        whole = damage if damage.endswith(b"\n") else damage + lines[4]
        path.write_bytes(b"".join([*lines[:3], whole, *lines[4:]]))
        with pytest.raises(DataError, match=r"line 4 of .*damaged='skip'"):
            replay(folder)
        run = replay(folder, damaged="skip")
        assert run.events_lost == 1
        assert run.status == "done"
        assert 2 not in run.metrics["step"]


def test_slow_events_are_on_file_at_once_and_quick_ones_within_a_second(folder):
    journal = Journal.create(folder)
    journal.metrics(0, loss=1.0)
    time.sleep(0.06)
    journal.metrics(1, loss=1.0)
    assert replay(folder).metrics["step"].tolist() == [0, 1]
    end = time.monotonic() + 0.6
    step = 1
    while time.monotonic() < end:
        step += 1
        journal.metrics(step, loss=1.0)
    assert replay(folder).metrics["step"][-1] > 1
    journal.close()
    assert replay(folder).metrics["step"].tolist() == list(range(step + 1))


def test_script_that_never_closes_loses_nothing(tmp_path):
    code = f"""
        from lrkit.records import Journal
        journal = Journal.create({str(tmp_path / "a")!r})
        for step in range(100):
            journal.metrics(step, loss=1.0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    run = replay(tmp_path / "a")
    assert len(run.metrics["step"]) == 100
    assert run.status == "dead"


def test_journal_dropped_without_a_word_is_flushed_and_released(folder):
    journal = Journal.create(folder)
    journal.metrics(0, loss=1.0)
    del journal
    gc.collect()
    assert len(replay(folder).metrics["step"]) == 1
    Journal.resume(folder).close()


def test_forked_child_neither_writes_nor_keeps_the_run_alive(tmp_path):
    # A DataLoader worker that outlives a killed training must not make the run look alive.
    code = f"""
        import os, time
        from lrkit.records import Journal
        journal = Journal.create({str(tmp_path / "a")!r})
        journal.metrics(0, loss=1.0)
        if os.fork() == 0:
            assert journal.closed
            os.write(1, b"ready")
            time.sleep(30)
        os.read(0, 1)
        journal.metrics(1, loss=1.0)
        journal.flush()
        os.kill(os.getpid(), 9)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    ) as parent:
        assert parent.stdout.read(5) == b"ready"
        assert replay(tmp_path / "a").status == "running"
        parent.stdin.write(b"x")
        parent.stdin.close()
        parent.wait()
        run = replay(tmp_path / "a")
        os.killpg(parent.pid, 9)
    assert run.status == "dead"
    assert run.metrics["step"].tolist() == [0, 1], "each line once"


def test_full_disk_is_a_data_error_and_nothing_earlier_is_lost(folder):
    journal = Journal.create(folder)
    journal.metrics(0, loss=1.0)
    journal.flush()
    good = os.dup(journal._writer.descriptor)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._writer.descriptor)
    # /dev/full has size 0, so the size of the real file must not matter for what is kept.
    journal._writer.tail = (0, journal._writer.tail[1])
    with pytest.raises(DataError, match=r"journal.jsonl: no space left on device; free some"):
        journal.append("edit", step=1, edit={"kind": "hold"})
    os.dup2(good, journal._writer.descriptor)
    journal._writer.tail = (os.fstat(good).st_size, journal._writer.tail[1])
    os.close(good)
    os.close(full)
    journal.close()  # space was made: what waited is written now
    run = replay(folder)
    assert run.metrics["step"].tolist() == [0]
    assert len(run.edits) == 1


def test_full_disk_is_said_in_one_line_however_the_program_ends(tmp_path):
    code = f"""
        import os, resource, sys
        from lrkit.records import Journal
        folder = {str(tmp_path / "a")!r}
        journal = Journal.create(folder, script=None)
        journal.append("note", text="before")
        size = os.path.getsize(folder + "/journal.jsonl")
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, size + 10))
        journal.metrics(0, loss=1.0)
        if sys.argv[1] == "resume":
            journal._writer.abandon()
            Journal.resume(folder)
    """
    for way in ("leave", "resume"):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), way], capture_output=True, text=True
        )
        last = done.stderr.splitlines()[-1]
        assert "cannot write" in last
        assert "Exception ignored" not in done.stderr
        assert (len(done.stderr.splitlines()) == 1) == (way == "leave")
        assert replay(tmp_path / "a").notes[0]["text"] == "before"
        with Journal.resume(tmp_path / "a") as journal:
            assert "10 bytes cut" in journal.repaired
        (tmp_path / "a").rename(tmp_path / way)


def test_failed_creation_names_the_folder_that_was_asked_for(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(DataError, match=r"/run/journal.jsonl: file too large"):
            Journal.create(tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_file_limit_in_the_middle_of_a_line_loses_and_doubles_nothing(folder):
    # The kernel takes a part of the line and refuses the rest, as a disk does that fills up.
    journal = Journal.create(folder)
    size = os.path.getsize(folder / "journal.jsonl")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, limits[1]))
    try:
        journal.metrics(0, loss=1.0)
        journal.metrics(1, loss=1.0)
        with pytest.raises(DataError, match="file too large"):
            journal.flush()
        torn = replay(folder)
        with pytest.raises(DataError, match="file too large"):
            journal.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torn.metrics["step"].tolist() == [0]
    assert torn.events_lost == 1
    journal.close()
    assert replay(folder).metrics["step"].tolist() == [0, 1]
    assert replay(folder).events_lost == 0


def test_interrupt_between_write_and_bookkeeping_doubles_nothing(folder, monkeypatch):
    journal = Journal.create(folder)
    journal.metrics(0, loss=1.0)
    write = os.write

    def interrupted(descriptor, data):
        write(descriptor, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.flush()
    monkeypatch.undo()
    journal.close()
    assert replay(folder).metrics["step"].tolist() == [0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_folder_is_a_data_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="choose a folder"):
        Journal.create(tmp_path / "a")


def test_path_through_a_file_is_a_data_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="a file stands where a folder must"):
        Journal.create(tmp_path / "file" / "run")
    assert list_runs(tmp_path / "file" / "run") == []


def test_header_larger_than_one_read_is_fine(folder):
    Journal.create(folder, script={"path": "a.py", "text": "x" * 500_000}).close()
    assert len(replay(folder).header["script"]["text"]) == 500_000
    assert list_runs(folder.parent)[0].status == "done"


def test_errno_of_a_full_quota_has_its_own_remedy(tmp_path):
    from lrkit.records.files import disk_errors

    with pytest.raises(DataError, match="quota"), disk_errors(tmp_path):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
