"""CIFAR-10: found in a folder in one of three forms, else downloaded, always checked."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import DataError
from lrkit.lab import datasets
from lrkit.lab.extra import installed
from lrkit.lab.images import Images
from lrkit.records import write_file

NAME: Final = "cifar10"
ADDRESS: Final = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE: Final = "cifar-10-python.tar.gz"
ARCHIVE_SHA256: Final = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
BATCHES: Final = "cifar-10-batches-py"
"""The folder in the archive, which is also the one that torchvision makes."""

MD5: Final[Mapping[str, str]] = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
"""The official batches, the one to test with last, and what torchvision checks them by."""

SHARDS: Final = (*(f"train-{i}.webp" for i in range(5)), "test.webp")
LABELS: Final = "labels.npz"
CONTENT: Final = (
    "d59acf989e068e709ce686cda292672c7b212c08d29d3d3e6d8c3aa99eba6a85",
    "899683d46c3a8c66fd56e1af12202e69fe5a4517be10b0f68e04c78fe585c57c",
)
"""SHA-256 of the sorted SHA-256 of every (label, pixels), to train and to test: of any order."""

SIDE: Final = 32
Part = tuple[NDArray[np.uint8], NDArray[np.int64]]


def cifar10() -> Images:
    """Return CIFAR-10: 50,000 images to train and 10,000 to test, 32x32 in colour, ten kinds.

    Looked for in the folder `LRKIT_DATA` names and `cifar10/` in it, then where torchvision keeps
    it (`data/` here and `~/.cache/torch`), then in `../shared/data/cifar10` seen from this folder
    and those above it, then in lrkit's own cache, and at last downloaded there. Three forms are
    read: the official batches (`cifar-10-batches-py`), the official archive of them, and shards
    (`train-0.webp` to `train-4.webp`, `test.webp`: lossless, 100 x 100 tiles each, and
    `labels.npz`). Each is checked: the files by their published checksums, the shards by their
    pixels and labels.

    Raises `DataError` for a damaged file, and when there is none and no network.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    looked = list(datasets.places(NAME, BATCHES))
    # Who unpacks the archive by hand names its folder; torchvision keeps archive and folder.
    candidates = [folder for place in looked for folder in (place, place / BATCHES)]
    found = (read for folder in candidates if (read := _form(folder)) is not None)
    parts = (next(found, None) or _download(looked))()
    (train, train_labels), (test, test_labels) = parts
    return Images(train, train_labels, test, test_labels, zero=0.0, unit=1.0)


def _form(folder: Path) -> Callable[[], tuple[Part, Part]] | None:
    """Return what reads the data set in *folder*, or None when it is not there."""
    if all((folder / name).is_file() for name in MD5):
        return lambda: _from_batches(lambda name: datasets.read(folder / name), str(folder))
    if all((folder / name).is_file() for name in (*SHARDS, LABELS)):
        return lambda: _from_shards(folder)
    if (folder / ARCHIVE).is_file():
        return lambda: _from_archive(datasets.read(folder / ARCHIVE), str(folder / ARCHIVE))
    return None


def _download(looked: list[Path]) -> Callable[[], tuple[Part, Part]]:
    """Fetch the archive into lrkit's cache, checked before it takes its name."""
    raw = datasets.fetch(ADDRESS, "CIFAR-10", looked, f"the official {ARCHIVE}")
    _check_archive(raw, ADDRESS)
    write_file(datasets.cache_folder(NAME) / ARCHIVE, raw)
    return lambda: _from_archive(raw, ADDRESS)


# The official form.


def _check_archive(raw: bytes, what: str) -> None:
    found = hashlib.sha256(raw).hexdigest()
    datasets.check(found, ARCHIVE_SHA256, what, "known SHA-256", len(raw))


def _from_archive(raw: bytes, what: str) -> tuple[Part, Part]:
    """Read the batches out of the archive, in memory: nothing is unpacked to the disk."""
    _check_archive(raw, what)
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as archive:

        def content(name: str) -> bytes:
            member = archive.extractfile(f"{BATCHES}/{name}")
            if member is None:
                raise DataError(f"{what} has no {name}; remove it and run again")
            return member.read()

        return _from_batches(content, what)


def _from_batches(content: Callable[[str], bytes], where: str) -> tuple[Part, Part]:
    parts = []
    for name, expected in MD5.items():
        raw = content(name)
        found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        datasets.check(found, expected, f"{name} in {where}", "published MD5", len(raw))
        parts.append(_unpickled(raw, f"{name} in {where}"))
    images = np.concatenate([pixels for pixels, _ in parts[:-1]])
    return (images, np.concatenate([labels for _, labels in parts[:-1]])), parts[-1]


class _Batch(pickle.Unpickler):
    """Reads what a batch is made of, a NumPy array in plain containers, and runs nothing else."""

    _ALLOWED: Final = frozenset(
        (f"numpy{core}.multiarray", name)
        for core in (".core", "._core")
        for name in ("_reconstruct", "scalar")
    ) | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}

    def find_class(self, module: str, name: str) -> Any:
        """Return the class, or refuse it."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        # NumPy 2 warns of the old name that the official files have.
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _unpickled(raw: bytes, what: str) -> Part:
    try:
        batch = _Batch(io.BytesIO(raw), encoding="bytes").load()
        pixels = np.asarray(batch[b"data"], dtype=np.uint8).reshape(-1, 3, SIDE, SIDE)
        labels = np.asarray(batch[b"labels"], dtype=np.int64)
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{what} must be a batch of CIFAR-10 (data and labels), it is not: {error}; "
            "remove it and run again"
        ) from error
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)), labels


# The shards.


def _from_shards(folder: Path) -> tuple[Part, Part]:
    try:
        with np.load(folder / LABELS, allow_pickle=False) as file:
            labels = [file[name].astype(np.int64) for name in _label_names()]
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{folder / LABELS} must hold {', '.join(_label_names())}, it does not: "
            f"{str(error).partition('.')[0]}; put the right file there"
        ) from error
    images = [_tiles(folder / name) for name in SHARDS]
    train = (np.concatenate(images[:-1]), np.concatenate(labels[:-1]))
    test = (images[-1], labels[-1])
    for part, expected in zip((train, test), CONTENT, strict=True):
        what = f"what is in the shards of {folder}"
        datasets.check(_fingerprint(*part), expected, what, "known SHA-256", part[0].nbytes)
    return train, test


def _label_names() -> tuple[str, ...]:
    return (*(f"train_{i}" for i in range(5)), "test")


def _tiles(path: Path) -> NDArray[np.uint8]:
    """Return the 10,000 images of a shard, row by row of tiles."""
    with installed():
        from PIL import Image, UnidentifiedImageError
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        count = pixels.shape[0] // SIDE
        tiles = pixels.reshape(count, SIDE, -1, SIDE, 3).transpose(0, 2, 1, 3, 4)
    except (OSError, ValueError, UnidentifiedImageError) as error:
        raise DataError(
            f"{path} must be a lossless WebP of 32x32 tiles, it is not: {error}; "
            "put the right file there"
        ) from error
    return np.ascontiguousarray(tiles.reshape(-1, SIDE, SIDE, 3))


def _fingerprint(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> str:
    """Return the hash of the images with their labels, whatever their order."""

    def each() -> Iterator[bytes]:
        for image, label in zip(images, labels.tolist(), strict=True):
            yield hashlib.sha256(bytes([label]) + image.tobytes()).digest()

    return hashlib.sha256(b"".join(sorted(each()))).hexdigest()
