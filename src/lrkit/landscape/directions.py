"""Directions through the weights of a network, each weight vector a row of float64 numbers.

A direction that comes from checkpoints is kept as what it is made of, a sum of differences to the
origin with its coefficients; one that was drawn is kept as its seed. So nothing large is stored,
and the same direction is made again from the same checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import DataError

Array: TypeAlias = NDArray[np.float64]

FLAT: Final = 1e-7
"""Movement below this part of the weights is the rounding of float32."""


@dataclass(frozen=True, eq=False)
class Part:
    """Where a parameter lies in the vector of all: *start* to *stop*, with its *shape*."""

    name: str
    shape: tuple[int, ...]
    start: int
    stop: int


def principal(rows: Array, origin: int) -> Array:
    """Return the coefficients, 2 x n, of the first two principal directions of *rows*.

    *rows* are n weight vectors w_i; direction k = sum_i c[k, i] (w_i - w_origin) has length 1.
    The directions are the first two right singular vectors of the differences, so no two others
    hold more of their squared length. Each points to where the first checkpoint lies.

    Raises `DataError` for fewer than three rows, and for weights that do not move, or along one
    line only.

    Source: Li et al. 2018 (arXiv 1712.09913), section 7.2, without centring: there the plane goes
    through the final weights, too.
    """
    if len(rows) < 3:
        raise DataError(
            f"PCA needs three checkpoints or more, there are {len(rows)}; "
            "train with --checkpoint 1ep --keep all, or choose --plane random"
        )
    differences = rows - rows[origin]
    left, sizes, _ = np.linalg.svd(differences, full_matrices=False)
    if not sizes[1] > FLAT * max(sizes[0], np.linalg.norm(rows[origin])):
        how = "along one line only" if sizes[0] > 0 else "not at all"
        raise DataError(
            f"PCA needs weights that move, those of these checkpoints do {how}; "
            "choose --plane random, or `lrkit landscape line`"
        )
    found = (left[:, :2] / sizes[:2]).T
    ahead = np.array([np.dot(c @ differences, differences[0]) for c in found])
    return np.asarray(found * np.where(ahead < 0, -1.0, 1.0)[:, None])


def spanned(rows: Array) -> Array:
    """Return the coefficients, 2 x 3, of two directions that span the plane through three *rows*.

    The third row is the origin. The first direction points from it to the first row, the second,
    at right angles to it, to the side of the second row; both have length 1.

    Raises `DataError` when the three lie on one line.
    """
    first, second = rows[0] - rows[2], rows[1] - rows[2]
    length = np.linalg.norm(first)
    along = np.dot(second, first) / length**2 if length else 0.0
    beside = second - along * first
    height = np.linalg.norm(beside)
    if not length or height <= FLAT * max(float(np.linalg.norm(second)), float(length)):
        raise DataError(
            "a plane needs three checkpoints that do not lie on one line, these do; choose others"
        )
    return np.array([[1 / length, 0.0, 0.0], [-along / height, 1 / height, 0.0]])


def combined(rows: Array, origin: int, coefficients: Array) -> Array:
    """Return the directions that *coefficients* make of *rows*: sum_i c[k, i] (w_i - w_origin).

    Summed in order, so the same rows give the same directions bit for bit.
    """
    found = np.zeros((len(coefficients), rows.shape[1]))
    for row, column in zip(rows, np.asarray(coefficients).T, strict=True):
        found += column[:, None] * (row - rows[origin])
    return found


def drawn(weights: Array, parts: Sequence[Part], seed: int) -> Array:
    """Return two random directions, 2 x P, at right angles and filter by filter as long as weights.

    Each is drawn from the normal distribution; then every filter is scaled,

        d_ij <- d_ij ||w_ij|| / ||d_ij||,

    where w_ij are the weights of filter j of layer i: what is behind one index of the first axis
    of a parameter. Biases and the parameters of normalisations (one axis or none) stay where they
    are, d = 0. The second is made orthogonal to the first within each filter, before scaling.

    Source: Li et al. 2018 (arXiv 1712.09913), section 4.
    """
    found = np.random.Generator(np.random.PCG64(seed)).standard_normal((2, len(weights)))
    for part in parts:
        inside = slice(part.start, part.stop)
        if len(part.shape) < 2:
            found[:, inside] = 0.0
            continue
        filters = part.shape[0]
        own = weights[inside].reshape(filters, -1)
        one, two = (d[inside].reshape(filters, -1) for d in found)
        if own.shape[1] > 1:  # a filter of one weight leaves no room for a right angle
            two = two - one * _dots(two, one) / _dots(one, one)
        sizes = np.sqrt(_dots(own, own))
        for k, d in enumerate((one, two)):
            found[k, inside] = (d * sizes / np.sqrt(_dots(d, d))).ravel()
    length = float(np.dot(found[0], found[0]))
    if length:  # where there are filters of one weight, and against rounding
        found[1] -= found[0] * (np.dot(found[1], found[0]) / length)
    if not length or not np.dot(found[1], found[1]) > FLAT**2 * length:
        raise DataError(
            "two directions need two weights that are no biases and not 0, there are fewer; "
            "choose --plane pca"
        )
    return found


def projected(rows: Array, origin: Array, directions: Array) -> tuple[Array, Array]:
    """Return the coordinates, n x k, of *rows* in the slice, and their distances from it.

    The directions are at right angles; coordinate a of direction d is <w - origin, d> / <d, d>.
    """
    moved = rows - origin
    at = (moved @ directions.T) / np.einsum("kp,kp->k", directions, directions)
    return at, np.asarray(np.linalg.norm(moved - at @ directions, axis=1))


def shares(rows: Array, origin: Array, directions: Array) -> list[float] | None:
    """Return which part of the squared displacement of *rows* lies along each direction.

    That is sum_i (a_i |d|)^2 / sum_i |w_i - origin|^2; None where nothing has moved.
    """
    whole = float(np.square(rows - origin).sum())
    if not whole:
        return None
    at, _ = projected(rows, origin, directions)
    lengths = np.einsum("kp,kp->k", directions, directions)
    return [float(part) for part in (np.square(at).sum(axis=0) * lengths / whole)]


def _dots(a: Array, b: Array) -> Array:
    return np.asarray(np.sum(a * b, axis=1, keepdims=True))
