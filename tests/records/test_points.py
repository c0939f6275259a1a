"""The file of a range test while it grows: nothing lost, nothing counted twice, nothing guessed."""

from __future__ import annotations

import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrkit.errors import DataError, SpecError
from lrkit.records.points import Point, PointsReader, PointsWriter, read_points

numbers = st.floats(allow_nan=False)
points = st.builds(
    Point,
    st.integers(0, 3),
    st.integers(1, 500),
    st.floats(1e-9, 1e3),
    numbers,
    st.none() | numbers,
    st.none() | st.floats(0, 1),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made" / "range.jsonl"


@given(st.lists(points, max_size=20))
def test_every_point_comes_back_as_it_was(tmp_path_factory, many):
    path = tmp_path_factory.mktemp("a") / "range.jsonl"
    with PointsWriter(path, task="mine", low=None) as write:
        for point in many:
            write(point)
    test = read_points(path)
    assert test.points == tuple(many)
    assert test.about == {"task": "mine", "low": None}
    assert test.ending is None


def test_each_point_can_be_read_as_soon_as_it_is_written_and_once(path):
    write = PointsWriter(path)
    reader = PointsReader(path)
    assert reader.look().points == ()
    for update in range(3):
        write(Point(0, update, 0.1, math.inf if update == 2 else 2.0))
        seen = reader.look()
        assert [p.update for p in seen.points] == list(range(update + 1))
    assert seen.points[-1].loss == math.inf
    write.end("nothing", "it only rises", notes=["a note"])
    assert reader.look().ending["notes"] == ["a note"]
    assert len(reader.look().points) == 3
    write.close()


def test_a_kill_costs_the_line_under_way_and_no_other(path):
    with PointsWriter(path) as write:
        for update in range(5):
            write(Point(0, update, 0.1, 2.0))
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in range(len(lines[0]), len(whole) + 1):
        path.write_bytes(whole[:cut])
        complete = whole[:cut].count(b"\n") - 1
        assert len(read_points(path).points) == complete


def test_a_torn_line_is_taken_in_when_it_is_whole(path):
    with PointsWriter(path) as write:
        write(Point(0, 0, 0.1, 2.0))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    reader = PointsReader(path)
    assert reader.look().points == ()
    with open(path, "ab") as file:
        file.write(whole[-9:])
    assert len(reader.look().points) == 1


def test_a_repeat_begun_again_makes_void_what_it_had_measured(path):
    with PointsWriter(path) as write:
        for rate in (1e-5, 1e-9):
            for update in range(4):
                write(Point(0, update, rate, 2.0))
        write(Point(1, 0, 1e-9, 2.0))
    test = read_points(path)
    assert [(p.repeat, p.update) for p in test.points] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
    assert {p.rate for p in test.points} == {1e-9}
    assert test.restarts == 1


def test_another_test_in_its_place_is_read_from_its_start(path):
    with PointsWriter(path, task="old") as write:
        for update in range(9):
            write(Point(0, update, 0.1, 2.0))
    reader = PointsReader(path)
    reader.look()
    with PointsWriter(path, task="new") as write:
        write(Point(0, 0, 0.2, 1.0))
    now = reader.look()
    assert (now.about["task"], len(now.points)) == ("new", 1)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (['{"kind":"run","format":1}'], "opens with a `range` line"),
        (['{"kind":"range","format":99,"about":{}}'], "update lrkit"),
        (['{"kind":"range","format":1,"about":3}'], "line 1 .* damaged"),
        (['{"kind":"range","format":1,"about":{}}', "not json"], "line 2 .* damaged"),
        (
            ['{"kind":"range","format":1,"about":{}}', '{"kind":"point","repeat":0}'],
            "line 2 .* damaged",
        ),
        (
            [
                '{"kind":"range","format":1,"about":{}}',
                '{"kind":"point","repeat":0,"update":0,"rate":"x","loss":1}',
            ],
            "line 2 .* damaged",
        ),
    ],
)
def test_what_is_no_range_test_is_said(tmp_path, lines, says):
    path = tmp_path / "other.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(DataError, match=says):
        read_points(path)


def test_a_file_that_cannot_be_is_said(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        read_points(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="cannot write"):
        PointsWriter(tmp_path)
    open_files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with pytest.raises(SpecError, match="must be plain data"):
        PointsWriter(tmp_path / "a.jsonl", task=object())
    assert not open_files or len(os.listdir("/proc/self/fd")) == open_files
