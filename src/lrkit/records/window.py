"""A stretch of a run more closely: its metrics in buckets of their own."""

from __future__ import annotations

import numpy as np

from lrkit.records.buckets import NOWHERE, Buckets
from lrkit.records.overview import Overview


def window(overview: Overview, begin: int, end: int) -> Buckets:
    """Return the metrics of *overview* at steps *begin* to *end*, both of them with it.

    They are read from the journal again, the part of it in which the stretch stands; what
    resumes have made void is left out.

    >>> import tempfile
    >>> from lrkit.records import Journal
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> with Journal.create(folder) as journal:
    ...     for step in range(5000):
    ...         journal.metrics(step, loss=float(step))
    >>> overview = Overview(folder)
    >>> overview.look(), overview.metrics.width
    (True, 4)
    >>> close = window(overview, 1001, 1003)
    >>> close.width, close.metrics["loss"]["first"][: close.used].tolist()
    (1, [1001.0, 1002.0, 1003.0])
    """
    whole = overview.metrics
    found = Buckets(whole.capacity)
    first, last = max(whole.slot_of(begin), 0), min(whole.slot_of(end), whole.used - 1)
    places = whole.places[: whole.used]
    start = int(places[first : last + 1].min(initial=NOWHERE))
    if start == NOWHERE:
        return found
    for rows in overview.rows(start, _until(places, last)):
        found.add(rows.where((rows.steps >= begin) & (rows.steps <= end)), start, clock=False)
    return found


def _until(places: np.ndarray[tuple[int], np.dtype[np.int64]], last: int) -> int | None:
    """Return the byte at which nothing of slot *last* comes any more; None for the end.

    A place is where a batch of blocks begins that holds something of the slot. So what follows
    the slot tells where its own last batch may begin, and the batch after that is beyond it.
    """
    known = places[places != NOWHERE]
    after = places[last + 1 :][places[last + 1 :] != NOWHERE]
    if (np.diff(known) < 0).any() or not len(after):  # steps that were not written in order
        return None
    beyond = after[after > after[0]]
    return int(beyond[0]) if len(beyond) else None
