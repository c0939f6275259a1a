"""`lrkit steer`: an edit for a run that is going."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from lrkit.cli import complete
from lrkit.cli.errors import OK, WRONG
from lrkit.cli.orders import Asked, edit_of
from lrkit.cli.places import RUNS, Root, RunName, folder_of
from lrkit.cli.screen import remark, say, say_json
from lrkit.cli.wheel import Wheel
from lrkit.errors import DataError, SpecError

if TYPE_CHECKING:
    from lrkit.control import Edit
    from lrkit.records import Run

LOOK: Final = 0.1  # seconds between two looks for the answer


def steer(
    name: RunName,
    what: Annotated[
        str,
        typer.Argument(
            metavar="[EDIT]",
            help="scale, set, ramp, hold, release, cooldown, extend, replace, checkpoint, stop, "
            "rollback. Without one the state is shown.",
            autocompletion=complete.edits,
        ),
    ] = "",
    value: Annotated[
        str,
        typer.Argument(
            metavar="[VALUE]",
            help="A factor (scale, rollback), a rate (set, ramp), a span (cooldown: how long, "
            "extend: the new total), or a schedule (replace).",
        ),
    ] = "",
    over: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="Get there little by little: 200st, 1ep, 10%."),
    ] = None,
    to: Annotated[
        float | None, typer.Option(metavar="RATE", help="Where a cooldown ends (default: 0).")
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(
            metavar="linear|cosine|one_minus_sqrt", help="How a cooldown falls (default: linear)."
        ),
    ] = None,
    how: Annotated[
        str | None,
        typer.Option(
            metavar="stretch|keep",
            help="extend: spread what is left of the schedule, or keep it as it is.",
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="NAME|INDEX", help="One parameter group (default: all, in ratio)."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="STEP", help="When: 1200, 5ep, 50% (default: the next update)."),
    ] = None,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, kept with it.")] = "",
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who you are (default: the login name).")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Draw what it would do, and send nothing.")
    ] = False,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait for the answer.")
    ] = 5.0,
    root: Root = RUNS,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Steer a run that is going: it takes the edit at its next update, and keeps it for good.

    The edit is looked at first as the training will look at it. Groups keep the ratios of their
    rates unless --group names one. A dead run takes it when it is resumed.

    Exit codes: 0 taken (or waiting), 2 refused.
    """
    from lrkit.records import replay

    if not wait >= 0:
        raise SpecError(f"`--wait >= 0` must hold, got {wait:g}")
    folder = folder_of(root, name)
    wheel = Wheel.of(replay(folder, damaged="skip"))
    asked = Asked(what, value, over, to, shape, how, group, why, by)
    if not what:
        asked.refuse_options()
        if at is not None or preview:
            raise SpecError("--at and --preview are for an edit; name one, as in `scale 0.5`")
        return say_json(wheel.plain()) if json else say(wheel.told())
    edit = edit_of(asked)
    if at is not None:
        edit = edit.stamped(wheel.step_of(at))
    wheel.check(edit, sending=not preview)
    if preview:
        return _preview(wheel, edit, json)
    answer = _send(wheel, edit, wait)
    if json:
        say_json({"format": 1, "run": wheel.run.name} | answer)
    elif answer["answer"] == "taken":
        say(answer["told"])
    else:
        remark(f"lrkit: {answer['told']}")
    raise typer.Exit(WRONG if answer["answer"] == "refused" else OK)


def _preview(wheel: Wheel, edit: Edit, json: bool) -> None:
    """Show what *edit* would make of the rest of the run."""
    from lrkit.records import course_of

    if wheel.course is None:
        raise DataError(f"run {wheel.run.name} does not say what it follows; nothing can be drawn")
    before, after = course_of(wheel.run, edit.group), wheel.after(edit)
    step = wheel.far.position if edit.step is None else edit.step
    if json:
        return say_json(
            {
                "format": 1,
                "run": wheel.run.name,
                "answer": "preview",
                "edit": edit.to_dict(),
                "step": step,
                "before": {"schedule": str(before.schedule), "total": before.total},
                "after": {"schedule": str(after.schedule), "total": after.total},
            }
        )
    from lrkit.cli.rates import axis, rate_line
    from lrkit.plots import Chart, terminal_chart

    start = float(wheel.far.position * wheel.far.unit)
    lines = [
        rate_line("as it is", before, wheel.far, start=start),
        rate_line(str(edit), after, wheel.far, start=start, marks=(float(step),)),
    ]
    say(terminal_chart(Chart(lines, axis(wheel.far), "learning rate")))
    say("")
    if str(before.schedule) == str(after.schedule) and before.total == after.total:
        say("the rate stays as it is")
    say(f"{'follows':<12} {after.schedule}")
    say(f"{'total':<12} {after.total:.10g}")
    say(f"{'rate':<12} {before(step):.10g} -> {after(step):.10g} at {step}")
    return None


def _send(wheel: Wheel, edit: Edit, seconds: float) -> dict[str, Any]:
    """Put *edit* into the inbox and return what became of it."""
    from lrkit.records import Follower, submit

    run = wheel.run
    fields = {k: v for k, v in edit.to_dict().items() if k != "letter"}
    letter = submit(run.folder, fields)
    sent = {"letter": letter, "edit": fields}
    if run.status == "dead":
        told = f"run {run.name} is dead; it takes the edit when it is resumed"
        return sent | {"answer": "waiting", "told": told}
    follower, until = Follower(run.folder), time.monotonic() + seconds
    while True:
        now = follower.look()
        answer = _answer(now, letter)
        if answer is not None:
            return sent | answer
        if now.status != "running" or time.monotonic() >= until:
            break
        time.sleep(min(LOOK, max(until - time.monotonic(), 0.0)))
    ended = now.status != "running"
    told = (
        f"run {run.name} is {now.status} now and has not taken the edit; it takes it when resumed"
        if ended
        else f"sent, and not taken within {seconds:g} s; `lrkit steer {run.name}` shows when it is"
    )
    return sent | {"answer": "waiting", "told": told}


def _answer(run: Run, letter: str) -> dict[str, Any] | None:
    """Return what *run* made of *letter*; None while it has not."""
    from lrkit.cli.frames import told

    for event in run.refused:
        if event.get("letter") == letter:
            reason = str(event.get("reason"))
            text = f"refused at {event.get('step')}: {reason}"
            return _reply("refused", event.get("step"), None, text) | {"reason": reason}
    for event in run.edits:
        if event.get("letter") == letter:
            wheel, step = Wheel.of(run), event.get("step")
            rate = wheel.rate(step) if isinstance(step, int) else None
            text = told(event) if rate is None else f"{told(event)}; the rate there is {rate:.10g}"
            return _reply("taken", step, rate, text)
    return None


def _reply(
    answer: Literal["taken", "refused"], step: Any, rate: float | None, told: str
) -> dict[str, Any]:
    return {"answer": answer, "step": step, "rate": rate, "told": told}
