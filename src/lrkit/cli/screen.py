"""Writing: results to stdout, remarks to stderr, JSON and nothing else where JSON is asked for."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

from lrkit.cli.errors import StdoutClosed
from lrkit.errors import DataError

if TYPE_CHECKING:
    from rich.table import Table

PLAIN_WIDTH: Final = 120
"""Columns of a table that goes to a file or a pipe, where no terminal sets its width."""


def say(text: str) -> None:
    """Write *text* and a line end to stdout, at once."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise StdoutClosed from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"cannot write the output: {reason}; send it elsewhere") from error


def remark(text: str) -> None:
    """Write *text* to stderr: progress and messages, which are no result."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the command line


def say_json(value: Any) -> None:
    """Write *value* to stdout as JSON; numbers that JSON lacks (NaN, infinity) become null."""
    import msgspec

    data = msgspec.json.encode(value, enc_hook=str)
    say(msgspec.json.format(data, indent=2).decode())


def say_table(table: Table) -> None:
    """Write *table* to stdout: in colour on a terminal, else plain."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    say("\n".join(line.rstrip() for line in lines))


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
