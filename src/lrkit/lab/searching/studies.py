"""A study whose schedules hold ranges, as a search."""

from __future__ import annotations

import msgspec

from lrkit.errors import SpecError
from lrkit.lab.entries import Entry
from lrkit.lab.searching.order import Order
from lrkit.lab.searching.table import SearchTable
from lrkit.lab.study import Study


def order_of(study: Study) -> Order:
    """Return the search that *study* describes: one space, of all of its schedules.

    Raises `SpecError` for a study without a task, and for what only a comparison has.
    """
    if not study.task:
        raise SpecError("a search trains, and the study has no task; add task = '...'")
    entries = [Entry(text=one) if isinstance(one, str) else one for one in study.schedules]
    _check(study, entries)
    texts = [entry.text for entry in entries]
    table = study.search or SearchTable()
    fields = {
        name: value for name, value in msgspec.structs.asdict(table).items() if name != "confirm"
    }
    return Order(
        task=study.task,
        space=texts[0] if len(texts) == 1 else f"~schedule:choice({', '.join(texts)})",
        options=dict(study.options),
        seeds=study.seeds,
        total=study.total if study.epochs is None else f"{study.epochs}ep",
        per=study.per,
        clip=study.clip,
        accumulate=study.accumulate,
        amp=study.amp,
        device=study.device,
        **fields,
    )


def _check(study: Study, entries: list[Entry]) -> None:
    """Refuse what a comparison has and a search has not."""
    if study.rates:
        raise SpecError(
            "a search has its rates in the space, the study has `rates`; write ~log(1e-3, 1) * "
            "before the schedule in their place"
        )
    if study.find is not None or study.wanted:
        raise SpecError("a search makes no range test; write a range in place of {peak}")
    for entry in entries:
        for name in ("vary", "total", "seeds", "options", "edits"):
            if getattr(entry, name):
                raise SpecError(
                    f"a search has one way for all schedules, {entry.name or entry.text!r} has "
                    f"`{name}` of its own; leave it out"
                )
