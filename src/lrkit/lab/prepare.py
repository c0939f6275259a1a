"""What can be known of a study before anything is trained: its device, curves and score."""

from __future__ import annotations

from dataclasses import dataclass

from lrkit.control import course
from lrkit.drive.panel import placed
from lrkit.errors import SpecError
from lrkit.lab.catalog import pick_device, task
from lrkit.lab.entries import Row, Value
from lrkit.lab.loop import Options
from lrkit.lab.plan import plan_of, resolved
from lrkit.lab.study import Study
from lrkit.schedules import Curve


@dataclass(frozen=True)
class Prepared:
    """The device, the curve of every row, and what the task's score is."""

    device: str
    curves: tuple[Curve, ...]
    score_name: str
    higher_is_better: bool


def prepare(study: Study) -> Prepared:
    """Make the task once and place every schedule on its horizon, so that faults show now.

    The curves are as declared, with the edits by hand: what controllers do shows in the training.
    A data set that has to be downloaded is downloaded here, once.
    """
    device = pick_device(study.device)
    rows = study.rows()
    made = {
        key: task(study.task, study.seeds[0], device, **options)
        for key, options in {_key(row): row.options for row in rows}.items()
    }
    options = Options(study.clip, study.accumulate, study.amp, study.per)
    curves = []
    for row in rows:
        try:
            plan = plan_of(made[_key(row)], row.schedule, options, total=row.total)
            edits = resolved(row.edits, plan)
            for controller in row.controllers:
                placed(controller, plan.curve.horizon)
        except SpecError as error:
            raise type(error)(
                f"schedule {row.name!r}: {error.reason}", error.text, error.position
            ) from error
        curves.append(course(plan.curve, edits))
    first = made[_key(rows[0])]
    if study.also:
        known = first.evaluate()
        for name in study.also:
            if name not in known:
                raise SpecError(
                    f"`also` names scores of the task, {study.task} has no {name!r}; "
                    f"it has {', '.join(known)}"
                )
    return Prepared(device, tuple(curves), first.score, first.higher_is_better)


def _key(row: Row) -> tuple[tuple[str, Value], ...]:
    return tuple(sorted(row.options.items()))
