"""The API of the Landscape page's functions: what it answers, what it refuses, what it costs."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrkit.landscape import descend, function, optimizer
from lrkit.landscape.functions import NAMES
from lrkit.landscape.optimizers import KINDS
from lrkit.schedules import parse


def part(schedule="constant(0.01)", kind="sgd", since=0, **options):
    return {"schedule": schedule, "optimizer": kind, "since": since, "options": options}


def race(client, function="ravine", lanes=None, **more):
    lanes = [[part()]] if lanes is None else lanes
    asked = {"function": function, "lanes": [{"parts": parts} for parts in lanes], **more}
    return client.post("/api/landscape/race", json=asked)


def test_every_function_and_optimizer_is_offered(client):
    told = client.get("/api/landscape/functions").json()
    assert [one["name"] for one in told["functions"]] == list(NAMES)
    assert [one["name"] for one in told["optimizers"]] == list(KINDS)
    for one in told["functions"]:
        assert client.post("/api/landscape/surface", json={"function": one["name"]}).is_success


def test_a_surface_is_the_function_row_by_row_from_the_bottom(client):
    asked = {"function": "beale", "box": [0, 4, -1, 1], "columns": 5, "rows": 3}
    told = client.post("/api/landscape/surface", json=asked).json()
    f = function("beale")
    meant = [f(x, y) for y in (-1.0, 0.0, 1.0) for x in (0.0, 1.0, 2.0, 3.0, 4.0)]
    assert told["values"] == pytest.approx(meant, rel=1e-6)
    assert told["levels"] == sorted(told["levels"])
    assert told["function"]["minima"][0] == {"x": 3, "y": 0.5, "value": 0}


def test_where_a_formula_has_no_value_the_surface_has_none(client):
    asked = {"function": "log(x)", "box": [-1, 1, 0, 1], "columns": 3, "rows": 2}
    told = client.post("/api/landscape/surface", json=asked).json()
    assert told["values"] == [None, None, 0, None, None, 0]


def test_a_race_is_the_descents_of_the_library(client):
    told = race(
        client, "rosenbrock", [[part("0.001 * cosine()")], [part(kind="adam", beta1=0.5)]],
        knobs={"b": 10}, start=[-1, 2], steps=80, noise=0.5, seed=3,
    ).json()  # fmt: skip
    f = function("rosenbrock", b=10)
    for run, (kind, text) in zip(
        told["runs"],
        [(optimizer("sgd"), "0.001 * cosine()"), (optimizer("adam", beta1=0.5), "constant(0.01)")],
        strict=True,
    ):
        own = descend(f, kind, parse(text).over(80), (-1, 2), noise=0.5, seed=3)
        assert run["x"] == own.path[:, 0].tolist()
        assert run["losses"] == own.losses.tolist()
        assert run["rates"] == own.rates.tolist()
        assert run["gradients"] == own.gradients.tolist()


def test_a_change_on_the_way_keeps_the_path_so_far(client):
    before = [part("constant(0.05)", "momentum")]
    after = [*before, part("0.02 * linear()", "momentum", 40)]
    plain, changed = race(client, lanes=[before, after], steps=100).json()["runs"]
    assert changed["x"][:41] == plain["x"][:41]
    assert changed["x"][42:] != plain["x"][42:]
    # The new schedule keeps the race's clock.
    assert changed["rates"][40:] == parse("0.02 * linear()").over(100).values(40).tolist()


def test_divergence_is_an_answer(client):
    run = race(client, lanes=[[part("constant(0.2)")]], steps=500).json()["runs"][0]
    assert run["status"] == "diverged"
    assert run["diverged_at"] == len(run["x"]) - 1 == len(run["rates"])
    assert "from the origin" in run["reason"]


def test_ten_thousand_steps_are_answered_at_once(client):
    asked = [[part("0.001 * cosine()", "adam")]]
    race(client, "ackley", asked, steps=10_000)
    spent = []
    for _ in range(3):
        begun = time.process_time()
        told = race(client, "ackley", asked, steps=10_000)
        spent.append(time.process_time() - begun)
        assert len(told.json()["runs"][0]["x"]) == 10_001
    assert min(spent) < 1.0  # about 0.06 s; the benchmark has the bar


def test_it_is_only_computing_and_so_works_in_a_studio_that_only_shows(only_shows):
    assert race(only_shows).is_success


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"function": "x + foo(y)"}, "unknown name 'foo'"),
        ({"function": "9**9**9**9"}, "must be finite"),
        ({"function": "__import__('os')"}, "unexpected character"),
        ({"function": "+".join(["sin(x)"] * 200)}, "at most 500 characters"),
        ({"function": "x" * 100_000}, "at most 2000"),
        ({"function": "ravine", "knobs": {"k": 0}}, "`1 <= k <= 1000`"),
        ({"function": "ravine", "knobs": {"q": 1}}, "no knob 'q'"),
        ({"function": "x", "knobs": {"k": 1}}, "no knobs"),
        ({"box": [1, 0, 0, 1]}, "left < right"),
        ({"start": [1e300, 0]}, "less than or equal"),
        ({"function": "log(x)", "start": [-1, 0]}, "finite at the start"),
        ({"steps": 10_000_000}, "less than or equal to 20000"),
        ({"steps": 0}, "greater than or equal to 1"),
        ({"noise": -1}, "greater than or equal to 0"),
        ({"lanes": []}, "at least 1 item"),
        ({"lanes": [{"parts": [part()]}] * 7}, "at most 6 items"),
        ({"lanes": [{"parts": [part(since=5)]}]}, "must begin at 0"),
        ({"lanes": [{"parts": [part(), part(since=9), part(since=4)]}]}, "follow each other"),
        ({"lanes": [{"parts": [part("cosin()")]}]}, "cosine"),
        ({"lanes": [{"parts": [part("warmup(5ep)")]}]}, "steps_per_epoch"),
        ({"lanes": [{"parts": [part('from_function("os:getpid")')]}]}, "names a function"),
        ({"lanes": [{"parts": [part("cosine() | plateau(0.1)")]}]}, "remove the controllers"),
        ({"lanes": [{"parts": [part(kind="adan")]}]}, "did you mean adam"),
        ({"lanes": [{"parts": [part(momentum=0.9)]}]}, "sgd has no option"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_the_rule(client, change, message):
    asked = {"function": "ravine", "lanes": [{"parts": [part()]}]} | change
    answer = client.post("/api/landscape/race", json=asked)
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]


def test_a_fault_in_a_formula_names_its_character(client):
    asked = {"function": "x**2 + foo(y)"}
    error = client.post("/api/landscape/surface", json=asked).json()["error"]
    assert (error["text"], error["position"]) == ("x**2 + foo(y)", 7)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(max_size=40) | st.text("xy()+-*/^., 0129esincoplgqrtabh", max_size=60),
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=6, max_size=6),
)
def test_no_formula_and_no_number_is_a_fault_of_the_studio(client, text, numbers):
    a, b, c, d, x, y = numbers
    look = {"function": text, "box": [a, b, c, d], "columns": 8, "rows": 8}
    for path, asked in [
        ("surface", look),
        ("race", {"function": text, "start": [x, y], "lanes": [{"parts": [part()]}], "steps": 20}),
    ]:
        answer = client.post(f"/api/landscape/{path}", json=asked)
        assert answer.status_code in (200, 422)
        assert answer.json()


def test_nothing_that_is_answered_is_no_number(client):
    told = race(client, "hypot(x, y) + sqrt(x)", start=[1, 1], steps=50).json()["runs"][0]
    assert np.isfinite(told["losses"]).all()
