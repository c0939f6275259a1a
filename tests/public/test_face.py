"""What users meet first: the import, the names, their documentation."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import lrkit as lr
from lrkit.schedules.registry import BUILDERS

LATER = [
    "Scheduler",
    "Plateau",
    "plateau",
    "Greedy",
    "greedy",
    "SpikeGuard",
    "spike_guard",
    "Steered",
    "steered",
    "course",
    "effective",
    "Task",
    "train",
    "compare",
    "RangeCurve",
    "find",
    "suggest",
    "plot",
    "replay",
    "Facts",
    "Jump",
    "Family",
    "catalog",
    "family",
]
FUNCTIONS = sorted(BUILDERS)


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules that *code* loads in a fresh interpreter."""
    probe = f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    names = json.loads(subprocess.check_output([sys.executable, "-c", probe], text=True))
    return {name.split(".")[0] for name in names}


def test_importing_lrkit_loads_no_torch_and_no_plotting():
    heavy = {"torch", "matplotlib", "plotly", "plotext", "scipy", "sklearn", "typer", "rich"}
    assert not heavy & loaded_by("import lrkit\nlrkit.parse('cosine()').over(10).facts()")
    assert not heavy & loaded_by("from lrkit import *")


@pytest.mark.parametrize("name", LATER)
def test_names_of_later_rooms_are_found(name):
    assert getattr(lr, name).__doc__
    assert name in dir(lr)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Schedular'"):
        lr.Schedular  # noqa: B018


@pytest.mark.parametrize("name", lr.__all__)
def test_every_public_name_exists_and_says_what_it_is(name):
    assert inspect.getdoc(getattr(lr, name))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_family_is_exported_with_formula_and_running_example(name):
    assert getattr(lr, name) is BUILDERS[name]
    doc = inspect.getdoc(BUILDERS[name])
    assert ">>>" in doc
    assert doc.splitlines()[0].startswith("Return ")
    assert doc.splitlines()[0][-1] in ".,:" or len(doc.splitlines()[0]) > 60
    for parameter in inspect.signature(BUILDERS[name]).parameters:
        assert parameter in doc or parameter in ("span", "start", "end"), parameter
