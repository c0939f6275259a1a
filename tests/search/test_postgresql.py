"""A search in a real PostgreSQL server: taken over by its clock, and through its outage."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lrkit.errors import DataError, SpecError
from lrkit.search import Search, Space
from tests.lab.searching.postgresql import NoServerError, Server
from tests.search.functions import TEXT

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'lrkit[postgresql]'")
SPACE = Space.parse(TEXT)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    try:
        made = Server()
    except NoServerError as error:
        pytest.skip(str(error))
    made.start()
    yield made
    made.remove()


def opened(server: Server, name: str, **settings: Any) -> Search:
    given = {"trials": 2, "sampler": "random", "heartbeat": 1, "grace": 2, **settings}
    return Search.open(server.url, SPACE, name=name, **given)


def test_a_silent_workers_trial_is_taken_over(server: Server) -> None:
    silent = opened(server, "silent", grace=5)
    asked = silent.ask()
    assert asked is not None
    silent._desk._heart.close()
    with opened(server, "silent", grace=5, worker="other") as other:
        beating = other.ask()
        assert beating is not None
        end = time.monotonic() + 60
        while (again := other.ask()) is None and time.monotonic() < end:
            time.sleep(0.3)
        assert again is not None
        assert (again.origin, again.attempt, again.point) == (asked.number, 2, asked.point)
        other.tell(beating, 1.0)  # its own heart was heard all along
        other.tell(again, 2.0)
    silent.close()
    states = [trial.state for trial in Search.read(server.url, "silent").trials]
    assert states == ["taken over", "done", "done"]


def test_a_server_that_is_gone_for_a_while_loses_nothing(server: Server) -> None:
    with opened(server, "outage", grace=600) as search:
        first = search.ask()
        assert first is not None
        search.tell(first, 1.0)
        second = search.ask()
        assert second is not None
        server.stop()
        search._desk._patience = 0.5
        with pytest.raises(DataError, match="what was told is kept, and trial 1") as caught:
            search.tell(second, 2.0)
        assert "\n" not in str(caught.value)
        with pytest.raises(DataError, match="cannot be opened"):
            Search.read(server.url, "outage")
        start = threading.Timer(0.3, server.start)
        start.start()
        search._desk._patience = 60.0
        search.tell(second, 2.0)
        start.join()
    assert [t.score for t in Search.read(server.url, "outage").trials] == [1.0, 2.0]


@pytest.mark.slow
def test_after_an_outage_those_who_live_are_not_taken_for_dead(server: Server) -> None:
    """The server is away for longer than the grace: nobody was heard, and nobody is dead."""
    with opened(server, "alive") as lives, opened(server, "alive") as other:
        asked = lives.ask()
        assert asked is not None
        server.stop()
        time.sleep(3.0)
        server.start()
        for _ in range(2):
            found = other.ask()
            assert found is None or found.origin != asked.number
            if found is not None:
                other.tell(found, 1.0)
        time.sleep(2.5)  # its heart beats again
        assert other.ask() is None
        lives.tell(asked, 2.0)
    assert {t.state for t in Search.read(server.url, "alive").trials} == {"done"}


def test_a_study_of_somebody_else_is_left_alone(server: Server) -> None:
    import optuna

    from lrkit.search.storage import place_of

    with opened(server, "ours"):
        pass
    study = optuna.create_study(storage=place_of(server.url).url, study_name="theirs")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(SpecError, match="'theirs' is not lrkit's; give the search another name"):
        opened(server, "theirs")
    with pytest.raises(SpecError, match="not lrkit's"):
        Search.read(server.url, "theirs")
    study._storage.remove_session()
    study._storage._backend.engine.dispose()
