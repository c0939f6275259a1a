"""`lrkit landscape`: descents on functions, as text, data and pictures."""

from __future__ import annotations

import itertools
import shutil

import msgspec
import numpy as np
import pytest

from lrkit.landscape import descend, from_text, function, optimizer
from lrkit.landscape.functions import NAMES
from lrkit.records import read_columns
from lrkit.schedules import parse


def test_a_descent_is_told_with_its_losses_and_its_outcome(lrkit):
    done = lrkit("landscape", "descend", "ravine", "-s", "constant(0.095)", "-n", "500")
    assert done.code == 0
    assert "sgd at a constant rate converges below 2 / L = 0.1" in done.out
    assert "descended" in done.out
    assert "loss" in done.out.splitlines()[0]


def test_divergence_has_its_own_exit_code_and_its_step(lrkit):
    line = ["landscape", "descend", "ravine", "-s", "constant(0.15)", "-s", "constant(0.05)"]
    done = lrkit(*line, "--json")
    assert done.code == 1
    gone, fine = done.json["descents"]
    assert gone["status"] == "diverged"
    assert gone["diverged_at"] == gone["steps"] > 10
    assert gone["steps_above_limit"] == gone["steps"]
    assert (fine["status"], fine["steps_above_limit"]) == ("descended", 0)
    assert f"diverged at step {gone['diverged_at']}" in " ".join(lrkit(*line).out.split())


def test_options_knobs_noise_start_and_seed_reach_the_descent(lrkit, tmp_path):
    done = lrkit(
        "landscape", "descend", "rosenbrock", "-s", "0.01 * cosine()", "-n", "50", "-k", "b=10",
        "--optimizer", "adam", "-o", "beta1=0.5", "--noise", "2", "--seed", "3",
        "--start", "-1,2", "--out", "a.csv", "--out", "a.json",
    )  # fmt: skip
    assert done.code == 0
    own = descend(
        function("rosenbrock", b=10), optimizer("adam", beta1=0.5),
        parse("0.01 * cosine()").over(50), (-1, 2), noise=2, seed=3,
    )  # fmt: skip
    names = ["descent", "step", "x", "y", "loss", "gradient", "rate"]
    columns = read_columns(tmp_path / "a.csv", names)
    assert np.array_equal(columns["x"], own.path[:, 0])
    assert np.array_equal(columns["loss"], own.losses)
    assert np.array_equal(columns["rate"][:-1], own.rates)
    plain = msgspec.json.decode((tmp_path / "a.json").read_bytes())
    assert plain["descents"][0]["path"] == own.path.tolist()


def test_several_schedules_and_optimizers_run_side_by_side(lrkit):
    done = lrkit(
        "landscape", "descend", "x^2 + y^2", "-s", "constant(0.1)", "-s", "0.2 * linear()",
        "--optimizer", "sgd", "--optimizer", "nesterov", "--json",
    )  # fmt: skip
    labels = [told["label"] for told in done.json["descents"]]
    assert labels == [
        "sgd, constant(0.1)", "sgd, 0.2 * linear()",
        "nesterov, constant(0.1)", "nesterov, 0.2 * linear()",
    ]  # fmt: skip
    assert done.json["formula"] == from_text("x^2 + y^2").text


def test_every_function_is_listed_and_descends(lrkit):
    listed = lrkit("landscape", "functions", "--json").json["functions"]
    assert [one["name"] for one in listed] == list(NAMES)
    text = lrkit("landscape", "functions").out
    for name in NAMES:
        assert name in text
        assert lrkit("landscape", "descend", name, "-s", "constant(1e-4)", "--json").code == 0


