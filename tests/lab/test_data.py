"""Data sets: the right files, checked, from the right place; never a silent substitute."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lrkit.errors import DataError
from lrkit.lab import fashion as module
from lrkit.lab.datasets import places
from lrkit.lab.fashion import FILES, Official, fashion
from lrkit.lab.images import digits

SHARED = next(
    (
        p / "shared" / "data" / "fashion-mnist"
        for p in Path(__file__).resolve().parents
        if (p / "shared" / "data" / "fashion-mnist").is_dir()
    ),
    None,
)
needs_files = pytest.mark.skipif(
    SHARED is None, reason="no ../shared/data/fashion-mnist beside this checkout"
)


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """Four small files in the official form, pinned in place of the official ones."""
    rng = np.random.default_rng(0)
    files: dict[str, bytes] = {}
    pinned = []
    for official, count in zip(FILES, (6, 6, 4, 4), strict=True):
        shape = (count, *official.shape[1:])
        raw = idx(rng.integers(0, 10, shape, dtype=np.uint8))
        packed = gzip.compress(raw, mtime=0)
        files[f"{official.name}.gz"] = packed
        pinned.append(
            Official(
                official.name,
                hashlib.md5(packed).hexdigest(),
                hashlib.md5(raw).hexdigest(),
                shape,
            )
        )
    monkeypatch.setattr(module, "FILES", tuple(pinned))
    (tmp_path / "work").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LRKIT_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    # A port nobody listens on: nothing is fetched unless a test says from where.
    monkeypatch.setattr(module, "ADDRESS", "http://127.0.0.1:9/none")
    return files


def put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)


@pytest.fixture
def server(tiny: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A web server with the four files; yields the list of what was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            asked.append(name)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(tiny[name])

        def log_message(self, *arguments: object) -> None:
            """Be quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as it:
        thread = threading.Thread(target=it.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(module, "ADDRESS", f"http://127.0.0.1:{it.server_port}/x")
        yield asked
        it.shutdown()
        thread.join()


def test_digits_are_the_real_ones_in_a_fixed_split() -> None:
    images = digits()
    assert images.train.shape == (898, 28, 28)
    assert images.test.shape == (899, 28, 28)
    assert images.train_labels[:10].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert np.bincount(images.test_labels).min() >= 86
    scaled = (images.train - images.zero) / images.unit
    assert abs(scaled.mean()) < 1e-9
    assert abs(scaled.std() - 1) < 1e-9


@needs_files
def test_the_official_files_load_with_the_published_statistics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LRKIT_DATA", str(SHARED))
    images = fashion()
    assert images.train.shape == (60_000, 28, 28)
    assert images.test.shape == (10_000, 28, 28)
    assert abs(images.train.mean() / 255 - 0.28604) < 1e-5
    assert np.bincount(images.test_labels).tolist() == [1000] * 10


@pytest.mark.parametrize("place", ["", "fashion-mnist", "FashionMNIST/raw"])
def test_a_named_folder_is_taken_first(
    place: str, tiny: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "named" / place, tiny)
    monkeypatch.setenv("LRKIT_DATA", str(tmp_path / "named"))
    assert fashion().train.shape == (6, 28, 28)


def test_torchvision_s_cache_and_unpacked_files_are_found(
    tiny: dict[str, bytes], tmp_path: Path
) -> None:
    unpacked = {name[:-3]: gzip.decompress(raw) for name, raw in tiny.items()}
    put(tmp_path / "work" / "data" / "FashionMNIST" / "raw", unpacked)
    assert fashion().test.shape == (4, 28, 28)


def test_the_folder_beside_the_checkout_is_found(tiny: dict[str, bytes], tmp_path: Path) -> None:
    put(tmp_path / "shared" / "data" / "fashion-mnist", tiny)
    assert tmp_path / "shared" / "data" / "fashion-mnist" in list(
        places("fashion-mnist", "FashionMNIST/raw")
    )
    assert fashion().test_labels.shape == (4,)


def test_a_folder_that_does_not_exist_is_an_error(
    tiny: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRKIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"LRKIT_DATA must name a folder, .*nowhere is none"):
        fashion()


def test_without_files_and_network_every_place_is_named(
    tiny: dict[str, bytes], tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        fashion()
    text = str(caught.value)
    assert "\n" not in text
    assert "FashionMNIST/raw" in text
    assert str(tmp_path / "shared" / "data" / "fashion-mnist") in text
    assert "set LRKIT_DATA" in text


def test_a_damaged_file_is_named_and_not_replaced(tiny: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "work" / "data" / "FashionMNIST" / "raw"
    put(folder, tiny)
    bad = folder / "train-images-idx3-ubyte.gz"
    bad.write_bytes(bad.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train-images.*must have the published MD5"):
        fashion()
    assert bad.exists()


def test_missing_files_are_fetched_once_and_kept(server: list[str], tmp_path: Path) -> None:
    assert fashion().train.shape == (6, 28, 28)
    assert len(server) == 4
    assert fashion().train.shape == (6, 28, 28)
    assert len(server) == 4
    kept = tmp_path / "home" / ".cache" / "lrkit" / "fashion-mnist"
    assert len(list(kept.iterdir())) == 4


def test_a_damaged_download_is_not_kept(
    server: list[str], tiny: dict[str, bytes], tmp_path: Path
) -> None:
    tiny["train-labels-idx1-ubyte.gz"] = b"<html>not found</html>"
    with pytest.raises(DataError, match="published MD5"):
        fashion()
    kept = tmp_path / "home" / ".cache" / "lrkit" / "fashion-mnist"
    assert [p.name for p in kept.iterdir()] == ["train-images-idx3-ubyte.gz"]
