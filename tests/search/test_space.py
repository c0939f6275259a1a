"""A space is a schedule's text with ranges in it: what is written is what can be drawn."""

from __future__ import annotations

import itertools
import math
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrkit.control import Steered, steered
from lrkit.errors import SpecError
from lrkit.schedules import Horizon
from lrkit.search import Parameter, Space

FULL = "~log(1e-3, 1) * (warmup(~int(0, 10)ep) >> ~choice(cosine(), linear(), one_minus_sqrt()))"

number = st.floats(1e-4, 10, allow_nan=False).map(lambda x: float(f"{x:.3g}"))
pair = st.tuples(number, number).filter(lambda p: p[0] < p[1])
units = st.sampled_from(["", "st", "ep", "%"])


def log(bounds: tuple[float, float]) -> str:
    return f"~log({bounds[0]}, {bounds[1]})"


def uniform(bounds: tuple[float, float]) -> str:
    return f"~uniform({bounds[0]},{bounds[1]})"


factors = st.one_of(number.map(str), pair.map(log), pair.map(uniform))
spans = st.one_of(
    st.integers(0, 20).map(lambda n: f"{n}ep"),
    st.tuples(st.integers(0, 5), st.integers(6, 20)).map(lambda p: f"~int({p[0]}, {p[1]})ep"),
    pair.map(lambda p: f"{uniform(p)}%"),
    st.just("~choice(1ep, 5%, ~int(2, 4)ep)"),
)
shapes = st.one_of(
    st.sampled_from(["cosine()", "linear()", "one_minus_sqrt()", "geometric(1, 0.01)"]),
    factors.map(lambda f: f"cosine(1, {f})"),
)
pieces = st.one_of(
    shapes,
    st.lists(shapes, min_size=2, max_size=3, unique=True).map(lambda s: f"~choice({', '.join(s)})"),
)
controllers = st.sampled_from(
    ["", " | plateau(~uniform(0.1, 0.9))", " | ~choice(none, plateau(0.5, patience=~int(1, 5)))"]
)
texts = st.builds(
    lambda f, s, p, c: f"{f} * (warmup({s}) >> {p}){c}", factors, spans, pieces, controllers
)


def any_value(data: st.DataObject, parameter: Parameter) -> Any:
    if parameter.kind == "choice":
        return data.draw(st.sampled_from(parameter.members))
    if parameter.kind == "int":
        return data.draw(st.integers(int(parameter.low), int(parameter.high)))
    return data.draw(st.floats(parameter.low, parameter.high))


@settings(max_examples=40, deadline=None)
@given(texts, st.data())
def test_every_point_of_a_space_is_a_schedule(text: str, data: st.DataObject) -> None:
    space = Space.parse(text)
    point = space.point(lambda parameter: any_value(data, parameter))
    assert isinstance(point.spec, Steered)
    assert steered(point.text) == point.spec
    known = {parameter.name: parameter for parameter in space.parameters}
    for name, value in point.values.items():
        if known[name].kind != "choice":
            assert known[name].low <= value <= known[name].high  # type: ignore[operator]
    assert space.at(point.values) == point


@settings(max_examples=40, deadline=None)
@given(texts)
def test_a_space_is_its_text(text: str) -> None:
    space = Space.parse(text)
    again = Space.parse(str(space), space.options)
    assert again == space
    assert again.parameters == space.parameters
    assert str(again) == str(space)
    assert len({parameter.name for parameter in space.parameters}) == len(space.parameters)


@settings(max_examples=40, deadline=None)
@given(pair, st.integers(1, 9), st.sampled_from(["log", "uniform"]))
def test_the_values_of_a_grid_are_evenly_spread(
    bounds: tuple[float, float], n: int, kind: Any
) -> None:
    parameter = Parameter("x", kind, *bounds)
    levels: list[float] = [float(level) for level in parameter.levels(n)]  # type: ignore[arg-type]
    assert all(parameter.low <= level <= parameter.high for level in levels)
    if n > 1:
        assert (levels[0], levels[-1]) == bounds
        place = [parameter.share(level) for level in levels]
        steps = [b - a for a, b in itertools.pairwise(place)]
        # Written with four digits: of the number on a log axis, of the width on a plain one.
        fine = 1e-3 / math.log(bounds[1] / bounds[0]) if kind == "log" else 1e-3
        assert max(steps) - min(steps) <= 2 * fine


