"""`lrkit search`: a space of schedules, searched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lrkit.cli import complete
from lrkit.cli.compare import seeds_of
from lrkit.cli.errors import FOUND, OK, Stopped
from lrkit.cli.screen import remark, say, say_json, say_table
from lrkit.cli.train import Address, Engine, Epochs, Length, Quiet, Workers, named_values
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.lab.searching import Order, Outcome

SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def search(
    task: Annotated[
        str,
        typer.Argument(
            metavar="[TASK|STUDY.toml]",
            help="A task of `lrkit tasks`, package.module:factory, or a study with ranges.",
            autocompletion=complete.tasks,
        ),
    ] = "",
    space: Annotated[
        str,
        typer.Argument(
            metavar="[SPACE]",
            help="A schedule with ranges: ~log(1e-3, 1), ~uniform(0, 1), ~int(0, 10)ep, "
            "~choice(cosine(), linear()).",
            autocompletion=complete.schedules,
        ),
    ] = "",
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", "-n", metavar="N", help="How many are tried in all (default: 40)."
        ),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="grid, random, quasi-random, tpe (default), gp, cmaes, genetic, annealing.",
        ),
    ] = None,
    pruner: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="none, median, halving, hyperband (default)."),
    ] = None,
    grid: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --sampler grid: values of a range (default: 5)."),
    ] = None,
    sampler_seed: Annotated[
        int | None, typer.Option(metavar="N", help="Decides what the sampler draws (default: 0).")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N|N,N,...", help="Seeds of each trial (default: 1): 3 is 0,1,2."),
    ] = None,
    epochs: Epochs = None,
    total: Length = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="NAME=VALUE",
            help="An option of the task, or a range: momentum=~uniform(0, 0.99). Repeatable.",
        ),
    ] = None,
    holdout: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Training data kept for choosing (default: 0.1, where the task can).",
        ),
    ] = None,
    confirm: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Fresh seeds for the best and the runner-up (default: 3; 0: none)."
        ),
    ] = None,
    engine: Engine = "auto",
    workers: Workers = None,
    address: Address = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where it goes (default: searches/NAME)."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="postgresql://user@host/database, for several machines (default: in DIR).",
        ),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Stop trying after this long: 90s, 10m, 1.5h."),
    ] = None,
    grace: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="A worker silent for this long is taken to be dead, and its trials run again.",
        ),
    ] = 60.0,
    dashboard: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Open Optuna's dashboard on the search in DIR, on 127.0.0.1.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --dashboard: its port (default: a free one)."),
    ] = None,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Search a space of schedules on a task for the best one (needs lrkit[search]).

    Every trial is a run in DIR/runs. Ctrl-C keeps what is finished, the same command goes on; call
    it several times at once, and all work on the same trials: on one machine in the same DIR, on
    many with the same --storage. Trials are scored on a share of the training data where the task
    can keep one; the best and the runner-up are then trained again with fresh seeds and scored
    on the test data. DIR gets report.html, report.md, PNG files and search.json.

    Exit codes: 0 done; 1 no trial came to its end; 2 wrong input.
    """
    if dashboard is not None:
        from lrkit.lab.searching.dashboard import serve_dashboard

        return serve_dashboard(dashboard, storage, port=port, told=_told_link)
    changes = _changes(
        trials=trials,
        sampler=sampler,
        pruner=pruner,
        grid=grid,
        sampler_seed=sampler_seed,
        seeds=None if seeds is None else seeds_of(seeds),
        total=total,
        epochs=epochs,
        options=named_values(option) if option else None,
        holdout=holdout,
        device=device,
    )
    order, name, own = _order(task, space, changes)
    folder = out or Path("searches") / name
    outcome, files = _searched(
        order,
        folder,
        storage=storage,
        engine=engine,
        workers=workers,
        address=address,
        confirm_seeds=own if confirm is None else confirm,
        timeout=None if timeout is None else seconds_of(timeout),
        grace=grace,
        progress=not quiet,
    )
    if json:
        from lrkit.lab.searching.reporting import plain_outcome

        say_json(plain_outcome(outcome) | {"files": {k: str(v) for k, v in files.items()}})
    else:
        _tell(outcome)
    remark(f"wrote {', '.join(files)} into {folder}")
    raise typer.Exit(OK if outcome.ranked else FOUND)


def seconds_of(text: str) -> float:
    """Return a length of time in seconds: "90", "90s", "10m", "1.5h", "1h30m"."""
    parts = re.findall(r"([0-9]*\.?[0-9]+)([smhd])", text)
    if re.fullmatch(r"[0-9]*\.?[0-9]+", text):
        return float(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise SpecError(f"--timeout is a time as in 90s, 10m or 1h30m, got {text!r}")
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


def _searched(order: Order, folder: Path, **how: Any) -> tuple[Outcome, dict[str, Path]]:
    """Search, report, and say after Ctrl-C what is kept."""
    from lrkit.lab.searching import search as run_search
    from lrkit.lab.searching import search_report

    try:
        outcome = run_search(order, folder, **how)
    except KeyboardInterrupt:
        raise Stopped(_kept(order, folder, how["storage"])) from None
    return outcome, search_report(outcome, folder)


def _kept(order: Order, folder: Path, storage: str | None) -> str:
    """Report what there is after Ctrl-C, and return in a line what is kept."""
    from lrkit.lab.searching import outcome_of, search_report

    found = outcome_of(folder, storage)
    if found is None:
        return "stopped before the first trial; the same command begins again"
    search_report(found, folder)
    return (
        f"stopped: {found.ended} of {order.trials} trials are over and kept in {folder}, the same "
        "command goes on from there; report.html shows what there is"
    )


def _changes(**given: Any) -> dict[str, Any]:
    """Return what the options say of the search, by its own names."""
    epochs = given.pop("epochs")
    if epochs is not None:
        if given["total"] is not None:
            raise SpecError("--epochs and --total say the same; give one")
        if epochs < 1:
            raise SpecError(f"`epochs >= 1` must hold, got {epochs}")
        given["total"] = f"{epochs}ep"
    return {name: value for name, value in given.items() if value is not None}


def _order(task: str, space: str, changes: Mapping[str, Any]) -> tuple[Order, str, int]:
    """Return the search that is meant, the name of its folder, and its seeds to confirm with."""
    from msgspec.structs import replace

    from lrkit.lab.searching import Order

    if not task.endswith(".toml"):
        if not task or not space:
            raise SpecError(
                "a search needs a task and a space, or a study; type for example: "
                'lrkit search poly-tanh "~log(1e-3, 1) * cosine()"'
            )
        name = re.sub(r"[^\w.-]+", "-", task)
        return Order(task=task, space=space, **changes), name, 3
    from lrkit.lab import load_study
    from lrkit.lab.searching.studies import order_of

    if space:
        raise SpecError(f"a study has its space, got {space!r} beside it; leave it out")
    study = load_study(task)
    own = 3 if study.search is None else study.search.confirm
    return replace(order_of(study), **changes), study.name, own


def _tell(outcome: Outcome) -> None:
    from lrkit.lab.searching import search_table, wording

    if outcome.ranked:
        say_table(search_table(outcome))
    lines: Sequence[str] = [wording.counted(outcome), wording.verdict(outcome)]
    lines = [*lines, *(f"failed: {item}" for item in wording.failures(outcome))]
    if command := wording.command_of(outcome):
        lines = [*lines, "", "To train with the best:", f"  {command}"]
    say("\n".join(lines))


def _told_link(link: str) -> None:
    say(link)
    remark("Ctrl-C ends it")
