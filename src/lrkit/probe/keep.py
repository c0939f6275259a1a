"""Keeping things as they are, to be put back later: the same objects with the same contents."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lrkit.errors import LoopError

Back = Callable[[], Any]
"""Puts the kept value back as it was, in place where it can be changed, and returns it."""

PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)


Memo = dict[int, Back]
"""What has been kept already, by identity: a weight in a module and in an optimizer, once."""


def keep(value: Any, memo: Memo) -> Back:
    """Return what puts *value* back: tensors, arrays, generators, containers, plain values.

    Anything else is copied, and the copy is what comes back. Raises `LoopError` for what cannot
    be copied.
    """
    if isinstance(value, PLAIN):
        return lambda: value
    if isinstance(value, Tensor):
        # The closure holds the tensor, so its identity is not given to another one meanwhile.
        if id(value) not in memo:
            memo[id(value)] = _tensor(value)
        return memo[id(value)]
    if isinstance(value, dict):
        return _mapping(value, memo)
    if isinstance(value, (list, deque)):
        return _sequence(value, memo)
    if isinstance(value, tuple):
        return _tuple(value, memo)
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: value.set_state(state)
    if isinstance(value, np.ndarray):
        return _array(value)
    return _other(value)


def is_simple(value: Any) -> bool:
    """Whether *value* can be kept without copying what it refers to: an attribute of a module."""
    if isinstance(value, (list, deque)):
        return all(is_simple(member) for member in value)
    if isinstance(value, dict):
        return all(is_simple(member) for member in value.values())
    return isinstance(value, (*PLAIN, Tensor, np.ndarray, torch.Generator))


def _tensor(tensor: Tensor) -> Back:
    with torch.no_grad():
        storage = tensor.detach()
        values = storage.clone()
    dense = tensor.layout is torch.strided

    def back() -> Tensor:
        with torch.no_grad():
            moved = tensor.shape != values.shape or (
                dense and tensor.data_ptr() != storage.data_ptr()
            )
            if moved:
                tensor.data = storage  # somebody has given it another memory: `p.data = ...`
            tensor.copy_(values)
        return tensor

    return back


def _array(array: Any) -> Back:
    values = array.copy()

    def back() -> Any:
        array[...] = values
        return array

    return back


def _mapping(mapping: dict[Any, Any], memo: Memo) -> Back:
    members = [(key, keep(value, memo)) for key, value in mapping.items()]

    def back() -> dict[Any, Any]:
        mapping.clear()
        mapping.update((key, member()) for key, member in members)
        return mapping

    return back


def _tuple(values: tuple[Any, ...], memo: Memo) -> Back:
    members = [keep(value, memo) for value in values]

    def back() -> tuple[Any, ...]:
        for member in members:
            member()
        return values

    return back


def _sequence(sequence: Any, memo: Memo) -> Back:
    members = [keep(value, memo) for value in sequence]

    def back() -> Any:
        sequence.clear()
        sequence.extend(member() for member in members)
        return sequence

    return back


def _other(value: Any) -> Back:
    try:
        kept = copy.deepcopy(value)
    except Exception as error:
        raise LoopError(
            f"what a range test changes must be restored, and a {type(value).__name__} cannot be "
            f"copied: {error}; take it out of the optimizer's state for the test"
        ) from error
    return lambda: kept
