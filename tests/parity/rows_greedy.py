"""transformers' GreedyLR, which raises the rate while a metric improves and cuts it while not."""

from random import Random

from tests.parity.row import Pin, Row

NAN = float("nan")
STEPS = 120
_draw = Random(7)

IMPROVING = tuple(round(2.0 * 0.98**t, 6) for t in range(STEPS))
FLAT = (1.0,) * STEPS
WORSE = tuple(1.0 + 0.01 * t for t in range(STEPS))
NOISY = tuple(round(2.0 * 0.96**t + 0.5 * _draw.random(), 6) for t in range(STEPS))
# Improves, stays, gets worse, improves again.
MIXED = (*IMPROVING[:40], *(0.9,) * 25, *WORSE[:25], *(0.8 - 0.01 * t for t in range(30)))
ACCURACY = tuple(round(1 - loss / 3, 6) for loss in NOISY)
# A log-likelihood that gets worse by half the threshold at a time.
NEGATIVE = tuple(-1.0 + 0.0005 * i for i in range(8))


def call(**options: object) -> str:
    extra = ", ".join(f"{key!r}: {value!r}" for key, value in options.items())
    return f"get_scheduler('greedy', opt, scheduler_specific_kwargs={{{extra}}})"


def agreeing(
    seen: tuple[float, ...], lr: float, ours: str, note: str = "", **options: object
) -> Row:
    return Row(
        name="greedy",
        call=call(**options) if options else "get_scheduler('greedy', opt)",
        ours=f"constant({lr:g})",
        steered_by=f"greedy({ours})",
        metrics=seen,
        lr=lr,
        note=note,
    )


PLAIN = (
    agreeing(
        IMPROVING,
        5e-5,
        "floor=0.001, peak=1",
        "Its default min_lr is 0.001: a rate below is raised and never cut. lrkit's floor and peak "
        "have no default.",
    ),
    agreeing(NOISY, 0.1, "floor=0.001, peak=1", "Compared with a noisy metric."),
    agreeing(FLAT, 0.1, "floor=0.001, peak=1", "With a flat one."),
    agreeing(WORSE, 0.1, "floor=0.001, peak=1", "With one that gets worse."),
)

OPTIONS = (
    agreeing(
        MIXED,
        0.1,
        "0.8, patience=2, floor=0.02, peak=0.4",
        "min_lr is floor, max_lr is peak; both are reached.",
        factor=0.8,
        patience=2,
        min_lr=0.02,
        max_lr=0.4,
    ),
    agreeing(
        MIXED,
        0.01,
        "0.9, patience=1, cooldown=3, warmup=5, floor=1e-05, peak=0.1",
        "warmup is a wait after a raise, cooldown one after a cut.",
        factor=0.9,
        patience=1,
        cooldown=3,
        warmup=5,
        min_lr=1e-5,
        max_lr=0.1,
    ),
    agreeing(
        NOISY,
        0.1,
        "0.9, patience=2, window=8, floor=0.001, peak=1",
        "smooth with window_size is window.",
        factor=0.9,
        patience=2,
        smooth=True,
        window_size=8,
    ),
    agreeing(
        NOISY,
        0.1,
        "0.9, patience=0, threshold=0.02, threshold_mode='rel', floor=0.001, peak=1",
        factor=0.9,
        patience=0,
        threshold=0.02,
        threshold_mode="rel",
    ),
    agreeing(
        ACCURACY,
        0.1,
        "0.7, patience=1, mode='max', threshold=0.01, floor=0.01, peak=1",
        mode="max",
        factor=0.7,
        patience=1,
        threshold=0.01,
        min_lr=0.01,
    ),
    agreeing(
        WORSE,
        0.1,
        "0.5, patience=1, cooldown=1, reset_after=3, floor=0.01, peak=1",
        "reset_start is reset_after. It counts cuts at the floor, not steps.",
        factor=0.5,
        patience=1,
        cooldown=1,
        min_lr=0.01,
        reset_start=3,
    ),
    agreeing(
        NOISY,
        0.1,
        "0.5, patience=1, window=5, reset_after=2, floor=0.02, peak=0.3",
        "A reset empties the window, too.",
        factor=0.5,
        patience=1,
        smooth=True,
        window_size=5,
        min_lr=0.02,
        max_lr=0.3,
        reset_start=2,
    ),
    agreeing(
        MIXED,
        0.1,
        "0.8, patience=0, eps=0.01, floor=0.001, peak=1",
        "Changes of eps or less are dropped, raises as well as cuts.",
        factor=0.8,
        patience=0,
        eps=0.01,
    ),
)

FAULTS = (
    Row(
        name="greedy",
        call=call(factor=0.5, patience=1, smooth=True, window_size=2),
        ours="constant(0.1)",
        steered_by="greedy(0.5, patience=1, window=2, floor=0.001, peak=1)",
        metrics=(3.0, NAN, 2.0, 1.5, 1.0, 0.9, 0.8, 0.7),
        lr=0.1,
        pins=(Pin(3, 4, 0.2), Pin(5, 6, 0.4), Pin(7, 8, 0.8)),
        fault="A NaN stays in the running mean for ever, and after it the rate is only cut; lrkit "
        "takes it for no observation.",
    ),
    Row(
        name="greedy",
        call=call(factor=0.5, patience=2, threshold=1e-3, threshold_mode="rel"),
        ours="constant(0.1)",
        steered_by="greedy(0.5, patience=2, threshold=0.001, threshold_mode='rel', floor=0.001,"
        " peak=1)",
        metrics=NEGATIVE,
        lr=0.1,
        pins=(Pin(3, 3, 0.1), Pin(4, 6, 0.05), Pin(7, 8, 0.025)),
        fault="With a negative metric the relative threshold is on the wrong side: one that gets a "
        "little worse each time counts as better, and raises the rate.",
    ),
    Row(
        name="greedy",
        call=call(factor=0.5, patience=0, eps=0.01, min_lr=0.01, reset_start=2),
        ours="constant(0.1)",
        steered_by="greedy(0.5, patience=0, eps=0.01, floor=0.01, peak=1, reset_after=2)",
        metrics=(1.0,) * 8,
        lr=0.1,
        pins=(Pin(6, 6, 0.1), Pin(7, 7, 0.2), Pin(8, 8, 0.1)),
        fault="It resets only from min_lr to the bit: where eps drops the last cut, or a raise and "
        "a cut round to just above it, it never does.",
    ),
)

ROWS = PLAIN + OPTIONS + FAULTS
