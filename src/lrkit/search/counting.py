"""How far a search is, over all its workers."""

from __future__ import annotations

from dataclasses import dataclass

from lrkit.search import attempts as kept
from lrkit.search.attempts import Attempts, is_


@dataclass(frozen=True)
class Progress:
    """How far a search is, counted in points; of several attempts at one the last counts.

    *total* and *left* (not given out yet) are None without end; *running* are this worker's,
    *elsewhere* others'; *why* says why `ask` gives nothing out, empty where it would.
    """

    total: int | None
    done: int
    pruned: int
    failed: int
    running: int
    elsewhere: int
    left: int | None
    why: str


def progress_of(attempts: Attempts, mine: set[int], total: int | None, sampler: str) -> Progress:
    """Return how far the search with these *attempts* is; *mine* are the numbers held here."""
    counts = dict.fromkeys(("done", "pruned", "failed", "running", "elsewhere"), 0)
    given = 0
    limit = float("inf") if total is None else total
    for trial in attempts.trials:
        if attempts.is_double(trial) or trial.number in attempts.next:
            continue  # another attempt counts
        if is_(trial, "WAITING") or (kept.was_lost(trial) and not kept.spent(trial)):
            continue  # still to be given out
        if attempts.index(trial) < limit:
            given += 1
        if is_(trial, "RUNNING"):
            counts["running" if trial.number in mine else "elsewhere"] += 1
        elif is_(trial, "FAIL") or kept.STAND_IN in trial.user_attrs:
            counts["failed"] += 1
        else:
            counts["pruned" if is_(trial, "PRUNED") else "done"] += 1
    left = None if total is None else max(0, total - given)
    return Progress(total, left=left, why=_why(total, left, counts, sampler), **counts)


def _why(total: int | None, left: int | None, counts: dict[str, int], sampler: str) -> str:
    if left is None or left > 0:
        return ""
    all_of_them = f"the grid's {total} points" if sampler == "grid" else f"all {total} trials"
    if elsewhere := counts["elsewhere"]:
        return f"{all_of_them} are given out, {elsewhere} run elsewhere"
    return f"{all_of_them} are given out"