@settings(max_examples=40, deadline=None)
@given(pair, st.floats(0, 1), st.sampled_from(["log", "uniform"]))
def test_a_drawn_number_is_written_short_and_close(
    bounds: tuple[float, float], share: float, kind: Any
) -> None:
    parameter = Parameter("x", kind, *bounds)
    drawn = parameter.at_share(share)
    written = float(parameter.snap(drawn))  # type: ignore[arg-type]
    scale = drawn if kind == "log" else parameter.high - parameter.low
    assert abs(written - drawn) <= 1e-3 * scale
    assert parameter.snap(written) == written


WORDS = ["~", "log(", "uniform(", "int(", "choice(", "~x", ":", ")", ",", "1", "0.5", "3ep", "%"]
WORDS += ["cosine()", "warmup(", " >> ", " * ", " + ", " | ", "plateau(", "none", "step=", "[", "]"]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.lists(st.sampled_from(WORDS), max_size=12).map("".join), st.text(max_size=30)))
def test_any_text_is_a_space_or_refused_at_a_character(text: str) -> None:
    try:
        space = Space.parse(text, {"option": text})
    except SpecError as error:
        assert "\n" not in error.reason
        assert error.position is None or 0 <= error.position <= len(text)
    else:
        assert Space.parse(str(space), space.options) == space


def test_a_point_goes_to_another_process() -> None:
    space = Space.parse(FULL, {"momentum": "~uniform(0, 0.99)"})
    point = space.grid(2)[0]
    assert pickle.loads(pickle.dumps((space, point))) == (space, point)


def test_the_issues_space_reads_and_names_its_ranges() -> None:
    options = {"momentum": "~uniform(0, 0.99)", "batch_size": "~choice(16, 32, 64)", "width": 64}
    space = Space.parse(FULL, options)
    names = [parameter.name for parameter in space.parameters]
    assert names == ["peak", "warmup", "shape", "momentum", "batch_size"]
    point = space.at(
        {"peak": 0.3, "warmup": 5, "shape": "linear()", "momentum": 0.9, "batch_size": 32}
    )
    assert point.text == "0.3 * (warmup(5ep) >> linear())"
    assert point.options == {"momentum": 0.9, "batch_size": 32, "width": 64}
    assert space.size is None


def test_a_warm_up_of_nothing_is_the_schedule_without_it() -> None:
    space = Space.parse(FULL)
    point = space.at({"peak": 0.3, "warmup": 0, "shape": "cosine()"})
    with_none = point.spec.schedule.over("30ep", steps_per_epoch=4)
    without = steered("0.3 * cosine()").schedule.over("30ep", steps_per_epoch=4)
    assert with_none.values().tolist() == without.values().tolist()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("~log(1e-3, 1)", ["peak"]),
        ("~choice(0.1, 0.3) * cosine()", ["peak"]),
        ("linear(0, ~log(0.1, 1), 5ep) >> cosine(1, ~uniform(0, 0.1))", ["end", "cosine_end"]),
        ("warmup(5ep) >> ~uniform(0.1, 0.9) * hold()", ["scale"]),
        ("cosine().clip(floor=~log(1e-5, 1e-3))", ["floor"]),
        ("wsd(~uniform(1, 10)%, cooldown=~uniform(10, 40)%)", ["warmup", "cooldown"]),
        ("table([1, ~uniform(0.5, 1), ~uniform(0, 0.5)])", ["values", "table_values"]),
        ("~top:log(1e-3, 1) * cosine()", ["top"]),
        ("~log(0.1, 1) * warmup(~peak:int(1, 5)ep)", ["peak_2", "peak"]),
        ("hold() | plateau(~uniform(0.1, 0.9), patience=~int(1, 9))", ["factor", "patience"]),
        ("hold() | ~choice(plateau(0.5), spike_guard())", ["controller"]),
    ],
)
def test_a_range_is_named_by_its_place(text: str, names: list[str]) -> None:
    assert [parameter.name for parameter in Space.parse(text).parameters] == names


