"""All laws by name, in the order they are shown in."""

from __future__ import annotations

from typing import Final

from lrkit.errors import SpecError
from lrkit.laws.drop import LinearDrop
from lrkit.laws.fsl import FunctionalScalingLaw
from lrkit.laws.fslm import ShrinkingNoiseLaw
from lrkit.laws.law import Law
from lrkit.laws.memory import LogMemoryLaw
from lrkit.laws.mpl import MultiPowerLaw
from lrkit.laws.mtl import MomentumLaw
from lrkit.schedules import nearest

LAWS: Final[dict[str, Law]] = {
    law.name: law
    for law in (
        LinearDrop(),
        MomentumLaw(),
        MultiPowerLaw(),
        FunctionalScalingLaw(),
        ShrinkingNoiseLaw(),
        LogMemoryLaw(),
    )
}


def law_named(name: str) -> Law:
    """Return the law called *name*; raise `SpecError` with the nearest names where there is none.

    >>> law_named("mpl").title
    'multi-power law'
    """
    if name not in LAWS:
        raise SpecError(
            f"a law must be one of {', '.join(LAWS)}, got {name!r}{nearest(name, list(LAWS))}"
        )
    return LAWS[name]