@pytest.mark.parametrize("surface", [[], ["--surface"]])
@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF"), ("a.gif", b"GIF89a")],
)
def test_pictures_are_drawn(lrkit, tmp_path, name, begins, surface):
    pytest.importorskip("matplotlib", reason="pictures are matplotlib's")
    done = lrkit(
        "landscape", "descend", "himmelblau", "-s", "0.02 * linear()", "-s", "constant(0.08)",
        "-n", "20", "--frames", "3", "--out", name, *surface,
    )  # fmt: skip
    assert done.code == 1, done.err  # one of the two diverges
    assert f"wrote {name}" in done.err
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_gif_moves_and_ends_with_the_outcome(lrkit, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures are matplotlib's")
    image = pytest.importorskip("PIL.Image", reason="a GIF is Pillow's")
    lrkit(
        "landscape", "descend", "beale", "-s", "constant(0.01)", "-n", "60", "--frames", "6",
        "--out", "a.gif",
    )  # fmt: skip
    with image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 7
        times, pictures = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            times.append(gif.info["duration"])
            pictures.append(np.asarray(gif.convert("RGB")).astype(int))
    assert times[-1] > 10 * times[0]
    assert all((a != b).any() for a, b in itertools.pairwise(pictures))


def test_an_mp4_is_a_film(lrkit, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures are matplotlib's")
    if not shutil.which("ffmpeg"):
        pytest.importorskip("imageio_ffmpeg", reason="an MP4 needs ffmpeg")
    done = lrkit(
        "landscape", "descend", "beale", "-s", "constant(0.01)", "-n", "20", "--frames", "4",
        "--out", "a.mp4",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert (tmp_path / "a.mp4").read_bytes()[4:8] == b"ftyp"


def test_an_mp4_without_ffmpeg_says_what_to_do(lrkit, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures are matplotlib's")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    done = lrkit("landscape", "descend", "beale", "-s", "constant(0.01)", "--out", "a.mp4")
    assert done.code == 2
    assert "pip install imageio-ffmpeg" in done.err


def test_a_page_works_offline(lrkit, tmp_path):
    pytest.importorskip("plotly", reason="pages are plotly's")
    label = '"<script>alert(1)</script>"'
    done = lrkit("landscape", "descend", "ackley", "-s", "0.05 * cosine()", "--out", "a.html")
    assert done.code == 0
    page = (tmp_path / "a.html").read_text()
    assert "default-src 'none'" in page
    assert label not in page
    assert "http://" not in page.partition("<script>/**")[0].replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x + foo(y)", "-s", "constant(1)"], "unknown name 'foo'"),
        (["ravin", "-s", "constant(1)"], "did you mean ravine"),
        (["ravine", "-s", "cosin()"], "cosine"),
        (["ravine", "-s", "warmup(5ep)"], "steps_per_epoch"),
        (["ravine", "-s", "constant(1)", "--optimizer", "adan"], "did you mean adam"),
        (["ravine", "-s", "constant(1)", "-o", "beta1=0.5"], "sgd has no option 'beta1'"),
        (["ravine", "-s", "constant(1)", "-k", "k"], "NAME=VALUE"),
        (["ravine", "-s", "constant(1)", "-k", "k=0"], "`1 <= k <= 1000`"),
        (["x**2", "-s", "constant(1)", "-k", "k=2"], "a formula has no knobs"),
        (["ravine", "-s", "constant(1)", "--start", "1"], "--start takes 2 numbers"),
        (["ravine", "-s", "constant(1)", "--box", "1,0,0,1"], "left < right"),
        (["ravine", "-s", "constant(1)", "-n", "2000000"], "steps <= 1,000,000"),
        (["ravine", "-s", "constant(1)", "--out", "a.doc"], "--out takes a file that ends in"),
        (["ravine", "-s", "constant(0.01)", "--frames", "1", "--out", "a.gif"], "frames"),
    ],
)
def test_wrong_input_is_refused_in_a_line_with_the_remedy(lrkit, words, message):
    done = lrkit("landscape", "descend", *words)
    assert done.code == 2, done
    assert message in done.err
    assert "Traceback" not in done.err
