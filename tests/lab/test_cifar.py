"""CIFAR-10: three forms, each checked, none replaced; and Caffe's network on it."""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lrkit.errors import DataError
from lrkit.lab import cifar as module
from lrkit.lab import task
from lrkit.lab.caffe import WithinChannel, cifar10_full
from lrkit.lab.cifar import ARCHIVE, BATCHES, MD5, SHARDS, cifar10
from lrkit.lab.loop import Options
from lrkit.lab.plan import plan_of
from lrkit.schedules import parse

SIDE = 4
"""Tiles to a side of the small shards that stand for the real ones."""

SHARED = next(
    (
        p / "shared" / "data"
        for p in Path(__file__).resolve().parents
        if (p / "shared" / "data" / "cifar10").is_dir()
    ),
    None,
)
needs_files = pytest.mark.skipif(
    SHARED is None, reason="no ../shared/data/cifar10 beside this checkout"
)
Made = dict[str, tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Made:
    """Sixteen images for each of the six files, and no data set or network to be found."""
    rng = np.random.default_rng(0)
    parts = {
        name: (
            rng.integers(0, 256, (SIDE**2, 32, 32, 3), dtype=np.uint8),
            rng.integers(0, 10, SIDE**2),
        )
        for name in MD5
    }
    train = [np.concatenate([part[i] for part in list(parts.values())[:-1]]) for i in (0, 1)]
    content = module._fingerprint(*train), module._fingerprint(*parts["test_batch"])
    monkeypatch.setattr(module, "CONTENT", content)
    for folder in ("work", "home"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LRKIT_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(module, "ADDRESS", "http://127.0.0.1:9/none")
    return parts


def batches(parts: Made, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Return the official form of *parts*, pinned in place of the official checksums."""
    files = {
        name: pickle.dumps(
            {
                b"data": images.transpose(0, 3, 1, 2).reshape(len(images), -1),
                b"labels": labels.tolist(),
                b"batch_label": b"training batch",
                b"filenames": [b"a.png"],
            },
            protocol=2,
        )
        for name, (images, labels) in parts.items()
    }
    sums = {name: hashlib.md5(raw).hexdigest() for name, raw in files.items()}
    monkeypatch.setattr(module, "MD5", sums)
    return files


def put(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return folder


def archive(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, raw in files.items():
            member = tarfile.TarInfo(f"{BATCHES}/{name}")
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    packed = out.getvalue()
    monkeypatch.setattr(module, "ARCHIVE_SHA256", hashlib.sha256(packed).hexdigest())
    return packed


def shards(parts: Made, folder: Path) -> Path:
    image = pytest.importorskip("PIL.Image")
    folder.mkdir(parents=True)
    labels = {}
    for name, (key, (images, marks)) in zip(SHARDS, parts.items(), strict=True):
        grid = images.reshape(SIDE, SIDE, 32, 32, 3).transpose(0, 2, 1, 3, 4)
        image.fromarray(grid.reshape(32 * SIDE, 32 * SIDE, 3)).save(folder / name, lossless=True)
        key = "test" if name == "test.webp" else f"train_{name[6]}"
        labels[key] = marks.astype(np.uint8)
    np.savez(folder / "labels.npz", **labels)
    return folder


@pytest.mark.parametrize("place", ["", "cifar10", BATCHES])
def test_the_official_batches_are_found_in_a_named_folder(
    place: str, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "named" / place, batches(made, monkeypatch))
    monkeypatch.setenv("LRKIT_DATA", str(tmp_path / "named"))
    images = cifar10()
    assert images.train.shape == (80, 32, 32, 3)
    assert np.array_equal(images.train[16:32], made["data_batch_2"][0])
    assert images.test_labels.tolist() == made["test_batch"][1].tolist()


def test_torchvision_s_cache_and_the_archive_are_found(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = archive(batches(made, monkeypatch), monkeypatch)
    put(tmp_path / "home" / ".cache" / "lrkit" / "cifar10", {ARCHIVE: packed})
    assert np.array_equal(cifar10().test, made["test_batch"][0])
    # torchvision keeps both in its folder; what is unpacked is read first.
    put(tmp_path / "work" / "data" / BATCHES, batches(made, monkeypatch))
    monkeypatch.setattr(module, "ARCHIVE_SHA256", "another")
    assert np.array_equal(cifar10().test, made["test_batch"][0])


def test_the_shards_hold_the_same_in_any_order(made: Made, tmp_path: Path) -> None:
    folder = shards(made, tmp_path / "shared" / "data" / "cifar10")
    images = cifar10()
    assert np.array_equal(images.train[:16], made["data_batch_1"][0])
    for name in ("train-0.webp", "train-1.webp"):
        (folder / name).rename(folder / f"old-{name}")
    (folder / "old-train-0.webp").rename(folder / "train-1.webp")
    (folder / "old-train-1.webp").rename(folder / "train-0.webp")
    # Now every image of the first two has another's label.
    with pytest.raises(DataError, match=r"what is in the shards of .* must have the known SHA-256"):
        cifar10()


@pytest.mark.parametrize("raw", [b"PK nothing", b"hello"])
def test_damaged_labels_and_shards_are_named(raw: bytes, made: Made, tmp_path: Path) -> None:
    folder = shards(made, tmp_path / "shared" / "data" / "cifar10")
    labels = (folder / "labels.npz").read_bytes()
    (folder / "labels.npz").write_bytes(raw)
    with pytest.raises(DataError, match=r"labels.npz must hold train_0, .*put the right file"):
        cifar10()
    (folder / "labels.npz").write_bytes(labels)
    (folder / "test.webp").write_bytes(raw)
    with pytest.raises(DataError, match=r"test.webp must be a lossless WebP of 32x32 tiles"):
        cifar10()


def test_a_damaged_file_is_named_and_not_replaced(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(tmp_path / "work" / "data" / BATCHES, batches(made, monkeypatch))
    bad = folder / "data_batch_3"
    bad.write_bytes(bad.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_3 in .* must have the published MD5"):
        cifar10()
    assert bad.exists()


class Evil:
    """Runs a command when it is unpickled by the usual means."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Return what an unpickler calls."""
        import os

        return os.system, ("touch evil",)


def test_a_batch_that_would_run_something_is_refused(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = batches(made, monkeypatch)
    files["data_batch_1"] = pickle.dumps({b"data": Evil(), b"labels": [1]}, protocol=2)
    sums = {name: hashlib.md5(raw).hexdigest() for name, raw in files.items()}
    monkeypatch.setattr(module, "MD5", sums)
    put(tmp_path / "work" / "data" / BATCHES, files)
    with pytest.raises(DataError, match=r"it asks for (posix|nt)\.system"):
        cifar10()
    assert not Path("evil").exists()


def test_without_files_and_network_every_place_is_named(made: Made, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        cifar10()
    text = str(caught.value)
    assert "\n" not in text
    assert str(tmp_path / "shared" / "data" / "cifar10") in text
    assert f"data/{BATCHES}" in text
    assert "set LRKIT_DATA" in text


def test_a_download_that_is_something_else_is_not_kept(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "page.html"
    other.write_text("<html>not found</html>")
    monkeypatch.setattr(module, "ADDRESS", other.as_uri())
    with pytest.raises(DataError, match="known SHA-256"):
        cifar10()
    packed = archive(batches(made, monkeypatch), monkeypatch)
    other.write_bytes(packed)
    assert np.array_equal(cifar10().test, made["test_batch"][0])
    other.unlink()
    assert np.array_equal(cifar10().test, made["test_batch"][0]), "it was kept"


@needs_files
@pytest.mark.slow
def test_the_real_shards_have_the_published_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRKIT_DATA", str(SHARED))
    images = cifar10()
    assert images.train.shape == (50_000, 32, 32, 3)
    assert np.bincount(images.train_labels).tolist() == [5000] * 10
    assert np.bincount(images.test_labels).tolist() == [1000] * 10
    mean = images.train.mean((0, 1, 2)) / 255
    assert np.abs(mean - [0.49139968, 0.48215841, 0.44653091]).max() < 1e-8


def test_within_channel_normalisation_is_the_formula() -> None:
    x = torch.randn(2, 3, 5, 6, dtype=torch.float64) * 100
    y = WithinChannel()(x)
    expected = torch.empty_like(x)
    for n, c, i, j in np.ndindex(*x.shape):
        around = [
            float(x[n, c, a, b]) ** 2
            for a in range(i - 1, i + 2)
            for b in range(j - 1, j + 2)
            if 0 <= a < 5 and 0 <= b < 6
        ]
        expected[n, c, i, j] = x[n, c, i, j] / (1 + 5e-5 * math.fsum(around) / 9) ** 0.75
    assert torch.allclose(y, expected, rtol=1e-12)
    assert torch.autograd.gradcheck(WithinChannel(), x.requires_grad_())


def test_within_channel_normalisation_bears_half_precision() -> None:
    x = torch.full((1, 1, 4, 4), 1000.0, dtype=torch.float16)
    y = WithinChannel()(x)
    assert y.dtype == torch.float16
    assert float(y[0, 0, 1, 1]) == pytest.approx(1000 / 51**0.75, rel=1e-2)


def test_the_network_is_caffe_s() -> None:
    torch.manual_seed(0)
    net = cifar10_full(torch.full((32, 32, 3), 128.0))
    assert sum(p.numel() for p in net.parameters()) == 89_578
    lines = [m for m in net if isinstance(m, nn.Conv2d | nn.Linear)]
    for line, deviation in zip(lines, (1e-4, 0.01, 0.01, 0.01), strict=True):
        assert float(line.weight.detach().std()) == pytest.approx(deviation, rel=0.05)
        assert not line.bias.detach().any()
    sizes = []
    x = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    for layer in net:
        x = layer(x)
        sizes.append(tuple(x.shape[1:]))
    assert list(dict.fromkeys(sizes))[:-2] == [
        (3, 32, 32), (32, 32, 32), (32, 16, 16), (32, 8, 8), (64, 8, 8), (64, 4, 4)
    ]  # fmt: skip
    assert sizes[-2:] == [(1024,), (10,)]


@pytest.fixture
def small(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "work" / "data" / BATCHES, batches(made, monkeypatch))


@pytest.mark.usefixtures("small")
def test_groups_have_caffe_s_multipliers_and_keep_them() -> None:
    made = task("cifar10-quick", 0, "cpu", batch_size=40)
    assert made.steps_per_epoch == 2
    schedule = parse("cyclic(0.001, 0.006, up=2st)")
    scheduler = plan_of(made, schedule, Options(), epochs=2).scheduler(made)
    for step in range(4):
        rates = [group["lr"] for group in made.optimizer.param_groups]
        value = schedule.over(4)(step)
        assert rates == [value, 2 * value, value, 2 * value]
        made.optimizer.step()
        scheduler.step()
    decays = [group["weight_decay"] for group in made.optimizer.param_groups]
    assert decays == [0.004, 0.004, 1.0, 0.0]
    counts = [len(group["params"]) for group in made.optimizer.param_groups]
    assert counts == [4, 2, 1, 1]


@pytest.mark.usefixtures("small")
def test_the_pixels_a_network_sees_have_mean_zero(made: Made) -> None:
    ready = task("cifar10-quick", 0, "cpu", batch_size=80)
    ((x, y),) = ready.batches(0)
    assert (x.dtype, x.shape, y.shape) == (torch.uint8, (80, 32, 32, 3), (80,))
    seen = next(iter(ready.model.children()))(x)
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert float(seen.mean(0).abs().max()) < 1e-3
    assert 0 <= ready.evaluate()["accuracy"] <= 1
