"""The overview of a run says what `replay` says, in constant memory, whatever happens to it."""

import math
import shutil
import tracemalloc
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrkit.errors import DataError, SpecError
from lrkit.records import Journal, replay, write_csv
from lrkit.records.cells import empty
from lrkit.records.columns import csv_lines
from lrkit.records.glance import Glance
from lrkit.records.overview import Overview
from lrkit.records.window import window

VALUES = st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0])


def told(folder, buckets, score=False):
    """What the cells must hold, from the replayed columns: {(name, bucket): cell}."""
    run = replay(folder, damaged="skip")
    series = {}
    if score:
        rows = defaultdict(list)
        for event in run.evaluations:
            rows["accuracy"].append((event["step"], event["accuracy"]))
        series = {
            name: tuple(map(np.array, zip(*pairs, strict=True))) for name, pairs in rows.items()
        }
    else:
        series = {name: run.series(name) for name in run.metrics if name not in ("step", "time")}
    found = {}
    for name, (steps, values) in series.items():
        for bucket in np.unique(steps >> buckets.shift):
            here = steps >> buckets.shift == bucket
            v, s = values[here], steps[here]
            finite = v[np.isfinite(v)]
            found[name, int(bucket)] = {
                "count": len(v),
                "nans": int(np.isnan(v).sum()),
                "infs": int(np.isinf(v).sum()),
                "begin": s[0],
                "end": s[-1],
                "place": s.mean(),
                "first": v[0],
                "last": v[-1],
                "low": finite.min(initial=np.inf),
                "high": finite.max(initial=-np.inf),
                "mean": finite.mean() if len(finite) else None,
            }
    return found


def compare(folder, overview):
    for score in (False, True):
        buckets = overview.scores if score else overview.metrics
        expected = told(folder, buckets, score)
        seen = set()
        for name, cells in buckets.metrics.items():
            assert not cells[buckets.used :]["count"].any()
            for slot in np.flatnonzero(cells["count"]):
                key = (name, buckets.origin + int(slot))
                seen.add(key)
                for field, value in expected[key].items():
                    if value is not None:
                        got = float(cells[field][slot])
                        scale = max(abs(expected[key]["low"]), abs(expected[key]["high"]), 1e-300)
                        tolerance = 1e-9 * scale if field == "mean" else 1e-9
                        assert got == pytest.approx(value, abs=tolerance, nan_ok=True), (key, field)
        assert seen == set(expected)


@st.composite
def lives(draw):
    """What happens to a run: stretches of steps, and where it goes on after each."""
    acts = []
    for _ in range(draw(st.integers(1, 5))):
        stretch = draw(
            st.lists(
                st.tuples(
                    st.integers(1, 3),  # steps forward
                    st.booleans(),  # the rarer metric, too
                    VALUES,
                    st.booleans(),  # an evaluation after it
                ),
                max_size=30,
            )
        )
        acts.append((stretch, draw(st.floats(0, 1.2)), draw(st.sampled_from(["back", "resume"]))))
    return acts


