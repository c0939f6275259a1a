"""The journal's format: one JSON object a line, and how a number JSON lacks is written.

Format 1. The first line is the header, `{"kind": "run", "format": 1, ...}`; every other line is
an event with `kind` and `time` (seconds since 1970, UTC). A metrics event is

    {"kind": "metrics", "step": 12, "time": 1760000000.5, "values": {"loss": 0.25, "rate": 0.1}}

and every other event carries its fields beside `kind` and `time`.

JSON has no NaN and no infinity. In a metrics event, where every value is known to be a number,
they are written as the strings "NaN", "Infinity" and "-Infinity" (the spelling of Protocol
Buffers' JSON mapping, which Python's `float` and JavaScript's `Number` read). In all other events
a string may be a string, so there they are written `{"$float": "NaN"}`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from lrkit.errors import DataError, SpecError

FORMAT: Final = 1
METRICS_PREFIX: Final = b'{"kind":"metrics",'

#: What the decoders raise for a line that is no event.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)

Json: TypeAlias = Any
NotFinite: TypeAlias = Literal["NaN", "Infinity", "-Infinity"]


class MetricsLine(msgspec.Struct, tag_field="kind", tag="metrics", gc=False):
    """A metrics event as it stands on disk."""

    step: int
    time: float
    values: dict[str, float | NotFinite]


_encoder = msgspec.json.Encoder()
_metrics_decoder = msgspec.json.Decoder(MetricsLine)
_event_decoder = msgspec.json.Decoder(dict[str, Any])


def spell(value: float) -> str | float:
    """Return *value* as JSON can hold it: itself, or the name of what JSON lacks."""
    if math.isfinite(value):
        return value
    if value != value:
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def encode_event(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Return the line of an event with *fields*, newline included; refuse what JSON cannot hold."""
    line = {"kind": kind} | {name: _to_json(value, name) for name, value in fields.items()}
    try:
        return bytes(_encoder.encode(line)) + b"\n"
    except OverflowError as error:
        raise SpecError(f"whole numbers must fit 64 bits, one of {kind!r} does not") from error


#: Returns the metrics event written as a line of bytes, or raises one of `UNREADABLE`.
decode_metrics = _metrics_decoder.decode


def decode_event(line: bytes) -> dict[str, Any]:
    """Return the event written as *line*, or raise one of `UNREADABLE`."""
    event = _event_decoder.decode(line)
    if not isinstance(event.get("kind"), str):
        raise msgspec.DecodeError("an event needs a `kind`")
    return {name: _from_json(value) for name, value in event.items()}


def check_header(header: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Raise `DataError` unless *header* opens a journal that this version can read."""
    if header.get("kind") != "run" or not isinstance(header.get("format"), int):
        raise DataError(
            f"a journal opens with a `run` header, {path} does not; it is not a run of lrkit"
        )
    if not isinstance(header.get("time"), (int, float)):
        raise DataError(f"a journal's header says when, {path}'s does not; it is damaged")
    if header["format"] > FORMAT:
        raise DataError(
            f"{path} is in journal format {header['format']}, this lrkit reads up to {FORMAT}; "
            "upgrade lrkit"
        )


def _to_json(value: Any, where: str) -> Json:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value)  # an IntEnum's number
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": spell(value)}
    if isinstance(value, Mapping):
        return {_key(k, where): _to_json(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_to_json(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, os.PathLike):
        return _to_json(os.fspath(value), where)
    for method in ("to_dict", "tolist"):  # schedules and edits; NumPy scalars, arrays and tensors
        if callable(convert := getattr(value, method, None)):
            return _to_json(convert(), where)
    raise SpecError(
        f"`{where}` must be plain data (numbers, text, lists, mappings), got "
        f"{type(value).__name__}; convert it before it goes into the journal"
    )


def _key(key: Any, where: str) -> str:
    if isinstance(key, (str, int)) and not isinstance(key, bool):
        return _text(str(key))
    raise SpecError(f"the keys of `{where}` must be text, got {key!r}; convert them first")


def _text(value: str) -> str:
    # File names and arguments may hold bytes that are no UTF-8; JSON has no place for them.
    return str.encode(value, errors="replace").decode()


def _from_json(value: Json) -> Any:
    if isinstance(value, dict):
        if len(value) == 1 and (name := value.get("$float")) in ("NaN", "Infinity", "-Infinity"):
            return float(name)
        return {k: _from_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_from_json(v) for v in value]
    return value
