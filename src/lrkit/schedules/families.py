"""The families of schedules as a list: name, parameters, one sentence, and an example to draw."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from lrkit.errors import SpecError
from lrkit.schedules.curve import Curve
from lrkit.schedules.parser import parse
from lrkit.schedules.registry import BUILDERS, KINDS, nearest

# What each family looks like over 100 epochs of 10 steps of 100 samples and 100 tokens.
EXAMPLES = {
    "constant": "constant(0.5)",
    "exponential": "exponential(1, 0.96)",
    "inverse_time": "inverse_time(1, 10ep)",
    "approach": "approach(0, 1, 15ep)",
    "radam": "radam(0.99)",
    "noise": "linear() * noise(0.3, every=2ep)",
    "table": 'table([0.2, 1, 0.7, 0.1, 0], kind="pchip")',
    "from_function": 'from_function("math:cos", of=progress)',
    "multiplicative": 'multiplicative("math:tanh")',
    "warmup": "warmup(30ep) >> hold()",
    "untuned_warmup": "untuned_warmup(0.99) * linear()",
    "cooldown": "hold() >> cooldown(40%)",
    "wsd": "wsd(10%, 30%)",
    "step_decay": "step_decay(1, 0.5, 20ep)",
    "factor": "factor(1, 0.95, floor=0.2)",
    "square_root": "square_root(1, 3ep)",
    "inverse_sqrt": "inverse_sqrt(10ep)",
    "noam": "noam(1, 100)",
    "power_scheduler": "power_scheduler(0.02, batch=1)",
    "one_cycle_momentum": "one_cycle_momentum(0.95, 0.5)",
    "cyclic": "cyclic(0.1, 1, up=10ep, shrink=0.7)",
    "sgdr": "sgdr(15ep, stretch=1.6, shrink=0.9)",
}


@dataclass(frozen=True)
class Family:
    """A family of schedules: how it is called, what it is, and a text that shows it."""

    name: str
    kind: str
    signature: str
    summary: str
    doc: str
    example: str

    def curve(self) -> Curve:
        """Return the example over 100 epochs."""
        return parse(self.example).over(
            "100ep", steps_per_epoch=10, batch_size=100, tokens_per_step=100
        )


def catalog() -> tuple[Family, ...]:
    """Return every family that a schedule can be written with, in the order of the docs.

    >>> [f.name for f in catalog()][:3]
    ['linear', 'cosine', 'power']
    """
    return tuple(_family(kind, name) for kind, (_, names) in KINDS.items() for name in names)


def family(name: str) -> Family:
    """Return the family called *name*; `SpecError` with the nearest names when there is none."""
    for found in catalog():
        if found.name == name:
            return found
    raise SpecError(f"unknown schedule {name!r}{nearest(name, list(BUILDERS))}")


def _family(kind: str, name: str) -> Family:
    build = BUILDERS[name]
    parameters = [
        p.replace(annotation=inspect.Parameter.empty)
        for p in inspect.signature(build).parameters.values()
    ]
    doc = inspect.getdoc(build) or ""
    return Family(
        name=name,
        kind=kind,
        signature=f"{name}{inspect.Signature(parameters)}",
        summary=doc.partition("\n")[0],
        doc=doc,
        example=EXAMPLES.get(name, f"{name}()"),
    )
