"""Curve files in and out."""

import math

import numpy as np
import pytest

from lrkit.errors import DataError, SpecError
from lrkit.records import Journal, read_columns, read_curve, replay, write_columns, write_csv


def put(tmp_path, text):
    path = tmp_path / "curve.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_curve_with_the_usual_names(tmp_path):
    curve = read_curve(put(tmp_path, "step,lr,loss,more\n0,0.1,2.5,x\n10,1e-3,nan,y\n\n"))
    assert curve["step"].tolist() == [0, 10]
    assert curve["lr"].tolist() == [0.1, 1e-3]
    assert math.isnan(curve["loss"][1])
    assert curve["loss"].dtype == np.float64


def test_an_empty_field_counts_as_what_it_is_said_to(tmp_path):
    table = read_columns(put(tmp_path, "a,b\n1,\n2\n"), ["a", "b"], empty=math.nan)
    assert table["a"].tolist() == [1, 2]
    assert np.isnan(table["b"]).all()


@pytest.mark.parametrize("sign", [";", "\t", ","])
def test_other_names_and_signs(tmp_path, sign):
    text = "\ufeff" + "\r\n".join(
        s.replace(",", sign) for s in ("iter, eta ,L", "1,0.5,3", "2,0,2")
    )
    curve = read_curve(put(tmp_path, text), step="iter", lr="eta", loss="L")
    assert curve["lr"].tolist() == [0.5, 0.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'step'.*no first row"),
        ("a,b\n1,2\n", "it has a, b"),
        ("step,lr,loss,lr\n1,2,3,4\n", "more than one column 'lr'"),
        ("step,lr,loss\n", "has none"),
        ("step,lr,loss\n0,1,2\n1,high,2\n", "row 3 of .*'high' in column 'lr'"),
        ("step,lr,loss\n0,1\n", "row 2 of .*'' in column 'loss'"),
        ("step,lr,loss\n0,,1\n", "row 2 of .*'' in column 'lr'"),
        ("step,lr,loss\n0,1,1\n0,1,1\n", "steps must rise.*0 follows 0 .number 2"),
        ("step,lr,loss\nnan,1,1\n1,1,1\n", "steps must rise"),
        ('step,lr,loss\n"0,1,1\n', "row"),
    ],
)
def test_bad_files_are_named_with_their_row(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read_curve(put(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*no such file"):
        read_curve(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="cannot read"):
        read_curve(tmp_path)
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\xff\xfe")
    with pytest.raises(DataError, match="no UTF-8"):
        read_columns(tmp_path / "a.npy", ["step"])


def test_columns_round_trip_exactly(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"step": np.arange(100), "lr": rng.lognormal(size=100) * 1e-7}
    back = read_columns(write_columns(tmp_path / "new" / "a.csv", columns), ["step", "lr"])
    np.testing.assert_array_equal(back["lr"], columns["lr"])
    with pytest.raises(SpecError, match="one length"):
        write_columns(tmp_path / "b.csv", {"a": [1], "b": [1, 2]})


def test_run_as_csv_tells_a_gap_from_nan(tmp_path):
    with Journal.create(tmp_path / "run") as journal:
        journal.metrics(0, loss=1.5)
        journal.metrics(1, loss=math.nan, rate=0.1)
    path = write_csv(replay(tmp_path / "run"), tmp_path / "run.csv")
    lines = [line.split(",") for line in path.read_text().splitlines()]
    assert lines[0] == ["step", "time", "loss", "rate"]
    assert [line[2:] for line in lines[1:]] == [["1.5", ""], ["nan", "0.1"]]
