"""`lrkit landscape plane`, `line`, `sharpness`, `weights`, `start`: what they say and write."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="slices are of networks")

from lrkit.landscape import of_run, read_slice, slice_plane
from lrkit.records import find_run, read_columns, replay


def test_a_plane_says_how_much_of_the_truth_it_shows(lrkit, edited):
    done = lrkit("landscape", "plane", "edited", "--points", "5")
    assert done.code == 0, done.err
    for words in ("This plane shows ", "loss off the plane: ", "520 training samples",
                  "batch normalisation by the statistics", "5 x 5 points"):  # fmt: skip
        assert words in done.out, words
    (file,) = (p for p in (edited / "landscape").iterdir() if p.name != "plane.jsonl")
    assert file.name.startswith("pca-")
    again = lrkit("landscape", "plane", "edited", "--points", "5")
    assert again.out == done.out


def test_the_json_is_the_slice(lrkit, edited):
    done = lrkit("landscape", "plane", str(edited), "--points", "5", "--json").json
    found = slice_plane(of_run(edited), points=5)
    assert done["share"] == found.share
    assert done["truth"] == found.truth()
    assert np.array_equal(done["losses"], found.grid()[1])
    assert [w["step"] for w in done["way"]] == [0, 50, 100, 120]
    assert done["axes"][0]["at"][0] == found.axes[0].low
    assert done["evaluation"]["samples"] == 520


@pytest.mark.parametrize("name", ["p.png", "p.svg", "p.html", "p.gif", "p.mp4", "p.csv", "p.json"])
@pytest.mark.usefixtures("edited")
def test_every_kind_of_file_holds_what_its_name_says(lrkit, tmp_path, name):
    done = lrkit("landscape", "plane", "edited", "--points", "5", "--out", name)
    assert done.code == 0, done.err
    assert f"wrote {name}" in done.err
    raw = (tmp_path / name).read_bytes()
    starts = {".png": b"\x89PNG", ".gif": b"GIF8"}
    suffix = Path(name).suffix
    if suffix in starts:
        assert raw.startswith(starts[suffix])
    elif suffix == ".mp4":
        assert b"ftyp" in raw[:16]
    elif suffix == ".svg":
        assert ET.fromstring(raw).tag.endswith("svg")
    elif suffix == ".html":
        text = raw.decode()
        assert "loss off the plane" in text
        assert "520 training samples" in text
        assert "http://" not in text.replace("http://www.w3.org", "").partition("<script>")[0]
    elif suffix == ".csv":
        table = read_columns(tmp_path / name, ["a", "b", "loss"])
        assert len(table["loss"]) == 25
        assert len(set(table["a"].tolist())) == 5
    else:
        assert msgspec.json.decode(raw)["points"] == 5


@pytest.mark.usefixtures("edited")
def test_a_surface_and_a_plane_of_fresh_weights_are_drawn(lrkit, tmp_path):
    one = lrkit("landscape", "plane", "edited", "--points", "5", "--surface", "--out", "s.png")
    two = lrkit("landscape", "plane", "poly-tanh", "--points", "5", "--out", "f.png",
                "--out", "f.html")  # fmt: skip
    assert one.code == two.code == 0, one.err + two.err
    assert (tmp_path / "s.png").read_bytes() != (tmp_path / "f.png").read_bytes()
    assert "fresh weights of seed 0" in two.out
    assert "no training whose movement" in two.out
    assert "plotly" in (tmp_path / "f.html").read_text()
    gif = lrkit("landscape", "plane", "poly-tanh", "--points", "5", "--out", "f.gif")
    assert gif.code == 2
    assert "write a .png, or slice a run" in gif.err


def test_a_line_and_the_sharpness_have_charts_and_tables(lrkit, edited, tmp_path):
    line = lrkit("landscape", "line", "edited", "--points", "9", "--out", "l.png", "--out", "l.csv")
    assert line.code == 0, line.err
    assert "loss on the line from step 0 to 120" in line.out
    assert "This line shows" in line.out
    assert read_columns(tmp_path / "l.csv", ["t", "loss"])["t"].tolist()[0] == -0.25
    drawn = lrkit("landscape", "line", "edited", "--points", "9")
    assert "place on the line" in drawn.out
    sharp = lrkit("landscape", "sharpness", "edited", "--out", "s.csv", "--out", "s.html",
                  "--out", "s.svg")  # fmt: skip
    assert sharp.code == 0, sharp.err
    assert "Bound: 2 / rate" in sharp.out
    table = read_columns(tmp_path / "s.csv", ["step", "rate", "sharpness", "bound"])
    rates = dict(zip(*replay(edited).series("lr"), strict=True))
    assert table["rate"].tolist()[:3] == [rates[s] for s in (0, 50, 100)]
    np.testing.assert_allclose(table["bound"], 2 / table["rate"])
    assert "residual" in (tmp_path / "s.html").read_text()
    told = lrkit("landscape", "sharpness", "edited", "--json").json
    assert [r["step"] for r in told["readings"]] == [0, 50, 100, 120]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plane", "edited", "--points", "10"], "each level of the grid has all points"),
        (["plane", "edited", "--at", "5"], "plane pca takes 0 steps"),
        (["plane", "edited", "--plane", "three", "--at", "0,50,60"], "0, 50, 100, 120), got 60"),
        (["plane", "edited", "--at", "x"], "--at takes whole numbers with commas between"),
        (["plane", "edited", "--range", "1,-1"], "`low < high` must hold"),
        (["plane", "edited", "--range", "1,a"], "--range takes numbers"),
        (["plane", "edited", "--samples", "many"], "--samples takes a whole number or all"),
        (["plane", "edited", "--out", "a.txt"], "--out takes a file that ends in .png"),
        (["plane", "edited", "-o", "batch_size=5"], "a run has its options already"),
        (["plane", "editd"], "did you mean edited?"),
        (["line", "edited", "--out", "a.gif"], "--out takes a file that ends in .png"),
        (["line", "edited", "--from", "50", "--to", "50"], "a line needs two checkpoints"),
        (["sharpness", "poly-tanh"], "is a task; train it"),
        (["sharpness", "edited", "--tolerance", "0"], "`0 < tolerance < 1` must hold"),
        (["weights", "no.jsonl", "--at", "0,0", "--out", "a.pt"], "cannot read no.jsonl"),
        (["weights", "no.jsonl", "--at", "0,0", "--out", "a.txt"], "ends in .pt"),
        (["start", "runs/edited/journal.jsonl", "--at", "0,0"], "is no slice of"),
        (["start", "runs/edited/landscape/plane.jsonl", "--at", "0"], "has 2 coordinates"),
    ],
)
@pytest.mark.usefixtures("edited")
def test_what_cannot_be_is_said_with_a_remedy(lrkit, words, said):
    done = lrkit("landscape", *words)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


@pytest.mark.usefixtures("edited")
def test_pca_of_too_few_checkpoints_says_how_to_get_more(lrkit):
    assert lrkit("train", "poly-tanh", "--epochs", "1", "--keep", "1", "-q").code == 0
    done = lrkit("landscape", "plane", "runs/poly-tanh")
    assert done.code == 2
    assert "run poly-tanh has 1; train with --checkpoint 1ep --keep all" in done.err
    fresh = lrkit("landscape", "plane", "poly-tanh", "--fresh", "--points", "5")
    assert fresh.code == 0, fresh.err
    foreign = lrkit("landscape", "plane", "nowhere:at_all")
    assert foreign.code == 2


def test_a_training_starts_at_a_point_in_one_command_or_in_two(lrkit, edited, tmp_path):
    path = "runs/edited/landscape/plane.jsonl"
    one = lrkit("landscape", "start", path, "--at=-0.1,0.2", "-s", "constant(0.01)",
                "--epochs", "1", "-q", "--json")  # fmt: skip
    assert one.code == 0, one.err
    assert one.json["folder"].endswith("edited-from-slice")
    header = replay(find_run(tmp_path / "runs", "edited-from-slice")).header
    assert header["begun_at"]["at"] == [-0.1, 0.2]
    assert header["begun_at"]["run"] == "edited"
    assert "slice of edited)" in lrkit("runs").out
    shown = lrkit("runs", "show", "edited-from-slice").out
    assert "(-0.1, 0.2) of " in shown
    there = lrkit("landscape", "weights", path, "--at=-0.1,0.2", "--out", "there.pt")
    assert there.code == 0, there.err
    two = lrkit("train", "poly-tanh", "--weights", "there.pt", "-s", "constant(0.01)",
                "--epochs", "1", "-q", "--json")  # fmt: skip
    assert two.code == 0, two.err
    assert two.json["evaluations"][0]["mse"] == one.json["evaluations"][0]["mse"]
    assert "there.pt" in lrkit("runs", "show", "poly-tanh").out
    again = lrkit("train", "--schedule-from", "edited-from-slice", "-q", "--json")
    assert again.json["evaluations"][0]["mse"] == one.json["evaluations"][0]["mse"]
    refused = lrkit("train", "--resume", "--run", "runs/edited", "--weights", "there.pt")
    assert "keeps what it began with, got --weights" in refused.err


def test_ctrl_c_keeps_what_was_computed(lrkit, edited, monkeypatch):
    from lrkit.landscape import evaluation

    real, count = evaluation.Meter.here, []

    def here(meter):
        count.append(1)
        if len(count) == 30:
            raise KeyboardInterrupt
        return real(meter)

    monkeypatch.setattr(evaluation.Meter, "here", here)
    done = lrkit("landscape", "plane", "edited", "--points", "9", "--plane", "random")
    assert done.code == 130
    assert "what was computed is kept" in done.err
    (file,) = (p for p in (edited / "landscape").iterdir() if p.name.startswith("random"))
    part = read_slice(file)
    assert len(part.losses) == 25
    assert math.isfinite(next(iter(part.losses.values())))
    assert lrkit("landscape", "plane", "edited", "--points", "9", "--plane", "random").code == 0
    assert read_slice(file).done
