"""`lrkit show`: what is drawn, printed and written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lrkit import from_dict, parse
from lrkit.records import read_columns

PROMISED = "0.3 * (warmup(5ep) >> cosine())"
LENGTH = ("--total", "30ep", "--steps-per-epoch", "235")


def test_controllers_after_a_schedule_are_named(lrkit):
    text = "0.1 * warmup(5ep) | plateau(0.5, patience=3, after=5ep) | spike_guard()"
    done = lrkit("show", text, "-t", "30ep", "-e", "10")
    assert done.code == 0
    assert "steered   by plateau(0.5, 3, after=5ep)" in done.out
    assert "steered   by spike_guard()" in done.out
    assert "end       as controllers decide" in done.out
    assert "warning" not in done.out
    (one,) = lrkit("show", text, "-t", "30ep", "-e", "10", "--json").json["schedules"]
    assert [c["controller"] for c in one["controllers"]] == ["plateau", "spike_guard"]
    guarded = "0.1 * (warmup(5ep) >> cosine()) | spike_guard()"
    assert lrkit("lint", guarded, "-t", "30ep", "-e", "10").code == 0


def test_the_promised_command_draws_and_tells(lrkit):
    done = lrkit("show", PROMISED, *LENGTH)
    assert (done.code, done.err) == (0, "")
    assert "learning rate" in done.out
    assert "epoch" in done.out
    assert "updates   7,050" in done.out
    assert "peak      0.3 at step 1,175" in done.out
    assert "joints    1,175" in done.out


def test_output_that_is_no_terminal_has_no_escapes(lrkit):
    assert "\x1b" not in lrkit("show", PROMISED, "constant(0.1)", *LENGTH).out


def test_json_is_the_curve_itself(lrkit):
    done = lrkit("show", PROMISED, *LENGTH, "--json", "--at", "0", "--at", "5ep", "--at", "50%")
    (told,) = done.json["schedules"]
    curve = parse(PROMISED).over("30ep", steps_per_epoch=235)
    assert told["text"] == PROMISED
    assert from_dict(told["schedule"]) == curve.schedule
    assert told["facts"]["peak"] == 0.3
    assert told["facts"]["area"] == curve.facts().area
    assert told["horizon"]["total"] == 7050
    assert told["at"] == {"0": curve(0), "5ep": 0.3, "50%": curve(3525)}


def test_several_schedules_share_one_axis_and_each_has_facts(lrkit):
    done = lrkit("show", "0.1 * cosine()", "0.2 * linear()", "-t", "100")
    assert done.out.count("peak  ") == 2
    assert " A  0.1 * cosine()" in done.out
    assert " B  0.2 * linear()" in done.out


def test_vary_draws_one_curve_for_each_value(lrkit):
    done = lrkit("show", "exponential(1, {f}, 1st)", "--vary", "f=0.9, 0.8", "-t", "50", "--json")
    assert [one["text"] for one in done.json["schedules"]] == [
        "exponential(1, 0.9, 1st)",
        "exponential(1, 0.8, 1st)",
    ]


@pytest.mark.parametrize(
    ("vary", "says"),
    [("f", "NAME=VALUE"), ("f=", "NAME=VALUE"), ("f=1,,2", "NAME=VALUE"), ("g=1", "{g}")],
)
def test_vary_that_fits_nothing_is_refused(lrkit, vary, says):
    done = lrkit("show", "exponential(1, {f})", "--vary", vary, "-t", "50")
    assert done.code == 2
    assert says in done.err


def test_warnings_are_printed(lrkit):
    done = lrkit("show", "0.1 * linear(1, 0.5)", "-t", "100")
    assert done.code == 0
    assert "warning   it ends at 0.05" in done.out


def test_csv_has_the_rate_of_every_update(lrkit, tmp_path: Path):
    assert lrkit("show", "0.1 * cosine()", "-t", "100", "--csv", "rate.csv").code == 0
    columns = read_columns(tmp_path / "rate.csv", ["step", "lr"])
    curve = parse("0.1 * cosine()").over(100)
    assert np.array_equal(columns["lr"], curve.values())
    assert np.array_equal(columns["step"], np.arange(100))


def test_csv_of_several_is_named_by_schedule_and_holds_after_the_end(lrkit, tmp_path: Path):
    short, long = "linear(1, 0, 10)", "linear(1, 0, 20)"
    assert lrkit("show", short, long, "--csv", "rates.csv").code == 0
    columns = read_columns(tmp_path / "rates.csv", [short, long])
    assert columns[short][10:].tolist() == [0.0] * 10
    assert len(columns[long]) == 20


@pytest.mark.parametrize(
    ("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("html", b"<!doctype html")]
)
def test_pictures_are_written_beside_the_output(lrkit, tmp_path: Path, suffix, magic):
    name = f"rate.{suffix}"
    done = lrkit("show", PROMISED, *LENGTH, f"--{suffix}", name, "--json")
    assert done.code == 0
    assert done.json["format"] == 1
    assert done.err == f"wrote {name}\n"
    assert (tmp_path / name).read_bytes()[:20].lower().startswith(magic.lower())


@pytest.mark.parametrize(
    ("arguments", "missing", "works"),
    [
        (["cosine()"], "total", "--total 10000"),
        (["constant(0.1)"], "total", "--total 10000"),
        ([PROMISED], "steps_per_epoch", "--total 30ep --steps-per-epoch 235"),
        ([PROMISED, "--total", "30ep"], "steps_per_epoch", "--steps-per-epoch 235"),
        ([PROMISED, "-e", "100"], "total", "--total 30ep"),
        (["warmup(1000sa) >> cosine()", "-t", "500"], "batch_size", "--batch-size 256"),
        (["warmup(1e6tok) >> cosine()", "-t", "9000"], "tokens_per_step", "--tokens-per-step"),
        (["warmup(10%) >> cosine(1, 0, 5ep)"], "total", "--total 30ep --steps-per-epoch 235"),
    ],
)
def test_a_missing_number_is_named_with_a_command_that_works(lrkit, arguments, missing, works):
    import shlex

    done = lrkit("show", *arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert missing in done.err
    command = shlex.split(done.err.partition("type for example: ")[2])
    assert command[: 2 + len(arguments)] == ["lrkit", "show", *arguments]
    assert works in done.err
    assert lrkit(*command[1:]).code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cosin()", "-t", "9"], "did you mean cosine?"),
        (["cosine(", "-t", "9"], "  cosine(\n         ^"),
        (["0.1 * cosine(1, 0, 5epochs)", "-t", "9"], "unknown unit 'epochs'"),
        (["cosine()", "-t", "-5"], "must be"),
        (["cosine()", "-t", "nan"], "'nan'"),
        (["cosine()", "-t", "0"], "> 0"),
        (["cosine()", "-t", "10%"], "percentage"),
        (["cosine()", "-t", "30ep", "-e", "nan"], "steps_per_epoch must be finite"),
        (["cosine()", "-t", "30ep", "-e", "0"], "`steps_per_epoch > 0` must hold"),
        (["cosine()", "-t", "30ep", "-e", "-1"], "-1"),
        (["cosine()", "-t", "9", "--at", "-3"], "--at must be"),
        (["cosine()", "-t", "9", "--at", "2ep"], "steps_per_epoch"),
        (["nan * cosine()", "-t", "9"], "unknown schedule 'nan'"),
        (["1e999 * cosine()", "-t", "9"], "finite"),
        (["", "-t", "9"], "expected"),
        (["(" * 5000, "-t", "9"], "^"),
        (["x" * 200_000, "-t", "9"], "100000 characters"),
        (["cosine()\x1b[31m\x00", "-t", "9"], "unexpected character"),
        (["__import__('os').system('touch owned')", "-t", "9"], "unknown schedule"),
        (["cosine()", "-t", "9", "--png", "rate.jpg"], "--png takes a file called *.png"),
        (["cosine()", "-t", "9", "--csv", "."], "folder"),
        (["cosine()", "-t", "9", "--csv", "/dev/full"], "no space left on device"),
        (["cosine()", "-t", "9", "--html", "/dev/full"], "no space left on device"),
        (["cosine()", "-t", "9", "--csv", "/proc/no/such/rate.csv"], "/proc/no/such/rate.csv"),
    ],
)
def test_bad_input_is_one_line_with_code_2(lrkit, tmp_path: Path, arguments, says):
    done = lrkit("show", *arguments)
    assert done.code == 2, done.err
    assert says in done.err
    assert len(done.err) < 1000
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err
    lines = done.err.splitlines()
    assert lines[0].startswith("lrkit: ")
    assert len(lines) == 1 or (len(lines) == 3 and lines[2].strip() == "^")
    assert not (tmp_path / "owned").exists()