def test_a_name_given_twice_is_one_value() -> None:
    space = Space.parse(
        "~peak:log(0.01, 1) * cosine() + ~peak * ~choice(linear(), cosine(1, ~log(0.1, 0.5)))",
        {"lr": "~peak"},
    )
    assert [parameter.name for parameter in space.parameters] == ["peak", "shape", "end"]
    point = space.at({"peak": 0.1, "shape": "linear()"})
    assert point.text == "0.1 * cosine() + 0.1 * linear()"
    assert point.options == {"lr": 0.1}


def test_a_range_inside_a_member_is_asked_where_it_is_chosen() -> None:
    space = Space.parse("0.1 * (warmup(5%) >> ~choice(cosine(), linear(1, ~uniform(0, 0.1))))")
    (end,) = [parameter for parameter in space.parameters if parameter.name == "end"]
    assert end.condition == "shape is linear(1, ~uniform(0, 0.1))"
    assert space.at({"shape": "cosine()"}).values == {"shape": "cosine()"}
    assert space.at({"shape": "cosine()", "end": 0.05}).values == {"shape": "cosine()"}
    with pytest.raises(SpecError, match="a value for end is needed"):
        space.at({"shape": "linear(1, ~uniform(0, 0.1))"})
    texts = [point.text for point in space.grid(2)]
    assert texts == [
        "0.1 * (warmup(5%) >> cosine())",
        "0.1 * (warmup(5%) >> linear())",
        "0.1 * (warmup(5%) >> linear(1, 0.1))",
    ]


def test_a_member_keeps_together_what_it_holds() -> None:
    space = Space.parse("0.5 * ~choice(hold(5ep) >> linear(), cosine() + 0.1 * hold(), 2)")
    assert [point.text for point in space.grid()] == [
        "0.5 * (hold(5ep) >> linear())",
        "0.5 * (cosine() + 0.1 * hold())",
        "hold()",
    ]


def test_controllers_are_chosen_among_and_none_is_none() -> None:
    space = Space.parse("0.1 * hold() | ~choice(plateau(0.5), none) | spike_guard()")
    assert [point.text for point in space.grid()] == [
        "0.1 * hold() | plateau(0.5) | spike_guard()",
        "0.1 * hold() | spike_guard()",
    ]
    whole = Space.parse("~choice(0.1 * hold() | plateau(0.5), 0.2 * cosine())")
    assert [point.text for point in whole.grid()] == [
        "0.1 * hold() | plateau(0.5)",
        "0.2 * cosine()",
    ]


def test_options_are_numbers_words_texts_lists_and_nothing() -> None:
    options = {
        "optimizer": "~choice(sgd, 'adam-w', none)",
        "nesterov": "~choice(true, false)",
        "betas": "[0.9, ~uniform(0.9, 0.999)]",
        "depth": "~int(1, 3)",
        "name": "as it is",
    }
    space = Space.parse("0.1 * cosine()", options)
    values = {"optimizer": None, "nesterov": False, "betas": 0.95, "depth": 2}
    assert space.at(values).options == {
        "optimizer": None,
        "nesterov": False,
        "betas": [0.9, 0.95],
        "depth": 2,
        "name": "as it is",
    }
    assert Space.parse(str(space), space.options) == space


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0.1 * cosine()", 1),
        ("~choice(0.1, 0.2) * warmup(~int(0, 10, step=5)ep)", 6),
        ("~choice(cosine(), linear(1, ~choice(0, 0.1)))", 3),
        ("~a:choice(1, 2) * cosine() + ~a * linear()", 2),
        ("~uniform(0, 1, step=0.25) * cosine()", 5),
        ("~log(0.1, 1)", None),
    ],
)
def test_a_finite_space_is_counted(text: str, size: int | None) -> None:
    space = Space.parse(text)
    assert space.size == size
    if size is not None:
        points = space.grid(1000)
        assert len(points) == len({point.text for point in points}) == size


