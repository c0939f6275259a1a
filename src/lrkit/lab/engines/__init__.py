"""Engines: the same trainings, run one by one, in processes, stacked on a device, on a cluster.

Submit trainings, poll for what happened:

    with engine("processes") as one:
        for training in trainings:
            one.submit(training)
        left = len(trainings)
        while left:
            left -= sum(isinstance(event, Ended) for event in one.poll())
"""

from lrkit.lab.engines.choosing import ENGINES, engine
from lrkit.lab.engines.contract import (
    Cooldown,
    Ended,
    Engine,
    Evaluated,
    Event,
    Stepped,
    Training,
)

__all__ = [
    "ENGINES",
    "Cooldown",
    "Ended",
    "Engine",
    "Evaluated",
    "Event",
    "Stepped",
    "Training",
    "engine",
]
