"""Writing: results to stdout, remarks to stderr, JSON and nothing else where JSON is asked for."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from lrkit.cli.errors import StdoutClosed
from lrkit.errors import DataError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

PLAIN_WIDTH: Final = 120
"""Columns of a table that goes to a file or a pipe, where no terminal sets its width."""


class Guard:
    """Stdout for all that write to it, Rich and Typer too, with its errors told apart."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write *text* as a stream does."""
        with self._told_apart():
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush as a stream does."""
        with self._told_apart():
            self._stream.flush()

    @contextlib.contextmanager
    def _told_apart(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What is still in the buffer would fail again when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            if isinstance(error, BrokenPipeError):
                raise StdoutClosed from None
            reason = (error.strerror or str(error)).lower()
            raise DataError(f"cannot write the output: {reason}; send it elsewhere") from error


@contextlib.contextmanager
def guarded_stdout() -> Iterator[None]:
    """Guard stdout inside the block, and see at its end that everything is out."""
    guard = cast(TextIO, Guard(sys.stdout))
    with contextlib.redirect_stdout(guard):
        yield
        guard.flush()


def say(text: str) -> None:
    """Write *text* and a line end to stdout, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def remark(text: str) -> None:
    """Write *text* to stderr: progress and messages, which are no result."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the command line


def say_json(value: Any) -> None:
    """Write *value* to stdout as JSON; numbers that JSON lacks (NaN, infinity) become null."""
    import msgspec

    data = msgspec.json.encode(value, enc_hook=str)
    say(msgspec.json.format(data, indent=2).decode())


def say_json_line(value: Any) -> None:
    """Write *value* to stdout as one line of JSON, for a reader that takes them as they come."""
    import msgspec

    say(msgspec.json.encode(value, enc_hook=str).decode())


def say_table(table: RenderableType) -> None:
    """Write *table*, or what else Rich draws, to stdout: in colour on a terminal, else plain."""
    from rich.console import Console

    drawn = io.StringIO()
    width = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
    console = Console(file=drawn, width=width, highlight=False, force_terminal=sys.stdout.isatty())
    console.print(table)
    say("\n".join(line.rstrip() for line in drawn.getvalue().splitlines()))


@contextlib.contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr while the block runs, where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def new_table(*columns: str, title: str = "") -> Table:
    """Return an empty table in the style of them all; right-aligned where a name ends in ">"."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for name in columns:
        right = name.endswith(">")
        table.add_column(name.rstrip(">"), justify="right" if right else "left", overflow="fold")
    return table


def colours() -> bool:
    """Return whether stdout is a terminal whose user has not asked for no colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
