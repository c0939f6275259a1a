"""Write docs/cli.md from the commands themselves; with --check only say whether it is current."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from lrkit.cli import EXAMPLES, EXIT_CODES, app

PAGE = Path(__file__).with_name("cli.md")
HEAD = """\
# The command line

This page is generated from the commands by `docs/generate_cli.py`; every example runs as a test.

`pip install lrkit` gives `show`, `lint`, `schedules` and `runs`; pictures in files need
`pip install 'lrkit[plots]'`, tasks and trainings `pip install 'lrkit[lab]'`. What is asked for goes
to stdout, with `--json` as JSON and nothing else; progress, messages and errors go to stderr. An
error is one line: the rule, the value, the remedy; for a schedule also the text with a caret under
the character. `NO_COLOR=1` and output that is no terminal have no colours.

`lrkit --install-completion` makes Tab complete commands, options, families, tasks and runs.
"""


def page() -> str:
    """Return the whole page."""
    root = get_command(app)
    parts = [HEAD, exit_codes(), *sections(root, typer.Context(root, info_name="lrkit"))]
    return "\n".join(parts)


def exit_codes() -> str:
    """Return the table of exit codes."""
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def sections(command: Any, context: typer.Context) -> Iterator[str]:
    """Yield a section for *command* and for each command below it."""
    yield section(command, context)
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        below = command.get_command(context, name)
        yield from sections(below, typer.Context(below, parent=context, info_name=name))


def section(command: Any, context: typer.Context) -> str:
    """Return what a reader must know of *command*."""
    path = context.command_path
    lines = [f"## {path}", "", plain(command.help), ""]
    lines += parameters(command, context)
    examples = EXAMPLES.get(path.removeprefix("lrkit").strip(), ())
    if examples:
        commands = "\n\n".join(f"# {about}\n{line}" for line, about in examples)
        lines += ["```bash", commands, "```", ""]
    return "\n".join(lines)


def parameters(command: Any, context: typer.Context) -> list[str]:
    """Return the table of arguments and options."""
    rows = []
    for parameter in command.get_params(context):
        if getattr(parameter, "hidden", False) or parameter.name == "help":
            continue
        option = parameter.opts[0].startswith("-")
        names = ", ".join(parameter.opts) if option else parameter.metavar
        value = f" {parameter.metavar}" if option and parameter.metavar else ""
        help_text = plain(parameter.help or "").replace("|", "\\|")
        default = parameter.default
        if isinstance(default, str | int | Path) and default is not False and default != "":
            help_text += f" Default: `{default}`."
        rows.append(f"| `{(names + value).replace('|', chr(92) + '|')}` | {help_text} |")
    return ["| argument or option | |", "|---|---|", *rows, ""] if rows else []


def plain(text: str) -> str:
    """Return *text* without what is written for Rich alone."""
    return inspect.cleandoc(text).replace("\\[", "[")


def main() -> int:
    """Write the page, or with --check compare it, and return the exit code."""
    fresh = page()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") == fresh:
            return 0
        print("docs/cli.md is out of date; run: python docs/generate_cli.py", file=sys.stderr)
        return 1
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
