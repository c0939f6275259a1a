"""The bench of `lrkit tune`: nothing is chosen by the test data, and every way keeps its budget."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

pytest.importorskip("sklearn", reason="the benchmarks need lrkit[lab]")
pytest.importorskip("loky", reason="the benchmarks need lrkit[lab]")
pytest.importorskip("matplotlib", reason="the benchmarks need lrkit[plot]")
pytest.importorskip("optuna", reason="the benchmarks need lrkit[search]")

from bench._tune_methods import LARGE, NAMES, SMALL, choices, full
from bench._tune_outcomes import Outcomes, Trial
from bench._tune_pairs import PAIRS, Pair, schedule
from bench._tune_report import Judged, Ratio, bars, page
from lrkit.lab import task

DIABETES = next(pair for pair in PAIRS if pair.name.startswith("diabetes"))
SHORT = dataclasses.replace(DIABETES, epochs=2)


def rows(pair: Pair, *, choosing: bool) -> tuple[set[bytes], set[bytes]]:
    """Return the samples trained on and those scored on."""
    built = task(pair.task, 0, "cpu", **pair.settings(choosing=choosing))
    seen: list[torch.Tensor] = []
    hook = built.model.register_forward_pre_hook(lambda _model, given: seen.append(given[0]))
    built.evaluate()
    hook.remove()
    trained = torch.cat([x for x, _ in built.batches(0)])
    one, two = ({row.numpy().tobytes() for row in part} for part in (trained, torch.cat(seen)))
    return one, two


# Not the text, of which the same windows repeat.
OWN = [p for p in PAIRS if p.task.startswith("bench") and "char" not in p.name]


@pytest.mark.parametrize("pair", OWN, ids=lambda pair: pair.name)
def test_what_is_chosen_by_is_neither_trained_on_nor_tested_on(pair: Pair) -> None:
    trained, chosen_by = rows(pair, choosing=True)
    all_of_it, tested = rows(pair, choosing=False)
    assert trained | chosen_by == all_of_it
    assert not chosen_by & trained
    assert not chosen_by & tested


@pytest.mark.parametrize("way", ["random", "tpe"])
def test_a_search_costs_its_budget_and_the_large_one_goes_on_from_the_small(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench._tune_methods.LARGE", 6.0)
    small, large = choices(way, SHORT, 0, Outcomes(None))
    assert (small.cost, large.cost) == (SMALL, 6.0)
    assert "warmup(5%)" in small.schedule


def test_outcomes_are_kept_and_a_diverged_training_was_worth_nothing(tmp_path: Path) -> None:
    out = Outcomes(tmp_path)
    good, bad = (
        Trial.of(SHORT, schedule(peak, "cosine"), 0, choosing=True) for peak in (0.01, 1e9)
    )
    first = out.of(good)
    assert out.of(good) == first == Outcomes(None).of(good)
    assert len(list(tmp_path.rglob("*.json"))) == 1
    failed = out.of(bad)
    begun = task(SHORT.task, 0, "cpu", **SHORT.settings(choosing=True)).evaluate()["loss"]
    assert failed.failed
    assert failed.score == begun
    assert failed.updates < full(SHORT)
    assert first.rank > failed.rank


def test_the_bar_is_met_within_noise_and_missed_beyond_it() -> None:
    def judged(way: str, errors: list[float]) -> list[Judged]:
        return [
            Judged(SHORT.name, i, way, "0.1 * hold()", LARGE, "", (e, e * 1.01), 0)
            for i, e in enumerate(errors)
        ]

    grid = judged(NAMES[0], [0.10, 0.11, 0.12])
    noisy, worse = ([0.09, 0.13, 0.12], [0.15, 0.166, 0.18])
    for errors, met in ((noisy, True), (worse, False)):
        found = [*grid, *judged(NAMES[-1], errors)]
        assert bars([SHORT], found)[0].met is met
        assert SHORT.name in page([SHORT], found, "a.png", 2, "Measured here.")


def test_a_ratio_of_one_repetition_says_nothing_of_its_noise() -> None:
    assert str(Ratio.of([0.0])) == "1.00"
    assert str(Ratio.of([0.0, 0.0])) == "1.00 (1.00 to 1.00)"
