"""Engines by name, and the one that measures the others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lrkit.errors import LoopError, SpecError
from lrkit.lab.engines import Ended, engine, follow
from lrkit.lab.engines.automatic import Auto
from lrkit.lab.engines.serial import Serial
from tests.lab.engines.conftest import outcomes, training


class Slow(Serial):
    """A serial engine that takes its time between two turns."""

    name = "slow"

    def poll(self, timeout: float = 0.2):
        import time

        time.sleep(0.1)
        return super().poll(0.001)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "serail"}, "did you mean serial"),
        ({"name": "processes", "workers": 0}, "workers >= 1"),
        ({"name": "processes", "address": "auto"}, "a Ray cluster"),
    ],
)
def test_what_is_no_engine_is_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        engine(**arguments)  # type: ignore[arg-type]


def test_auto_takes_the_fastest_says_why_and_keeps_nothing_of_the_measurement(
    home: Path, tmp_path: Path
) -> None:
    asked = [training(tmp_path / f"run-{i}", seed=i) for i in range(3)]
    with Auto({"slow": Slow, "serial": Serial}) as one:
        ended = outcomes(one, asked)
    assert one.name == "serial"
    found = re.fullmatch(
        r"auto took serial; updates of homemade:line a second: slow (\S+) \(1 at once\), "
        r"serial (\S+) \(1 at once\)",
        one.why,
    )
    assert found is not None
    assert float(found[2]) > float(found[1]) > 0
    assert {name: event.result.status for name, event in ended.items()} == dict.fromkeys(  # type: ignore[union-attr]
        ("run-0", "run-1", "run-2"), "done"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-0", "run-1", "run-2"]


def test_auto_passes_over_what_cannot_run_the_training(home: Path, tmp_path: Path) -> None:
    class Never(Serial):
        def submit(self, training: object) -> None:
            raise SpecError("it has wings; take another")

    with Auto({"never": Never, "serial": Serial}, like=training(tmp_path / "a")) as one:
        assert one.name == "serial"
        assert "never cannot (it has wings)" in one.why
        assert outcomes(one, [training(tmp_path / "a")])["a"].error is None


def test_a_fault_of_the_task_is_told_by_its_trainings_not_by_the_measurement(
    home: Path, tmp_path: Path
) -> None:
    asked = [training(tmp_path / name, task="homemade:raises") for name in "ab"]
    with Auto({"slow": Slow, "serial": Serial}) as one:
        told = list(follow(one, asked))
    assert [isinstance(e, Ended) and isinstance(e.error, LoopError) for e in told] == [True, True]


def test_one_training_is_not_measured(home: Path, tmp_path: Path) -> None:
    with engine("auto") as one:
        assert outcomes(one, [training(tmp_path / "a")])["a"].error is None
        assert (one.name, one.why) == ("serial", "auto took serial: there is one training")
