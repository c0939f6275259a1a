"""The range curve as a value: what it refuses, and files in and out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import lrkit as lr
from lrkit.errors import DataError, SpecError
from lrkit.probe import RangeCurve, read_range, write_range

ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)


@st.composite
def curves(draw):
    count, repeats = draw(st.integers(2, 12)), draw(st.integers(1, 3))
    start = draw(st.floats(1e-9, 1e3))
    factor = draw(st.floats(1.001, 10.0))
    shape = (repeats, count)
    table = st.none() | npst.arrays(np.float64, shape, elements=ANY)
    return RangeCurve(
        start * factor ** np.arange(count),
        draw(npst.arrays(np.float64, shape, elements=ANY)),
        kind=draw(st.sampled_from(["exponential", "linear"])),
        validation=draw(table),
        validation_name=draw(st.text()),
        higher_is_better=draw(st.booleans()),
        dead=draw(st.none() | npst.arrays(np.float64, shape, elements=st.floats(0, 1))),
        endings=draw(
            st.lists(
                st.sampled_from(["end", "diverged", "not finite"]),
                min_size=repeats,
                max_size=repeats,
            )
        ),
        groups=draw(st.dictionaries(st.text(), st.floats(1e-6, 1e6), max_size=3)),
        notes=draw(st.lists(st.text(), max_size=2)),
    )


def same(one, other):
    return (one is None and other is None) or np.array_equal(
        np.asarray(one), np.asarray(other), equal_nan=True
    )


@given(curves())
def test_a_curve_comes_back_from_json_types(curve):
    back = RangeCurve.from_dict(curve.to_dict())
    for name in ("rates", "losses", "validation", "dead"):
        assert same(getattr(back, name), getattr(curve, name))
    assert back.to_dict() == curve.to_dict()


@pytest.mark.parametrize("repeats", [1, 3])
def test_files(tmp_path, repeats):
    losses = np.linspace(2, 1, 5 * repeats).reshape(repeats, 5)
    losses[0, 3:] = np.inf, np.nan
    curve = RangeCurve(
        np.linspace(0.1, 0.5, 5),
        losses,
        kind="linear",
        dead=np.full_like(losses, 0.25),
        notes=["a note"],
    )
    for name in ("a.json", "a.csv"):
        back = read_range(write_range(curve, tmp_path / "new" / name))
        assert same(back.losses, curve.losses)
        assert same(back.rates, curve.rates)
        assert same(back.dead, curve.dead)
        assert back.validation is None
        assert back.kind == "linear"
        assert back.endings[0] == "not finite"
    assert read_range(tmp_path / "new" / "a.json").notes == ("a note",)


def test_a_file_of_another_tool(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("lr;train loss;step\n0.001;2.5;0\n0.01;2.25;1\n0.1;nan;2\n")
    curve = read_range(path, rate="lr", loss="train loss")
    assert curve.kind == "exponential"
    assert curve.losses[0, :2].tolist() == [2.5, 2.25]
    assert curve.initial_loss == 2.5
    assert curve.reached == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "is no JSON"),
        ("a.json", "[]", "format 1 is needed, got 'list'"),
        ("a.json", '{"format": 2}', "format 1 is needed, got 2"),
        ("a.json", '{"format": 1, "rates": [1, 2]}', "damaged"),
        ("a.json", '{"format": 1, "rates": [1, 2], "losses": [["x", 1]]}', "damaged"),
        ("a.csv", "", "no column 'rate'"),
        ("a.csv", "rate\n1\n", "no column 'loss'"),
        ("a.csv", "rate,loss\n", "hold two or more"),
        ("a.csv", "rate,loss\n1,2\n1,3\n", "rates must rise, 1 follows 1"),
        ("a.csv", "rate,loss\n0,2\n1,3\n", "above 0, got 0"),
        ("a.csv", "rate,loss\n1,2\n2,\n", "a number must stand there"),
        ("a.txt", "", ".json or .csv file"),
    ],
    ids=lambda value: value[:16].replace("\n", " "),
)
def test_damaged_files_say_what_is_wrong(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises((SpecError, DataError), match=words.replace("(", r"\(")):
        read_range(tmp_path / name)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        read_range(tmp_path / "no.json")
    with pytest.raises(DataError, match="cannot read"):
        read_range(tmp_path / "no.csv")
    (tmp_path / "a.json").mkdir()
    with pytest.raises(DataError, match="cannot write"):
        write_range(RangeCurve([1, 2], [1, 2]), tmp_path / "a.json")


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (([1], [1]), {}, "hold two or more"),
        (([1, 2], [[1, 2, 3]]), {}, r"must be \(repeats, 2\)"),
        (([1, 2], ["a", "b"]), {}, "must hold numbers"),
        (([1, math.nan], [1, 2]), {}, "finite and above 0"),
        (([1, 2], [1, 2]), {"kind": "log"}, "`kind` must be one of"),
        (([1, 2], [1, 2]), {"dead": [0, 2]}, "shares from 0 to 1"),
        (([1, 2], [1, 2]), {"validation": [[1, 2], [1, 2]]}, "shape of the losses"),
        (([1, 2], [1, 2]), {"endings": ["end", "end"]}, "one for each of 1 repeats"),
        (([1, 2], [1, 2]), {"endings": ["dead"]}, "`endings` must be one of"),
    ],
    ids=range(9),
)
def test_what_is_no_curve(arguments, options, words):
    with pytest.raises(SpecError, match=words):
        RangeCurve(*arguments, **options)


def test_a_curve_is_a_value():
    losses = np.array([1.0, 2.0])
    curve = RangeCurve([1, 2], losses)
    losses[0] = 5
    assert curve.losses[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        curve.losses[0, 0] = 3
    assert lr.RangeCurve is RangeCurve
