"""`lrkit steer`: an edit for a run that is going."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrkit.cli import complete
from lrkit.cli.errors import OK, WRONG
from lrkit.cli.orders import Asked, edit_of
from lrkit.cli.places import RUNS, Root, RunName, folder_of
from lrkit.cli.screen import remark, say, say_json
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.control import Edit
    from lrkit.records import Wheel


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
    from lrkit.records import Wheel, replay

    if not wait >= 0:
        raise SpecError(f"`--wait >= 0` must hold, got {wait:g}")
    folder = folder_of(root, name)
    wheel = Wheel.of(replay(folder, damaged="skip"))
    asked = Asked(what, value, over, to, shape, how, group, why, by)
    if not what:
        asked.refuse_options()
        if at is not None or preview:
            raise SpecError("--at and --preview are for an edit; name one, as in `scale 0.5`")
        return say_json(wheel.plain()) if json else say(_state(wheel))
    edit = edit_of(asked)
    if at is not None:
        edit = edit.stamped(wheel.step_of(at, "--at"))
    wheel.check(edit, sending=not preview)
    if wheel.course is None:
        remark(f"run {wheel.run.name} does not say what it follows; it judges the edit by itself")
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
    before, after, step = wheel.before(edit), wheel.after(edit), wheel.step_for(edit)
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
    from lrkit.records import submit, wait_for

    fields = {k: v for k, v in edit.to_dict().items() if k != "letter"}
    letter = submit(wheel.run.folder, fields)
    answer = wait_for(wheel.run, letter, seconds)
    return {"letter": letter, "edit": fields} | answer.plain()


def _state(wheel: Wheel) -> str:
    """Return how the run stands as lines."""
    from lrkit.records import told_of

    run, rate = wheel.run, wheel.rate(wheel.far.position)
    rows = [("run", f"{run.name}, {run.status}" + (f": {run.reason}" if run.reason else ""))]
    unit = "epoch" if wheel.far.unit != 1 else "update"
    end = "" if wheel.course is None else f" of {wheel.course.total:.10g}"
    rows.append((f"next {unit}", f"{wheel.far.position}{end}"))
    if rate is not None:
        rows.append(("rate there", f"{rate:.10g}"))
    if wheel.course is not None:
        rows.append(("follows", str(wheel.course.schedule)))
    rows += [("edit", told_of(edit)) for edit in run.edits] or [("edits", "none")]
    rows += [("refused", f"{e.get('letter')}: {e.get('reason')}") for e in run.refused]
    rows += [("waiting", letter.id) for letter in wheel.waiting()]
    return "\n".join(f"{label:<12} {text}" for label, text in rows)
