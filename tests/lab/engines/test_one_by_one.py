"""Whatever runs a training, it comes to the same; what goes wrong with one stays with it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch

from lrkit.errors import DataError, LoopError, SpecError
from lrkit.lab import train
from lrkit.lab.checkpoints import find_checkpoints, read_checkpoint
from lrkit.lab.engines import Cooldown, Ended, Engine, Evaluated, Stepped, Training, follow
from lrkit.lab.result import RunResult
from lrkit.records import replay
from tests.lab.engines.conftest import outcomes, training, until

TIMED = ("seconds", "kind", "time")
"""What a journal has of an evaluation beside what came of it."""


def weights(folder: Path) -> bytes:
    """Return the weights of the last checkpoint of the run in *folder*."""
    state = read_checkpoint(find_checkpoints(folder)[0])
    buffer = io.BytesIO()
    torch.save(state["model"], buffer)
    return buffer.getvalue()


def same(one: RunResult, other: RunResult) -> bool:
    """Return whether the two agree in every bit but the time they took."""
    kept = [
        [{k: v for k, v in e.items() if k not in TIMED} for e in r.evaluations]
        for r in (one, other)
    ]
    return (
        one.losses.tobytes() == other.losses.tobytes()
        and one.rates.tobytes() == other.rates.tobytes()
        and repr(kept[0]) == repr(kept[1])
        and (one.status, one.reason) == (other.status, other.reason)
    )


def test_a_training_comes_to_the_same_bit_for_bit(runner: Engine, tmp_path: Path) -> None:
    asked = [
        training(tmp_path / "poly", "0.03 * (warmup(5st) >> cosine())", task="poly-tanh", seed=7,
                 clip=1.0, accumulate=2),
        training(tmp_path / "digits", "0.05 * linear()", task="lenet-digits", total="9st", seed=1),
        training(tmp_path / "steered", "0.1 * hold() | plateau(0.5, patience=0)", total="6ep"),
        training(tmp_path / "wild", "constant(1e5)", total="20ep"),
    ]  # fmt: skip
    told = list(follow(runner, asked))
    for one in asked:
        mine = [event for event in told if event.training.folder == one.folder]
        assert isinstance(mine[-1], Ended)
        assert sum(isinstance(event, Ended) for event in mine) == 1
        result = mine[-1].result
        assert result is not None
        alone = train(
            one.task, one.spec, total=one.total, seed=one.seed, clip=one.clip, device="cpu",
            accumulate=one.accumulate, run=tmp_path / "alone" / one.folder.name,
        )  # fmt: skip
        assert same(result, alone)
        if alone.status == "done":
            assert weights(one.folder) == weights(tmp_path / "alone" / one.folder.name)
        scores = [(e.epoch, e.done, e.scores) for e in mine if isinstance(e, Evaluated)]
        name = alone.score_name
        assert repr([(e, d, s[name]) for e, d, s in scores]) == repr(
            [(e["epoch"], e["step"], e[name]) for e in alone.evaluations]
        )
    assert replay(asked[3].folder).status == "failed"


def test_what_is_wrong_with_one_is_no_harm_to_the_others(runner: Engine, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    ended = outcomes(
        runner,
        [
            training(tmp_path / "factory", task="homemade:raises"),
            training(tmp_path / "batch", task="homemade:breaks"),
            training(tmp_path / "name", task="homemade:lines"),
            training(tmp_path / "taken"),
            training(tmp_path / "good"),
        ],
    )
    says = {
        "factory": (LoopError, "raised RuntimeError: no such file"),
        "batch": (LoopError, "raised RuntimeError: shape"),
        "name": (SpecError, "did you mean line"),
        "taken": (DataError, "exists"),
    }
    for name, (kind, words) in says.items():
        assert isinstance(ended[name].error, kind)
        assert words in str(ended[name].error)
        assert ended[name].result is None
    good = ended["good"].result
    assert good is not None
    assert good.status == "done"


def test_a_training_that_is_stopped_goes_on_later(runner: Engine, tmp_path: Path) -> None:
    long = training(tmp_path / "long", task="homemade:slow", total="30ep", seed=3)
    others = [training(tmp_path / f"other-{i}", task="homemade:slow") for i in range(3)]
    for one in (long, *others):
        runner.submit(one)
    until(runner, Evaluated)
    for one in (long, *others):
        runner.stop(one)
    ended = {}
    while len(ended) < 4:
        ended |= {e.training.folder.name: e for e in runner.poll() if isinstance(e, Ended)}
    stopped = ended["long"].result
    assert stopped is not None
    assert stopped.status == "stopped"
    assert 8 <= stopped.losses.size < 240
    # The last one cannot have had its turn.
    assert (ended["other-2"].result, ended["other-2"].error) == (None, None)
    assert not others[2].folder.exists()

    done = outcomes(runner, [long])["long"].result
    assert done is not None
    alone = train(long.task, long.spec, total="30ep", seed=3, device="cpu")
    assert same(done, alone)
    written = (long.folder / "journal.jsonl").read_bytes()
    told = list(follow(runner, [long]))
    assert len(told) == 1
    assert same(told[0].result, alone)  # type: ignore[union-attr,arg-type]
    assert (long.folder / "journal.jsonl").read_bytes() == written


def test_a_folder_keeps_the_training_it_was_begun_for(runner: Engine, tmp_path: Path) -> None:
    first = training(tmp_path / "a", total="2ep", seed=1)
    assert outcomes(runner, [first])["a"].error is None
    for change, says in (
        ({"seed": 2}, "seed 1 and not 2"),
        ({"spec": "0.2 * cosine()"}, "schedule '0.1 * cosine()'"),
        ({"total": "3ep"}, "total 4.0"),
        ({"options": {"noise": 0.5}}, "options {}"),
    ):
        other = training(tmp_path / "a", **({"total": "2ep", "seed": 1} | change))  # type: ignore[arg-type]
        error = outcomes(runner, [other])["a"].error
        assert isinstance(error, DataError)
        assert says in str(error)
    runner.submit(training(tmp_path / "b", task="homemade:slow"))
    with pytest.raises(SpecError, match="comes twice"):
        runner.submit(training(tmp_path / "b"))
    until(runner, Ended)


def test_a_cooldown_leaves_the_run_that_it_names(runner: Engine, tmp_path: Path) -> None:
    trunk = training(tmp_path / "trunk", "constant(0.1)", total="6ep", checkpoint="1ep", keep="all")
    assert outcomes(runner, [trunk])["trunk"].error is None
    down = Training(
        "homemade:line", None, tmp_path / "down", cooldown=Cooldown(trunk.folder, "4ep", "2ep"),
        header={"trial": 5},
    )  # fmt: skip
    result = outcomes(runner, [down])["down"].result
    assert result is not None
    trunk_losses = replay(trunk.folder).metrics["loss"]
    assert result.losses[:8].tolist() == trunk_losses[:8].tolist()
    assert result.rates[8:].tolist() == pytest.approx([0.1, 0.075, 0.05, 0.025])
    header = replay(down.folder).header
    assert header["trial"] == 5
    assert header["parent"] == {"run": str(trunk.folder), "step": 8, "from": 8}
    wrong = training(tmp_path / "wrong", cooldown=Cooldown(trunk.folder, "4ep"))
    assert isinstance(outcomes(runner, [wrong])["wrong"].error, SpecError)


def test_progress_is_told_while_a_training_goes(runner: Engine, tmp_path: Path) -> None:
    runner.submit(training(tmp_path / "a", task="homemade:slow", total="20ep"))
    seen = [until(runner, Stepped), until(runner, Stepped)]
    assert all(isinstance(event, Stepped) for event in seen)
    assert [event.updates for event in seen if isinstance(event, Stepped)] == [160, 160]
    until(runner, Ended)
