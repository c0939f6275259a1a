"""What is decided: on made-up tasks, so that thousands of trainings cost nothing."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrkit.errors import LoopError
from lrkit.lab.tuning.belief import believe
from lrkit.lab.tuning.candidates import SHAPES, Candidate, offset
from lrkit.lab.tuning.choosing import decide
from lrkit.lab.tuning.outcomes import Outcome, Request, Scale, badness_of
from lrkit.lab.tuning.plan import State
from lrkit.lab.tuning.ranging import ranged
from lrkit.probe import RangeCurve

TOTAL = 3000


def range_test(best):
    """Return a range test whose loss turns up a little above *best*."""
    rates = np.geomspace(best * 1e-4, best * 30, 60)
    losses = 2.3 - 1.5 / (1 + (0.3 * best / rates) ** 2) + (rates / (4 * best)) ** 2
    return ranged(RangeCurve(rates, losses))


class Made:
    """A task that is a formula: a bowl in ln(peak), a cliff above it, noise from seed to seed."""

    def __init__(self, best, cliff=3.0, exponent=-0.15, noise=0.04, guess=None, kind="share"):
        self.best, self.cliff, self.exponent, self.noise = best, cliff, exponent, noise
        self.kind = kind
        self.ranged = range_test(best if guess is None else guess)
        self.asked: list[Request] = []

    def train(self, request):
        self.asked.append(request)
        random = np.random.default_rng(zlib.crc32(repr(request).encode()))
        ratio = request.updates / TOTAL
        x = math.log(request.candidate.peak) - offset(request.candidate.shape, TOTAL)
        d = x - math.log(self.best) - self.exponent * math.log(ratio)
        if d > math.log(self.cliff) + 0.1 * random.standard_normal():
            return Outcome(request, math.nan, math.nan, math.nan, request.updates // 4, "diverged")
        error = 0.08 * math.exp(0.3 * d * d - 0.4 * math.log(ratio))
        error *= math.exp(self.noise * random.standard_normal())
        score = 1 - min(error, 0.9) if self.kind == "share" else error
        return Outcome(request, score, math.nan, error, request.updates, "")

    def tune(self, budget, seed=0):
        state = State(TOTAL, budget, self.kind == "share", seed, self.ranged)
        deciding = decide(state)
        batch = next(deciding)
        while True:
            assert batch.why
            assert batch.requests
            try:
                batch = deciding.send([self.train(request) for request in batch.requests])
            except StopIteration as end:
                return end.value, budget - state.left

    def loss(self, finding):
        """Return how much worse than the best peak the winner is, as a ratio of errors."""
        x = math.log(finding.winner.peak) - offset(finding.winner.shape, TOTAL)
        d = x - math.log(self.best)
        return math.inf if d > math.log(self.cliff) - 0.2 else math.exp(0.3 * d * d)


@pytest.mark.parametrize("kind", ["share", "ratio"])
@pytest.mark.parametrize(
    "task",
    [
        {"best": 0.3},
        {"best": 3e-4, "cliff": 8.0, "exponent": -0.4},
        {"best": 0.02, "cliff": 1.6},  # the cliff follows closely
        {"best": 0.1, "guess": 1.0},  # the range test is off by ten, either way
        {"best": 0.1, "guess": 0.01},
        {"best": 0.1, "noise": 0.08},
    ],
    ids=lambda task: " ".join(f"{k}={v}" for k, v in task.items()),
)
def test_three_full_runs_find_a_peak_that_loses_little(task, kind):
    lost = [Made(**task, kind=kind) for _ in range(3)]
    ratios = [made.loss(made.tune(3.0, seed)[0]) for seed, made in enumerate(lost)]
    assert np.median(ratios) < 1.4, ratios
    assert max(ratios) < 1.7, ratios


@settings(max_examples=8, deadline=None)
@given(
    budget=st.floats(0.5, 15),
    best=st.floats(1e-4, 1.0),
    cliff=st.floats(1.3, 20),
    off=st.floats(0.05, 20),
)
def test_the_budget_holds_whatever_the_task(budget, best, cliff, off):
    made = Made(best, cliff, guess=best * off)
    finding, spent = made.tune(budget)
    assert spent <= budget + 1e-9
    assert finding.winner.shape in SHAPES
    assert all(made.asked.count(request) == 1 for request in made.asked), "none is made twice"


def test_decisions_hang_on_settings_and_results_alone():
    first, again = Made(0.2), Made(0.2)
    a, b = first.tune(8.0)[0], again.tune(8.0)[0]
    assert first.asked == again.asked
    assert (a.winner, a.runner_up) == (b.winner, b.runner_up)
    assert Made(0.2).tune(8.0, seed=50)[0].outcomes[0].request.seed == 50


def test_a_larger_budget_confirms_over_seeds_against_a_runner_up():
    made = Made(0.2)
    finding, _ = made.tune(20.0)
    full = [r for r in made.asked if r.updates == TOTAL]
    seeds = {r.seed for r in full if r.candidate == finding.winner}
    assert finding.runner_up is not None
    assert len(seeds) >= 3
    assert seeds == {r.seed for r in full if r.candidate == finding.runner_up}, "pair by pair"
    assert len({r.candidate.shape for r in made.asked}) >= 5


def test_what_diverged_in_full_is_not_the_answer():
    class Late(Made):
        """Short trainings bear every peak, full ones none above the best."""

        def train(self, request):
            found = super().train(request)
            x = math.log(request.candidate.peak) - offset(request.candidate.shape, TOTAL)
            if request.updates == TOTAL and x > math.log(self.best):
                return Outcome(request, math.nan, math.nan, math.nan, 300, "diverged")
            return found

    made = Late(0.05, cliff=30.0, guess=0.5, exponent=-0.4)
    finding, _ = made.tune(4.0)
    assert math.log(finding.winner.peak) - offset(finding.winner.shape, TOTAL) <= math.log(0.05)


def test_a_task_that_never_learns_is_told_so():
    class Never(Made):
        def train(self, request):
            return Outcome(request, 0.1, 2.3, 2.3, request.updates, "it learned nothing: flat")

    with pytest.raises(LoopError, match="no training learned anything"):
        Never(0.1).tune(3.0)

    class Diverges(Made):
        def train(self, request):
            return Outcome(request, math.nan, math.nan, math.nan, 3, "diverged")

    with pytest.raises(LoopError, match=r"every one of .* diverged"):
        Diverges(0.1).tune(3.0)


def outcome(peak, score, updates=TOTAL, loss=math.nan, shape="linear"):
    request = Request(Candidate(shape, peak), updates, 0, "short")
    return Outcome(request, score, loss, math.nan, updates, "")


def test_the_belief_follows_the_runs_and_keeps_off_the_cliff():
    scale = Scale("share")
    bowl = [outcome(p, 1 - 0.1 * math.exp(0.3 * math.log(p / 0.1) ** 2)) for p in (0.02, 0.1, 0.5)]
    found = believe(bowl, scale, TOTAL, math.log(0.1), 1.5)
    assert 0.05 < math.exp(found.choice()) < 0.2
    cliff = [*bowl[:2], outcome(0.2, math.nan)]
    wary = believe(cliff, scale, TOTAL, math.log(0.1), 1.5)
    assert wary.choice() < found.choice()
    assert wary.quantile(0.05) < wary.choice() < wary.quantile(0.95)
    assert np.isclose(found.weights.sum(), 1)


@given(st.sampled_from(["share", "ratio", "more", "less"]), st.floats(0.01, 0.99))
def test_scores_come_back_from_the_scale_and_better_is_lower(kind, score):
    scale = Scale(kind, 2.0)
    assert math.isclose(scale.score(scale.badness(score)), score, rel_tol=1e-9)
    better = score - 0.005 if kind in ("ratio", "less") else score + 0.005
    assert scale.badness(better) < scale.badness(score)


def test_a_scale_fits_any_score():
    assert Scale.of([0.1, 0.9], True).kind == "share"
    assert Scale.of([0.1, 9.0, math.nan], False).kind == "ratio"
    assert Scale.of([-3.0, 80.0], True).kind == "more"
    assert Scale.of([-3.0, 80.0], False).kind == "less"
    assert Scale.of([], True).kind == "more"


def test_few_samples_are_helped_by_their_loss_and_many_are_not():
    # 40 samples: two accuracies alike, the losses tell them apart.
    few = [outcome(0.1, 0.9, loss=0.5), outcome(0.2, 0.9, loss=0.3), outcome(0.4, 0.925, loss=0.9)]
    bad = badness_of(few, Scale("share"))
    assert bad[1] < bad[0]
    assert bad[1] < bad[2], "one sample more is no reason to take three times the loss"
    many = [outcome(0.1, 0.9001, loss=0.3), outcome(0.2, 0.9, loss=0.3)]
    many.append(outcome(0.4, 0.93, loss=0.4))
    assert badness_of(many, Scale("share")).argmin() == 2
