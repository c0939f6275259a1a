"""What a study says of how it is searched: its table `[search]`."""

from __future__ import annotations

import msgspec

RANGE = "~"
"""What every range in a schedule's text begins with."""


class SearchTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How `lrkit search` goes about a study whose schedules hold ranges; see `Order`.

    *confirm* is how many fresh seeds the best trial is confirmed with.
    """

    trials: int = 40
    sampler: str = "tpe"
    pruner: str = "hyperband"
    grid: int | None = None
    sampler_seed: int = 0
    holdout: float | None = None
    confirm: int = 3
