"""What a search is, as it is kept beside its trials: a search that goes on must be the same one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, get_args

from lrkit.errors import DataError, SpecError
from lrkit.search.results import Direction
from lrkit.search.samplers import check_names, grid_points
from lrkit.search.space import Space, grid_levels

FORMAT: Final = 1
KEY: Final = "lrkit"
GRID: Final = 5


@dataclass(frozen=True)
class Settings:
    """A search over *space*: how many *trials* (None: no end), and how they are chosen.

    See `Search.open` for the others.
    """

    space: Space
    trials: int | None = None
    direction: Direction = "maximize"
    sampler: str = "tpe"
    pruner: str = "none"
    steps: int | None = None
    seed: int = 0
    grid: int | dict[str, int] = GRID

    def __post_init__(self) -> None:
        if not isinstance(self.space, Space):
            raise SpecError(f"a space is needed, got {self.space!r:.60}; write Space.parse(text)")
        if self.direction not in get_args(Direction):
            raise SpecError(f"`direction` must be 'maximize' or 'minimize', got {self.direction!r}")
        if self.trials is not None and not _whole(self.trials, 1):
            raise SpecError(f"`trials` must be a whole number >= 1 or None, got {self.trials!r}")
        if not _whole(self.seed, 0):
            raise SpecError(f"`seed` must be a whole number >= 0, got {self.seed!r}")
        check_names(self.sampler, self.pruner, self.steps)
        grid_levels(self.space, self.grid)
        try:
            json.dumps(dict(self.space.options))
        except (TypeError, ValueError) as error:
            raise SpecError(
                f"options are kept as JSON: {error}; pass numbers, texts and lists"
            ) from error

    def points(self) -> list[dict[str, Any]] | None:
        """Return the values of each trial of a grid; None for another sampler."""
        return grid_points(self.space, self.grid, self.seed) if self.sampler == "grid" else None

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON types."""
        return {
            "format": FORMAT,
            "space": str(self.space),
            "options": json.loads(json.dumps(dict(self.space.options))),
            "trials": self.trials,
            "direction": self.direction,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "steps": self.steps,
            "seed": self.seed,
            "grid": self.grid,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str) -> Settings:
        """Return what `to_dict` wrote; `DataError` for another format or damage."""
        if data.get("format") != FORMAT:
            raise DataError(
                f"the search in {where} is of format {data.get('format')!r}, this reads {FORMAT}; "
                "update lrkit"
            )
        fields = {k: v for k, v in data.items() if k not in ("format", "space", "options")}
        try:
            return cls(Space.parse(data["space"], data["options"]), **fields)
        except (KeyError, TypeError) as error:
            raise DataError(
                f"the search in {where} is damaged: {error!r}; begin another"
            ) from error

    def check_same(self, kept: Settings, where: str) -> None:
        """Raise `SpecError` where a search that goes on is not the one that is *kept*."""
        mine, its = self.to_dict(), kept.to_dict()
        for name in mine:
            differs = mine[name] != its[name] and name != "trials"
            if differs and not (name == "grid" and self.sampler != "grid"):
                raise SpecError(
                    f"the search in {where} was begun with {name} {its[name]!r}, got "
                    f"{mine[name]!r}; go on with the same, or begin another one in another place"
                )


def _whole(value: object, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low
