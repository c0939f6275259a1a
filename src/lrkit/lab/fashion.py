"""Fashion-MNIST: its four official files, found in a folder, else downloaded, always checked."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import DataError
from lrkit.lab import datasets
from lrkit.lab.images import Images
from lrkit.records import write_file

ADDRESS: Final = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"
NAME: Final = "fashion-mnist"
CACHED: Final = "FashionMNIST/raw"
"""The folder that torchvision makes for it."""


class Official(NamedTuple):
    """One of the official files: its name, the MD5 of the gzip and of what is in it, its shape."""

    name: str
    packed: str
    unpacked: str
    shape: tuple[int, ...]


FILES: Final = (
    Official(
        "train-images-idx3-ubyte",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        (60_000, 28, 28),
    ),
    Official(
        "train-labels-idx1-ubyte",
        "25c81989df183df01b3e8a0aad5dffbe",
        "9018921c3c673c538a1fc5bad174d6f9",
        (60_000,),
    ),
    Official(
        "t10k-images-idx3-ubyte",
        "bef4ecab320f06d8554ea6380940ec79",
        "8181f5470baa50b63fa0f6fddb340f0a",
        (10_000, 28, 28),
    ),
    Official(
        "t10k-labels-idx1-ubyte",
        "bb300cfdad3c16e7a12a480ee83cd310",
        "15d484375f8d13e6eb1aabb0c3f46965",
        (10_000,),
    ),
)


def fashion() -> Images:
    """Return Fashion-MNIST: 60,000 images to train and 10,000 to test, 28x28, ten kinds.

    Looked for in the folder `LRKIT_DATA` names (itself, `fashion-mnist/` or torchvision's
    `FashionMNIST/raw/` in it), then where torchvision keeps it (`data/` here and `~/.cache/torch`),
    then in `../shared/data/fashion-mnist` seen from this folder and those above it, then in
    lrkit's own cache, and at last downloaded there. Every file's MD5 must be the published one.

    Raises `DataError` for a damaged file, and when there is none and no network.

    Source: Xiao, Rasul and Vollgraf, arXiv 1708.07747; MIT licence.
    """
    looked = list(datasets.places(NAME, CACHED))
    folder = next((place for place in looked if _has_all(place)), None) or _download(looked)
    train, train_labels, test, test_labels = (_read(folder, official) for official in FILES)
    return Images(
        train,
        train_labels.astype(np.int64),
        test,
        test_labels.astype(np.int64),
        zero=0.0,  # from 0 to 1, as torchvision's ToTensor makes them and d2l has them
        unit=255.0,
    )


def _has_all(folder: Path) -> bool:
    return all(_file_of(folder, official) is not None for official in FILES)


def _file_of(folder: Path, official: Official) -> Path | None:
    # torchvision keeps both forms; the packed one is smaller to read and to check.
    names = (f"{official.name}.gz", official.name)
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read(folder: Path, official: Official) -> NDArray[np.uint8]:
    path = _file_of(folder, official)
    if path is None:
        raise DataError(f"{folder / official.name}.gz has just gone; put it back and run again")
    raw = datasets.read(path)
    _check(raw, official.packed if path.suffix == ".gz" else official.unpacked, str(path))
    content = gzip.decompress(raw) if path.suffix == ".gz" else raw
    header = 4 + 4 * len(official.shape)  # the IDX format: a magic number, then each dimension
    return np.frombuffer(content, np.uint8, offset=header).reshape(official.shape)


def _check(raw: bytes, expected: str, what: str) -> None:
    found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    datasets.check(found, expected, what, "published MD5", len(raw))


def _download(looked: list[Path]) -> Path:
    """Fetch the files into lrkit's cache, each checked before it takes its name."""
    folder = datasets.cache_folder(NAME)
    for official in FILES:
        if _file_of(folder, official) is not None:
            continue
        address = f"{ADDRESS}/{official.name}.gz"
        raw = datasets.fetch(address, "Fashion-MNIST", looked, "the four official .gz files")
        _check(raw, official.packed, address)
        write_file(folder / f"{official.name}.gz", raw)
    return folder
