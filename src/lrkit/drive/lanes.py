"""Lanes: the places in `param_groups` that take their values from one column of numbers.

What stands in a group decides how it is written. A number is replaced. A tensor is filled in
place, so that a compiled optimizer or a captured graph sees the new value; it is a tensor of our
own (see `own_tensors`). A member of a tuple, as betas[0], takes a new tuple around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from lrkit.drive.rules import RATE, ParamGroup, split_hyper
from lrkit.drive.tracks import Track


class Column:
    """The values of one track over a block of steps, as Python floats."""

    __slots__ = ("track", "values")

    def __init__(self, track: Track) -> None:
        self.track = track
        self.values: list[float] = []

    def fill(self, start: int, stop: int) -> None:
        """Tabulate steps start, ..., stop - 1."""
        self.values = self.track.values(np.arange(start, stop, dtype=np.float64)).tolist()


class Lane(Protocol):
    """Where the values of one column go."""

    def write(self, row: int) -> None:
        """Write the column's value of *row*."""
        ...

    def changed(self) -> int | None:
        """Return the index of a group whose value is not the one last written, or None."""
        ...


class NumberLane:
    """Plain numbers: `group[key] = value`, or times a factor of the group's own."""

    __slots__ = ("column", "factors", "groups", "indices", "key", "written")

    def __init__(self, key: str, column: Column, factors: list[float] | None) -> None:
        self.key = key
        self.column = column
        self.factors = factors
        self.groups: list[ParamGroup] = []
        self.indices: list[int] = []
        self.written: float | None = None

    def write(self, row: int) -> None:
        key = self.key
        self.written = value = self.column.values[row]
        if self.factors is None:
            for group in self.groups:
                group[key] = value
        else:
            for group, factor in zip(self.groups, self.factors, strict=True):
                group[key] = factor * value

    def changed(self) -> int | None:
        value, key = self.written, self.key
        if value is None:
            return None
        if self.factors is None:
            for i, group in enumerate(self.groups):
                # The very object is there unless someone wrote; an equal one does no harm.
                if group[key] is not value and group[key] != value:
                    return self.indices[i]
        else:
            for i, group in enumerate(self.groups):
                if group[key] != self.factors[i] * value:
                    return self.indices[i]
        return None


class TensorLane:
    """Tensors, written in place."""

    __slots__ = ("column", "group", "index", "item", "key", "tensor", "version", "view")

    def __init__(self, index: int, group: ParamGroup, hyper: str, column: Column) -> None:
        self.key, self.item = split_hyper(hyper)
        self.index = index
        self.group = group
        self.column = column
        self.tensor = _read(group, self.key, self.item)
        # Detached, it shares the memory, and may be filled even where the rate takes gradients.
        self.view: Tensor = self.tensor.detach()
        self.version: int | None = None

    def write(self, row: int) -> None:
        self.view.fill_(self.column.values[row])
        self.version = None if self.view.is_inference() else self.view._version

    def changed(self) -> int | None:
        if _read(self.group, self.key, self.item) is not self.tensor:
            return self.index
        # The version counts writes in place and costs no wait for the device.
        moved = self.version is not None and self.view._version != self.version
        return self.index if moved else None


class ItemLane:
    """One member of a tuple or list of numbers, as betas[0]."""

    __slots__ = ("column", "group", "index", "item", "key", "written")

    def __init__(self, index: int, group: ParamGroup, hyper: str, column: Column) -> None:
        key, item = split_hyper(hyper)
        self.key, self.item = key, item or 0
        self.index = index
        self.group = group
        self.column = column
        self.written: float | None = None

    def write(self, row: int) -> None:
        whole = list(self.group[self.key])
        whole[self.item] = self.written = self.column.values[row]
        self.group[self.key] = type(self.group[self.key])(whole)

    def changed(self) -> int | None:
        same = self.written is None or self.group[self.key][self.item] == self.written
        return None if same else self.index


