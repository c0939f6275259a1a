"""How a command ends: exit codes, and one line on stderr for whatever went wrong."""

from __future__ import annotations

import contextlib
import platform
import sys
import traceback
from typing import Any, Final

import typer

from lrkit.errors import InternalError, LrkitError
from lrkit.schedules import nearest

OK, FOUND, WRONG, BUG, INTERRUPTED = 0, 1, 2, 70, 130
EXIT_CODES: Final = {
    OK: "done",
    FOUND: "done, with an outcome to look at: `lint` has findings, a training diverged",
    WRONG: "wrong input: arguments, a schedule, a study, a task, a file, the disk; or an extra "
    "that is not installed",
    BUG: "a fault of lrkit itself; please report it",
    INTERRUPTED: "stopped by Ctrl-C; what was finished is kept",
}

UsageError: Final = typer.BadParameter.__mro__[1]
"""What Typer raises for arguments that do not fit; it has no public name of its own."""

_LAB: Final = ("torch", "sklearn", "loky")
_PLOTS: Final = ("matplotlib", "plotly")
_STUDIO: Final = ("fastapi", "starlette", "pydantic", "uvicorn")
EXTRAS: Final = (
    dict.fromkeys(_LAB, "lab") | dict.fromkeys(_PLOTS, "plots") | dict.fromkeys(_STUDIO, "studio")
) | {"optuna": "search", "optuna_dashboard": "dashboard", "psycopg": "postgresql", "ray": "ray"}


class StdoutClosed(Exception):  # noqa: N818 - the reader has had enough, which is no error
    """Who read our output (`| head`) has closed it."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C, with a line about what is kept."""


def exit_code(error: BaseException, debug: bool = False) -> int:
    """Say on stderr what *error* means to the user, and return the exit code."""
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else OK
    if isinstance(error, StdoutClosed):
        return OK
    if debug and not isinstance(error, (KeyboardInterrupt, typer.Abort)):
        _print("".join(traceback.format_exception(error)).rstrip())
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        _print(f"lrkit: {str(error) or 'interrupted'}")
        return INTERRUPTED
    message = _explain(error)
    _print(f"lrkit: {message}" if message else _bug(error, debug))
    return WRONG if message else BUG


def _explain(error: BaseException) -> str:
    """Return what the user can do about *error*; "" where nothing, for it is ours."""
    if isinstance(error, UsageError):
        return _usage(error)
    if isinstance(error, LrkitError) and not isinstance(error, InternalError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package in EXTRAS:
            return (
                f"this command needs {package}, which is not installed; "
                f"pip install 'lrkit[{EXTRAS[package]}]'"
            )
    if isinstance(error, MemoryError):
        return "the result must fit into memory, it does not; ask for fewer steps or less data"
    return ""


def _usage(error: Any) -> str:
    """Return what is wrong with the arguments, with the nearest names for one that is unknown."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "lrkit"
    message = " ".join(error.format_message().split()).rstrip(".")
    option = getattr(error, "option_name", None)
    if context is not None and option and message.startswith("No such option"):
        known = [name for p in context.command.get_params(context) for name in p.opts]
        message = f"no option {option}{nearest(option, [n for n in known if n.startswith('--')])}"
    message = (
        message.replace(": Value error, ", ": ")
        .replace(". Did you mean", "; did you mean")
        .removesuffix("?")
    )
    return f"{message[:1].lower()}{message[1:]}; see `{command} --help`"


def _bug(error: BaseException, debug: bool) -> str:
    from lrkit import __version__

    words = " ".join(str(error).split())
    how = "with the lines above" if debug else "with what `lrkit --debug ...` prints"
    return (
        f"lrkit: this is a fault of lrkit itself: {type(error).__name__}: {words}; please report "
        f"it {how} (lrkit {__version__}, Python {platform.python_version()})"
    )


def _print(text: str) -> None:
    """Write to stderr what a terminal can show; a lost stderr must not hide the exit code."""
    shown = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
    with contextlib.suppress(OSError, ValueError):
        print(shown, file=sys.stderr, flush=True)  # noqa: T201 - this is the command line
