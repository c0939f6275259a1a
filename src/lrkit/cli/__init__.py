"""The command line: arguments in, text out; what is computed is computed in the rooms below.

`main` is the `lrkit` command, `run` the same for the caller's own arguments. Rooms that need torch
or a plotting library are imported by the commands that use them, so `lrkit show` works, and
starts fast, with the base install alone.
"""

from lrkit.cli.app import app, main, run
from lrkit.cli.errors import EXIT_CODES
from lrkit.cli.examples import EXAMPLES

__all__ = ["EXAMPLES", "EXIT_CODES", "app", "main", "run"]
