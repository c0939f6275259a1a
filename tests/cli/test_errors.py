"""What goes wrong, and how it is said: one line, the right code, no traceback."""

from __future__ import annotations

import pytest
import typer

from lrkit.cli import EXIT_CODES
from lrkit.cli.errors import Stopped, exit_code
from lrkit.errors import DataError, InternalError


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("shwo",), "did you mean 'show'"),
        (("shwo",), "see `lrkit --help`"),
        (("runs", "lst"), "did you mean 'list'"),
        (("show", "cosine()", "--totl", "5"), "no option --totl; did you mean --total"),
        (("show", "cosine()", "--totl", "5"), "see `lrkit show --help`"),
        (("show",), "missing argument 'SCHEDULE'"),
        (("lint",), "missing argument"),
        (("show", "cosine()", "--total"), "--total"),
        (("show", "cosine()", "-t", "5", "-e", "many"), "'--steps-per-epoch'"),
        (("train", "--per", "stpe"), "'stpe' is not one of 'step', 'epoch'"),
        (("train", "--epochs", "1.5"), "'--epochs'"),
        (("--verbose",), "no option --verbose"),
        (("schedules", "cosine", "rex"), "unexpected extra argument"),
        (("tasks", "\x1b[31mred"), "unexpected extra argument"),
    ],
)
def test_arguments_that_do_not_fit(lrkit, arguments, says):
    done = lrkit(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert says in done.err
    assert done.err.startswith("lrkit: ")
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err


def test_debug_prints_where_an_error_came_from(lrkit, monkeypatch):
    assert "Traceback" not in lrkit("show", "cosin()").err
    done = lrkit("--debug", "show", "cosin()")
    assert done.code == 2
    assert "Traceback" in done.err
    assert "SpecError" in done.err
    monkeypatch.setenv("LRKIT_DEBUG", "1")
    assert "Traceback" in lrkit("show", "cosin()").err


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (RuntimeError("two\nlines"), 70, "fault of lrkit itself: RuntimeError: two lines"),
        (InternalError("a promise"), 70, "please report it"),
        (ModuleNotFoundError("No module named 'yaml'", name="yaml"), 70, "yaml"),
        (DataError("the disk"), 2, "lrkit: the disk\n"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
            2,
            "lrkit: this command needs torch, which is not installed; pip install 'lrkit[lab]'\n",
        ),
        (ModuleNotFoundError("", name="plotly"), 2, "pip install 'lrkit[plots]'"),
        (MemoryError(), 2, "must fit into memory"),
        (KeyboardInterrupt(), 130, "lrkit: interrupted\n"),
        (Stopped("stopped; all is kept"), 130, "lrkit: stopped; all is kept\n"),
        (typer.Abort(), 130, "interrupted"),
    ],
)
def test_every_kind_of_error_has_its_code_and_one_line(capsys, error, code, says):
    assert exit_code(error) == code
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_exit_codes_are_documented_and_no_others_are_given():
    assert list(EXIT_CODES) == [0, 1, 2, 70, 130]
