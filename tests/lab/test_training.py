"""The training loop: what it computes, what it writes down, and how it fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from lrkit.errors import DataError, LoopError, LrkitError, SpecError
from lrkit.lab import RunResult, task, train
from lrkit.probe.precision import Precision
from lrkit.records import replay
from lrkit.schedules import parse

LINE = "homemade:line"


def test_a_training_is_the_loop_one_would_write_by_hand() -> None:
    schedule = parse("0.05 * (warmup(10) >> cosine())")
    result = train("poly-tanh", schedule, epochs=2, seed=3, device="cpu")
    made = task("poly-tanh", 3, "cpu")
    rates = schedule.over(100).values()
    losses = []
    step = 0
    for epoch in range(2):
        made.model.train()
        for x, y in made.batches(epoch):
            for group in made.optimizer.param_groups:
                group["lr"] = float(rates[step])
            made.optimizer.zero_grad()
            loss = made.loss(made.model(x), y)
            loss.backward()
            made.optimizer.step()
            losses.append(loss.item())
            step += 1
    assert result.losses.tolist() == losses
    assert result.rates.tolist() == rates.tolist()
    assert result.score == made.evaluate()["mse"]


def test_per_epoch_every_update_of_an_epoch_has_its_rate(homemade: Path) -> None:
    result = train(LINE, "linear(0.4, 0, 4ep)", epochs=4, per="epoch")
    assert result.rates.tolist() == [0.4, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1] or np.allclose(
        result.rates, [0.4, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1], rtol=1e-15
    )


def test_accumulating_two_batches_is_one_batch_of_both(homemade: Path) -> None:
    two = train(LINE, "constant(0.1)", epochs=3, accumulate=2)
    one = train(LINE, "constant(0.1)", epochs=3, options={"batch_size": 8})
    assert two.losses.size == one.losses.size == 3
    np.testing.assert_allclose(two.losses, one.losses, rtol=1e-6)


def test_clipping_bounds_the_step(homemade: Path) -> None:
    whole = {"batch_size": 8}
    free = train(LINE, "constant(0.1)", epochs=2, options=whole)
    bound = train(LINE, "constant(0.1)", epochs=2, options=whole, clip=1e-3)
    assert abs(bound.losses[0] - bound.losses[1]) < 1e-2 < abs(free.losses[0] - free.losses[1])


def test_a_total_may_end_within_an_epoch_and_is_still_evaluated(homemade: Path) -> None:
    result = train(LINE, "0.1 * cosine()", total="5st")
    assert len(result.losses) == 5
    assert [e["step"] for e in result.evaluations] == [2, 4, 5]


def test_the_journal_tells_the_same_story(homemade: Path) -> None:
    result = train(LINE, "0.1 * cosine()", epochs=3, seed=2, run=homemade / "r", amp=False)
    run = replay(homemade / "r")
    assert run.status == "done"
    again = RunResult.of(run)
    assert again.losses.tolist() == result.losses.tolist()
    assert again.rates.tolist() == result.rates.tolist()
    assert again.score == result.score
    assert run.header["spec"] == "0.1 * cosine()"
    assert run.header["horizon"]["total"] == 6
    assert [e["epoch"] for e in run.evaluations] == [1, 2, 3]


def test_the_same_seed_gives_the_same_numbers_and_dropout_too() -> None:
    def once() -> list[float]:
        made = task("poly-tanh", 1, "cpu")
        made.model.append(torch.nn.Dropout(0.5))
        torch.rand(7)  # what the caller draws meanwhile must not matter
        return train(made, "constant(0.01)", epochs=1, seed=1).losses.tolist()

    assert once() == once()


def test_the_caller_s_random_state_and_threads_stay(homemade: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    train(LINE, epochs=1)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == 1


def test_divergence_is_an_outcome_with_its_step_and_rate(homemade: Path) -> None:
    result = train(LINE, "constant(1e5)", epochs=50, options={"batch_size": 1}, run=homemade / "r")
    assert result.status == "failed"
    assert result.reason.startswith("diverged: loss is ")
    assert "after a rate of 1e+05" in result.reason
    assert "lower the peak" in result.failure
    assert not np.isfinite(result.losses[-1])
    run = replay(homemade / "r")
    assert run.status == "failed"
    assert run.reason == result.reason
    assert RunResult.of(run).failure == result.failure


def test_learning_nothing_counts_as_failed(homemade: Path) -> None:
    assert "learned nothing" in train(LINE, "constant(0)", epochs=2).failure
    assert train(LINE, "constant(0.1)", epochs=2).failure == ""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty", "gave none in epoch 0"),
        ("short", "says steps_per_epoch=2 and gave 1"),
        ("breaks", "raised RuntimeError: shape .* at update 0"),
        ("unscored", "must give its score 'error', it gave accuracy"),
    ],
)
def test_a_broken_task_is_one_line_and_the_run_says_so(
    name: str, says: str, homemade: Path
) -> None:
    with pytest.raises(LoopError, match=says) as caught:
        train(f"homemade:{name}", run=homemade / "r")
    assert "\n" not in str(caught.value)
    run = replay(homemade / "r")
    assert run.status == "failed"
    assert RunResult.of(run).status == "stopped"  # no outcome of the schedule's


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0},
        {"epochs": 2, "total": "3ep"},
        {"total": "10%"},
        {"total": "1xy"},
        {"clip": 0},
        {"clip": float("nan")},
        {"accumulate": 0},
        {"per": "update"},
        {"schedule": "constant(nan)"},
        {"schedule": "cosinus()"},
        {"schedule": "constant(1, 5ep) >> cosine(1, 0, 2ep) >> linear()", "epochs": 6},
        {"schedule": "constant(0.1, 5tok)"},
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    options: dict[str, object], homemade: Path
) -> None:
    with pytest.raises(SpecError):
        train(LINE, run=homemade / "r", **options)  # type: ignore[arg-type]
    assert not (homemade / "r").exists()


def test_a_run_is_never_written_over(homemade: Path) -> None:
    train(LINE, epochs=1, run=homemade / "r")
    before = (homemade / "r" / "journal.jsonl").read_bytes()
    with pytest.raises(DataError, match="`r-2` is free"):
        train(LINE, epochs=1, run=homemade / "r")
    assert (homemade / "r" / "journal.jsonl").read_bytes() == before


def test_a_watcher_is_told_and_may_stop_the_training(homemade: Path) -> None:
    class Impatient:
        seen: list[int]

        def started(self, updates: int) -> None:
            self.seen = [updates]

        def stepped(self, done: int, loss: float) -> None:
            self.seen.append(done)
            if done == 3:
                raise KeyboardInterrupt

        def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
            assert scores.keys() == {"error"}

    watcher = Impatient()
    with pytest.raises(KeyboardInterrupt):
        train(LINE, epochs=3, run=homemade / "r", progress=watcher)
    assert watcher.seen == [6, 1, 2, 3]
    assert replay(homemade / "r").status == "stopped"
    assert replay(homemade / "r").metrics["step"].tolist() == [0, 1, 2]


def test_a_bar_is_drawn_without_a_terminal(homemade: Path) -> None:
    assert train(LINE, epochs=2, progress=True).status == "done"


def test_mixed_precision_trains(homemade: Path) -> None:
    full = train(LINE, "constant(0.1)", epochs=5)
    mixed = train(LINE, "constant(0.1)", epochs=5, amp=True)
    assert mixed.losses.tolist() != full.losses.tolist()
    assert abs(mixed.score - full.score) < 0.1 * full.losses[0]


def test_float16_scales_the_loss_and_leaves_out_an_update_that_overflows() -> None:
    precision = Precision(torch.device("cpu"), mixed=True, number=torch.float16)
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    precision.backward((weight * 3).sum())
    precision.unscale(optimizer)
    assert weight.grad is not None
    assert weight.grad.item() == 3
    precision.step(optimizer)
    assert weight.item() == -0.5
    weight.grad.fill_(float("inf"))
    precision.step(optimizer)
    assert weight.item() == -0.5


def test_the_last_losses_of_a_window_are_read_too(
    homemade: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lrkit.lab import loop

    plain = train(LINE, "constant(0.1)", epochs=3)
    original = loop.Loop.__init__

    def windowed(self: loop.Loop, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        self._window = 64  # as on a GPU

    monkeypatch.setattr(loop.Loop, "__init__", windowed)
    late = train(LINE, "constant(0.1)", epochs=3, run=homemade / "late")
    assert late.losses.tolist() == plain.losses.tolist()
    gone = train(LINE, "constant(1e5)", epochs=50)
    assert "diverged" in gone.reason
    assert len(gone.losses) <= len(gone.rates)


def test_a_full_disk_ends_the_run_in_one_line(homemade: Path) -> None:
    """Run in a process of its own with a limit on the size of files, which acts as a full disk."""
    import subprocess
    import sys

    script = (
        "import resource, signal\n"
        "from lrkit.errors import DataError\n"
        "from lrkit.lab import train\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (12000, 12000))\n"
        "try:\n"
        f"    train({LINE!r}, 'constant(0.01)', epochs=500, run='full')\n"
        "except DataError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "cannot write" in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1
    run = replay(homemade / "full")
    assert run.status == "dead"
    assert len(run.metrics["step"]) > 10


def test_errors_of_the_lab_are_lrkit_errors(homemade: Path) -> None:
    with pytest.raises(LrkitError):
        train("homemade:raises")
