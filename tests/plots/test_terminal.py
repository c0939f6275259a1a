"""Charts in the terminal: right without a terminal, within the width, telling lines apart."""

import os
import pty
import subprocess
import sys
import threading

import numpy as np
import pytest

from lrkit import cosine, cyclic, warmup
from lrkit.errors import SpecError
from lrkit.plots import Line, plot, terminal, terminal_lines, thumbnail


def test_no_escape_sequences_where_there_is_no_terminal(curves, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    text = terminal(curves)
    assert "\x1b" not in text
    assert all(len(line) <= 100 and line == line.rstrip() for line in text.splitlines())
    for label in curves:
        assert label in text


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colours_in_a_real_terminal_unless_refused(environment, coloured):
    code = "from lrkit import *; from lrkit.plots import terminal;"
    code += "print(terminal({'a': cosine().over(9)}, 60))"
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    main, side = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-c", code],
            stdout=side,
            check=True,
            env=clean | {"TERM": "xterm"} | environment,
        )
        os.close(side)
        text = b""
        try:
            while block := os.read(main, 65536):
                text += block
        except OSError:  # Linux says so at the end of a terminal's output
            pass
    finally:
        os.close(main)
    assert (b"\x1b[38;5;32m" in text) == coloured
    assert (b"\x1b" in text) == coloured
    assert b"48;5" not in text, "the terminal's own background stays"


@pytest.mark.parametrize("width", [30, 47, 80, 200])
def test_width_and_height_are_kept(curves, width):
    lines = terminal(curves, width, 12).splitlines()
    assert max(map(len, lines)) <= width
    assert max(map(len, lines)) >= width - 3
    plain = terminal(curves, width, 12, color=True).splitlines()
    assert len(plain) == len(lines)


def test_width_follows_the_environment(curves, monkeypatch):
    monkeypatch.setenv("COLUMNS", "64")
    assert max(map(len, terminal(curves).splitlines())) <= 64


def test_lines_without_colours_carry_letters(curves):
    text = terminal(curves, 100, 25, color=False)
    chart, _, legend = text.partition("epoch")
    for letter, label in zip("ABC", curves, strict=True):
        assert f" {letter}  {label}" in legend
        assert letter in chart
    assert "A" not in terminal({"one": cosine().over(10)}, color=False)


def test_axes_say_what_they_show(curves):
    text = terminal(curves, 100)
    assert text.startswith("learning rate\n")
    assert "epoch" in text
    assert "0.3" in text
    log = terminal(curves, 100, log=True)
    assert "0.001" in log
    assert "20k" in terminal({"c": cyclic(0.001, 0.006, "2000st").over(20_000)})


def test_curve_stands_where_its_values_are():
    rows = terminal({"up": warmup(100).over(100)}, 60, 20, color=False).splitlines()
    braille = [[i for i, c in enumerate(row) if 0x2800 < ord(c) < 0x2900] for row in rows[:-1]]
    left = [min(places) for places in braille if places]
    assert left == sorted(left, reverse=True), "a rising line runs to the upper right"


def test_gaps_and_single_points_are_drawn():
    x = np.arange(5.0)
    text = terminal_lines(
        [Line("loss", x, [1, np.nan, np.inf, 2, 3]), Line("one", [2], [2])], "epoch", "loss", "T"
    )
    assert text.startswith("T\n")
    terminal_lines([Line("nothing", [0.0], [np.nan])], "epoch", "loss")


def test_two_threads_do_not_draw_into_each_other(curves):
    expected = terminal(curves, 60)
    got = []
    threads = [
        threading.Thread(target=lambda: got.extend(terminal(curves, 60) for _ in range(3)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(got) == {expected}


def test_plot_prints_itself(curves):
    curve = next(iter(curves.values()))
    picture = plot(curve)
    assert str(curve.schedule) in str(picture)
    assert repr(picture) == str(picture)


def test_thumbnail():
    assert thumbnail((warmup(20) >> cosine()).over(100), 10) == "▃▇██▇▅▄▂▁▁"
    assert thumbnail((0.0 * cosine()).over(10), 4) == "▁▁▁▁"
    assert len(thumbnail(cosine().over(3), 40)) == 40
    with pytest.raises(SpecError, match="width"):
        thumbnail(cosine().over(3), 0)
