"""Loss curves from what users have: CSV and manifest, runs, TensorBoard logs."""

import numpy as np
import pytest

from lrkit.errors import DataError, SpecError
from lrkit.records import Journal, write_columns
from lrkit.records.loss_curves import Columns, read_loss_curves

STEPS = np.arange(0, 1000, 100)
LOSSES = 3 - STEPS / 1000


@pytest.fixture
def folder(tmp_path):
    """Two runs and their manifest; the logged rates are wrong on purpose."""
    wrong = np.full(len(STEPS), 9.0)
    for name in ("a", "b"):
        write_columns(tmp_path / f"{name}.csv", {"step": STEPS, "lr": wrong, "loss": LOSSES})
    (tmp_path / "manifest.csv").write_text(
        "run,schedule,total_steps\n"
        'a,"0.1 * linear()",1000\n'
        'b,"0.2 * (hold() >> linear(1, 0, 20%))",1000\n'
    )
    return tmp_path


def test_a_manifest_beside_a_file_gives_its_schedule(folder):
    [curve] = read_loss_curves([folder / "a.csv"])
    assert curve.schedule == "0.1 * linear()"
    assert curve.peak == 0.1
    assert curve.total == 1000


@pytest.mark.parametrize("named", [["."], ["manifest.csv"], ["a.csv", "b.csv", "manifest.csv"]])
def test_a_folder_its_manifest_and_its_files_are_the_same_runs(folder, named):
    curves = read_loss_curves([folder / name for name in named])
    assert [curve.name for curve in curves] == ["a", "b"]
    assert [curve.peak for curve in curves] == [0.1, 0.2]


def test_a_schedule_given_goes_before_the_manifest(folder):
    [curve] = read_loss_curves([folder / "a.csv"], Columns(schedule="0.5 * hold()"))
    assert curve.peak == 0.5


def test_without_a_manifest_the_logged_rates_count(tmp_path):
    table = {"it": STEPS, "eta": 0.1 - STEPS / 1e4, "val": LOSSES}
    write_columns(tmp_path / "run.csv", table)
    [curve] = read_loss_curves([tmp_path], Columns(step="it", lr="eta", loss="val"))
    assert curve.rates[50] == pytest.approx(0.095)
    assert "read off the log" in curve.notes[0]


def test_a_table_of_events_has_the_loss_in_some_rows_and_the_rate_in_others(tmp_path):
    rows = ["step,lr,loss"]
    rows += [f"{step},{0.1 * (1 - step / 1000)}," for step in range(0, 1000, 5)]
    rows += [f"{step},,{3 - step / 1000}" for step in range(50, 1000, 50)]
    (tmp_path / "run.csv").write_text("\n".join(rows))
    [curve] = read_loss_curves([tmp_path / "run.csv"])
    assert curve.steps.tolist() == list(range(50, 1000, 50))
    np.testing.assert_allclose(curve.rates, 0.1 * (1 - np.arange(951) / 1000), atol=1e-12)
    assert "200 rows without a finite" in " ".join(curve.notes)


def test_two_files_of_one_name_are_told_apart(tmp_path):
    for part in ("x", "y"):
        (tmp_path / part).mkdir()
        write_columns(tmp_path / part / "run.csv", {"step": STEPS, "lr": LOSSES, "loss": LOSSES})
    curves = read_loss_curves([tmp_path / "x" / "run.csv", tmp_path / "y"])
    assert [curve.name for curve in curves] == ["run", "run-2"]


def test_a_run_gives_the_rates_it_followed_and_its_losses_in_blocks(tmp_path):
    rates = 0.1 * (1 - np.arange(3000) / 3000)
    with Journal.create(tmp_path / "run", task="made") as journal:
        for step, rate in enumerate(rates):
            journal.metrics(step, loss=2.0 + rate + 0.1 * (-1) ** step, lr=float(rate))
        journal.close("done")
    [curve] = read_loss_curves([tmp_path / "run"])
    np.testing.assert_allclose(curve.rates, rates[: len(curve.rates)], rtol=1e-12)
    assert len(curve.steps) == 600
    np.testing.assert_allclose(curve.losses, 2.0 + curve.rates[curve.steps], atol=0.03)
    assert "averaged" in curve.notes[0]


def test_tensorboard_scalars_are_read_by_their_tags(tmp_path):
    pytest.importorskip("tensorboard", reason="reads event files")
    from lrkit.sinks import export

    with Journal.create(tmp_path / "run", task="made") as journal:
        for step in range(50):
            journal.metrics(step, loss=3.0 - step / 50, lr=0.1)
        journal.close("done")
    log = export(tmp_path / "run", "tensorboard", tmp_path / "log")
    with pytest.raises(SpecError, match=r"has the tags .*not 'nothing'"):
        read_loss_curves([log], Columns(loss="nothing"))
    tags = [tag for tag in _tags(log) if tag.endswith(("loss", "lr"))]
    loss = next(tag for tag in tags if tag.endswith("loss"))
    lr = next(tag for tag in tags if tag.endswith("lr"))
    [curve] = read_loss_curves([log], Columns(loss=loss, lr=lr))
    assert len(curve.steps) == 50
    assert curve.losses[10] == pytest.approx(2.8, rel=1e-6)
    assert curve.peak == pytest.approx(0.1, rel=1e-6)


def _tags(log):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(log), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    return [*found.Tags()["scalars"], *found.Tags()["tensors"]]


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("run,total_steps\na,1000\n", "run, schedule and total_steps"),
        ('run,schedule,total_steps\na,"hold()",many\n', "total_steps must be a number"),
    ],
)
def test_a_manifest_that_says_too_little_is_refused(folder, manifest, words):
    (folder / "manifest.csv").write_text(manifest)
    with pytest.raises(DataError, match=words):
        read_loss_curves([folder / "a.csv"])


def test_a_folder_of_nothing_is_refused(tmp_path):
    with pytest.raises(DataError, match="it holds neither"):
        read_loss_curves([tmp_path])
    with pytest.raises(DataError, match="at least one curve"):
        read_loss_curves([])
