"""Edits that are planned, groups with rates of their own, and range tests inside studies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from lrkit.control import Rollback, Scale, Set
from lrkit.errors import LoopError, SpecError
from lrkit.lab import compare, decode_study, report, resume, task, train
from lrkit.lab.loop import Options
from lrkit.lab.plan import plan_of
from lrkit.records import course_of, replay
from lrkit.schedules import parse

WRITTEN = "constant(0.03, 3ep) >> constant(0.01, 2ep) >> constant(0.005)"


def weights(made: object) -> bytes:
    state = made.model.state_dict()  # type: ignore[attr-defined]
    return b"".join(tensor.numpy().tobytes() for tensor in state.values())


def test_edits_by_hand_and_a_piecewise_schedule_are_the_same_run_bit_for_bit(
    tmp_path: Path,
) -> None:
    written, by_hand = (task("poly-tanh", 3, "cpu") for _ in range(2))
    a = train(written, WRITTEN, epochs=7, seed=3)
    edits = [("3ep", Set(0.01)), ("5ep", Set(0.005))]
    b = train(by_hand, "constant(0.03)", epochs=7, seed=3, edits=edits, run=tmp_path / "run")
    assert np.array_equal(a.rates, b.rates)
    assert np.array_equal(a.losses, b.losses)
    assert weights(written) == weights(by_hand)
    assert a.score == b.score


@pytest.mark.parametrize("at", ["0.013ep", "7ep", 500, "-1st"])
def test_an_edit_has_a_whole_step_before_the_end(at: str | int) -> None:
    with pytest.raises(SpecError):
        train("poly-tanh", "constant(0.03)", epochs=7, device="cpu", edits=[(at, Scale(0.5))])


def test_groups_built_with_other_rates_keep_their_ratio() -> None:
    made = task("poly-tanh", 0, "cpu")
    parts = list(made.model.parameters())
    made.optimizer = torch.optim.SGD(
        [
            {"params": parts[:1], "lr": 0.0},
            {"params": parts[1:2], "lr": 0.5},
            {"params": parts[2:], "lr": 1.5},
        ]
    )
    scheduler = plan_of(made, parse("0.1 * cosine()"), Options(), epochs=1).scheduler(made)
    assert scheduler.values_at(0) == pytest.approx([0.0, 0.1, 0.3])
    assert [group["lr"] for group in made.optimizer.param_groups] == scheduler.values_at(0)


STUDY = """
outcome = "Seen: two rows."
name = "found"
task = "poly-tanh"
total = "20st"
seeds = [0, 1]
also = ["mse"]
find = { low = 0.001, high = 30.0, steps = 80, repeats = 1 }

[[schedules]]
name = "found"
text = "cyclic({base}, {maximum}, up=5st)"

[[schedules]]
name = "by hand"
text = "constant(0.03)"
edits = [{ at = "10st", edit = "scale", factor = 0.5 }]
"""


def test_a_study_finds_its_rates_once_and_says_which(tmp_path: Path) -> None:
    study = decode_study(STUDY)
    first = compare(study, tmp_path, workers=1, progress=False)
    assert first.sought is not None
    rates = first.sought.rates
    assert set(rates) == {"base", "maximum"}
    assert 0.001 < rates["base"] < rates["maximum"] < 30
    expected = parse(f"cyclic({rates['base']}, {rates['maximum']}, up=5st)")
    assert first.rows[0].row.schedule == expected
    curve = next(tmp_path.glob("range-*.json"))
    made = curve.stat().st_mtime_ns, curve.read_bytes()
    paths = report(first, tmp_path)
    text = paths["report.md"].read_text()
    assert f"Taken: base {rates['base']:g}, maximum {rates['maximum']:g}." in text
    assert "Seen: two rows." in text
    assert "constant(0.03); at 10st scale 0.5" in text
    assert "constant(0.03) * table([1, 0.5], [0st, 10st], kind=step)" in text
    assert paths["range.png"].exists()
    again = compare(study, tmp_path, workers=1, progress=False)
    assert again.replayed == 4
    assert again.rows[0].row.schedule == expected
    assert curve.read_bytes() == made[1]


def test_a_score_that_the_task_does_not_have_is_told_first(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="poly-tanh has no 'dead'; it has mse"):
        compare(
            decode_study(STUDY.replace('also = ["mse"]', 'also = ["dead"]')), tmp_path, workers=1
        )


def test_a_range_test_that_finds_nothing_stops_the_study(tmp_path: Path) -> None:
    text = STUDY.replace(
        "low = 0.001, high = 30.0, steps = 80", "low = 1e-9, high = 1e-8, steps = 20"
    )
    with pytest.raises(LoopError, match=r"gives no base: .*change \[find\] or write the rate"):
        compare(decode_study(text), tmp_path, workers=1, progress=False)


def test_planned_rollbacks_are_made_once_each(tmp_path: Path) -> None:
    edits = [("13st", Rollback(0.5)), ("17st", Rollback(0.5)), ("31st", Rollback(0.1))]
    run, options = tmp_path / "run", {"seed": 1, "device": "cpu", "checkpoint": "10st"}
    result = train("poly-tanh", "constant(0.02)", total="40st", edits=edits, run=run, **options)
    assert result.status == "done"
    assert result.rates.tolist() == [0.02] * 10 + [0.005] * 20 + [0.0005] * 10
    found = replay(run)
    backs = [e["step"] for e in found.events if e["kind"] == "resume" and e["why"] == "rollback"]
    assert backs == [10, 10, 30]
    assert course_of(found).values().tolist() == result.rates.tolist()


class Interrupting:
    """Presses Ctrl-C after 25 updates, those that were gone back from counted too."""

    count = 0

    def started(self, updates: int) -> None: ...

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None: ...

    def stepped(self, done: int, loss: float) -> None:
        self.count += 1
        if self.count == 25:
            raise KeyboardInterrupt


def test_a_planned_rollback_is_not_made_again_from_an_older_checkpoint(tmp_path: Path) -> None:
    run, options = tmp_path / "run", {"seed": 1, "device": "cpu", "checkpoint": "10st"}
    edits = [("13st", Rollback(0.5))]
    with pytest.raises(KeyboardInterrupt):
        train("poly-tanh", "constant(0.02)", total="40st", edits=edits, run=run, keep="all",
              progress=Interrupting(), **options)  # fmt: skip
    events = replay(run).checkpoints
    back = next(i for i, event in enumerate(events) if event["why"] == "rollback")
    for event in events[back:]:  # as if it had died in the middle of going back
        (run / "checkpoints" / event["file"]).unlink()
    result = resume(run)
    assert result.status == "done"
    assert result.rates.tolist() == [0.02] * 10 + [0.01] * 30