@settings(max_examples=60, deadline=None)
@given(acts=lives(), looks=st.sets(st.integers(0, 150)), at=st.integers(-40, 10**6))
def test_cells_are_those_of_the_replayed_columns(tmp_path_factory, acts, looks, at):
    folder = tmp_path_factory.mktemp("runs") / "run"
    journal = Journal.create(folder, script=None, git=None, versions={})
    overview = Overview(folder, buckets=8)
    step, count = at, 0
    for stretch, back, how in acts:
        for forward, both, value, evaluated in stretch:
            step += forward
            journal.metrics(step, loss=value, **({"norm": value} if both else {}))
            if evaluated:
                journal.append("evaluation", step=step + 1, accuracy=value)
            count += 1
            if count in looks:
                journal.flush()
                overview.look()
        journal.flush()
        compare_after = at + int((step - at) * back)
        if how == "back":
            journal.rewind(compare_after)
        else:
            journal.close("stopped")
            journal = Journal.resume(folder, compare_after)
        step = compare_after - 1
    journal.close()
    overview.look()
    compare(folder, overview)
    written = write_csv(replay(folder), folder / "metrics.csv").read_text()
    names = list(replay(folder).metrics)
    if names[2:] == list(overview.metrics.metrics):  # one that a resume has taken back may differ
        assert "".join(csv_lines(overview)) == written
    fresh = Overview(folder, buckets=8)
    fresh.look()
    compare(folder, fresh)
    steps = replay(folder).metrics["step"]
    if len(steps):
        begin, end = sorted((int(steps[len(steps) // 3]), int(steps[-1 - len(steps) // 4])))
        close = window(fresh, begin, end)
        for name in fresh.metrics.metrics:
            at_steps, values = replay(folder).series(name)
            values = values[(at_steps >= begin) & (at_steps <= end)]
            cells = close.metrics.get(name, empty(0))
            assert cells["count"].sum() == len(values)
            finite = values[np.isfinite(values)]
            assert cells["low"].min(initial=np.inf) == finite.min(initial=np.inf)
            assert cells["high"].max(initial=-np.inf) == finite.max(initial=-np.inf)
    glance = Glance(folder, buckets=8)  # a short journal is seen whole
    glance.look()
    compare(folder, glance)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), st.integers(0, 9), st.sampled_from(["controller", "loop"])),
        st.tuples(st.just("letter"), st.integers(0, 9), st.sampled_from("abc")),
        st.tuples(st.just("evaluation"), st.integers(0, 9), st.none()),
        st.tuples(st.just("resume"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("note"), st.integers(0, 9), st.none()),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(events=EVENTS)
def test_events_are_those_of_the_replay(tmp_path_factory, events):
    folder = tmp_path_factory.mktemp("runs") / "run"
    with Journal.create(folder, script=None, git=None, versions={}) as journal:
        known = []
        for kind, step, more in events:
            if kind == "resume":
                journal.rewind(step, edits=known[:2] if more else None)
            elif kind == "letter":
                journal.append("edit", step=step, letter=more, source="hand", kind_="scale")
            elif kind == "edit":
                known.append({"step": step, "factor": step / 2})
                journal.append("edit", step=step, source=more, factor=step / 2)
            else:
                journal.append(kind, step=step)
    overview = Overview(folder)
    overview.look()
    assert overview.events.all() == list(replay(folder).events)


def long_run(folder, steps, begin=0):
    journal = Journal.create(folder, horizon={"total": steps, "steps_per_epoch": 100})
    for step in range(begin, begin + steps):
        value = 9.0 if step == 12_345 else -9.0 if step == 23_456 else 1.0
        journal.metrics(step, lr=0.5, loss=value)
    return journal


def test_a_spike_of_one_step_is_never_lost(tmp_path):
    long_run(tmp_path / "run", 40_000).close()
    overview = Overview(tmp_path / "run")
    overview.look()
    for points in (1, 7, 100, 2048):
        band = overview.band("loss", points)
        assert len(band.places) <= points
        assert (band.high.max(), band.low.min()) == (9.0, -9.0)
        assert band.count.sum() == 40_000
        near = np.argmax(band.high)
        width = 40_000 / len(band.places)
        assert abs(band.places[near] - 12_345) <= 2 * width


def test_memory_is_the_same_for_ten_times_the_steps(tmp_path):
    def taken(folder):
        Overview(folder).look()  # what NumPy and the decoders keep for good
        tracemalloc.start()
        overview = Overview(folder)
        overview.look()
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert overview.band("loss").count.sum() > 0
        return kept, peak

    for steps in (20_000, 200_000):
        long_run(tmp_path / str(steps), steps).close()
    few, many = taken(tmp_path / "20000"), taken(tmp_path / "200000")
    assert many[0] < few[0] * 1.1 + 50_000
    assert many[1] < few[1] * 1.5
    assert many[1] < 20e6 < (tmp_path / "200000" / "journal.jsonl").stat().st_size * 2


def test_a_look_reads_only_what_is_new(tmp_path, monkeypatch):
    journal = long_run(tmp_path / "run", 5000)
    journal.flush()
    overview = Overview(tmp_path / "run")
    assert overview.look()
    assert not overview.look()
    before = overview.band("loss", 2048).mark
    journal.metrics(5000, lr=0.5, loss=2.0)
    journal.flush()
    read = []
    monkeypatch.setattr("lrkit.records.overview.blocks", _noting(read))
    assert overview.look()
    assert sum(read) < 200  # bytes
    patch = overview.band("loss", 2048, since=before)
    whole = overview.band("loss", 2048)
    assert len(patch.places) == 1
    assert patch.keep == len(whole.places) - 1
    assert patch.last[-1] == whole.last[-1] == 2.0
    assert len(overview.band("loss", 2048, since=whole.mark).places) == 0
    journal.close()


def _noting(read):
    from lrkit.records.blocks import blocks

    def noting(file, begin, end):
        for offset, block in blocks(file, begin, end):
            read.append(len(block))
            yield offset, block

    return noting


def test_a_patch_makes_the_old_band_the_new_one_at_any_width(tmp_path):
    journal = Journal.create(tmp_path / "run")
    overview = Overview(tmp_path / "run", buckets=64)
    kept, marks, patched = {}, {}, 0
    for step in range(1000):
        journal.metrics(step, loss=math.sin(step), **({"rare": step} if step % 7 == 0 else {}))
        if step == 700:
            journal.rewind(650)
        if step % 13:
            continue
        journal.flush()
        overview.look()
        for points in (5, 16, 64):
            for name in overview.metrics.metrics:
                key = (name, points)
                patch = overview.band(name, points, marks.get(key))
                patched += patch.keep > 0
                assert patch.mark == overview.mark(points)
                marks[key] = patch.mark
                kept[key] = np.concatenate((kept.get(key, np.empty(0))[: patch.keep], patch.mean))
                np.testing.assert_array_equal(kept[key], overview.band(name, points).mean)
    assert patched > 300  # else everything was sent each time
    journal.close()


def test_a_torn_line_waits_and_damage_is_counted(tmp_path):
    journal = Journal.create(tmp_path / "run")
    journal.metrics(0, loss=1.0)
    journal.flush()
    path = tmp_path / "run" / "journal.jsonl"
    with path.open("ab") as file:
        file.write(b'rubbish\n\n{"kind":"metrics","step":1,"time":"x","values":{}}\n')
        file.write(b'{"kind":"metrics","step":1,"time":5.0,')
    overview = Overview(tmp_path / "run")
    overview.look()
    assert (overview.lost, overview.metrics.metrics["loss"]["count"].sum()) == (3, 1)
    with path.open("ab") as file:
        file.write(b'"values":{"loss":3.0}}\n')
    overview.look()
    assert (overview.lost, overview.band("loss").last.tolist()) == (3, [1.0, 3.0])
    journal.close()


def test_a_run_begun_anew_is_read_from_its_start(tmp_path):
    with Journal.create(tmp_path / "run", seed=1) as journal:
        journal.metrics(0, loss=1.0)
    overview = Overview(tmp_path / "run")
    overview.look()
    life = overview.life
    shutil.rmtree(tmp_path / "run")
    with Journal.create(tmp_path / "run", seed=2) as journal:
        for step in range(50):  # longer than the old one, so its length does not tell
            journal.metrics(step, loss=2.0)
    assert overview.look()
    assert overview.life > life
    assert overview.header["seed"] == 2
    assert overview.band("loss").count.sum() == 50
    assert overview.band("loss").low.min() == 2.0
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(DataError, match="journal"):
        overview.look()


def test_a_long_journal_is_read_in_parts(tmp_path):
    long_run(tmp_path / "run", 30_000).close()
    overview = Overview(tmp_path / "run")
    shares = []
    while not shares or shares[-1] < 1.0:
        overview.look(most=1 << 17)
        shares.append(overview.share)
    assert len(shares) > 5
    assert shares == sorted(shares)
    compare(tmp_path / "run", overview)


def test_a_glance_shows_the_whole_shape_and_nothing_void(tmp_path):
    journal = Journal.create(tmp_path / "run")
    for step in range(30_000):
        journal.metrics(step, lr=0.1, loss=float(step))
    journal.rewind(20_000)
    for step in range(20_000, 60_000):
        journal.metrics(step, lr=0.1, loss=-float(step))
    journal.append("evaluation", step=60_000, accuracy=0.5)
    journal.close()
    glance = Glance(tmp_path / "run")
    glance.look()
    assert glance.share < 0.5
    band = glance.band("loss")
    assert band.count.sum() < 30_000
    assert (band.places[0] < 500, band.places[-1] > 59_900) == (True, True)
    assert np.diff(band.places).max() < 1500
    sign = np.where(band.places < 20_000, 1, -1)
    np.testing.assert_allclose(band.mean * sign, band.places, atol=1)
    assert glance.metrics.last_step == 59_999


def test_a_window_is_exact_and_reads_only_its_part(tmp_path, monkeypatch):
    journal = long_run(tmp_path / "run", 100_000)
    journal.rewind(60_000)
    for step in range(60_000, 200_000):
        journal.metrics(step, lr=0.25, loss=2.0)
    journal.close()
    overview = Overview(tmp_path / "run")
    overview.look()
    read = []
    monkeypatch.setattr("lrkit.records.counted.blocks", _noting(read))
    close = window(overview, 12_000, 13_000)
    assert close.width == 1
    assert int(close.metrics["loss"]["count"].sum()) == 1001
    assert close.metrics["loss"]["high"].argmax() == 345
    assert sum(read) < 6 << 20  # of 25 MB
    close = window(overview, 59_000, 61_000)
    assert int(close.metrics["loss"]["count"].sum()) == 2001
    assert close.metrics["loss"]["last"][close.used - 1] == 2.0
    assert window(overview, 300_000, 400_000).used == 0


def test_the_axes(tmp_path):
    journal = Journal.create(tmp_path / "run", horizon={"total": 5000, "steps_per_epoch": 100})
    rates = np.linspace(1, 0, 5000)
    for step in range(5000):
        journal.metrics(step, lr=float(rates[step]), loss=1.0)
    journal.close()
    overview = Overview(tmp_path / "run", buckets=5000)
    overview.look()
    places = np.array([0.0, 100.0, 4999.0, 5000.0])
    assert overview.axis("step")(places).tolist() == places.tolist()
    assert overview.axis("epoch")(places).tolist() == [0.0, 1.0, 49.99, 50.0]
    area = np.concatenate(([0.0], np.cumsum(rates)))
    np.testing.assert_allclose(overview.axis("area")(places), area[places.astype(int)])
    coarse = Overview(tmp_path / "run", buckets=16)
    coarse.look()
    edges = np.arange(0, 5000, coarse.metrics.width)
    np.testing.assert_allclose(coarse.axis("area")(edges.astype(float)), area[edges], atol=1e-9)
    with pytest.raises(SpecError, match="`axis` must be one of"):
        coarse.axis("tokens")


def test_the_time_axis_leaves_out_the_pauses_between_sittings(tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    journal = Journal.create(tmp_path / "run")

    def train(begin, end):
        for step in range(begin, end):
            clock[0] += 1.0
            journal.metrics(step, loss=1.0)

    train(0, 10)
    journal._writer.close()  # killed
    clock[0] += 5000.0
    journal = Journal.resume(tmp_path / "run", 6)
    train(6, 20)
    clock[0] += 2.0
    journal.rewind(15)  # no pause: it trained, and for nothing
    train(15, 20)
    journal.close()
    overview = Overview(tmp_path / "run")
    overview.look()
    time = overview.axis("time")(np.array([0.0, 5.0, 6.0, 14.0, 15.0, 19.0]))
    assert time.tolist() == [1.0, 6.0, 11.0, 19.0, 27.0, 31.0]


def test_what_a_run_does_not_tell_is_said(tmp_path):
    with Journal.create(tmp_path / "run") as journal:
        journal.metrics(0, loss=1.0)
    overview = Overview(tmp_path / "run")
    overview.look()
    with pytest.raises(SpecError, match="how many steps an epoch has"):
        overview.axis("epoch")
    with pytest.raises(SpecError, match="no rates"):
        overview.axis("area")
    with pytest.raises(SpecError, match=r"a metric of run run \(loss\)"):
        overview.band("los")
    with pytest.raises(DataError):
        Overview(tmp_path / "nothing")


def test_many_names_and_many_events_are_bounded_and_counted(tmp_path):
    with Journal.create(tmp_path / "run") as journal:
        for layer in range(300):
            journal.metrics(0, **{f"norm/{layer}": 1.0})
        for step in range(1100):
            journal.append("note", step=step)
    overview = Overview(tmp_path / "run")
    overview.look()
    assert (len(overview.metrics.metrics), overview.metrics.left_out) == (256, 44)
    assert len(overview.events.of_kind("note")) == 1000
    assert overview.events.of_kind("note")[-1]["step"] == 1099
    assert overview.events.let_go == {"note": 100}
