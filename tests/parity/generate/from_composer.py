"""Golden values of composer: `pip install torch; pip install --no-deps mosaicml`, then run this.

composer's own __init__ needs its whole training stack. The schedulers themselves read three
fields of the trainer's state, so they get these three, made with composer's own Time classes.
"""

from __future__ import annotations

from importlib.metadata import version
from types import SimpleNamespace

from golden_file import write
from hollow import hollow

EPOCHS, BATCHES = 5, 20

for package in ("composer", "composer.utils", "composer.core", "composer.optim"):
    hollow(package)

import composer.utils.string_enum  # noqa: E402

composer.utils.StringEnum = composer.utils.string_enum.StringEnum

import composer.core.time as time  # noqa: E402

composer.core.Time, composer.core.TimeUnit = time.Time, time.TimeUnit
composer.core.State = object  # only named in annotations

import composer.optim.scheduler as scheduler  # noqa: E402

from tests.parity.row import Row  # noqa: E402
from tests.parity.rows_composer import ROWS  # noqa: E402

NAMES = {name: getattr(scheduler, name) for name in scheduler.__all__}


def values(row: Row) -> list[float]:
    schedule = eval(row.call, dict(NAMES))
    stamp, out = time.Timestamp(), []
    for step in range(row.steps):
        if step and step % BATCHES == 0:
            stamp = stamp.to_next_epoch()
        state = SimpleNamespace(
            timestamp=stamp,
            max_duration=time.Time(EPOCHS, "ep"),
            dataloader_len=time.Time(BATCHES, "ba"),
        )
        out.append(row.lr * schedule(state))
        stamp = stamp.to_next_batch()
    return out


write(
    "composer",
    ROWS,
    values,
    version=version("mosaicml"),
    source=f"composer/optim/scheduler.py of mosaicml {version('mosaicml')}",
    public=[name for name in scheduler.__all__ if name.endswith("Scheduler")],
)
