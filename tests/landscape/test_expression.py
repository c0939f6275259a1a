"""Formulas that users type: what they mean, what is refused and where, and what they cost."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrkit.errors import SpecError
from lrkit.landscape import from_text
from lrkit.landscape.grammar import LENGTH, NESTING, compiled
from lrkit.landscape.tape import FUNCTIONS

X, Y = 1.7, 0.6
NUMBERS = {name: getattr(math, name) for name in FUNCTIONS if hasattr(math, name)}


@st.composite
def formulas(draw, depth=3):
    """Formulas that are Python as well, of numbers for which nothing overflows."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(["x", "y", "pi", "e", "2", "0.5", "1e-3", "3.", ".25"]))
    part = formulas(depth=depth - 1)
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return f"{draw(part)} {draw(st.sampled_from('+-*/'))} {draw(part)}"
    if kind == 1:
        return f"({draw(part)})"
    if kind == 2:
        return f"-{draw(part)}"
    if kind == 3:
        return f"{draw(st.sampled_from(['sin', 'cos', 'tanh', 'atan', 'abs']))}({draw(part)})"
    return f"({draw(part)})**{draw(st.sampled_from(['2', '3', '-1', '0', '5']))}"


@given(formulas())
@example("-x**2")
@example("2**-x")
@example("x**2**-1")
@example("x - y - 1")
@example("x / y / 2")
@example("hypot(x, y) + sqrt(x) + log(y) + exp(-x) + tan(y) + sinh(x) * cosh(y)")
def test_a_formula_means_what_it_means_in_python(text):
    names = NUMBERS | {"abs": abs, "x": X, "y": Y, "pi": math.pi, "e": math.e}
    try:
        meant = eval(text, {"__builtins__": {}}, names)
    except ArithmeticError:
        assert not finite(text)
    else:
        assert compiled(text).both(X, Y)[0] == pytest.approx(meant, rel=1e-12, abs=1e-300)


def finite(text):
    """Return whether *text* is a formula with a number at (X, Y)."""
    try:
        return math.isfinite(compiled(text).both(X, Y)[0])
    except SpecError as error:
        assert "finite" in error.reason
        return False


@given(formulas())
def test_a_formula_has_its_exact_gradient(text):
    try:
        both = compiled(text).both
    except SpecError:
        return  # 1/0 in it
    h = 1e-6
    values = [both(X + h, Y), both(X - h, Y), both(X, Y + h), both(X, Y - h), both(X, Y)]
    if not np.isfinite(values).all() or np.abs(values).max() > 1e4:
        return
    near = [(values[i][0] - values[i + 1][0]) / (2 * h) for i in (0, 2)]
    assert list(both(X, Y)[1:]) == pytest.approx(near, rel=1e-4, abs=1e-4)


@given(st.text(max_size=60) | st.text("xy()+-*/^., 0129eEsincoplgqrtabh_", max_size=80))
@example("x" * 10_000)
@example("(" * 400)
@example("-" * 499)
@example("x" + "**x" * 100)
@example("+".join(["sin(x)"] * 60))
@example("__import__('os').system('true')")
@example("x.__class__")
@example("9**9**9**9")
@example("1e400")
@example("٣*x")
@example("x\0")
@example("(lambda: x)()")
@example("x if x else y")
@example("\ud800")
def test_any_text_is_a_function_or_a_spec_error_at_once(text):
    began = time.perf_counter()
    try:
        made = from_text(text)
    except SpecError as error:
        assert error.text == text
        assert 0 <= (error.position or 0) <= max(len(text), LENGTH)
    else:
        assert math.isfinite(made(*made.start))
        assert made.grid().values.shape == (120, 120)
    assert time.perf_counter() - began < 2  # it takes milliseconds


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("x**2 + foo(y)", 7, "unknown name 'foo'"),
        ("2x", 1, "operator is missing before 'x'"),
        ("(x + y", 6, "'\\)' is missing, found the end"),
        ("x + ", 4, "the formula ends"),
        ("sin(x, y)", 0, "sin takes 1 argument, got 2"),
        ("sin x", 4, "'\\(' is missing, found 'x'"),
        ("x $ y", 2, "unexpected character '\\$'"),
        ("y + 9**9**9**9", 8, "must be finite"),
        ("x + log(0)", 4, "must be finite"),
        ("x)", 1, "'\\)' does not belong here"),
        ("", 0, "the formula ends"),
        ("ravin", 0, "did you mean ravine"),
        ("log(x) + log(-1-x)", 0, "finite somewhere in its box"),
        ("x + " * 200 + "x", LENGTH, f"at most {LENGTH} characters"),
        ("(" * (NESTING + 1) + "x" + ")" * (NESTING + 1), NESTING + 1, f"at most {NESTING} deep"),
    ],
)
def test_a_fault_is_shown_under_its_character(text, position, message):
    with pytest.raises(SpecError, match=message) as caught:
        from_text(text)
    assert caught.value.position == position
    assert str(caught.value).splitlines()[-1].strip() == "^"


def test_the_work_of_a_formula_is_bounded():
    # Powers up to 16 are products: this asks for far more operations than are allowed.
    with pytest.raises(SpecError, match="at most 300 operations"):
        compiled("+".join(f"(x+{n})**15" for n in range(45)))


@pytest.mark.parametrize(
    ("text", "x", "y", "both"),
    [
        ("1/x", 0.0, 0.0, (math.inf, -math.inf, 0.0)),
        ("exp(x)", 1000.0, 0.0, (math.inf, math.inf, 0.0)),
        ("exp(-exp(x))", 1000.0, 0.0, (0.0, math.nan, 0.0)),
        ("log(x)", 0.0, 0.0, (-math.inf, math.inf, 0.0)),
        ("sqrt(x)", -1.0, 0.0, (math.nan, math.nan, 0.0)),
        ("x**0.5", -1.0, 0.0, (math.nan, math.nan, 0.0)),
        ("x**y", 0.0, 2.0, (0.0, 0.0, 0.0)),
        ("abs(x) + hypot(x, y)", 0.0, 0.0, (0.0, 0.0, 0.0)),
        ("7", 3.0, 4.0, (7.0, 0.0, 0.0)),
    ],
)
def test_where_a_formula_has_no_number_it_is_infinite_or_nan_and_never_raises(text, x, y, both):
    np.testing.assert_array_equal(compiled(text).both(x, y), both)


def test_a_name_is_a_function_and_a_box_moves_the_view():
    assert from_text(" beale ").minima[0].x == 3
    f = from_text("x^2", box=(0, 10, 2, 4))
    assert f.box == (0, 10, 2, 4)
    assert f.start == (1.5, 2.3)
