"""The text parser: reads what `str` writes, runs nothing, and answers every input."""

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import lrkit as lr

TOKENS = [
    "cosine", "warmup", "linear", "hold", "(", ")", "(", ")", "*", ">>", "+", ",", "0.3", "5ep",
    "10%", "1e6sa", "none", "[", "]", "=", ".", "clip", "repeat", "every", "span", "'x'", "-", "/",
    "table", "from_function", "1e999", "\n", " ", "é", "\x00", "_", "st", "noise", "cyclic",
]  # fmt: skip


@settings(max_examples=500)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(TOKENS), max_size=25).map("".join),
        st.lists(st.sampled_from(TOKENS), max_size=25).map(" ".join),
    )
)
@example("")
@example("((((")
@example("1_")
@example("cosine(1, 0, 5ep")
@example("cosine() >> cosine()")
@example("noise(seed=0.5)")
@example("table(5)")
@example("table([cosine()])")
@example("multi_step(1, 5ep)")
@example("cyclic('a', [1])")
@example("hold().repeat(1e300)")
@example("hold(1st).repeat(3, 1e300)")
@example("noam(1e308, 1e308)")
@example("power_scheduler(a=none)")
@example("1/0 * hold()")
@example("1e308 * 1e308 * hold()")
@example("-cosine()")
@example("5ep * hold()")
def test_any_text_is_answered_with_a_schedule_or_an_error_that_points(text):
    try:
        schedule = lr.parse(text)
    except lr.SpecError as error:
        assert error.text == text
        assert 0 <= error.position <= len(text)
        assert str(error).splitlines()[-1].strip() == "^"
    else:
        assert lr.parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    "text",
    [
        "(" * 40_000 + "hold()" + ")" * 40_000,
        "[" * 99_000,
        "hold()" + ".clip()" * 14_000,
        " >> ".join(["hold(1st)"] * 7_000),
        "2 * (" * 15_000,
        "0." * 40_000,
        "9" * 99_999,
        "cosine(" * 14_000,
        "x" * 99_999,
        "hold() " + "* hold()" * 12_000,
    ],
)
def test_hostile_text_is_answered_within_seconds(text):
    start = time.perf_counter()
    try:
        lr.parse(text)
    except lr.SpecError as error:
        assert len(str(error)) < 500
    assert time.perf_counter() - start < 20


def test_text_over_the_limit_is_refused():
    with pytest.raises(lr.SpecError, match="100000 characters"):
        lr.parse("hold() + " * 20_000)


def test_text_does_not_import_or_call(monkeypatch):
    monkeypatch.setitem(sys.modules, "this_module_must_not_load", None)
    schedule = lr.parse('from_function("this_module_must_not_load:f")')
    with pytest.raises(lr.SpecError, match="cannot load the function"):
        schedule.over(10)
    for text in ("__import__('os')", "lambda: 1", "hold().__class__()", "from_function(len)"):
        with pytest.raises(lr.SpecError):
            lr.parse(text)


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("cosin()", 0, "unknown schedule 'cosin'; did you mean cosine"),
        ("0.3 * (warmup(5ep) >> cosin())", 22, "did you mean cosine"),
        ("warmup(5epochs)", 8, "unknown unit 'epochs'; use st"),
        ("warmup(5ep", 10, "expected ')' to close warmup("),
        ("warmup(-5ep)", 8, "only a number can stand after '-'"),
        ("linear(0, -1)", 0, "end must be finite and >= 0, got -1"),
        ("linear(0, 1, 2, 3)", 0, "too many positional arguments; it takes start, end, span"),
        ("linear(stop=1)", 0, "unexpected keyword argument 'stop'; it takes start, end, span"),
        ("linear(start=1, start=2)", 16, "start is given twice"),
        ("linear(start=1, 2)", 16, "cannot follow one with a name"),
        ("cosine() cosine()", 9, "expected an operator or the end"),
        ("cosine() >> linear()", 0, "at most one piece of a sequence"),
        (
            "cosine().clp(1)",
            9,
            "expected one of clip, part, repeat, stairs, warp after '.', got 'clp'",
        ),
        ("0.3 >> cosine()", 0, "a schedule is needed here, got 0.3"),
        ("0.3 * 5ep", 6, "* joins schedules and numbers"),
        ("0.3 # cosine()", 4, "unexpected character '#'"),
        ("geometric(1, 0)", 0, "`end > 0` must hold"),
        ("exponential(1, 0.9, 0ep)", 0, "`every > 0` must hold, got 0ep; use hold()"),
        ("", 0, "expected a schedule"),
        ("cosine(1e999)", 7, "a number must be finite"),
    ],
)
def test_errors_name_the_rule_and_point_at_the_character(text, position, said):
    with pytest.raises(lr.SpecError) as caught:
        lr.parse(text)
    assert said in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.3*(warmup(5ep)>>cosine())", "0.3 * (warmup(5ep) >> cosine())"),
        ("linear(0, 1, 5ep, ahead=1)", "warmup(5ep)"),
        ("warmup(500)", "warmup(500st)"),
        ("cosine(start=1, end=0.01)", "cosine(1, 0.01)"),
        ("constant(1, 3ep)", "hold(3ep)"),
        ("0.5", "constant(0.5)"),
        ("1/4 * hold()", "0.25 * hold()"),
        ("hold() * 0.1", "0.1 * hold()"),
        ("0.3 * warmup(5ep) >> cosine()", "0.3 * warmup(5ep) >> cosine()"),
        ("(hold(1st) >> hold(2st)) >> hold()", "hold(1st) >> hold(2st) >> hold()"),
        ("2 * (3 * hold())", "2 * (3 * hold())"),
        ("hold() * (hold() + hold())", "hold() * (hold() + hold())"),
        ("cosine(1, 0, 10ep).repeat(stretch=2).clip(floor=.1)",
         "cosine(1, 0, 10ep).repeat(stretch=2).clip(floor=0.1)"),
        ("tanh(lower=-6)", "tanh(lower=-6)"),
        ("cyclic(0, 1, 5ep, window=hann)",
         "constant(0) + 1 * (cosine(0, 1, 5ep) >> cosine(1, 0, 5ep)).repeat()"),
        ("table([1, 2], at=[0, 5ep], kind='step')", 'table([1, 2], [0st, 5ep], kind=step)'),
        ("3e-4 * (linear(0, 1, 2160st) >> hold(5840st) >> hold() * 0.3)",
         "0.0003 * (linear(0, 1, 2160st) >> hold(5840st) >> 0.3 * hold())"),
    ],
)  # fmt: skip
def test_text_is_written_the_way_people_read(text, written):
    assert str(lr.parse(text)) == written
    assert str(lr.parse(written)) == written


def test_a_lambda_can_be_used_but_not_saved():
    schedule = 0.5 * lr.from_function(lambda t: 1 / (1 + t))
    assert schedule.over(10)(1) == 0.25
    for save in (str, lr.Schedule.to_dict):
        with pytest.raises(lr.SpecError, match="define it at the top level of a module"):
            save(schedule)


def test_a_function_is_saved_by_its_import_path():
    import math

    schedule = lr.from_function(math.sqrt)
    assert str(schedule) == 'from_function("math:sqrt")'
    assert lr.parse(str(schedule)) == schedule
