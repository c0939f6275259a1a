"""Dragging the curve: the handle goes where the hand is, and only the number meant changes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lrkit as lr
from lrkit.errors import SpecError
from lrkit.schedules import Horizon, catalog
from lrkit.schedules.grips import drag, handles
from lrkit.schedules.outline import outline, words
from lrkit.schedules.parser import parse
from lrkit.schedules.solve import solved
from tests.schedules import trees

H = Horizon.of("30ep", steps_per_epoch=235, batch_size=128, tokens_per_step=1000)
UNITS = Horizon.of(trees.TOTAL, **trees.UNITS)


def moved(text: str, handle: str, **target: float) -> str:
    return drag(text, H, handle, dx=24, dy=2e-3, **target).text


@pytest.mark.parametrize(
    ("text", "handle", "target", "result"),
    [
        # The number that stands there, its unit kept.
        ("0.3 * (warmup(5ep) >> cosine())", "joint 1", {"x": 1880},
         "0.3 * (warmup(8ep) >> cosine())"),
        ("0.3 * (warmup(5ep) >> cosine())", "joint 1", {"y": 0.2},
         "0.2 * (warmup(5ep) >> cosine())"),
        ("3e-1 * cosine()", "start", {"y": 0.2}, "0.2 * cosine()"),
        ("hold(5ep) >> hold(10ep) >> cosine()", "joint 2", {"x": 4230},
         "hold(5ep) >> hold(13ep) >> cosine()"),
        # A joint stays closed: the numbers on both sides of it move.
        ("linear(0, 0.3, 5ep) >> cosine(0.3, 0)", "joint 1", {"y": 0.2},
         "linear(0, 0.2, 5ep) >> cosine(0.2, 0)"),
        # What a flat piece is lifted by goes on behind it.
        ("linear(0, 0.3, 5ep) >> constant(0.3, 10ep) >> cosine(0.3, 0)", "joint 1", {"y": 0.2},
         "linear(0, 0.2, 5ep) >> constant(0.2, 10ep) >> cosine(0.2, 0)"),
        ("constant(0.3, 10ep) >> constant(0.3, 5ep) >> cosine(0.3, 0)", "start", {"y": 0.2},
         "constant(0.2, 10ep) >> constant(0.2, 5ep) >> cosine(0.2, 0)"),
        # Recipes keep their text.
        ("0.3 * wsd(5%, 20%)", "joint 2", {"x": 4935}, "0.3 * wsd(5%, 30%)"),
        ("0.1 * one_cycle()", "joint 1", {"x": 2820}, "0.1 * one_cycle(40%)"),
        ("cyclic(0.001, 0.006, 2000st)", "joint 1", {"x": 2400}, "cyclic(0.001, 0.006, 2400st)"),
        ("cyclic(0.01, 0.06, 2000st)", "joint 2", {"y": 0.02}, "cyclic(0.02, 0.06, 2000st)"),
        ("sgdr(10ep)", "joint 1 after", {"y": 0.5}, "0.5 * sgdr(10ep)"),
        ("table([0.1, 0.3], at=[0ep, 10ep])", "end", {"x": 1880, "y": 0.2},
         "table([0.1, 0.2], at=[0ep, 8ep])"),
        # What is not written, because it has its default, is written down.
        ("cosine()", "end", {"y": 0.1}, "cosine(end=0.1)"),
        ("linear(1)", "end", {"y": 0.1}, "linear(1, 0.1)"),
        ("cosine()", "start", {"y": 0.5}, "0.5 * cosine()"),
        ("warmup(5ep) >> cosine() | plateau()", "joint 1", {"y": 0.5},
         "0.5 * (warmup(5ep) >> cosine()) | plateau()"),
        ("0.3 * wsd(5%, 20%)", "end", {"y": 0.03}, "0.3 * wsd(5%, 20%, end=0.1)"),
        ("hann(0.1, 0.5)", "peak", {"y": 0.4}, "hann(0.1, 0.4)"),
        ("0.1", "start", {"y": 0.2}, "0.2"),
    ],
)  # fmt: skip
def test_the_natural_number_moves(text: str, handle: str, target: dict, result: str) -> None:
    assert moved(text, handle, **target) == result


def test_numbers_are_as_short_as_the_hand_is_coarse() -> None:
    text = "0.3 * (warmup(5ep) >> cosine())"
    assert drag(text, H, "joint 1", y=0.123456, dy=0.01).text.startswith("0.12 *")
    assert drag(text, H, "joint 1", y=0.123456, dy=0.0001).text.startswith("0.1235 *")


def test_a_handle_says_what_moves_it_and_why_nothing_does() -> None:
    found = {h.name: h for h in handles("0.3 * (warmup(5ep) >> cosine())", H)}
    assert list(found) == ["start", "joint 1", "end"]
    assert (found["joint 1"].by_x, found["joint 1"].by_y) == ("span", "scale")
    assert found["end"].by_x == ""
    assert "total" in found["end"].why_x
    with pytest.raises(SpecError, match="first update is step 0"):
        drag("cosine()", H, "start", x=5)
    with pytest.raises(SpecError, match="a handle must be one of start, end"):
        drag("cosine()", H, "joint 1", x=5)


def test_the_first_value_of_a_short_warmup_does_not_drag_the_peak_along() -> None:
    found = {h.name: h for h in handles("0.3 * wsd(5%, 20%)", H)}
    assert found["start"].by_y == ""
    with pytest.raises(SpecError, match="by itself"):
        drag("0.3 * wsd(5%, 20%)", H, "start", y=0.2)


def test_a_drag_past_a_limit_stops_at_it() -> None:
    past = drag("0.3 * (warmup(5ep) >> cosine(1, 0, 20ep))", H, "joint 1", x=9_000, dx=10)
    assert not past.reached
    crossed = drag("hold(5ep) >> hold() >> cosine(1, 0, 5ep)", H, "joint 1", x=6_900, dx=10)
    assert 0 < crossed.x <= 25 * 235
    assert parse(crossed.text)
    down = drag("cosine(0.3, 0.1)", H, "end", y=-1.0, dy=0.01)
    assert (down.text, down.reached) == ("cosine(0.3, 0)", False)


@pytest.mark.parametrize("family", catalog(), ids=lambda family: family.name)
def test_every_family_has_a_handle_that_moves(family: lr.Family) -> None:
    horizon = Horizon.of("100ep", steps_per_epoch=10, batch_size=100, tokens_per_step=100)
    found = handles(family.example, horizon)
    assert any(h.by_y for h in found), found


@given(trees.schedules, st.data())
@settings(max_examples=80, deadline=None)
def test_a_drag_lands_within_the_resolution_and_changes_nothing_else(
    schedule: lr.Schedule, data: st.DataObject
) -> None:
    text = str(schedule)
    try:
        found = handles(text, UNITS)
    except SpecError:
        assume(False)
    top = max(h.y for h in found)
    movable = [h for h in found if h.by_x or h.by_y]
    assume(movable and top > 0)
    handle = data.draw(st.sampled_from(movable))
    sizes = {"x": (trees.TOTAL, trees.TOTAL / 500), "y": (top, top / 300)}
    axes = [axis for axis in "xy" if getattr(handle, f"by_{axis}")]
    moved_along = data.draw(st.lists(st.sampled_from(axes), min_size=1, unique=True))
    by = st.floats(-0.2, 0.2)
    targets = {
        axis: max(getattr(handle, axis) + data.draw(by) * sizes[axis][0], 0.0)
        for axis in moved_along
    }
    try:
        result = drag(text, UNITS, handle.name, **targets, dx=sizes["x"][1], dy=sizes["y"][1])
    except SpecError:
        # The move along x may leave no number that moves y alone, as where the joint was the last.
        assert len(targets) == 2
        return
    assert np.isfinite(parse(result.text).over(UNITS)(0))
    if result.reached:
        for axis, target in targets.items():
            # Lifting a cut cycle may push its joint along by what a number is rounded by.
            assert abs(getattr(result, axis) - target) <= 2 * sizes[axis][1]
    # A number more or less is all that may differ: with numbers cut out, the texts are one, but
    # for what was written down anew.
    before, after = bones(text), bones(result.text)
    assert before == after or is_within(before, after)
    assert len(outline(result.text).numbers) - len(outline(text).numbers) in range(4)


def test_cycles_that_leave_the_horizon_can_be_dragged_both_ways() -> None:
    far = drag("cyclic(0.01, 0.3, 200st)", H, "joint 1", x=1500, y=0.1, dx=10, dy=1e-3)
    assert far.text == "cyclic(0.01, 0.1, 1500st)"
    assert far.reached


def bones(text: str) -> list[str]:
    return [text[w.start : w.stop] for w in words(text) if w.kind not in ("number", "span")]


def is_within(short: list[str], long: list[str]) -> bool:
    rest = iter(long)
    return all(word in rest for word in short)


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_the_solver_finds_what_is_there_to_find(start: float, wanted: float) -> None:
    found = solved(lambda v: v**3, start, start**3, 3 * start**2, wanted**3, 1e-9 * wanted**3)
    assert found == pytest.approx(wanted, rel=1e-6)
