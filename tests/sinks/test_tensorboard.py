"""TensorBoard: what its own reader gives back is what the journal has, each step once."""

import collections
import math
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lrkit.errors import LoopWarning
from lrkit.records import Journal, replay
from lrkit.sinks import TensorBoard, export
from lrkit.sinks.board import hyper_parameters

pytest.importorskip("tensorboard")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "first"


def write(journal, steps, offset=0.0):
    for step in steps:
        journal.metrics(step, loss=offset + 1 / (step + 1), lr=0.1, **{"lr/head": 0.01})


def raw_steps(folder, tag):
    """Return how often each step of *tag* stands in the files, whatever readers make of it."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    count = collections.Counter()
    for path in folder.glob("*tfevents*"):
        for event in EventFileLoader(str(path)).Load():
            count.update(event.step for value in event.summary.value if value.tag == tag)
    return count


def test_everything_is_shown(folder, read, scalars, texts):
    with Journal.create(folder, sinks=[TensorBoard()], spec="0.1 * cosine()", seed=3) as journal:
        write(journal, range(5))
        journal.append("evaluation", step=5, epoch=1, seconds=0.5, accuracy=0.75, best=True)
        journal.append(
            "edit", edit="scale", factor=0.5, step=5, source="hand", author="ada", reason="spike"
        )
        journal.append("refused", letter="12-34", reason="there is no group 'tail'")
        journal.append("note", text="so far so good")
        journal.append("checkpoint", step=5, file="step-5.pt")
    board = folder / "tensorboard"
    assert [step for step, _ in scalars(board, "loss")] == list(range(5))
    assert [v for _, v in scalars(board, "loss")] == [np.float32(1 / (s + 1)) for s in range(5)]
    assert scalars(board, "lr/head")[0][1] == np.float32(0.01)
    assert scalars(board, "evaluation/accuracy") == [(5, 0.75)]
    edit, refused = texts(board, "edits")[0], texts(board, "refused")[0]
    assert edit == (5, "step 5: **scale** factor 0.5 (by hand, ada): spike")
    assert refused == (4, "**refused** letter 12-34: there is no group 'tail'")
    assert texts(board, "notes")[0][1] == "so far so good"
    assert "step-5.pt" in texts(board, "checkpoints")[0][1]
    tags = read(board).Tags()
    assert set(tags["scalars"]) == {
        "loss",
        "lr",
        "lr/head",
        "evaluation/accuracy",
        "evaluation/best",
    }
    wall = [e.wall_time for e in read(board).Scalars("loss")]
    assert wall == replay(folder).metrics["time"].tolist(), "the times of the journal"


def test_hyper_parameters_are_those_of_the_header(folder, read):
    from tensorboard.plugins.hparams import metadata

    about = {"seed": 3, "task": "lenet", "options": {"width": 8}, "amp": False, "clip": None}
    Journal.create(folder, sinks=[TensorBoard()], spec="0.1 * cosine()", **about).close("failed")
    found = read(folder / "tensorboard").summary_metadata
    start = metadata.parse_session_start_info_plugin_data(
        found["_hparams_/session_start_info"].plugin_data.content
    )
    values = {name: value.WhichOneof("kind") for name, value in start.hparams.items()}
    assert values == {
        "spec": "string_value",
        "seed": "number_value",
        "task": "string_value",
        "options.width": "number_value",
        "amp": "bool_value",
    }
    end = metadata.parse_session_end_info_plugin_data(
        found["_hparams_/session_end_info"].plugin_data.content
    )
    assert end.status == 2, "STATUS_FAILURE"
    assert hyper_parameters({"total": math.inf, "ranks": [1, 2]}) == {}


def test_numbers_that_are_none(folder, scalars):
    values = [math.nan, math.inf, -math.inf, 1e308, 1e-320]
    with Journal.create(folder, sinks=[TensorBoard()]) as journal:
        for step, value in enumerate(values):
            journal.metrics(step, loss=value)
    found = [v for _, v in scalars(folder / "tensorboard", "loss")]
    np.testing.assert_array_equal(found, [math.nan, math.inf, -math.inf, math.inf, 0.0])


def test_resume_leaves_each_step_once(folder, scalars, texts):
    journal = Journal.create(folder, sinks=[TensorBoard()])
    write(journal, range(10))
    journal.append("evaluation", step=4, accuracy=0.4)
    journal.append("edit", edit="scale", factor=0.5, step=8, source="controller")
    journal.append("edit", edit="hold", step=9, source="hand")
    journal.append("evaluation", step=10, accuracy=0.9)
    journal.close("stopped")
    with Journal.resume(folder, step=6, sinks=[TensorBoard()]) as journal:
        write(journal, range(6, 12), offset=5.0)
    board = folder / "tensorboard"
    assert raw_steps(board, "loss") == dict.fromkeys(range(12), 1), "under every reader"
    assert [v > 4 for _, v in scalars(board, "loss")] == [step >= 6 for step in range(12)]
    assert scalars(board, "evaluation/accuracy") == [(4, pytest.approx(0.4))]
    assert [step for step, _ in texts(board, "edits")] == [9], "what became void is not shown"


def test_rollback_within_one_program(folder, scalars):
    with Journal.create(folder, sinks=[TensorBoard()]) as journal:
        write(journal, range(10))
        journal.rewind(4, edits=[])
        write(journal, range(4, 8), offset=5.0)
    found = scalars(folder / "tensorboard", "loss")
    assert [step for step, _ in found] == list(range(8))
    assert [v > 4 for _, v in found] == [step >= 4 for step in range(8)]


def test_reader_that_was_there_before_the_resume_forgets(folder, tmp_path):
    # A TensorBoard that runs all the time, as the Python multiplexer of --load_fast=false.
    from tensorboard.backend.event_processing import plugin_event_multiplexer

    journal = Journal.create(folder, sinks=[TensorBoard()])
    write(journal, range(10))
    journal.close("stopped")
    reader = plugin_event_multiplexer.EventMultiplexer()
    reader.AddRunsFromDirectory(str(folder.parent))
    reader.Reload()
    run = "first/tensorboard"
    assert [e.step for e in reader.Tensors(run, "loss")] == list(range(10))
    time.sleep(1.1)  # it reads files in the order of their names, which hold the second
    with Journal.resume(folder, step=6, sinks=[TensorBoard()]) as journal:
        write(journal, range(6, 9))
        journal.flush()
        reader.Reload()
        reader.Reload()
    assert [e.step for e in reader.Tensors(run, "loss")] == list(range(9))


def test_torn_event_files_and_files_of_others(folder, scalars):
    journal = Journal.create(folder, sinks=[TensorBoard()])
    write(journal, range(10))
    journal.close()
    board = folder / "tensorboard"
    (mine,) = board.iterdir()
    mine.write_bytes(mine.read_bytes()[:-30])
    other = board / "events.out.tfevents.1.of.another"
    other.write_bytes(b"")
    with Journal.resume(folder, step=10, sinks=[TensorBoard()]) as journal:
        write(journal, range(10, 12))
    assert [step for step, _ in scalars(board, "loss")] == list(range(12))
    assert other.exists()
    assert mine.stat().st_size == 0


def test_texts_of_one_step_and_of_later_steps_all_stay(folder, texts):
    # The Rust reader keeps one value a step, the last, and drops those of later steps.
    with Journal.create(folder, sinks=[TensorBoard()]) as journal:
        for step, factor in ((5, 0.1), (5, 0.2), (9, 0.3), (6, 0.4)):
            journal.append("edit", edit="scale", factor=factor, step=step)
    found = texts(folder / "tensorboard", "edits")
    assert [step for step, _ in found] == [5, 5, 9, 9]
    kept = dict(found)
    assert "0.1" in kept[5]
    assert "0.2" in kept[5]
    assert "step 9: **scale** factor 0.3" in kept[9]
    assert "step 6: **scale** factor 0.4" in kept[9]


def test_new_run_does_not_mix_with_another(folder, tmp_path, scalars):
    board = tmp_path / "board"
    with Journal.create(folder, sinks=[TensorBoard(board)]) as journal:
        write(journal, range(3))
    with (
        pytest.warns(LoopWarning, match="holds another's; name another folder"),
        Journal.create(tmp_path / "second", sinks=[TensorBoard(board)]) as journal,
    ):
        write(journal, range(2))
    assert len(scalars(board, "loss")) == 3
    assert len(replay(tmp_path / "second").metrics["step"]) == 2, "the training goes on"


def test_export_of_a_finished_run(folder, tmp_path, scalars, texts):
    with Journal.create(folder) as journal:
        write(journal, range(3))
        journal.append("edit", edit="hold", step=2)
        journal.metrics(3, accuracy=0.5)
    for _ in range(2):  # the second takes the place of the first
        assert export(folder, "tensorboard", tmp_path / "out") == tmp_path / "out"
        assert [s for s, _ in scalars(tmp_path / "out", "loss")] == [0, 1, 2]
        assert scalars(tmp_path / "out", "accuracy") == [(3, 0.5)]
        assert len(texts(tmp_path / "out", "edits")) == 1
    assert sum(path.stat().st_size > 0 for path in (tmp_path / "out").iterdir()) == 1


WRITER = """
import sys
from lrkit.records import Journal
from lrkit.sinks import TensorBoard
folder, first = sys.argv[1], int(sys.argv[2])
board = [TensorBoard()]
journal = (
    Journal.resume(folder, first, sinks=board) if first else Journal.create(folder, sinks=board)
)
print("ready", flush=True)
step = first
while True:
    journal.metrics(step, loss=step / 7, lr=0.1)
    if step % 500 == 0:
        journal.append("evaluation", step=step, accuracy=step / 7)
    step += 1
"""


def test_killed_at_random_moments_no_step_is_lost_or_doubled(folder, scalars):
    rng = random.Random(5)
    first = 0
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(first)], stdout=subprocess.PIPE
        )
        child.stdout.readline()
        time.sleep(rng.uniform(0.05, 0.5))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        last = len(replay(folder).metrics["step"])
        # Back to an earlier step, as to the last checkpoint; sometimes to the very end.
        first = max(1, last - rng.choice([0, 1, 150]))
    with Journal.resume(folder, first, sinks=[TensorBoard()]) as journal:
        journal.metrics(first, loss=first / 7, lr=0.1)
    board = folder / "tensorboard"
    steps = list(range(first + 1))
    assert replay(folder).metrics["step"].tolist() == steps
    assert scalars(board, "loss") == [(s, np.float32(s / 7)) for s in steps]
    assert set(raw_steps(board, "loss").values()) == {1}
    assert [s for s, _ in scalars(board, "evaluation/accuracy")] == list(range(0, first + 1, 500))
