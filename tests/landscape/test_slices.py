"""Slices of networks: honest about what they show, the same every time, and never lost."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lrkit.errors import DataError, LoopError, SpecError
from lrkit.lab import IndexBatches, Task, task, train
from lrkit.landscape.directions import Part, combined, drawn, principal, projected, shares, spanned
from lrkit.landscape.evaluation import evaluation_of, metering
from lrkit.landscape.growing import Growing, is_growing, more_of
from lrkit.landscape.lattice import LEVELS, STEPS, levels
from lrkit.landscape.planes import Axis, percent, read_slice
from lrkit.landscape.slicing import slice_line, slice_plane
from lrkit.landscape.subjects import of_run, of_task
from lrkit.records import replay
from tests.landscape.networks import poly_run


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def _poly(tmp_path_factory) -> Path:
    return poly_run(tmp_path_factory.mktemp("runs") / "poly")


@pytest.fixture
def poly(tmp_path: Path, _poly: Path) -> Path:
    """A run of 60 updates with a checkpoint after every 10."""
    return Path(shutil.copytree(_poly, tmp_path / "poly"))


# Directions.

rows_of = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).standard_normal((5, 12)) @ np.diag(range(12, 0, -1))
)


@given(rows_of)
def test_principal_directions_are_those_of_scipy_and_no_others_show_more(rows):
    from scipy.linalg import svd

    d = combined(rows, 4, principal(rows, 4))
    np.testing.assert_allclose(d @ d.T, np.eye(2), atol=1e-10)
    theirs = svd(rows - rows[4])[2][:2]
    np.testing.assert_allclose(np.abs(np.sum(d * theirs, axis=1)), 1, atol=1e-9)
    found = sum(shares(rows, rows[4], d))
    other = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 2)))[0].T
    assert 1 >= found >= sum(shares(rows, rows[4], other))
    assert (d @ (rows[0] - rows[4]) >= 0).all()


@given(rows_of)
def test_the_plane_of_three_holds_the_three(rows):
    three = rows[:3]
    at, off = projected(three, three[2], combined(three, 2, spanned(three)))
    np.testing.assert_allclose(off, 0, atol=1e-9)
    np.testing.assert_allclose(at[2], 0, atol=1e-12)
    assert at[0, 0] > 0
    assert at[1, 1] > 0


@given(rows_of)
def test_shares_and_distances_are_two_sides_of_one_sum(rows):
    d = combined(rows, 4, principal(rows, 4))
    _, off = projected(rows, rows[4], d)
    whole = np.square(rows - rows[4]).sum()
    assert math.isclose(sum(shares(rows, rows[4], d)) + np.square(off).sum() / whole, 1)


def test_random_directions_are_as_long_as_the_weights_filter_by_filter():
    parts = [
        Part("conv", (3, 2, 2), 0, 12),
        Part("bias", (3,), 12, 15),
        Part("out", (2, 3), 15, 21),
    ]
    weights = np.random.default_rng(0).standard_normal(21) * 3
    d = drawn(weights, parts, seed=5)
    for part in (parts[0], parts[2]):
        own = weights[part.start : part.stop].reshape(part.shape[0], -1)
        for direction in d:
            drawn_filters = direction[part.start : part.stop].reshape(part.shape[0], -1)
            np.testing.assert_allclose(
                np.linalg.norm(drawn_filters, axis=1), np.linalg.norm(own, axis=1)
            )
    assert (d[:, 12:15] == 0).all()
    assert abs(d[0] @ d[1]) < 1e-12 * (d[0] @ d[0])
    assert (drawn(weights, parts, seed=5) == d).all()
    assert (drawn(weights, parts, seed=6) != d)[:, :12].all()


def test_directions_that_cannot_be_are_refused():
    still = np.ones((4, 6))
    with pytest.raises(DataError, match="not at all"):
        principal(still, 3)
    with pytest.raises(DataError, match="along one line"):
        principal(np.outer(np.arange(4), np.ones(6)), 3)
    with pytest.raises(DataError, match="not lie on one line"):
        spanned(np.outer(np.arange(3), np.ones(6)))
    for parts in ([Part("bias", (3,), 0, 3)], [Part("one", (3, 1), 0, 3)]):
        with pytest.raises(DataError, match="two directions"):
            drawn(np.ones(3) if parts[0].name == "bias" else np.array([1.0, 0, 0]), parts, 0)


# The lattice and the file.


@pytest.mark.parametrize("axes", [1, 2])
def test_each_level_adds_what_the_ones_before_lack(axes):
    seen = set()
    for count, new in levels(33, axes):
        assert not seen & set(new)
        assert len(set(new)) == len(new)
        seen |= set(new)
        lines = range(0, STEPS + 1, STEPS // (count - 1))
        assert seen == set(itertools.product(lines, repeat=axes))


def test_any_first_half_of_a_level_is_spread_over_the_whole():
    *_, (_, new) = levels(17, 2)
    half = np.array(new[: len(new) // 2])
    for low, high in ((0, 128), (128, 257)):
        for axis in (0, 1):
            inside = ((half[:, axis] >= low) & (half[:, axis] < high)).mean()
            assert 0.3 < inside < 0.7


@pytest.mark.parametrize("points", [0, 4, 10, 32, 513, 33.5, "33"])
def test_other_numbers_of_points_are_refused(poly, points):
    with pytest.raises(SpecError, match="each level of the grid has all points"):
        slice_plane(of_run(poly), points=points)


@given(st.binary(max_size=30))
def test_a_torn_last_line_is_cut_and_never_read(tmp_path_factory, torn):
    path = tmp_path_factory.mktemp("growing") / "a.jsonl"
    with Growing(path, "slice", {"of": 1}, dict) as file:
        file.add("point", at=[0], loss=1.5)
    whole = path.read_bytes()
    path.write_bytes(whole + torn.replace(b"\n", b""))
    assert [e["kind"] for e in more_of(path, 0)[0]] == ["slice", "point"]
    assert more_of(path, 0)[1] == len(whole)
    with Growing(path, "slice", {"of": 1}, dict) as file:
        file.add("point", at=[1], loss=2.5)
    assert [e.get("loss") for e in more_of(path, len(whole))[0]] == [2.5]


def test_a_file_has_one_writer_and_one_subject(tmp_path):
    path = tmp_path / "a.jsonl"
    with Growing(path, "slice", {"of": 1}, dict):
        assert is_growing(path)
        with pytest.raises(DataError, match="one writer"):
            Growing(path, "slice", {"of": 1}, dict)
    assert not is_growing(path)
    with pytest.raises(DataError, match="another result"):
        Growing(path, "slice", {"of": 2}, dict)


def test_a_description_that_fails_leaves_no_file(tmp_path):
    path = tmp_path / "a.jsonl"

    def fails():
        raise DataError("no")

    with pytest.raises(DataError, match="no"):
        Growing(path, "slice", {}, fails)
    assert not path.exists()
    with Growing(path, "slice", {}, dict) as file:
        assert file.events == []


@pytest.mark.parametrize("content", ["", "{", '{"kind":"run"}\n', '{"kind":"slice","format":9}\n',
                                     '{"kind":"slice","format":1}\n', "[]\n"])  # fmt: skip
def test_files_that_are_no_slices_are_told(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=r"a\.jsonl"):
        read_slice(path)


# Slices of a run.


def test_a_slice_holds_the_loss_at_the_weights_it_says(poly):
    subject = of_run(poly)
    found = slice_plane(subject, "three", at=(0, 30, 60), points=5)
    assert found.done
    first, last = found.way[0], found.way[-1]
    assert (last.at, first.off < 1e-5, last.step) == ((0.0, 0.0), True, 60)
    # The three lie in the plane: there the slice is the truth.
    for w in found.way:
        if w.step in (0, 30, 60):
            assert math.isclose(w.loss, w.inside, rel_tol=1e-5)
    # The true loss by another way: the task at its beginning, in training mode, on the same batch.
    fresh = task("poly-tanh", 0, "cpu", batch_size=100)
    x, y = (torch.cat(part) for part in zip(*itertools.islice(fresh.batches(0), 6), strict=True))
    fresh.model.train()
    with torch.no_grad():
        assert math.isclose(first.loss, float(fresh.loss(fresh.model(x), y)), rel_tol=1e-5)
    assert found.about["evaluation"]["samples"] == 600


def test_how_much_of_the_truth_a_plane_shows_is_said(poly):
    subject = of_run(poly)
    pca = slice_plane(subject, "pca", points=5)
    random = slice_plane(subject, "random", points=5)
    assert pca.share > 0.9 > 0.05 > random.share > 0
    assert math.isclose(pca.share, sum(axis.share for axis in pca.axes))
    moved = subject.rows(subject.stops) - subject.rows(subject.stops)[-1]
    off = sum(w.off**2 for w in pca.way)
    assert math.isclose(pca.share, 1 - off / np.square(moved).sum(), rel_tol=1e-9)
    for found in (pca, random):
        assert percent(found.share) in found.truth()
        assert "loss off the plane" in found.truth()
        assert found.gap.loss != found.gap.inside
        assert "600 training samples" in found.batch()
        assert "statistics of these samples" in found.batch()
    assert max(abs(w.loss - w.inside) for w in random.way) > max(
        abs(w.loss - w.inside) for w in pca.way
    )


def test_the_way_has_the_rates_of_the_run(poly):
    run = replay(poly)
    found = slice_plane(of_run(poly), points=5)
    rates = dict(zip(*run.series("lr"), strict=True))
    assert [w.rate for w in found.way[:-1]] == [rates[w.step] for w in found.way[:-1]]
    assert found.way[-1].rate == rates[59]
    assert [w.step for w in found.way] == [0, 10, 20, 30, 40, 50, 60]


def test_the_same_slice_is_the_same_numbers_and_more_points_keep_the_old(poly, tmp_path):
    one = slice_plane(of_run(poly), points=5, path=tmp_path / "a.jsonl")
    again = slice_plane(of_run(poly), points=5, path=tmp_path / "b.jsonl")
    assert one.losses == again.losses
    size = (tmp_path / "a.jsonl").stat().st_size
    before = (tmp_path / "a.jsonl").read_bytes()
    taken = []
    more = slice_plane(of_run(poly), points=9, path=tmp_path / "a.jsonl",
                       watch=lambda done, whole: taken.append(whole))  # fmt: skip
    assert (tmp_path / "a.jsonl").read_bytes()[:size] == before
    assert len(taken) == 81 - 25
    assert more.level == 9
    assert {p: more.losses[p] for p in one.losses} == one.losses


def test_a_slice_refines_level_by_level_and_can_be_read_at_every_moment(poly):
    seen = []
    path = poly / "landscape" / "mine.jsonl"

    def look(done, whole):
        now = read_slice(path)
        seen.append((now.level, len(now.losses), len(now.measured)))
        assert not now.done
        if now.level:
            assert not np.isnan(now.grid()[1]).any()

    slice_plane(of_run(poly), points=9, path=path, watch=look)
    assert [level for level, _, _ in seen][-1] == 5  # the last level is told after its last point
    assert [count for _, count, _ in seen] == sorted(count for _, count, _ in seen)
    first_way = next(i for i, (_, _, way) in enumerate(seen) if way)
    assert seen[first_way][0] == 5
    assert seen[first_way][1] == 25
    assert read_slice(path).done


def _slice_and_wait(folder, path, ready):
    torch.set_num_threads(1)

    def watch(done, whole):
        if done == 30:
            ready.set()
            signal.pause()

    slice_plane(of_run(folder), points=9, path=path, watch=watch)


def test_a_killed_computation_goes_on_from_what_is_there(poly, tmp_path):
    whole = slice_plane(of_run(poly), points=9, path=tmp_path / "whole.jsonl")
    path = tmp_path / "cut.jsonl"
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_slice_and_wait, args=(poly, path, ready))
    process.start()
    assert ready.wait(60)
    assert is_growing(path)
    process.kill()
    process.join()
    assert not is_growing(path)
    assert len(read_slice(path).losses) < 81
    taken = []
    gone_on = slice_plane(of_run(poly), points=9, path=path, watch=lambda d, w: taken.append(d))
    assert len(taken) == 81 + 7 - 30
    assert gone_on.losses == whole.losses
    assert gone_on.way == whole.way


def test_one_ctrl_c_ends_it_and_the_model_is_as_before(poly, tmp_path):
    subject = of_run(poly)
    before = {k: v.clone() for k, v in subject.task.model.state_dict().items()}

    def press(done, whole):
        if done == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        slice_plane(subject, "random", points=9, path=tmp_path / "a.jsonl", watch=press)
    assert len(read_slice(tmp_path / "a.jsonl").losses) == 5
    after = subject.task.model.state_dict()
    origin = subject.state(subject.stops[-1].saved)["model"]
    assert all(torch.equal(v, origin[k]) or torch.equal(v, before[k]) for k, v in after.items())


def test_a_line_ends_at_its_checkpoints(poly):
    subject = of_run(poly)
    line = slice_line(subject, 10, 60, points=9, span=(0, 1))
    (t,), losses = line.grid()
    way = {w.step: w for w in line.way}
    assert (t[0], t[-1]) == (0, 1)
    assert math.isclose(losses[0], way[10].loss, rel_tol=1e-5)
    assert math.isclose(losses[-1], way[60].loss, rel_tol=1e-5)
    assert way[10].at == (0.0,)
    assert way[10].off == 0
    assert 0 < line.share < 1
    assert "line" in line.truth()
    outside = slice_line(subject, 10, 60, points=17)
    assert outside.axes[0].low == -0.25
    assert outside.axes[0].high == 1.25


def test_a_run_by_its_last_two_checkpoints_alone_shows_all_it_has(tmp_path):
    # The default keeps two; the beginning needs no file, so three are at hand.
    subject = of_run(poly_run(tmp_path / "run", epochs=4, keep=2))
    found = slice_plane(subject, points=5)
    assert [w.step for w in found.way] == [0, 30, 40]
    assert math.isclose(found.share, 1)
    assert "as any plane through its only 3 checkpoints does" in found.truth()


def test_what_a_plane_needs_and_a_run_lacks_is_said(tmp_path, poly):
    one = of_run(poly_run(tmp_path / "one", epochs=1))
    with pytest.raises(DataError, match=r"PCA needs .* run one has 1; train with --checkpoint 1ep"):
        slice_plane(one)
    still = tmp_path / "still"
    train("poly-tanh", "constant(0)", epochs=3, checkpoint="1ep", keep="all", run=still,
          device="cpu")  # fmt: skip
    with pytest.raises(DataError, match="weights that move"):
        slice_plane(of_run(still))
    with pytest.raises(SpecError, match="through the checkpoints of a run"):
        slice_plane(of_task("poly-tanh"))
    with pytest.raises(DataError, match=r"0, 10, 20, 30, 40, 50, 60\), got 15"):
        slice_line(of_run(poly), 15, 60)


@pytest.mark.parametrize(
    "wrong",
    [
        {"plane": "best"},
        {"plane": "three", "at": (1,)},
        {"span": (1,)},
        {"span": (1, 0)},
        {"span": (0, math.nan)},
        {"samples": 1},
        {"bn": "no"},
        {"plane": "random", "seed": -1},
    ],
)
def test_arguments_that_break_a_rule_are_refused(poly, wrong):
    with pytest.raises(SpecError):
        slice_plane(of_run(poly), **wrong)
    assert not any((poly / "landscape").glob("*"))


def test_a_damaged_checkpoint_is_left_out_and_told(poly):
    victim = next((poly / "checkpoints").glob("step-00000030-*"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    subject = of_run(poly)
    assert [stop.step for stop in subject.stops] == [0, 10, 20, 40, 50, 60]
    assert "30" in subject.said[0]
    assert "left out" in subject.said[0]


def test_of_many_checkpoints_some_are_taken_the_ends_among_them(poly):
    subject = of_run(poly, most=3)
    assert [stop.step for stop in subject.stops] == [0, 30, 60]
    found = slice_plane(subject, points=5)
    assert found.about["checkpoints"] == {"used": 3, "there": 7}


def test_a_fresh_task_has_random_planes_and_no_movement(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = task("poly-tanh", 3, "cpu")
    before = {k: v.clone() for k, v in made.model.state_dict().items()}
    torch.manual_seed(1)
    state = torch.get_rng_state()
    made.model.train()
    found = slice_plane(of_task(made), "random", points=5, samples=100)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in made.model.state_dict().items())
    assert all(part.training for part in made.model.modules())
    assert found.share is None
    assert "no training" in found.truth()
    assert len(list((tmp_path / "landscape").iterdir())) == 1


# How the loss is taken.


def test_batch_norm_is_recomputed_or_stored_as_said(poly):
    subject = of_run(poly)
    new = slice_plane(subject, points=5)
    old = slice_plane(subject, points=5, bn="stored")
    assert new.about["evaluation"]["bn"] == "recompute"
    assert "origin" in old.batch()
    # At the origin both are near each other; stored statistics are those of its own weights.
    last_new, last_old = new.way[-1], old.way[-1]
    assert math.isclose(last_new.loss, last_old.loss, rel_tol=0.5)
    assert last_old.loss == last_old.inside
    # The true loss of another checkpoint is by its own statistics, not the origin's.
    made = task("poly-tanh", 0, "cpu", batch_size=100)
    batches = list(itertools.islice(made.batches(0), 6))
    state = subject.state(subject.find(10).saved)
    made.model.load_state_dict(state["model"])
    made.model.eval()
    with torch.no_grad():
        x, y = (torch.cat(part) for part in zip(*batches, strict=True))
        true = float(made.loss(made.model(x), y))
    assert math.isclose(old.way[1].loss, true, rel_tol=1e-5)


def test_buffers_are_not_moved_by_looking(poly):
    subject = of_run(poly)
    subject.load(subject.stops[-1])
    before = {k: v.clone() for k, v in subject.task.model.state_dict().items()}
    evaluation = evaluation_of(subject.task)
    with metering(subject.task, subject.parts(), evaluation) as meter:
        rows = subject.rows(subject.stops)
        first = [meter(row) for row in rows]
        assert [meter(row) for row in rows[::-1]][::-1] == first  # the order leaves no trace
    assert all(torch.equal(v, before[k]) for k, v in subject.task.model.state_dict().items())
    assert subject.task.model[1].track_running_stats


def odd_task(loss=None, model=None, batches=None) -> Task:
    x = torch.linspace(-1, 1, 12).unsqueeze(1)
    model = model or nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 1))
    return Task(
        name="odd",
        model=model,
        optimizer=torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1),
        loss=loss or nn.functional.mse_loss,
        batches=batches or IndexBatches(x, 2 * x, 5, 0),
        evaluate=lambda: {"accuracy": 1.0},
        steps_per_epoch=3,
        batch_size=5,
    )


def test_dropout_is_off_and_uneven_batches_weigh_by_their_samples(tmp_path):
    made = odd_task()
    subject = of_task(made)
    evaluation = evaluation_of(made, "all")
    assert (evaluation.samples, evaluation.bn, evaluation.everything) == (12, None, True)
    with metering(made, subject.parts(), evaluation) as meter:
        losses = {meter(subject.rows([subject.named("fresh")])[0]) for _ in range(5)}
    assert len(losses) == 1
    made.model.eval()
    x, y = made.batches.x, made.batches.y
    with torch.no_grad():
        assert math.isclose(losses.pop(), float(made.loss(made.model(x), y)), rel_tol=1e-6)


def test_batches_of_other_shapes_are_taken_one_by_one(tmp_path):
    def batches(epoch):
        for size in (2, 3, 4):
            yield torch.ones(4, size), torch.ones(4, 1)

    made = odd_task(model=_Mean(), batches=batches)
    assert len(evaluation_of(made, "all").batches) == 3
    found = slice_plane(of_task(made), "random", points=5, path=tmp_path / "a.jsonl", samples="all")
    assert found.done


class _Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x):
        return self.linear(x.mean(1, keepdim=True).expand(-1, 2))


def test_losses_off_the_chart_are_values(tmp_path):
    model = nn.Linear(2, 1, bias=False)
    batches = IndexBatches(torch.ones(4, 2), torch.ones(4, 1), 4, 0)
    made = odd_task(loss=lambda out, y: torch.log(out.mean()), model=model, batches=batches)
    made.steps_per_epoch = 1
    found = slice_plane(of_task(made), "random", points=5, path=tmp_path / "a.jsonl")
    values = np.array(list(found.losses.values()))
    assert np.isinf(values).any()
    assert not np.isnan(values).any()
    assert found.done
    msgspec.json.encode(found.to_dict())


def test_what_the_tasks_own_code_raises_is_told_in_a_line(tmp_path):
    def broken(out, y):
        raise RuntimeError("no\nsuch")

    with pytest.raises(LoopError, match="'odd' raised RuntimeError: no such when its loss"):
        slice_plane(of_task(odd_task(loss=broken)), "random", path=tmp_path / "a.jsonl")


def test_an_axis_ends_where_it_says():
    axis = Axis("a", -0.3, 0.7, 1.0)
    assert (float(axis.at(0)), float(axis.at(STEPS))) == (-0.3, 0.7)
    assert LEVELS[-1] == STEPS + 1
