"""The API is what its OpenAPI description says: random requests get documented answers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402

from lrkit.records import Journal  # noqa: E402
from lrkit.studio import Settings, create_app  # noqa: E402
from lrkit.studio.jobs import Jobs  # noqa: E402
from tests.studio.conftest import TOKEN, in_process  # noqa: E402

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Host": "127.0.0.1"}
EXAMPLES = 25


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    root: Path = tmp_path_factory.mktemp("openapi") / "runs"
    root.mkdir()
    header: dict[str, Any] = {"spec": "0.1 * cosine()", "horizon": {"total": 100}, "updates": 100}
    with Journal.create(root / "a", **header) as journal:
        for step in range(50):
            journal.metrics(step, loss=1 / (step + 1), lr=0.1)
        journal.append("evaluation", step=50, accuracy=0.5)
    found = Settings(root, TOKEN, work=root.parent)
    yield found
    jobs = Jobs(found)
    for job in jobs.list():
        if job.status == "running":
            os.killpg(job.what.pid, signal.SIGKILL)


def operations() -> list[tuple[str, str]]:
    """Return path and method of all that answers at once; a stream has no end to wait for."""
    description = create_app(Settings(Path("runs"), TOKEN)).openapi()
    return [
        (path, method)
        for path, about in description["paths"].items()
        for method, operation in about.items()
        if "text/event-stream" not in operation["responses"].get("200", {}).get("content", {})
    ]


@pytest.mark.parametrize(("path", "method"), operations(), ids=lambda part: part)
def test_every_answer_is_as_described(told, path, method):
    app = create_app(told)
    described = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=HEADERS)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=described[path][method].as_strategy())
    def answers(case):
        # A schedule has a grammar, which a JSON schema cannot say: valid JSON may be no schedule.
        case.call_and_validate(headers=HEADERS, excluded_checks=[positive_data_acceptance])

    answers()


def test_the_description_tells_every_route(told):
    with in_process(told) as client:
        description = client.get("/api/openapi.json").json()
    assert description["info"]["title"] == "lrkit studio"
    for path, operations in description["paths"].items():
        assert path.startswith("/api/")
        for operation in operations.values():
            assert {"401", "403", "422"} <= operation["responses"].keys(), path
            assert operation["description"] or operation["summary"], path
