"""Studies: which schedules, on which task, how often and how long, and what others found.

A study is a TOML file. Nothing here trains, and nothing here needs torch.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from lrkit.errors import DataError, SpecError
from lrkit.lab.entries import STAND_INS, Entry, Find, Reference, Row, Value, expanded, filled
from lrkit.lab.searching.table import RANGE, SearchTable


class Study(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Schedules x seeds x rates on one task; without a `task` only their curves are drawn.

    - `note` says what the study is about, `outcome` what was seen when it was last run.
    - `rates`: each schedule is run times each rate; empty: as it stands.
    - `epochs` or `total` (a span): how long; neither: the task's own budget. An entry may have a
      `total` of its own.
    - `options` go to the task, those of an entry over these; `clip`, `accumulate`, `amp`, `per`
      and `device` to `train`.
    - `also` names further scores to report, beside the one of the task.
    - `find` is a range test before the first training; schedules say `{base}`, `{peak}` or
      `{maximum}` where they want what it gives.
    - `search` says how `lrkit search` goes about schedules that hold ranges; such a study has one
      space in the place of rows.
    - `steps_per_epoch` and `batch_size` set the horizon of a study without a task.

    The first schedule is the one that the others are compared with, seed by seed.

    Raises `SpecError` for what breaks a rule.

    >>> study = Study(name="two", task="poly-tanh", schedules=("0.1 * cosine()", "constant(0.1)"))
    >>> [row.name for row in study.rows()]
    ['0.1 * cosine()', 'constant(0.1)']
    """

    name: str
    schedules: tuple[Entry | str, ...]
    format: Literal[1] = 1
    title: str = ""
    note: str = ""
    outcome: str = ""
    task: str = ""
    options: dict[str, Value] = {}
    seeds: tuple[int, ...] = (0, 1, 2)
    rates: tuple[float, ...] = ()
    epochs: int | None = None
    total: str | int | None = None
    per: Literal["step", "epoch"] = "step"
    clip: float | None = None
    accumulate: int = 1
    amp: bool = False
    device: str = "auto"
    steps_per_epoch: int | None = None
    batch_size: int | None = None
    also: tuple[str, ...] = ()
    find: Find | None = None
    search: SearchTable | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The rates that the schedules want from the range test."""
        texts = self._texts()
        return tuple(name for name in STAND_INS if any(f"{{{name}}}" in t for t in texts))

    @property
    def ranged(self) -> bool:
        """Whether its schedules or options hold ranges, which `lrkit search` chooses from."""
        return any(RANGE in text for text in (*self._texts(), *map(str, self.options.values())))

    def _texts(self) -> list[str]:
        return [item if isinstance(item, str) else item.text for item in self.schedules]

    def with_rates(self, rates: Mapping[str, float]) -> Study:
        """Return the study with the *rates* that a range test gave in its schedules."""
        return msgspec.structs.replace(
            self,
            schedules=tuple(
                filled(item, rates)
                if isinstance(item, str)
                else msgspec.structs.replace(item, text=filled(item.text, rates))
                for item in self.schedules
            ),
        )

    def rows(self) -> tuple[Row, ...]:
        """Return every schedule that is to run: entries x values x rates, in that order.

        Raises `SpecError` for a study whose schedules hold ranges: it is to be searched.
        """
        if self.ranged:
            raise SpecError(
                f"a comparison has every schedule spelled out, the study {self.name!r} holds "
                "ranges (~); search it: `lrkit search STUDY.toml`"
            )
        length = self.total if self.epochs is None else f"{self.epochs}ep"
        return tuple(
            row
            for item in self.schedules
            for row in expanded(
                Entry(text=item) if isinstance(item, str) else item,
                self.rates,
                length,
                self.options,
            )
        )


def load_study(path: str | os.PathLike[str]) -> Study:
    """Return the study in the TOML file *path*.

    Raises `DataError` when the file cannot be read and `SpecError` when it is no study; an
    unknown key is named with the nearest known one.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"cannot read the study {path}: {reason}; check the path") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"a study is UTF-8 text, {path} is not; save it as UTF-8") from error
    try:
        return decode_study(text)
    except SpecError as error:
        raise SpecError(f"{path}: {error.reason}", error.text, error.position) from error


def decode_study(text: str) -> Study:
    """Return the study that the TOML *text* spells; see `load_study`."""
    try:
        return msgspec.toml.decode(text, type=Study)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, SpecError):
            raise error.__cause__ from None
        raise SpecError(_explain(str(error))) from error
    except msgspec.DecodeError as error:
        raise SpecError(f"not TOML: {error}; see toml.io for the format") from error


def study_json(study: Study) -> bytes:
    """Return *study* as JSON, for the folder of its results; equal studies have equal JSON."""
    return msgspec.json.format(msgspec.json.encode(study, order="deterministic"))


_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$(.*)`)?")


def _explain(message: str) -> str:
    match = _UNKNOWN.match(message)
    if match is None:
        return message.replace("`$.", "`").replace("Object missing", "the study lacks the")
    key, path = match[1], match[2] or ""
    kinds = {"references": Reference, "schedules": Entry, "find": Find, "search": SearchTable}
    kind = next((kind for name, kind in kinds.items() if name in path), Study)
    known = list(kind.__struct_fields__)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    where = f" in {path.lstrip('.')}" if path else ""
    return f"unknown key {key!r}{where}; {hint}"


def _check(study: Study) -> None:
    if not study.name or not re.fullmatch(r"[\w.-]+", study.name):
        raise SpecError(f"a study's name is letters, digits, - and _, got {study.name!r}")
    if not study.schedules:
        raise SpecError("a study needs a schedule, it has none; add [[schedules]] text = '...'")
    if study.epochs is not None and study.total is not None:
        raise SpecError("epochs and total say the same; keep one")
    if study.epochs is not None and study.epochs < 1:
        raise SpecError(f"`epochs >= 1` must hold, got {study.epochs}")
    if study.task and (not study.seeds or len(set(study.seeds)) < len(study.seeds)):
        raise SpecError(f"seeds must be one or more different numbers, got {list(study.seeds)}")
    if any(seed < 0 for seed in study.seeds):
        raise SpecError(f"`seed >= 0` must hold, got {min(study.seeds)}")
    if not all(math.isfinite(rate) and rate > 0 for rate in study.rates):
        raise SpecError(f"rates must be finite and > 0, got {list(study.rates)}")
    if not study.task and study.total is None and study.epochs is None:
        raise SpecError("a study without a task needs a total for its curves; add total = '100ep'")
    if study.wanted and study.find is None:
        raise SpecError(
            f"a range test gives {{{study.wanted[0]}}}, and the study has none; add a table [find]"
        )
    if study.find is not None and not study.task:
        raise SpecError("a range test needs a task, the study has none; add task = '...'")
    if study.ranged:
        return  # what its space is, the search says
    if study.search is not None:
        raise SpecError(
            "a table [search] is for schedules that hold ranges, the study has none; write a "
            "range, as in ~log(1e-3, 1) * cosine(), or leave the table out"
        )
    rows = study.rows()
    if other := [row for row in rows if not {*row.seeds} <= {*study.seeds}]:
        raise SpecError(
            f"a schedule's seeds must be among the study's, {other[0].name!r} has "
            f"{list(other[0].seeds)}; the study has {list(study.seeds)}"
        )
    names = [row.name for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SpecError(f"every schedule needs a name of its own, {twice[0]!r} comes twice")