def make_lanes(
    tracks: Sequence[Track], groups: Sequence[ParamGroup]
) -> tuple[list[Lane], list[Column]]:
    """Return the lanes that write *tracks* to *groups*, and their columns, each source once."""
    columns: dict[object, Column] = {}
    numbers: dict[object, NumberLane] = {}
    lanes: list[Lane] = []
    for track in tracks:
        key, item = split_hyper(track.hyper)
        group = groups[track.index]
        plain = item is None and not isinstance(group[key], Tensor)
        # Groups that differ in their own rate alone share a column, times a factor each.
        family = plain and track.course is None and track.own != 1.0
        shared = Track(track.index, track.hyper, track.driven) if family else track
        column = columns.setdefault((shared.source, family), Column(shared))
        if not plain:
            kind = TensorLane if isinstance(_read(group, key, item), Tensor) else ItemLane
            lanes.append(kind(track.index, group, track.hyper, column))
            continue
        place = (key, shared.source, family)
        if place not in numbers:
            numbers[place] = NumberLane(key, column, [] if family else None)
            lanes.append(numbers[place])
        lane = numbers[place]
        lane.groups.append(group)
        lane.indices.append(track.index)
        if lane.factors is not None:
            lane.factors.append(track.own)
    return [_simplest(lane) for lane in lanes], list(columns.values())


def _simplest(lane: Lane) -> Lane:
    """Fold one factor that all groups of a lane share into its column."""
    if isinstance(lane, NumberLane) and lane.factors and len(set(lane.factors)) == 1:
        track = lane.column.track
        lane.column.track = Track(track.index, track.hyper, track.driven, lane.factors[0])
        lane.factors = None
    return lane


def own_tensors(
    groups: Sequence[ParamGroup], hypers: Sequence[tuple[int, str]], known: Sequence[Tensor]
) -> list[Tensor]:
    """Give each of *hypers*, (group index, hyper-parameter), that is a tensor one of its own.

    `SGD(groups, lr=tensor)` puts the caller's very tensor into every group: filling it would
    change the caller's value, and one group's rate with the other's. Tensors in *known* are ours
    already and stay, each in its first place. Returns those in place now.
    """
    mine: list[Tensor] = []
    for index, hyper in hypers:
        key, item = split_hyper(hyper)
        tensor = _read(groups[index], key, item)
        if not isinstance(tensor, Tensor):
            continue
        ours = any(tensor is k for k in known) and not any(tensor is m for m in mine)
        if not ours:
            with torch.no_grad():
                tensor = tensor.clone().requires_grad_(tensor.requires_grad)
            _replace(groups[index], key, item, tensor)
        mine.append(tensor)
    return mine


def rate_in(group: ParamGroup) -> float:
    """Return the group's rate as a float, 0 where the optimizer finds its rates itself."""
    value = group.get(RATE)
    return 0.0 if value is None else float(value.item() if isinstance(value, Tensor) else value)


def _read(group: ParamGroup, key: str, item: int | None) -> Any:
    return group[key] if item is None else group[key][item]


def _replace(group: ParamGroup, key: str, item: int | None, value: Any) -> None:
    if item is None:
        group[key] = value
    else:
        whole = list(group[key])
        whole[item] = value
        group[key] = type(group[key])(whole)


def named_rates(
    lanes: Sequence[Lane], groups: Sequence[ParamGroup], names: Sequence[str | None]
) -> list[tuple[str, ParamGroup, Column | None]]:
    """Return a name for each rate that is driven, and where it stands: "lr", then "lr/head".

    A number is read from its group (None), where someone else may have put another one; a
    tensor's comes from its column: reading it would wait for its device.
    """
    columns: dict[int, Column | None] = {}
    for lane in lanes:
        if isinstance(lane, NumberLane) and lane.key == RATE:
            columns |= dict.fromkeys(lane.indices)
        elif isinstance(lane, TensorLane) and lane.key == RATE:
            columns[lane.index] = lane.column
    found: list[tuple[str, ParamGroup, Column | None]] = []
    for index in sorted(columns):
        name = names[index]
        own = str(index) if name is None or names.count(name) > 1 else name
        found.append((f"{RATE}/{own}" if found else RATE, groups[index], columns[index]))
    return found
