"""Predictions: where they extrapolate they say so, and their intervals widen."""

import numpy as np
import pytest

from lrkit.errors import SpecError
from lrkit.laws import Fit, fit, mean_score, predict, score
from lrkit.laws.predicting import final_losses
from lrkit.schedules import parse
from tests.laws.conftest import TEST, TRAIN, made
from tests.laws.test_fit import TRUE


@pytest.fixture(scope="module")
def fitted():
    return fit(made("memory", TRUE["memory"], noise=5e-4), "memory")


def width(told):
    low, high = told.interval
    return high - low


SEEN = "1e-3 * (linear(0, 1, 100st) >> cosine(1, 0.1))"


def test_within_what_was_seen_nothing_is_warned_of(fitted):
    told = predict(fitted, SEEN, 4000)
    assert told.warnings == ()
    assert told.steps[-1] == 3999
    assert (told.low < told.losses).all()
    assert (told.losses < told.high).all()


@pytest.mark.parametrize(
    ("schedule", "total", "words"),
    [
        ("1e-2 * (linear(0, 1, 100st) >> cosine(1, 0.1))", 4000, "a peak of 0.01"),
        ("5e-5 * (linear(0, 1, 100st) >> cosine(1, 0.1))", 4000, "a peak of 5e-05"),
        (SEEN, 20_000, "a horizon of 20,000 updates"),
        ("1e-3 * (linear(0, 1, 100st) >> cosine())", 4000, "falls to"),
        (
            "1e-3 * (linear(0, 1, 100st) >> cosine(1, 0.1, 1000st) >> linear(0.1, 1) )",
            4000,
            "rises",
        ),
    ],
)
def test_beyond_what_was_seen_the_prediction_says_so(fitted, schedule, total, words):
    told = predict(fitted, schedule, total)
    assert words in " ".join(told.warnings)
    if "rises" not in words and "falls" not in words:
        assert width(told) > 2 * width(predict(fitted, SEEN, 4000))


def test_a_law_without_runs_says_that_it_knows_nothing_of_them():
    told = predict(Fit("drop", TRUE["drop"], 0.0, ()), SEEN, 4000)
    assert "nothing about the runs" in told.warnings[0]


@pytest.mark.parametrize(
    ("schedule", "total", "words"),
    [("constant(0)", 100, "above 0"), ("cosine()", 1, "two updates"), ("cosin()", 9, "cosine")],
)
def test_what_cannot_be_predicted_is_refused(fitted, schedule, total, words):
    with pytest.raises(SpecError, match=words):
        predict(fitted, schedule, total)


def test_final_losses_are_those_of_whole_predictions(fitted):
    texts = [SEEN, "1e-3 * (linear(0, 1, 100st) >> hold() >> linear(1, 0, 20%))"]
    many = final_losses(fitted, [parse(text).over(4000) for text in texts])
    alone = [predict(fitted, text, 4000).final for text in texts]
    np.testing.assert_allclose(many, alone, rtol=3e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "prede", "worste"),
    # A quarter below the published fit, but for PredE at 25M, where the law here is 9 % below.
    [("llama-25m", 0.91 * 0.00110, 0.75 * 0.00409), ("llama-100m", 0.75 * 0.00142, 0.75 * 0.00583)],
)
def test_the_law_chosen_on_the_training_runs_beats_the_published_fit(
    published, size, prede, worste
):
    curves = published(size)
    chosen = fit([curves[name] for name in TRAIN])
    assert chosen.law == "memory"
    means = mean_score(score(chosen, [curves[name] for name in TEST]))
    assert means["PredE"] <= prede
    assert means["WorstE"] <= worste
