"""Schedulers that a metric drives: torch's plateau, and transformers' and timm's around it."""

from tests.parity.row import Pin, Row

NAN = float("nan")
# Improves for 6 epochs, then stays; improves once more at 15, then gets worse.
LOSS = (
    *(1.0, 0.8, 0.7, 0.65, 0.62, 0.6, 0.6, 0.6, 0.61, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6),
    *(0.5, 0.5, 0.52, 0.55, 0.6, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7),
)
ACCURACY = tuple(round(1 - loss / 2, 6) for loss in LOSS)
# A log-likelihood that gets worse by half the threshold at a time.
WORSE = tuple(-1.0 + 0.00005 * i for i in range(8))

TORCH = (
    Row(
        name="ReduceLROnPlateau",
        call="ReduceLROnPlateau(opt, factor=0.5, patience=2)",
        ours="constant(0.1)",
        steered_by="plateau(0.5, patience=2)",
        metrics=LOSS,
        lr=0.1,
    ),
    Row(
        name="ReduceLROnPlateau",
        call="ReduceLROnPlateau(opt, patience=4)",
        ours="constant(0.1)",
        steered_by="plateau(0.1, patience=4)",
        metrics=LOSS,
        lr=0.1,
    ),
    Row(
        name="ReduceLROnPlateau",
        call="ReduceLROnPlateau(opt, factor=0.5, patience=1, cooldown=3)",
        ours="constant(1)",
        steered_by="plateau(0.5, patience=1, cooldown=3)",
        metrics=LOSS,
    ),
    Row(
        name="ReduceLROnPlateau",
        call="ReduceLROnPlateau(opt, mode='max', factor=0.3, patience=1, threshold=0.01,"
        " threshold_mode='abs', min_lr=0.02)",
        ours="constant(1)",
        steered_by="plateau(0.3, patience=1, mode='max', threshold=0.01, threshold_mode='abs',"
        " floor=0.02)",
        metrics=ACCURACY,
        note="min_lr is floor.",
    ),
    Row(
        name="ReduceLROnPlateau",
        call="ReduceLROnPlateau(opt, factor=0.1, patience=0, eps=1e-5)",
        ours="constant(0.1)",
        steered_by="plateau(0.1, patience=0, eps=1e-5)",
        metrics=LOSS,
        lr=0.1,
        note="Cuts smaller than eps are dropped.",
    ),
    Row(
        name="ReduceLROnPlateau",
        call="ReduceLROnPlateau(opt, factor=0.5, patience=2)",
        ours="constant(0.1)",
        steered_by="plateau(0.5, patience=2)",
        metrics=WORSE,
        lr=0.1,
        pins=(Pin(4, 6, 0.05), Pin(7, 8, 0.025)),
        fault="With a negative metric torch's relative threshold is on the wrong side: one that "
        "gets a little worse each epoch counts as better for ever and nothing is cut.",
    ),
    Row(
        name="ReduceLROnPlateau",
        call="ReduceLROnPlateau(opt, factor=0.5, patience=1)",
        ours="constant(0.1)",
        steered_by="plateau(0.5, patience=1)",
        metrics=(1.0, NAN, NAN, 0.9, NAN, 0.8),
        lr=0.1,
        pins=(Pin(3, 6, 0.1),),
        fault="torch takes a NaN for an epoch without improvement and cuts; lrkit takes it for no "
        "observation.",
    ),
    Row(
        name="ReduceLROnPlateau",
        call="ReduceLROnPlateau(opt, factor=0.5, patience=1)",
        ours="constant(0.1)",
        steered_by="plateau(0.5, patience=1, nan='bad')",
        metrics=(1.0, NAN, NAN, 0.9, NAN, 0.8, NAN, NAN, NAN),
        lr=0.1,
        note="nan='bad' does what torch does.",
    ),
)

TRANSFORMERS = (
    Row(
        name="reduce_lr_on_plateau",
        call="get_scheduler('reduce_lr_on_plateau', opt)",
        ours="constant(5e-05)",
        steered_by="plateau(0.1, patience=10)",
        metrics=LOSS,
        lr=5e-5,
        note="torch's own, with torch's defaults.",
    ),
    Row(
        name="reduce_lr_on_plateau",
        call="get_scheduler('reduce_lr_on_plateau', opt, scheduler_specific_kwargs={'factor': 0.5,"
        " 'patience': 3, 'cooldown': 2})",
        ours="constant(0.001)",
        steered_by="plateau(0.5, patience=3, cooldown=2)",
        metrics=LOSS,
        lr=1e-3,
    ),
)

TIMM = (
    Row(
        name="PlateauLRScheduler",
        call="PlateauLRScheduler(opt, decay_rate=0.5, patience_t=2, mode='min')",
        ours="constant(0.1)",
        steered_by="plateau(0.5, patience=2)",
        metrics=LOSS,
        lr=0.1,
        note="Its mode is max by default.",
    ),
    Row(
        name="PlateauLRScheduler",
        call="PlateauLRScheduler(opt, patience_t=1, cooldown_t=2, lr_min=0.0005)",
        ours="constant(0.1)",
        steered_by="plateau(0.1, patience=1, mode='max', cooldown=2, floor=0.0005)",
        metrics=ACCURACY,
        lr=0.1,
    ),
    Row(
        name="PlateauLRScheduler",
        call="PlateauLRScheduler(opt, decay_rate=0.5, patience_t=2, warmup_t=4,"
        " warmup_lr_init=0.01, mode='min')",
        ours="linear(0.01, 0.1, 4) >> constant(0.1)",
        steered_by="plateau(0.5, patience=2)",
        metrics=LOSS,
        lr=0.1,
        note="A plateau after a warm-up, which torch cannot do. timm looks at no metric during the "
        "warm-up; the two agree when the best value comes after it.",
    ),
)
