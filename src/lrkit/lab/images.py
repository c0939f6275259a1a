"""The image sets of the built-in tasks, as NumPy arrays with a fixed split."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lrkit.lab.extra import installed
from lrkit.lab.holdout import held_out


@dataclass(frozen=True, eq=False)
class Images:
    """Images (count, height, width), uint8, with a fourth axis of 3 for colours, and labels 0..9.

    A network is given (pixel - `zero`) / `unit`.
    """

    train: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    zero: float
    unit: float

    def kept_for_choosing(self, share: float) -> Images:
        """Return these without the test images: *share* of those to train stands in their place.

        0 gives these as they are; see `held_out`. The share has each label in proportion.
        """
        train, kept = held_out(self.train_labels, share)
        if not len(kept):
            return self
        pixels, labels = self.train, self.train_labels
        return replace(
            self,
            train=pixels[train],
            train_labels=labels[train],
            test=pixels[kept],
            test_labels=labels[kept],
        )


@functools.cache
def digits() -> Images:
    """Return scikit-learn's 1,797 handwritten digits, drawn on the 28x28 that LeNet reads.

    Each of the 8x8 pixels becomes a block of 3x3 with a border of two black pixels, so nothing
    is interpolated; the training images have mean 0 and deviation 1 then. The first 898 train
    and the last 899 test: the split of scikit-learn's own example. The file is in the order of
    the writers, so most of those tested are unseen.

    Raises `LrkitError` when scikit-learn is not installed.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    with installed():
        from sklearn.datasets import load_digits
    bunch = load_digits()
    large = np.kron(bunch.images.astype(np.uint8), np.ones((1, 3, 3), np.uint8))
    images = np.pad(large, ((0, 0), (2, 2), (2, 2)))
    labels = bunch.target.astype(np.int64)
    half = len(images) // 2
    train = images[:half]
    return Images(
        train,
        labels[:half],
        images[half:],
        labels[half:],
        zero=float(train.mean()),
        unit=float(train.std()),
    )
