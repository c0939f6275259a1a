"""Ctrl-C and SIGTERM between two updates instead of in the middle of one."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Final, Self

_DEFAULTS: Final[dict[signal.Signals, Any]] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


class Interrupts:
    """While it is entered, the first SIGINT or SIGTERM is noted in `caught` for the loop to see.

    A second Ctrl-C interrupts at once. A handler of the caller's own stays in its place, and so
    does everything outside the main thread, where Python knows no signals.
    """

    def __init__(self) -> None:
        self.caught: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number, default in _DEFAULTS.items():
                if signal.getsignal(number) is default or signal.getsignal(number) == default:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    @property
    def reason(self) -> str:
        """What the journal says of a run that was stopped so."""
        return "terminated by SIGTERM" if self.caught is signal.SIGTERM else "interrupted"

    def raise_again(self) -> None:
        """End as the signal would have: by `KeyboardInterrupt`, or by SIGTERM itself."""
        if self.caught is signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)
        if self.caught is not None:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.caught is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.caught = signal.Signals(number)
