"""Ctrl-C between two updates, and never while things are kept or put back."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Patience:
    """While it is entered Ctrl-C is noted, for `check` to raise; a second one is raised at once.

    From `hold` to `release` the second one waits too. A handler of the caller's own is left in its
    place, but from `hold` to `release`; what came meanwhile is given to it then. Outside the main
    thread, where Python knows no signals, nothing of this happens.
    """

    def __init__(self) -> None:
        self._caught = False
        self._held = 0
        self._before: Any = None
        self._theirs: Any = None

    def __enter__(self) -> Self:
        if _is_main() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
        self.check()

    def check(self) -> None:
        """Raise `KeyboardInterrupt` when Ctrl-C was pressed."""
        if self._caught:
            self._caught = False
            raise KeyboardInterrupt

    def hold(self) -> None:
        """Let nothing interrupt what follows."""
        self._held += 1
        handler = signal.getsignal(signal.SIGINT)
        # None is a handler that is not Python's, which could not be put back.
        if self._before is None and self._theirs is None and _is_main() and handler is not None:
            self._theirs = signal.signal(signal.SIGINT, self._note)

    def release(self) -> None:
        """End what `hold` began."""
        self._held -= 1
        if self._theirs is not None and not self._held:
            signal.signal(signal.SIGINT, self._theirs)
            self._theirs = None
            if self._caught:
                self._caught = False
                signal.raise_signal(signal.SIGINT)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self._caught and not self._held:
            raise KeyboardInterrupt
        self._caught = True


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
