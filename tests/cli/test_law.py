"""`lrkit law`: what it prints, what it writes, and what it says when it cannot."""

import msgspec
import numpy as np
import pytest

from lrkit.records import write_columns

pytestmark = pytest.mark.usefixtures("curves")


def test_a_law_is_fitted_written_and_used_again(lrkit):
    done = lrkit("law", "fit", "curves", "--law", "drop", "-o", "mine.json", "--json")
    assert done.code == 0, done.err
    values = done.json["law"]["values"]
    assert values["L0"] == pytest.approx(3.0, abs=0.1)
    assert len(done.json["law"]["trials"]) == 3
    told = lrkit("law", "predict", "mine.json", "3e-4 * cosine()", "-t", "3000", "--json")
    [one] = told.json["predictions"]
    assert one["interval"][0] < one["final"] < one["interval"][1]
    assert any("falls to" in text for text in one["warnings"])
    scored = lrkit("law", "score", "mine.json", "curves", "--json").json
    assert scored["mean"]["PredE"] < 1e-3
    assert {row["run"] for row in scored["curves"]} == {"cosine", "constant", "wsd"}


def test_text_says_the_same_in_words(lrkit):
    assert "every run peaks at 0.0003" in lrkit("law", "fit", "curves", "--law", "drop").out
    told = lrkit("law", "predict", "law.json", "3e-4 * cosine()", "-t", "30000")
    assert "90 % interval" in told.out
    assert "extrapolates: a horizon of 30,000 updates" in told.out
    assert "WorstE" in lrkit("law", "score", "law.json", "curves").out


def test_the_others_a_law_was_compared_with_are_kept_for_designs(lrkit):
    lrkit("law", "fit", "curves", "-o", "all.json")
    found = lrkit("law", "design", "all.json", "-t", "3000", "--peak", "3e-4", "--json").json
    assert len(found["design"]["finals"]) == 6
    again = found["design"]["nearest"]
    assert lrkit("show", again, "--total", "3000").code == 0
    assert lrkit("show", found["design"]["schedule"], "--total", "3000").code == 0


def test_other_column_names_and_a_schedule_for_all(lrkit, tmp_path):
    steps = np.arange(100, 3000, 50)
    table = {"it": steps, "val": 3 + (steps * 3e-4) ** -0.5}
    write_columns(tmp_path / "mine.csv", table)
    done = lrkit("law", "fit", "mine.csv", "--step", "it", "--loss", "val", "-s", "3e-4 * hold()",
                 "-t", "3000", "--law", "drop", "--json")  # fmt: skip
    assert done.json["law"]["values"]["alpha"] == pytest.approx(0.5, abs=0.01)
    assert any("no run decays, so B is not determined" in n for n in done.json["law"]["notes"])


def test_what_was_assumed_of_a_log_is_said(lrkit, tmp_path):
    steps = np.arange(100, 3000, 50)
    table = {"step": steps, "lr": np.full(len(steps), 3e-4), "loss": 3 + (steps * 3e-4) ** -0.5}
    (tmp_path / "alone").mkdir()
    write_columns(tmp_path / "alone" / "run.csv", table)
    done = lrkit("law", "fit", "alone", "--law", "drop")
    assert "the rate is taken to have risen linearly from 0 over 100 updates" in done.err


@pytest.mark.parametrize("name", ["fit.png", "fit.html"])
def test_pictures_are_drawn(lrkit, tmp_path, name):
    pytest.importorskip("matplotlib")
    pytest.importorskip("plotly")
    assert lrkit("law", "score", "law.json", "curves", "--out", name).code == 0
    assert (tmp_path / name).stat().st_size > 5000


def test_a_peak_moves_to_another_shape(lrkit):
    done = lrkit("law", "transfer", "cosine()", "hold() >> linear(1, 0, 20%)", "--peak", "0.001",
                 "--total", "1600", "--json")  # fmt: skip
    assert done.json["transfer"]["peak"] == pytest.approx(1e-3 * 0.01281 / 0.02423, rel=1e-3)


def test_constant_norms_refine_to_linear_decay(lrkit, tmp_path):
    write_columns(tmp_path / "flat.csv", {"step": np.arange(50), "grad_norm": np.ones(50)})
    done = lrkit("law", "refine", "flat.csv", "--knots", "3", "--json")
    assert done.json["schedule"] == "table([1, 0.5, 0])"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fit", "nowhere.csv"], "cannot read nowhere.csv"),
        (["fit", "curves", "--law", "mlp"], "got 'mlp'"),
        (["fit", "curves", "--hold", "B=1"], "give its name with --law"),
        (["fit", "curves", "--law", "drop", "--hold", "B"], "NAME=VALUE"),
        (["fit", "curves", "--law", "drop", "-o", "law.txt"], "ends in .json"),
        (["fit", "curves/cosine.csv", "--loss", "wer", "--law", "drop"], "wer"),
        (["predict", "curves/cosine.csv", "cosine()", "-t", "10"], "is no JSON"),
        (["predict", "law.json", "cosine("], "cosine("),
        (["design", "law.json", "-t", "50"], "give a longer --total"),
        (["refine", "norms.csv", "--knots", "1"], "knots >= 2"),
        (["transfer", "cosine()", "linear()", "--peak", "1", "-t", "99", "--tried", "x"], "N=RATE"),
    ],
)
def test_wrong_input_is_told_in_one_line(lrkit, words, says):
    done = lrkit("law", *words)
    assert done.code == 2
    assert says in done.err
    assert done.out == ""


def test_a_law_of_another_format_is_refused(lrkit, tmp_path):
    (tmp_path / "old.json").write_bytes(msgspec.json.encode({"format": 0}))
    done = lrkit("law", "predict", "old.json", "cosine()", "-t", "10")
    assert done.code == 2
    assert "format 1 is needed, got 0" in done.err
