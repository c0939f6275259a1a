"""Many trainings as one give what each gives by itself."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lrkit as lr
from lrkit.control import Scale, Set, steered
from lrkit.errors import LoopError, SpecError
from lrkit.lab import RunResult, resume
from lrkit.lab.checkpoints import find_checkpoints, read_checkpoint
from lrkit.lab.engines import Cooldown, Ended, Engine, Evaluated, Event, Training
from lrkit.lab.engines.serial import Serial
from lrkit.lab.engines.vectorized import Vectorized
from lrkit.records import replay
from lrkit.records.inbox import submit
from tests.lab.engines.stacked import falling

TASK = "tests.lab.engines.stacked:regression"
SPECS = ("0.05 * cosine()", "0.02", "0.1 * (warmup(5) >> linear())")

OWN = {"kind", "time"}
"""What an event that was read from the disk has besides."""

Ends = dict[str, Ended]


def made(
    folder: Path, specs: Sequence[str] = SPECS, task: str = TASK, **more: Any
) -> list[Training]:
    """Return a training for each spec, the seeds 0, 1, ..."""
    options = {"total": "5ep", **more}
    return [
        Training(task, steered(spec), folder / str(seed), **{"seed": seed, **options})
        for seed, spec in enumerate(specs)
    ]


def ends(
    engine: Engine, trainings: Sequence[Training], at: Callable[[Event], object] | None = None
) -> Ends:
    """Return how each training ends; *at* is told every event."""
    found: Ends = {}
    with engine:
        for training in trainings:
            engine.submit(training)
        while len(found) < len(trainings):
            for event in engine.poll():
                if at is not None:
                    at(event)
                if isinstance(event, Ended):
                    assert event.training.folder.name not in found
                    found[event.training.folder.name] = event
    return found


def results(engine: Engine, trainings: Sequence[Training]) -> list[RunResult]:
    """Return the results in the order of *trainings*."""
    found = ends(engine, trainings)
    for end in found.values():
        if end.error is not None:
            raise end.error
    return [result for t in trainings if (result := found[t.folder.name].result) is not None]


def both(folder: Path, **more: Any) -> tuple[list[RunResult], list[RunResult]]:
    """Return what the engines `serial` and `vectorized` make of the same trainings."""
    one = results(Serial(), made(folder / "serial", **more))
    return one, results(Vectorized(), made(folder / "vectorized", **more))


def check(one: Sequence[RunResult], two: Sequence[RunResult], tolerance: float) -> None:
    """Check that the results are the same, losses and scores within *tolerance*."""
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        assert (a.status, a.reason, a.schedule, a.seed) == (b.status, b.reason, b.schedule, b.seed)
        assert np.array_equal(a.rates, b.rates)
        assert np.allclose(a.losses, b.losses, rtol=tolerance, atol=0, equal_nan=True)
        assert [e["step"] for e in a.evaluations] == [e["step"] for e in b.evaluations]
        for mine, yours in zip(a.evaluations, b.evaluations, strict=True):
            assert mine.keys() - OWN == yours.keys() - OWN
            assert mine[a.score_name] == pytest.approx(yours[a.score_name], rel=tolerance)


RULES: list[dict[str, Any]] = [
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
    {"momentum": 0.9, "nesterov": True, "groups": True},
    {"optimizer": "Adam", "weight_decay": 0.01},
    {"optimizer": "Adam", "betas": [0.5, 0.9], "eps": 1e-3, "groups": True},
    {"optimizer": "AdamW", "weight_decay": 0.1},
]


@pytest.mark.parametrize("numbers", RULES, ids=str)
def test_every_optimizer_makes_torch_s_updates(tmp_path: Path, numbers: dict[str, Any]) -> None:
    options = {"kind": "tied", **numbers}
    one, two = both(tmp_path, options=options, clip=0.5)
    check(one, two, 1e-9)


@pytest.mark.parametrize("kind", ["normed", "convolution", "assigned", "frozen", "tied"])
def test_every_kind_of_model_is_trained(tmp_path: Path, kind: str) -> None:
    check(*both(tmp_path, options={"kind": kind, "momentum": 0.9}), 1e-9)


@pytest.mark.parametrize(
    "how",
    [
        {"accumulate": 3},
        {"per": "epoch"},
        {"options": {"drawn": True}},
        {"options": {"drawn": True}, "accumulate": 2},
        {"options": {"own_data": True}},
        {"edits": (("2ep", Scale(0.5)), ("20st", Set(0.01)))},
        {"specs": ("0.05 * hold() | plateau(0.5, patience=1)",) * 2},
        {"total": "13st"},
    ],
    ids=str,
)
def test_it_is_the_training_that_serial_makes(tmp_path: Path, how: dict[str, Any]) -> None:
    check(*both(tmp_path, **how), 1e-9)


@pytest.mark.parametrize(
    ("task", "options", "rate", "tolerance"),
    [
        ("poly-tanh", {"momentum": 0.9}, 0.01, 1e-5),
        ("lenet-digits", {"momentum": 0.9}, 0.02, 1e-5),
        ("lenet-digits", {"optimizer": "adam"}, 3e-4, 1e-4),
        ("char-gpt", {"layers": 1, "width": 16, "heads": 2, "context": 16}, 3e-3, 1e-4),
    ],
)
def test_built_in_tasks_agree_in_float32(
    tmp_path: Path, task: str, options: dict[str, Any], rate: float, tolerance: float
) -> None:
    specs = [f"{rate} * cosine()", f"{rate}"]
    check(*both(tmp_path, specs=specs, task=task, options=options, total="50st"), tolerance)


def test_one_seed_for_all_shares_the_batches(tmp_path: Path) -> None:
    check(*both(tmp_path, seed=4), 1e-9)


def test_a_run_reads_as_one_of_its_own(tmp_path: Path) -> None:
    one, two = (
        results(engine, made(tmp_path / engine.name, options={"groups": True}))[0]
        for engine in (Serial(), Vectorized())
    )
    a, b = (replay(result.folder) for result in (one, two) if result.folder)
    own = ("time", "name", "pid", "host", "command", "script")
    assert [k for k in a.header if k not in own] == [k for k in b.header if k not in own]
    for key in a.header.keys() - {*own}:
        assert a.header[key] == b.header[key], key
    assert a.metrics.keys() == b.metrics.keys()
    assert np.array_equal(a.metrics["lr/1"], b.metrics["lr/1"])
    assert [e["kind"] for e in a.events] == [e["kind"] for e in b.events]
    again = RunResult.of(b)
    assert again.status == "done"
    assert np.array_equal(again.losses, two.losses)


def test_what_diverges_leaves_and_the_others_stay(tmp_path: Path) -> None:
    specs = ("0.05 * cosine()", "1e12", "0.02", "1e300 * cosine()")
    one, two = both(tmp_path, specs=specs, options={"kind": "tied"})
    assert [r.status for r in two] == ["done", "failed", "done", "failed"]
    check([one[0], one[2]], [two[0], two[2]], 1e-9)
    assert [r.reason for r in two] == [r.reason for r in one]
    assert [r.losses.size for r in two] == [r.losses.size for r in one]


def test_lengths_may_differ(tmp_path: Path) -> None:
    each = [
        dataclasses.replace(t, total=f"{7 + 9 * t.seed}st") for t in made(tmp_path / "vectorized")
    ]
    other = [dataclasses.replace(t, total=f"{7 + 9 * t.seed}st") for t in made(tmp_path / "serial")]
    check(results(Serial(), other), results(Vectorized(), each), 1e-9)


def test_stopping_one_leaves_the_others_alone(tmp_path: Path) -> None:
    engine = Vectorized()
    trainings = made(tmp_path)

    def stop(event: Event) -> None:
        if isinstance(event, Evaluated) and event.epoch == 2:
            engine.stop(trainings[1])

    found = ends(engine, trainings, stop)
    stopped = found["1"].result
    assert stopped is not None
    assert stopped.status == "stopped"
    assert 12 <= stopped.losses.size < 30
    assert find_checkpoints(tmp_path / "1")[0].step == stopped.losses.size
    for name in ("0", "2"):
        result = found[name].result
        assert result is not None
        assert result.status == "done"
        assert result.losses.size == 30


def test_one_that_waits_is_stopped_before_it_begins(tmp_path: Path) -> None:
    trainings = made(tmp_path)
    with Vectorized(width=1) as engine:
        for training in trainings:
            engine.submit(training)
        engine.stop(trainings[2])
        events: list[Event] = []
        while sum(isinstance(e, Ended) for e in events) < 3:
            events += engine.poll()
    assert not trainings[2].folder.exists()


def test_later_ones_join_and_others_have_their_own_stack(tmp_path: Path) -> None:
    trainings = made(tmp_path / "a", total="20ep")
    late = made(tmp_path / "b", options={"momentum": 0.5})
    other = made(tmp_path / "c", options={"batch_size": 11})
    engine = Vectorized()
    order: list[str] = []

    def join(event: Event) -> None:
        if isinstance(event, Evaluated) and event.epoch == 1 and event.training is trainings[0]:
            for training in late:
                engine.submit(training)
        if isinstance(event, Ended):
            order.append(event.training.folder.parent.name)

    found: list[Ended] = []
    with engine:
        for training in [*trainings, *other]:
            engine.submit(training)
        while len(found) < 9:
            for event in engine.poll():
                join(event)
                found += [event] if isinstance(event, Ended) else []
    assert order == ["b"] * 3 + ["a"] * 3 + ["c"] * 3
    alone = results(Serial(), made(tmp_path / "d", options={"momentum": 0.5}))
    joined = {e.training.folder: e.result for e in found}
    check(alone, [r for t in late if (r := joined[t.folder]) is not None], 1e-9)


def test_what_its_own_evaluation_raises_ends_one_alone(tmp_path: Path) -> None:
    found = ends(Vectorized(), made(tmp_path, options={"fails": 1}))
    error = found["1"].error
    assert isinstance(error, LoopError)
    assert "no scores today" in str(error)
    assert replay(tmp_path / "1").status == "failed"
    assert [found[name].error for name in ("0", "2")] == [None, None]


def test_a_rate_that_is_none_ends_one_alone(tmp_path: Path) -> None:
    def with_one(folder: Path) -> list[Training]:
        trainings = made(folder)
        trainings[1] = dataclasses.replace(trainings[1], spec=steered(lr.from_function(falling)))
        return trainings

    one = ends(Serial(), with_one(tmp_path / "serial"))
    two = ends(Vectorized(), with_one(tmp_path / "vectorized"))
    assert isinstance(two["1"].error, SpecError)
    assert "finite and >= 0" in str(two["1"].error)
    assert type(one["1"].error) is type(two["1"].error)
    for name in ("0", "2"):
        a, b = one[name].result, two[name].result
        assert a is not None
        assert b is not None
        check([a], [b], 1e-9)


@pytest.mark.parametrize("steps", [5, 7])
def test_a_wrong_number_of_batches_is_told_as_everywhere(tmp_path: Path, steps: int) -> None:
    found = [
        ends(engine, made(tmp_path / engine.name, SPECS[:1], options={"steps": steps}))["0"].error
        for engine in (Serial(), Vectorized())
    ]
    assert isinstance(found[1], LoopError)
    assert str(found[0]) == str(found[1])


def state(run: Path) -> dict[str, torch.Tensor]:
    """Return the weights at the end of *run*."""
    weights: dict[str, torch.Tensor] = read_checkpoint(find_checkpoints(run)[0])["model"]
    return weights


@pytest.mark.parametrize("checkpoint", ["5st", "none"])
def test_an_interrupted_stack_goes_on_or_is_done_again(tmp_path: Path, checkpoint: str) -> None:
    options = {"momentum": 0.9}
    whole = results(Vectorized(), made(tmp_path / "whole", options=options, total="9ep"))
    cut = made(tmp_path / "cut", options=options, total="9ep", checkpoint=checkpoint)
    with Vectorized() as engine:
        for training in cut:
            engine.submit(training)
        while not any(isinstance(e, Evaluated) and e.epoch == 3 for e in engine.poll()):
            pass
    assert {replay(t.folder).status for t in cut} == {"stopped"}
    check(whole, results(Vectorized(), cut), 1e-9)
    check(whole, results(Serial(), cut), 1e-9)  # they are there: nothing is made again


@pytest.mark.parametrize("numbers", [{"momentum": 0.9}, {"optimizer": "AdamW", "groups": True}])
def test_its_checkpoints_are_those_of_the_lab(tmp_path: Path, numbers: dict[str, Any]) -> None:
    # Under batch normalisation a bias has no gradient but rounding, and Adam steps by its sign.
    options = {"kind": "tied", **numbers}
    more: dict[str, Any] = {"options": options, "checkpoint": "6st", "keep": "all"}
    both(tmp_path, **more)
    for seed in "012":
        mine, yours = (
            resume(tmp_path / name / seed, total="8ep", policy="stretch")
            for name in ("serial", "vectorized")
        )
        check([mine], [yours], 1e-9)
        one, two = (state(tmp_path / name / seed) for name in ("serial", "vectorized"))
        assert one.keys() == two.keys()
        for key, value in one.items():
            assert torch.allclose(value, two[key], rtol=1e-8, atol=1e-12), key


def test_cooldowns_branch_from_a_stack_s_runs(tmp_path: Path) -> None:
    found = {}
    for engine in (Serial(), Vectorized()):
        root = tmp_path / engine.name
        results(engine, made(root, ["0.05", "0.02"], checkpoint="4st", keep="all"))
        again = type(engine)()
        # From updates 16 and 20 of epochs of 6: those of one place are stacked.
        downs = [
            Training("", None, root / f"down-{seed}-{at}", cooldown=Cooldown(root / seed, at))
            for seed in "01"
            for at in ("3ep", "20st")
        ]
        found[engine.name] = results(again, downs)
    check(found["serial"], found["vectorized"], 1e-9)
    assert all(r.rates[-1] < 0.5 * r.rates[0] for r in found["vectorized"])


def test_ctrl_c_is_heard_between_two_updates(tmp_path: Path) -> None:
    options = {"momentum": 0.9, "drawn": True, "raises": int(signal.SIGINT)}
    cut = made(tmp_path, options=options, total="9ep")
    with pytest.raises(KeyboardInterrupt):
        ends(Vectorized(), cut)
    for training in cut:
        run = replay(training.folder)
        assert (run.status, run.reason) == ("stopped", "interrupted")
        assert find_checkpoints(training.folder)[0].step == run.metrics["step"].size > 6


def test_a_letter_reaches_one_member(tmp_path: Path) -> None:
    trainings = made(tmp_path, ["0.05", "0.05"], total="30ep")

    def write(event: Event) -> None:
        if isinstance(event, Evaluated) and event.epoch == 2 and event.training is trainings[1]:
            submit(trainings[1].folder, Scale(0.5, author="anna").to_dict())

    found = ends(Vectorized(), trainings, write)
    one, two = (found[name].result for name in "01")
    assert one is not None
    assert two is not None
    assert set(one.rates) == {0.05}
    assert set(two.rates) == {0.05, 0.025}
    assert replay(tmp_path / "1").edits[0]["author"] == "anna"


def test_dropout_draws_for_each_model(tmp_path: Path) -> None:
    trainings = made(tmp_path / "a", ["0.05", "0.05"], options={"dropout": 0.5}, seed=1)
    one, two = results(Vectorized(), trainings)
    assert one.losses[0] != two.losses[0]  # one seed, one order, two masks
    again = made(tmp_path / "b", ["0.05", "0.05"], options={"dropout": 0.5}, seed=1)
    assert np.array_equal(results(Vectorized(), again)[1].losses, two.losses)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"amp": True}, "mixed precision"),
        ({"specs": ("0.1 | spike_guard()",)}, "every update"),
        ({"options": {"optimizer": "RMSprop"}}, "RMSprop"),
        ({"options": {"optimizer": "Adam", "amsgrad": True}}, "amsgrad"),
        ({"options": {"parts": True}}, "average"),
        ({"options": {"kind": "branching"}}, "torch.func"),
    ],
    ids=str,
)
def test_what_it_cannot_do_is_refused_by_name(
    tmp_path: Path, more: dict[str, Any], word: str
) -> None:
    with Vectorized() as engine, pytest.raises(SpecError, match=word):
        engine.submit(made(tmp_path, **more)[0])
    assert not any(tmp_path.iterdir())


def test_the_caller_s_random_states_stay(tmp_path: Path) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    results(Vectorized(), made(tmp_path, options={"dropout": 0.5}))
    assert torch.equal(before, torch.get_rng_state())
