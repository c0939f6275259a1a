"""The map of a text, and the edits made by it: what a page shows is what the parser reads."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrkit as lr
from lrkit.errors import SpecError
from lrkit.schedules import Span
from lrkit.schedules.outline import outline, words
from lrkit.schedules.parser import parse
from lrkit.schedules.rewrite import (
    PALETTE,
    numeral,
    scaled,
    with_new_piece,
    with_number,
    with_piece,
    with_piece_moved,
    without_piece,
)
from tests.schedules import trees


@given(trees.schedules)
@settings(max_examples=150, deadline=None)
def test_the_ranges_of_numbers_and_calls_hold_what_they_say(schedule: lr.Schedule) -> None:
    text = str(schedule)
    found = outline(text)
    for number in found.numbers:
        written = text[number.start : number.stop]
        assert float(written.removesuffix(number.unit)) == number.value
    for call in found.calls:
        assert text[call.start : call.stop].startswith(call.name)
        assert text[call.closes] == ")"
        known = {p.name for p in call.parameters}
        assert all(role in known for role, _, _ in call.arguments)
    digits = [w for w in words(text) if w.kind in ("number", "span")]
    signs = [(w.stop, text[w.start : w.stop]) for w in digits]
    assert [stop for stop, _ in signs] == [number.stop for number in found.numbers]


@given(trees.schedules, st.data())
@settings(max_examples=100, deadline=None)
def test_a_number_put_back_leaves_an_equal_schedule(
    schedule: lr.Schedule, data: st.DataObject
) -> None:
    text = str(schedule)
    numbers = outline(text).numbers
    if not numbers:
        return
    index = data.draw(st.integers(0, len(numbers) - 1))
    assert parse(with_number(text, index, numbers[index].value)) == schedule


@given(trees.schedules)
@settings(max_examples=100, deadline=None)
def test_the_pieces_are_those_of_the_sequence_within_the_scale(schedule: lr.Schedule) -> None:
    text = f"0.5 * (hold(3st) >> ({schedule}).part(0, 5, of=2000) >> linear(1, 0, 9st))"
    found = outline(text)
    pieces = [text[p.start : p.stop] for p in found.pieces]
    assert pieces[0] == "hold(3st)"
    assert pieces[-1] == "linear(1, 0, 9st)"
    assert len(pieces) == 3


@given(st.lists(trees.fixed_leaf, min_size=2, max_size=5), st.data())
@settings(max_examples=80, deadline=None)
def test_pieces_move_there_and_back_and_out_and_in(
    pieces: list[lr.Schedule], data: st.DataObject
) -> None:
    texts = [str(p) for p in pieces]
    text = data.draw(
        st.sampled_from(["{}", "0.3 * ({})", "({}).clip(floor=0.1)", "2 * ({}) | plateau()"])
    )
    whole = text.format(" >> ".join(texts))
    i, j = data.draw(st.tuples(*[st.integers(0, len(texts) - 1)] * 2))
    moved = with_piece_moved(whole, i, j)
    assert with_piece_moved(moved, j, i) == whole
    shorter = without_piece(whole, i)
    assert len(outline(shorter).pieces) == len(texts) - 1
    assert with_piece(shorter, i, texts[i]) == whole


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("cosine()", ["cosine()"]),
        ("0.3 * cosine()", ["cosine()"]),
        ("0.3 * warmup(5ep) >> cosine()", ["0.3 * warmup(5ep)", "cosine()"]),
        ("2 * 0.1 * (hold(1ep) >> cosine()) | plateau(0.5)", ["hold(1ep)", "cosine()"]),
        ("(hold(1ep) >> cosine()) * noise(0.1)", ["(hold(1ep) >> cosine()) * noise(0.1)"]),
        ("hold(1ep) + cosine()", ["hold(1ep) + cosine()"]),
        ("(2 * (hold(1ep) >> cosine())).clip(0.1)", ["hold(1ep)", "cosine()"]),
        ("cosine(1, 0, 9).repeat()", ["cosine(1, 0, 9).repeat()"]),
        ("0.1", ["0.1"]),
    ],
)
def test_the_main_sequence_is_looked_for_inside_what_scales_it(
    text: str, pieces: list[str]
) -> None:
    assert [text[p.start : p.stop] for p in outline(text).pieces] == pieces


def test_roles_say_what_a_number_is_for() -> None:
    found = outline("0.3 * (tanh(lower=-7) >> multi_step(1, [30, 5ep], 0.1))")
    assert [(n.value, n.unit, n.role, n.item) for n in found.numbers] == [
        (0.3, "", "scale", -1), (-7.0, "", "lower", -1), (1.0, "", "start", -1),
        (30.0, "", "at", 0), (5.0, "ep", "at", 1), (0.1, "", "factor", -1),
    ]  # fmt: skip
    assert [found.calls[n.call].name for n in found.numbers[1:3]] == ["tanh", "multi_step"]


def test_a_scale_of_one_piece_is_not_that_of_the_whole() -> None:
    assert outline("0.3 * (hold(1ep) >> 2 * cosine())").scale.value == 0.3
    assert outline("hold(1ep) >> 2 * cosine()").scale is None
    assert outline("0.3 * warmup(5ep) >> cosine()").scale is None
    assert outline("(hold(1ep) >> cosine()) * 2").scale.value == 2


def test_controllers_stay_behind_the_bar_through_every_edit() -> None:
    text = "0.1 * hold() | plateau(0.5, patience=3) | spike_guard()"
    tail = " | plateau(0.5, patience=3) | spike_guard()"
    assert with_number(text, 0, 0.2) == "0.2 * hold()" + tail
    assert with_piece(text, 0, "warmup(5ep)") == "0.1 * (warmup(5ep) >> hold())" + tail
    assert scaled(text, 3) == "3 * 0.1 * hold()" + tail


@pytest.mark.parametrize("name", PALETTE)
def test_a_new_piece_takes_what_is_left_only_where_nothing_does(name: str) -> None:
    closed = with_new_piece("cosine()", 0, name, (1, 0.5), Span(10, "%"))
    assert len(outline(closed).pieces) == 2
    assert "10%" in closed
    opened = with_new_piece("hold(5ep)", 1, name, (1, 0.5), Span(10, "%"))
    assert parse(opened).is_open or name == "warmup"


def test_edits_that_leave_no_schedule_are_refused() -> None:
    with pytest.raises(SpecError, match="needs a piece"):
        without_piece("0.3 * cosine()", 0)
    with pytest.raises(SpecError, match="at most one piece"):
        with_piece("cosine()", 0, "hold()")
    with pytest.raises(SpecError, match="no controllers"):
        with_piece("cosine()", 0, "hold(5ep) | plateau()")
    with pytest.raises(SpecError, match="0 <= piece < 2"):
        with_piece_moved("hold(1ep) >> cosine()", 2, 0)
    with pytest.raises(SpecError, match="0 <= number < 1"):
        with_number("cosine(1)", 1, 3)
    with pytest.raises(SpecError, match="beta2"):
        with_number("radam(0.99)", 0, 1.5)


def test_a_number_keeps_the_hand_it_was_written_in() -> None:
    assert with_number("3e-4 * cosine()", 0, 2.5e-4) == "2.5e-4 * cosine()"
    assert with_number("0.0003 * cosine()", 0, 2.5e-4) == "0.00025 * cosine()"
    assert with_number("warmup(5ep)", 0, 7.5) == "warmup(7.5ep)"
    assert numeral(1e-9) == "1e-09"


@given(st.text(max_size=60) | st.text("0.3*()>+ ,cosine|ep%=-[]'$", max_size=40))
def test_words_cover_any_text_in_order_and_never_raise(text: str) -> None:
    found = words(text)
    assert all(a.stop <= b.start for a, b in itertools.pairwise(found))
    covered = {i for w in found for i in range(w.start, w.stop)}
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)


def test_a_wrong_word_is_told_from_a_right_one() -> None:
    kinds = {
        text: next(w.kind for w in words(text)) for text in ("cosine(", "cosin(", "5xx", "hann")
    }
    assert kinds == {"cosine(": "name", "cosin(": "error", "5xx": "error", "hann": "name"}
    assert [w.kind for w in words("plateau(shape=linear)")][:3] == [
        "controller",
        "bracket",
        "argument",
    ]
