"""What is said of a tuning, for the terminal and the report alike."""

from __future__ import annotations

import math
from typing import Final

from lrkit.lab.statistics import Paired
from lrkit.lab.tuning.charts import STAGES, stage_cost
from lrkit.lab.tuning.tuned import Tuned

CODE: Final = ("schedule", "runner-up")
"""The facts that are schedules."""


def title_of(tuned: Tuned) -> str:
    """Return the title of the report."""
    options = ", ".join(f"{name}={value}" for name, value in tuned.aim.options.items())
    return f"Tuned: {tuned.aim.task}{f' ({options})' if options else ''}"


def settings(tuned: Tuned) -> str:
    """Return what was asked for, in a line."""
    aim, terms = tuned.aim, tuned.terms
    budget = f"{aim.budget:g} full runs" if aim.minutes is None else f"{aim.minutes:g} minutes"
    scored = (
        f"chosen on {aim.holdout:.0%} of the training data"
        if terms.unseen
        else "chosen by the scores of evaluate(), so an expected score is one on the same data"
    )
    return (
        f"budget {budget} of {terms.updates:,} updates, first seed {aim.seed}, on {aim.device}; "
        f"{scored}"
    )


def facts(tuned: Tuned) -> list[tuple[str, str]]:
    """Return what came out, by name."""
    hope, name = tuned.expected, tuned.terms.score_name
    found = [
        ("schedule", tuned.schedule),
        (name, f"{hope.score:.4g} expected, {hope.low:.4g} to {hope.high:.4g}: {hope.basis}"),
    ]
    if tuned.tests:
        s = tuned.test
        spread = f" +- {s.deviation:.2g}" if s.n > 1 else ""
        lost = len(tuned.tests) - s.n
        text = f"{s.mean:.4g}{spread}, {s.n} fresh seeds on all of the training data"
        found.append(("on test data", text + (f"; {lost} diverged" if lost else "")))
    if tuned.runner_up is not None:
        found += [("runner-up", tuned.runner_up), ("against it", _against(tuned))]
    costs = []
    for stage in STAGES:
        count, cost = stage_cost(tuned, stage)
        costs += [f"{stage} {cost:.2f} ({count})"] if count else []
    ranged = tuned.ranged.cost / tuned.terms.updates
    found.append(
        ("cost", f"{tuned.spent:.2f} full runs: range test {ranged:.2f}, {', '.join(costs)}")
    )
    replayed = f", {tuned.replayed} of the trainings were there already" if tuned.replayed else ""
    found.append(("time", f"{tuned.seconds:.1f} s, engine {tuned.engine}{replayed}"))
    return found


def _against(tuned: Tuned) -> str:
    """Return how winner and runner-up compare over the seeds that both have."""
    ours = {o.request.seed: o.score for o in tuned.full() if o.finite}
    theirs = {o.request.seed: o.score for o in tuned.full(tuned.runner_up) if o.finite}
    p = Paired.of(ours, theirs)
    if p.n < 2:
        return f"{p.mean:+.3g} on one seed, which decides little"
    clear = "clear" if p.clear else "within noise"
    return f"{p.mean:+.3g} on {p.n} seeds, 95 % {p.low:+.3g} to {p.high:+.3g}: {clear}"


def story(tuned: Tuned) -> list[str]:
    """Return the steps of the tuning, each with its reason."""
    ranged = tuned.ranged
    first = f"range test of {ranged.cost} updates: {ranged.reason}"
    belief = tuned.finding.belief
    factor = math.exp(1.64 * belief.deviation())
    last = (
        f"in the end the best peak of linear decay is taken to be {math.exp(belief.choice()):.2g}, "
        f"within a factor of {factor:.2g}"
    )
    return [first, *tuned.finding.reasons, last, tuned.law]


def rows(tuned: Tuned) -> list[tuple[str, ...]]:
    """Return a row for each training."""
    return [
        (
            o.request.stage,
            o.request.candidate.text,
            f"{o.request.updates:,}",
            str(o.request.seed),
            f"{o.score:.4g}" if o.finite else "",
            f"{o.train_loss:.4g}" if math.isfinite(o.train_loss) else "",
            o.failure.partition(";")[0],
        )
        for o in (*tuned.finding.outcomes, *tuned.tests)
    ]
