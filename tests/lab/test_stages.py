"""Being asked at the end of each stage and of the training, and going on as answered."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="it trains")

from lrkit.control import Extend, Set, Stop
from lrkit.errors import SpecError
from lrkit.lab import resume, train
from lrkit.records import replay


def asked(answers):
    """Return what answers a stage by its step, and the list of the stages shown."""
    seen = []

    def ask(stage):
        seen.append((stage.step, stage.over))
        return answers.get(stage.step)

    return ask, seen


@pytest.mark.parametrize("per", ["step", "epoch"])
def test_each_stage_is_asked_for_once_and_the_end_too(per):
    longer = [Extend("4ep", how="keep"), Set(0.02)]
    ask, seen = asked({150: longer})
    result = train(
        "poly-tanh", "constant(0.01)", epochs=3, per=per, ask=ask, stage="1ep", device="cpu"
    )
    assert seen == [(50, False), (100, False), (150, True), (200, True)]
    assert result.rates.tolist() == [0.01] * 150 + [0.02] * 50


def test_a_stage_may_be_any_span_and_may_end_the_training(tmp_path):
    ask, seen = asked({80: [Stop(author="anna")]})
    result = train(
        "poly-tanh",
        "constant(0.01)",
        epochs=3,
        ask=ask,
        stage="40st",
        run=tmp_path / "a",
        device="cpu",
    )
    assert (result.status, seen) == ("stopped", [(40, False), (80, False)])
    ask, seen = asked({})
    assert resume(tmp_path / "a", ask=ask, stage="40st").status == "done"
    assert seen == [(120, False), (150, True)]
    assert [e["edit"] for e in replay(tmp_path / "a").edits] == ["stop"]


@pytest.mark.parametrize(("stage", "says"), [("0.5st", ">= 1 update"), ("soon", "stage")])
def test_a_stage_that_is_none_is_refused(stage, says):
    with pytest.raises(SpecError, match=says):
        train("poly-tanh", ask=lambda stage: None, stage=stage)
    with pytest.raises(SpecError, match="needs ask"):
        train("poly-tanh", stage="1ep")
