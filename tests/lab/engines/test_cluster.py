"""A real Ray cluster on this machine: shipped runs, killed workers, a head that goes."""

from __future__ import annotations

import os
import re
import secrets
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrkit.errors import DataError
from lrkit.lab import train
from lrkit.lab.checkpoints import find_checkpoints
from lrkit.lab.engines import Cooldown, Ended, Evaluated, Training, engine
from lrkit.records import replay
from tests.lab.engines.conftest import needs_ray, outcomes, training, until, writer_of

if needs_ray.args[0]:
    pytest.skip("ray is not installed", allow_module_level=True)

from lrkit.lab.engines.cluster import Ray


@pytest.fixture(scope="module")
def apart(home: Path) -> Iterator[Ray]:
    """A cluster that is treated as if its machine shared no folder with this one."""
    with Ray(2, ship=True) as one:
        yield one


def processes_of(one: Ray) -> dict[int, str]:
    """Return the processes of the local cluster of *one*, each with its command."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(one._folder) in command:
                found[int(entry.name)] = command
    return found


def address_of(one: Ray) -> str:
    """Return where the head of the local cluster of *one* listens."""
    found = re.search(r"--gcs-address=(\S+)", " ".join(processes_of(one).values()))
    assert found is not None
    return found[1]


def listening(pids: set[int]) -> set[str]:
    """Return the addresses on which these processes take connections, in hexadecimal."""
    held = {os.readlink(fd) for pid in pids for fd in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        if Path(f"/proc/net/{name}").exists()
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {
        row[1].partition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in held
    }


@pytest.mark.slow
def test_a_run_is_shipped_where_no_folder_is_shared(apart: Ray, tmp_path: Path) -> None:
    trunk = training(tmp_path / "trunk", "constant(0.1)", checkpoint="1ep", keep="all", seed=4)
    found = outcomes(apart, [trunk])["trunk"]
    alone = train(trunk.task, "constant(0.1)", total="3ep", seed=4, device="cpu")
    assert found.result.losses.tolist() == alone.losses.tolist()  # type: ignore[union-attr]
    assert [saved.step for saved in find_checkpoints(trunk.folder)] == [6, 4, 2]
    assert replay(trunk.folder).status == "done"
    down = Training(
        trunk.task, None, tmp_path / "down", seed=4, cooldown=Cooldown(trunk.folder, "2ep", "1ep")
    )
    result = outcomes(apart, [down])["down"].result
    assert result.losses[:4].tolist() == alone.losses[:4].tolist()  # type: ignore[union-attr]
    header = replay(down.folder).header
    assert header["parent"] == {"run": str(trunk.folder), "step": 4, "from": 4}
    # And goes on elsewhere from where it is.
    stopped = training(tmp_path / "stopped", task="homemade:slow", total="40ep", checkpoint="1ep")
    apart.submit(stopped)
    until(apart, Evaluated)
    apart.stop(stopped)
    assert until(apart, Ended).result.status == "stopped"  # type: ignore[union-attr]
    with engine("serial") as serial:
        result = outcomes(serial, [stopped])["stopped"].result
    alone = train(stopped.task, stopped.spec, total="40ep", device="cpu")
    assert result.losses.tolist() == alone.losses.tolist()  # type: ignore[union-attr]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are looked up in /proc")
def test_a_local_cluster_is_open_to_this_machine_alone(apart: Ray) -> None:
    own = processes_of(apart)
    assert any("gcs_server" in command for command in own.values())
    places = listening(set(own))
    assert places
    assert places <= {"0100007F", "0000000000000000FFFF00000100007F", "0" * 24 + "01000000"}


@pytest.mark.slow
@pytest.mark.parametrize("ship", [False, True])
def test_a_killed_worker_is_replaced_and_its_training_goes_on(
    ship: bool, home: Path, tmp_path: Path
) -> None:
    name = f"long-{os.getpid()}"  # that no other test on this machine has
    long = training(tmp_path / name, task="homemade:slow", total="100ep", checkpoint="1ep")
    seen: list[int] = []
    with Ray(1, ship=ship) as one:
        one.submit(long)
        result, killed = None, False
        while result is None:
            for event in one.poll():
                if isinstance(event, Evaluated):
                    seen.append(event.epoch)
                elif isinstance(event, Ended):
                    result = event.result
                    assert event.error is None
            if len(seen) >= 10 and not killed:
                killed = True
                if ship:
                    places = Path(tempfile.gettempdir()).glob(f"lrkit-*/{long.folder.name}")
                    os.kill(writer_of(next(places)), signal.SIGKILL)
                else:
                    os.kill(writer_of(long.folder), signal.SIGKILL)
    assert seen == [*range(1, 101)]
    resumed = [event["step"] for event in replay(long.folder).events if event["kind"] == "resume"]
    assert len(resumed) == 1
    assert resumed[0] > 8
    alone = train(long.task, long.spec, total="100ep", device="cpu")
    assert result.losses.tolist() == alone.losses.tolist()


@pytest.mark.slow
def test_a_cluster_is_found_by_its_address_and_its_end_is_a_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    first = training(tmp_path / "first")
    long = training(tmp_path / "long", task="homemade:slow", total="100000ep", checkpoint="1ep")
    with Ray(2) as theirs:
        address = address_of(theirs)
        with Ray(address=address) as ours:
            assert ours.slots == 2
            assert outcomes(ours, [first])["first"].error is None
            ours.submit(long)
            until(ours, Evaluated)
            for pid, command in processes_of(theirs).items():
                if "gcs_server" in command or "/raylet " in command:
                    os.kill(pid, signal.SIGKILL)
            error = until(ours, Ended).error  # type: ignore[union-attr]
            assert isinstance(error, DataError)
            assert f"{address} is gone" in str(error)
            assert "\n" not in str(error)
            with pytest.raises(DataError, match="is gone"):
                ours.submit(training(tmp_path / "more"))
    assert replay(first.folder).status == "done"
    # Continuing works, on whatever there is.
    with engine("serial") as serial:
        serial.submit(long)
        until(serial, Evaluated)
    kinds = [event["kind"] for event in replay(long.folder).events]
    assert "resume" in kinds
    assert replay(long.folder).status == "stopped"


@pytest.mark.slow
def test_a_cluster_of_others_asks_for_its_token(apart: Ray) -> None:
    with pytest.raises(DataError, match="it asks for a token; set RAY_AUTH_MODE=token"):
        Ray(address=address_of(apart))


@pytest.mark.slow
def test_no_cluster_at_an_address_is_a_line() -> None:
    with pytest.raises(
        DataError, match=r"the cluster 127.0.0.1:1 must answer.*ray start"
    ) as caught:
        Ray(address="127.0.0.1:1")
    assert "\n" not in str(caught.value)
