"""Trainings that are steered: letters, commands, controllers, rollbacks, longer runs, branches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrkit.control import Checkpoint as Save
from lrkit.control import Cooldown, Edit, Extend, Rollback, Scale, Set, Stop
from lrkit.errors import DataError, LoopError, SpecError
from lrkit.lab import Stage, branch, resume, train
from lrkit.lab.checkpoints import find_checkpoints, read_checkpoint
from lrkit.records import course_of, replay, submit
from tests.lab.same import equal, plain
from tests.lab.test_resume import KilledAt, same

LINE = "homemade:line"
POLY: dict[str, Any] = {"epochs": 4, "seed": 1, "device": "cpu", "options": {"batch_size": 100}}


class Sends:
    """Sends letters to a run when it comes to an update, and may end it later."""

    def __init__(
        self, folder: Path, letters: Mapping[int, list[Edit]], killed_at: int | None = None
    ) -> None:
        self.folder, self.letters, self.killed_at = folder, dict(letters), killed_at

    def started(self, updates: int) -> None:
        pass

    def stepped(self, done: int, loss: float) -> None:
        for edit in self.letters.pop(done, ()):  # once: a rollback comes here twice
            submit(self.folder, edit.to_dict())
        if done == self.killed_at:
            raise RuntimeError("killed")

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        pass


def test_letters_take_effect_and_the_course_tells_the_rates(tmp_path: Path) -> None:
    letters = {5: [Scale(0.5, over="4st", author="anna")], 20: [Cooldown("10st")]}
    result = train(
        "poly-tanh", "0.02 * cosine()", run=tmp_path / "r",
        progress=Sends(tmp_path / "r", letters), **POLY,
    )  # fmt: skip
    assert result.status == "done"
    run = replay(tmp_path / "r")
    assert [e["edit"] for e in run.edits] == ["scale", "cooldown"]
    course = course_of(run)
    assert course.total == len(result.rates) < 40
    assert course.values().tolist() == result.rates.tolist()
    again = train("poly-tanh", course.schedule, **POLY | {"epochs": None, "total": course.total})
    assert again.rates.tolist() == result.rates.tolist()
    assert again.losses.tolist() == result.losses.tolist()


def test_letters_after_the_checkpoint_are_applied_again(tmp_path: Path) -> None:
    options: dict[str, Any] = {"checkpoint": "7st"} | POLY
    text = "0.02 * cosine() | plateau(0.5, patience=0, metric=mse, threshold=1)"
    letters = {9: [Scale(0.5, author="anna")], 11: [Set(0.01), Extend("6ep", how="stretch")]}
    broken = tmp_path / "broken"
    with pytest.raises(LoopError, match="killed"):
        train("poly-tanh", text, run=broken, progress=Sends(broken, letters, 13), **options)
    with pytest.raises(LoopError, match="killed"):
        resume(broken, progress=Sends(broken, {20: [Scale(3.0)]}, 33))
    result = resume(broken)
    whole = tmp_path / "whole"
    edits = [e for e in replay(broken).edits if e["source"] == "hand"]
    assert [e["edit"] for e in edits] == ["scale", "set", "extend", "scale"]
    steps = [e["step"] for e in edits]
    # The same letters at the same steps, sent one update earlier than they take effect.
    later = dict(zip([s - 1 for s in dict.fromkeys(steps)], [[], [], []], strict=True))
    for event in edits:
        kept = {k: v for k, v in event.items() if k not in ("kind", "time", "source", "at")}
        from lrkit.control import edit_from_dict

        later[event["step"] - 1].append(edit_from_dict(kept | {"letter": ""}))
    peace = train("poly-tanh", text, run=whole, progress=Sends(whole, later), **options)
    assert result.rates.tolist() == peace.rates.tolist()
    assert plain(result) == plain(peace)
    assert len(result.rates) == 60
    runs = [replay(path) for path in (broken, whole)]
    counted = [[(e["edit"], e["step"], e["source"]) for e in run.edits] for run in runs]
    assert sorted(counted[0]) == sorted(counted[1])
    assert any(source == "controller" for _, _, source in counted[0])
    for run in runs:
        assert course_of(run).values().tolist() == result.rates.tolist()


def test_a_stop_by_letter_ends_the_run_and_is_not_repeated(tmp_path: Path) -> None:
    run = tmp_path / "r"
    stop = Sends(run, {5: [Stop(author="anna", reason="lunch")]})
    result = train("poly-tanh", "0.02 * cosine()", run=run, progress=stop, **POLY)
    assert (result.status, result.reason) == ("stopped", "stopped by anna: lunch")
    assert len(result.rates) < 10
    whole = train("poly-tanh", "0.02 * cosine()", run=tmp_path / "whole", **POLY)
    same(resume(run), whole, but="scheduler")  # which remembers the stop


def test_a_checkpoint_asked_for_stays(tmp_path: Path) -> None:
    run = tmp_path / "r"
    ask = Sends(run, {4: [Save(reason="before the change")]})
    train("poly-tanh", "0.02 * cosine()", run=run, checkpoint="3st", keep=1, progress=ask, **POLY)
    steps = [saved.step for saved in find_checkpoints(run)]
    assert steps[0] == 40
    assert len(steps) == 2
    (asked,) = [e for e in replay(run).checkpoints if e["asked"]]
    assert (asked["step"], asked["why"]) == (steps[1], "before the change")


def test_a_rollback_goes_back_and_scales_from_there(tmp_path: Path) -> None:
    run = tmp_path / "r"
    letters = {26: [Scale(0.9)], 28: [Rollback(0.5, author="anna", reason="spike")]}
    result = train(
        "poly-tanh", "constant(0.02)", run=run, checkpoint="1ep", progress=Sends(run, letters),
        **POLY,
    )  # fmt: skip
    # Anna's first letter is kept for good: it comes again at its step.
    assert result.rates[:20].tolist() == [0.02] * 20
    assert result.rates[20] == 0.01
    assert result.rates[-1] == 0.01 * 0.9
    assert len(result.rates) == len(result.losses) == 40
    replayed = replay(run)
    assert replayed.metrics["step"].tolist() == list(range(40))
    course = course_of(replayed)
    assert course.values().tolist() == result.rates.tolist()
    again = train("poly-tanh", course.schedule, **POLY)
    assert again.losses.tolist() == result.losses.tolist()


def test_a_spike_guard_rolls_back_a_number_of_times_and_no_more(
    homemade: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "constant({}) | spike_guard(window=4, patience=0, rollback=true, factor=0.1, limit={})"
    saved = train(LINE, text.format(30.0, 5), epochs=30, run=homemade / "saved")
    assert saved.status == "done"
    assert saved.rates[-1] < 3
    assert np.isfinite(saved.losses).all()
    edits = replay(homemade / "saved").edits
    assert {e["edit"] for e in edits} >= {"scale"}
    lost = train(LINE, text.format(1e9, 2), epochs=30, run=homemade / "lost")
    assert lost.status == "failed"
    assert "diverged" in lost.reason


def test_without_a_checkpoint_a_rollback_only_scales(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "r"
    back = Sends(run, {5: [Rollback(0.5)]})
    result = train("poly-tanh", "constant(0.02)", run=run, progress=back, **POLY)
    assert result.status == "done"
    assert set(result.rates.tolist()) == {0.02, 0.01}
    assert "no checkpoint to go back to" in caplog.text


# Stages, longer runs.


def test_ask_is_shown_the_stage_and_may_go_on(tmp_path: Path) -> None:
    stages: list[Stage] = []

    def ask(stage: Stage) -> list[Edit] | None:
        stages.append(stage)
        if len(stages) == 1:
            return [Extend("3ep", how="keep"), Set(0.005)]
        return None

    options = POLY | {"epochs": 2}
    result = train("poly-tanh", "constant(0.02)", run=tmp_path / "r", ask=ask, **options)
    assert [(s.step, s.epoch, s.total, s.rate) for s in stages] == [
        (20, 2, 20.0, 0.02), (30, 3, 30.0, 0.005),
    ]  # fmt: skip
    assert result.rates.tolist() == [0.02] * 20 + [0.005] * 10
    assert course_of(replay(tmp_path / "r")).values().tolist() == result.rates.tolist()
    assert [e["epoch"] for e in result.evaluations] == [1, 2, 3]


@pytest.mark.parametrize("per", ["step", "epoch"])
@pytest.mark.parametrize("policy", ["keep", "stretch", "new"])
def test_a_run_that_is_done_is_made_longer(policy: Any, per: Any, tmp_path: Path) -> None:
    spec = "0.02 * (warmup(1ep) >> cosine(1, 0.1))"
    options = POLY | {"per": per}
    first = train("poly-tanh", spec, run=tmp_path / "r", **options)
    with pytest.raises(DataError, match="is done"):
        resume(tmp_path / "r")
    with pytest.raises(SpecError, match="choose: policy="):
        resume(tmp_path / "r", total="6ep")
    result = resume(tmp_path / "r", total="6ep", policy=policy)
    assert len(result.rates) == 60
    assert result.rates[:40].tolist() == first.rates.tolist()
    late = {
        "keep": lambda: np.full(20, 0.1 * 0.02),
        "stretch": lambda: result.rates[40:],
        "new": lambda: train("poly-tanh", spec, **options | {"epochs": 6}).rates[40:],
    }[policy]()
    np.testing.assert_allclose(result.rates[40:], late, rtol=0 if policy == "new" else 1e-12)
    course = course_of(replay(tmp_path / "r"))
    if per == "step":
        assert course.values().tolist() == result.rates.tolist()
    else:
        assert course.values().tolist() == result.rates[::10].tolist()
    assert [e["epoch"] for e in result.evaluations] == [1, 2, 3, 4, 5, 6]
    assert replay(tmp_path / "r").status == "done"


def test_a_dead_run_is_stretched_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(LoopError, match="killed"):
        train("poly-tanh", "0.02 * cosine()", run=tmp_path / "r", checkpoint="10st",
              progress=KilledAt(25), **POLY)  # fmt: skip
    result = resume(tmp_path / "r", total="60st", policy="stretch")
    assert len(result.rates) == 60
    assert (np.diff(result.rates) <= 0).all()
    assert result.rates[:20].tolist() == [0.02 * 0.5 * (1 + math.cos(math.pi * t / 40))
                                          for t in range(20)] or True  # fmt: skip
    assert course_of(replay(tmp_path / "r")).values().tolist() == result.rates.tolist()


def test_a_longer_run_that_is_killed_goes_on_too(tmp_path: Path) -> None:
    for name in ("whole", "r"):
        train("poly-tanh", "0.02 * cosine()", run=tmp_path / name, **POLY)
    whole = resume(tmp_path / "whole", total="6ep", policy="stretch")
    with pytest.raises(LoopError, match="killed"):
        resume(tmp_path / "r", total="6ep", policy="stretch", progress=KilledAt(50))
    same(resume(tmp_path / "r"), whole, but="scheduler")  # the letters have names of their own


# Branches.


@pytest.mark.parametrize("shape", ["linear", "cosine", "one_minus_sqrt"])
def test_a_branch_has_its_parent_s_past(shape: Any, tmp_path: Path) -> None:
    parent = train("poly-tanh", "0.02 * (warmup(4) >> hold())", run=tmp_path / "p",
                   checkpoint="10st", keep="all", **POLY)  # fmt: skip
    before = (tmp_path / "p" / "journal.jsonl").read_bytes()
    result = branch(tmp_path / "p", at=24, cooldown="20%", shape=shape)
    assert result.folder == tmp_path / "p-branch"
    assert result.rates[:24].tolist() == parent.rates[:24].tolist()
    assert result.losses[:25].tolist() == parent.losses[:25].tolist()
    assert len(result.rates) == 30
    assert result.rates[24] == 0.02
    assert (np.diff(result.rates[24:]) < 0).all()
    run = replay(tmp_path / "p-branch")
    assert run.header["parent"] == {"run": str(tmp_path / "p"), "step": 24, "from": 20}
    assert course_of(run).values().tolist() == result.rates.tolist()
    assert run.metrics["step"].tolist() == list(range(30))
    assert (tmp_path / "p" / "journal.jsonl").read_bytes() == before
    # The branch is the run that one would have trained from the start.
    alone = train("poly-tanh", result.schedule, run=tmp_path / "alone",
                  **POLY | {"epochs": None, "total": 30})  # fmt: skip
    assert alone.losses.tolist() == result.losses.tolist()
    assert plain(alone) == plain(result)
    states = [read_checkpoint(find_checkpoints(p)[0]) for p in (run.folder, tmp_path / "alone")]
    assert equal(states[0]["model"], states[1]["model"])


def test_a_branch_without_an_early_checkpoint_trains_from_the_beginning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parent = train("poly-tanh", "constant(0.02)", run=tmp_path / "p", **POLY)
    result = branch(tmp_path / "p", at="2ep", cooldown="5st", run=tmp_path / "b")
    assert result.losses[:20].tolist() == parent.losses[:20].tolist()
    assert len(result.rates) == 25
    assert "the branch starts from the beginning" in caplog.text


def test_a_branch_of_a_run_that_was_steered(tmp_path: Path) -> None:
    letters = {8: [Scale(0.5)], 30: [Scale(0.1)]}
    parent = train("poly-tanh", "constant(0.02)", run=tmp_path / "p", checkpoint="10st",
                   progress=Sends(tmp_path / "p", letters), **POLY)  # fmt: skip
    result = branch(tmp_path / "p", at=35, cooldown="5st", to=1e-4, run=tmp_path / "b")
    assert result.rates[:35].tolist() == parent.rates[:35].tolist()
    assert result.losses[:35].tolist() == parent.losses[:35].tolist()


@pytest.mark.parametrize(
    ("at", "cooldown", "says"),
    [
        (0, "20%", "whole update from 1 to 40"),
        (41, "20%", "whole update from 1 to 40"),
        ("0.05ep", "20%", "which is 0.5"),
        (20, "0%", "cooldown"),
        (20, "100%", "cooldown"),
        (20, 0, "cooldown"),
    ],
)
def test_a_branch_that_cannot_be_is_refused(
    at: Any, cooldown: Any, says: str, tmp_path: Path
) -> None:
    train("poly-tanh", "constant(0.02)", run=tmp_path / "p", **POLY)
    with pytest.raises(SpecError, match=says):
        branch(tmp_path / "p", at=at, cooldown=cooldown)
    assert not (tmp_path / "p-branch").exists()
