"""A run that is looked at: its overview, and a first sight of it while that is being read."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

from lrkit.errors import DataError
from lrkit.records import Overview
from lrkit.records.glance import Glance
from lrkit.records.writer import JOURNAL
from lrkit.studio.places import run_folder


class Followed:
    """A run that is looked at."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self.lock = threading.Lock()
        self.asked = time.monotonic()
        self.overview: Overview | None = None
        self.glance: Glance | None = None
        self.problem = ""
        #: Whether the last look has failed by a fault of ours.
        self.broken = False

    def look(self, most: int | None = None) -> Overview:
        """Return the overview, up to date but for what *most* bytes do not reach.

        Raises `NotFoundError` where there is no run, `DataError` where it cannot be read. Holds
        for who has the lock.
        """
        self.asked = time.monotonic()
        folder = run_folder(self.root, self.name)
        if self.overview is None:
            self.overview, self.glance = Overview(folder), None
            if most is not None and (folder / JOURNAL).stat().st_size > most:
                self.glance = Glance(folder)
                self.glance.look()
                return self.overview  # the first sight goes out before the reading begins
        try:
            self.overview.look(most)
        except DataError:
            self.overview = None  # removed, or damaged; whatever comes next is another run
            run_folder(self.root, self.name)  # says so where it was removed
            raise
        return self.overview

    def shown(self, overview: Overview) -> Overview:
        """Return what is shown of the run: *overview*, or until it has been read a first sight."""
        if overview.share < 1.0 and self.glance is not None:
            return self.glance
        self.glance = None
        return overview

    @property
    def there(self) -> bool:
        """Whether something stands where the run would; cheap, to be asked again and again."""
        with contextlib.suppress(OSError, ValueError):  # a name that no file system takes
            return (self.root / self.name / JOURNAL).is_file()
        return False