def test_a_step_is_what_a_person_would_write() -> None:
    space = Space.parse("~uniform(0.1, 0.7, step=0.1) * cosine()")
    assert [point.values["peak"] for point in space.grid(99)] == [
        0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason", "under"),
    [
        ("~log(0, 1) * cosine()", "`low > 0` must hold", "~log"),
        ("cosine(~uniform(1, 1))", "`low < high` must hold", "~uniform"),
        ("~loge(1, 2)", "unknown kind of range 'loge'; did you mean log?", "loge"),
        ("~int(1, 2", "expected '\\)' to close ~int", ""),
        ("~int(0.5, 2)", "bounds of ~int are whole", "~int"),
        ("~int(0ep, 5ep)", "the unit stands after the bracket", "0ep"),
        ("warmup(~int(0, 5)epo)", "unknown unit 'epo'", "epo"),
        ("~choice(cosine())", "two members or more", "~choice"),
        ("~choice(1, 1.0) * cosine()", "members of a choice differ", "~choice"),
        ("~uniform(0, 1, step=0.3)", "some steps above `low`", "~uniform"),
        ("~x:log(1, 2) * cosine(1, ~x:log(1, 3))", "~x was another range before", "~x:log(1, 3)"),
        ("~pek * ~peak:log(0.1, 1)", "~pek is no range yet", "~pek"),
        ("0.1 * ~choice(cosine(), linea())", "at shape = linea\\(\\): unknown schedule", "linea"),
        ("cosine(~int(0, 3)ep)", "start must be a number", "cosine"),
        ("hold().repeat(~uniform(1, 3))", "at times = .*whole number", "repeat"),
        (
            "cosine().clip(floor=~uniform(0, 1), ceiling=~uniform(0, 1))",
            "at floor = 1.0, ceiling = 0.0: `floor <= ceiling`",
            "clip",
        ),
        ("~log(1e-3, 1) * cosine())", "closes no bracket", ")"),
        ("", "an empty text", ""),
        ("0.1 : cosine()", "unexpected character ':'", ":"),
    ],
)
def test_a_wrong_range_is_named_and_pointed_at(text: str, reason: str, under: str) -> None:
    with pytest.raises(SpecError, match=reason) as caught:
        Space.parse(text)
    assert caught.value.text == text
    assert caught.value.position is not None
    at = text.rindex(under) if under else caught.value.position
    assert caught.value.position == at


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(SpecError, match="width") as caught:
        Space.parse("0.1 * cosine()", {"width": "2 * ~int(1, 3)"})
    assert caught.value.text == "2 * ~int(1, 3)"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"peak": 2.0}, r"peak must be in \[0.001, 1\], got 2"),
        ({"warmup": 2.5}, "warmup goes from 0 by 1, got 2.5; the nearest is 2"),
        ({"shape": "rex()"}, "shape must be one of cosine"),
        ({"peak": "0.1"}, "peak must be a number"),
        ({"top": 1}, "the space has no range 'top'; it has peak, warmup, shape"),
    ],
)
def test_a_value_outside_its_range_is_refused(values: dict[str, Any], reason: str) -> None:
    given = {"peak": 0.1, "warmup": 3, "shape": "cosine()", **values}
    with pytest.raises(SpecError, match=reason):
        Space.parse(FULL).at(given)


def test_a_space_is_checked_against_a_horizon() -> None:
    space = Space.parse(FULL)
    space.check(Horizon.of("30ep", steps_per_epoch=5))
    with pytest.raises(SpecError, match=r"at warmup = 10: .*nothing is left for") as caught:
        space.check(Horizon.of("8ep", steps_per_epoch=5))
    assert caught.value.position == FULL.index("~int")


def test_a_large_space_is_checked_in_time() -> None:
    ranges = " + ".join(f"~x{i}:log(1e-3, 1) * cosine(1, ~uniform(0, 1))" for i in range(20))
    assert len(Space.parse(ranges).parameters) == 40


def test_a_grid_has_at_least_one_value() -> None:
    with pytest.raises(SpecError, match="1 value or more of a range, got 0"):
        Space.parse(FULL).grid(0)
    with pytest.raises(SpecError, match="no range 'top'"):
        Space.parse(FULL).grid({"top": 3})
