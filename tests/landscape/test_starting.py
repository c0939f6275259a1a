"""A training that begins at a point of a slice: at the very weights whose loss is shown."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch

from lrkit.errors import DataError, SpecError
from lrkit.lab import resume, task
from lrkit.lab.weights import read_weights
from lrkit.landscape.evaluation import evaluation_of, metering
from lrkit.landscape.lattice import LEVELS, STEPS
from lrkit.landscape.planes import read_slice
from lrkit.landscape.slicing import slice_line, slice_plane
from lrkit.landscape.starting import start_training, weights_at
from lrkit.landscape.subjects import of_run, of_task
from lrkit.records import replay
from tests.landscape.networks import poly_run


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def poly(tmp_path: Path) -> Path:
    return poly_run(tmp_path / "poly", epochs=3)


def sliced(run: Path, kind: str) -> Path:
    if kind == "line":
        slice_line(of_run(run), 0, 30, points=5)
    else:
        slice_plane(of_run(run), kind, at=(0, 10, 30) if kind == "three" else (), points=5)
    (path,) = (run / "landscape").iterdir()
    return path


@pytest.mark.parametrize("kind", ["pca", "random", "three", "line"])
def test_the_weights_at_a_point_have_the_loss_the_slice_shows(poly, kind):
    path = sliced(poly, kind)
    found = read_slice(path)
    subject = of_run(poly)
    evaluation = evaluation_of(subject.task)
    stride = STEPS // (LEVELS[0] - 1)
    for place in list(found.losses)[:: max(1, len(found.losses) // 5)]:
        assert all(i % stride == 0 for i in place)
        at = [float(a.at(i)) for a, i in zip(found.axes, place, strict=True)]
        point = weights_at(path, at)
        subject.task.model.load_state_dict(point.weights)
        with metering(subject.task, subject.parts(), evaluation) as meter:
            assert meter.here() == found.losses[place]


def test_a_training_begins_there_and_resumes_there(poly, tmp_path):
    path = sliced(poly, "pca")
    at = (0.3, -0.2)
    how = {"schedule": "constant(0)", "epochs": 1}
    result = start_training(path, at, run=tmp_path / "still", **how)
    # At a rate of 0 in training mode: the loss of the first batch at the weights of the point.
    made = task("poly-tanh", 0, "cpu", batch_size=100)
    made.model.load_state_dict(weights_at(path, at).weights)
    made.model.train()
    x, y = next(iter(made.batches(0)))
    with torch.no_grad():
        assert math.isclose(result.losses[0], float(made.loss(made.model(x), y)), rel_tol=1e-6)
    header = replay(tmp_path / "still").header
    assert header["begun_at"]["at"] == [0.3, -0.2]
    assert header["begun_at"]["run"] == "poly"
    assert header["made_by"] == "poly-tanh"
    assert header["options"] == {"batch_size": 100}
    shutil.rmtree(poly)  # the new run stands by itself
    longer = resume(tmp_path / "still", total="2ep", policy="keep")
    assert len(longer.losses) == 20
    assert read_weights(tmp_path / "still" / "weights.pt").state.keys() == header_names(made)


def header_names(made):
    return made.model.state_dict().keys()


def test_a_moved_run_keeps_its_slices(poly, tmp_path):
    sliced(poly, "pca")
    moved = Path(shutil.move(poly, tmp_path / "moved" / "poly"))
    (path,) = (moved / "landscape").iterdir()
    assert weights_at(path, (0, 0)).subject.run.folder == moved
    before = path.read_bytes()
    slice_plane(of_run(moved), "pca", points=5)  # is there already
    assert [p.name for p in (moved / "landscape").iterdir()] == [path.name]
    assert path.read_bytes().startswith(before)


def test_a_slice_whose_checkpoints_are_gone_is_refused(poly):
    path = sliced(poly, "pca")
    next((poly / "checkpoints").glob("step-00000010-*")).unlink()
    with pytest.raises(DataError, match=r"made of checkpoint step-00000010-.* which is gone"):
        weights_at(path, (0, 0))
    shutil.rmtree(poly / "checkpoints")
    with pytest.raises(DataError, match="which is gone"):
        start_training(path, (0, 0), schedule="constant(0.1)")


def test_a_slice_of_another_run_or_of_none_is_refused(poly, tmp_path):
    path = sliced(poly, "pca")
    other = poly_run(tmp_path / "other", epochs=1, seed=5)
    (other / "landscape").mkdir()
    copy = shutil.copy(path, other / "landscape" / path.name)
    with pytest.raises(DataError, match="is another"):
        weights_at(copy, (0, 0))
    away = shutil.copy(path, tmp_path / "away.jsonl")
    assert weights_at(away, (0, 0)).subject.run.folder == poly
    shutil.rmtree(poly)
    with pytest.raises(DataError, match="no more at"):
        weights_at(away, (0, 0))


@pytest.mark.parametrize("at", [(math.nan, 0.0), (math.inf, 0.0), (1e300, 0.0)])
def test_weights_that_are_no_numbers_are_not_handed_out(poly, at):
    with pytest.raises(SpecError, match="must be finite"):
        weights_at(sliced(poly, "pca"), at)


def test_a_point_has_as_many_coordinates_as_the_slice_has_axes(poly):
    path = sliced(poly, "line")
    with pytest.raises(SpecError, match=r"1 coordinates.*--at 0"):
        weights_at(path, (0, 0))


def test_a_training_may_begin_on_a_plane_of_a_fresh_task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slice_plane(of_task("poly-tanh", 4, "cpu"), "random", points=5, samples=100)
    (path,) = (tmp_path / "landscape").iterdir()
    result = start_training(path, (0.5, 0.5), schedule="constant(0.01)", epochs=1, device="cpu")
    assert (result.seed, result.task, result.status) == (4, "poly-tanh", "done")
    made = task("poly-tanh", 4, "cpu")
    slice_plane(of_task(made, 4), "random", points=5, path=tmp_path / "own.jsonl")
    with pytest.raises(SpecError, match="Task of your own"):
        weights_at(tmp_path / "own.jsonl", (0, 0))
    assert weights_at(tmp_path / "own.jsonl", (0, 0), what=made).at == (0.0, 0.0)
