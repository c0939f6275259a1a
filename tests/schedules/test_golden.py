"""Schedules that a released lrkit wrote load for ever, and mean the same rates."""

from __future__ import annotations

import json

import pytest

import lrkit as lr
from tests.schedules.write_golden import AT, GOLDEN, UNITS

ROWS = [json.loads(line) for line in GOLDEN.read_text().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=[row["text"][:50] for row in ROWS])
def test_a_golden_schedule_loads_and_has_its_values(row):
    schedule = lr.from_dict(row["json"])
    assert schedule == lr.parse(row["text"]) == lr.parse(row["written"])
    assert schedule.over(**UNITS)(AT) == pytest.approx(row["values"], rel=1e-13, abs=1e-18)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "an object with a format number"),
        ([1], "an object with a format number"),
        ({"format": 2, "type": "cosine"}, "reads schedule format 1, got 2; upgrade lrkit"),
        ({"format": 1}, "an object with a type"),
        ({"format": 1, "type": "cosin"}, "unknown type of schedule 'cosin'; did you mean cosine"),
        ({"format": 1, "type": "cosine", "strat": 1}, "cosine has no 'strat'; did you mean start"),
        ({"format": 1, "type": "scale", "factor": 2}, "missing 1 required"),
        ({"format": 1, "type": "scale", "factor": 2, "child": 3}, "an object with a type"),
        ({"format": 1, "type": "sequence", "pieces": 3}, "must be a list of schedules"),
        ({"format": 1, "type": "cosine", "start": "x"}, "start must be a number"),
        ({"format": 1, "type": "cosine", "start": None}, "start must be a number"),
    ],
)
def test_damaged_json_is_refused_by_name(data, said):
    with pytest.raises(lr.SpecError) as caught:
        lr.from_dict(data)
    assert said in str(caught.value)


def test_json_nested_without_end_is_refused():
    data = {"type": "cosine"}
    for _ in range(300):
        data = {"type": "scale", "factor": 1, "child": data}
    with pytest.raises(lr.SpecError, match="100 deep at most"):
        lr.from_dict({"format": 1, **data})
