"""Engines: the same trainings, run one by one, in processes, stacked on a device, on a cluster.

Submit trainings, poll for what happened:

    with engine("processes") as one:
        for event in follow(one, trainings):
            if isinstance(event, Ended):
                print(event.training.folder, event.result or event.error)
"""

from lrkit.lab.engines.choosing import ENGINES, check_engine, engine
from lrkit.lab.engines.contract import (
    Cooldown,
    Ended,
    Engine,
    Evaluated,
    Event,
    Stepped,
    Training,
)
from lrkit.lab.engines.frame import Frame, follow

__all__ = [
    "ENGINES",
    "Cooldown",
    "Ended",
    "Engine",
    "Evaluated",
    "Event",
    "Frame",
    "Stepped",
    "Training",
    "check_engine",
    "engine",
    "follow",
]
