"""torch.optim.lr_scheduler: cycles, restarts and one-cycle, with the momentum they move."""

from tests.parity.row import Pin, Row

EXTRA = (
    "Allows one step after its end, on which the rate rises again, or with linear ramps goes "
    "below 0 (-0.14 of the peak at 10 steps: gradient ascent)."
)

CYCLIC = (
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=0.001, max_lr=0.006, step_size_up=20)",
        ours="cyclic(0.001, 0.006, up=20)",
        steps=122,
    ),
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=0.001, max_lr=0.006, step_size_up=20, cycle_momentum=True)",
        ours="cyclic(0.8, 0.9, up=20, start='peak')",
        hyper="momentum",
        steps=122,
        note="By default torch moves the momentum against the rate, 0.9 to 0.8 and back.",
    ),
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=0.1, max_lr=1.0, step_size_up=3, step_size_down=7)",
        ours="cyclic(0.1, 1, up=3, down=7)",
        steps=42,
    ),
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=0.01, max_lr=0.1, step_size_up=5, mode='triangular2')",
        ours="cyclic(0.01, 0.1, up=5, shrink=0.5)",
        steps=62,
        note="The height above the floor is halved each cycle.",
    ),
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=0.01, max_lr=0.1, step_size_up=4, step_size_down=6,"
        " mode='triangular2')",
        ours="cyclic(0.01, 0.1, up=4, down=6, shrink=0.5)",
        steps=62,
    ),
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=0.01, max_lr=0.1, step_size_up=10, mode='exp_range',"
        " gamma=0.99)",
        ours="cyclic(0.01, 0.1, up=10, factor=0.99)",
        steps=102,
        note="gamma to the power of the step, not of the cycle.",
    ),
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=0.01, max_lr=0.1, step_size_up=3, step_size_down=5,"
        " mode='exp_range', gamma=0.9)",
        ours="constant(0.01) + (linear(0, 0.09, 3) >> linear(0.09, 0, 5)).repeat()"
        " * exponential(1, 0.9, every=1)",
        steps=42,
    ),
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=0.01, max_lr=0.1, step_size_up=5,"
        " scale_fn=lambda c: 1 / 3 ** (c - 1), scale_mode='cycle')",
        ours="cyclic(0.01, 0.1, up=5, shrink=0.3333333333333333)",
        steps=52,
        note="A custom scale per cycle: any geometric one is shrink=.",
    ),
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=0.01, max_lr=0.1, step_size_up=5,"
        " scale_fn=lambda t: 1 / (1 + t), scale_mode='iterations')",
        ours="constant(0.01) + triangle(0, 0.09, 10).repeat() * inverse_time(1)",
        steps=52,
        note="A custom scale per step is a product with any schedule.",
    ),
    Row(
        name="CyclicLR",
        call="CyclicLR(opt, base_lr=1e-4, max_lr=1e-3, step_size_up=6, step_size_down=2,"
        " base_momentum=0.85, max_momentum=0.95)",
        ours="(linear(0.95, 0.85, 6) >> linear(0.85, 0.95, 2)).repeat()",
        hyper="betas[0]",
        steps=34,
        note="With Adam the first beta is moved.",
    ),
)

RESTARTS = (
    Row(
        name="CosineAnnealingWarmRestarts",
        call="CosineAnnealingWarmRestarts(opt, T_0=10)",
        ours="0.1 * sgdr(10)",
        lr=0.1,
        steps=42,
    ),
    Row(
        name="CosineAnnealingWarmRestarts",
        call="CosineAnnealingWarmRestarts(opt, T_0=10, T_mult=2)",
        ours="0.1 * sgdr(10, stretch=2)",
        lr=0.1,
        steps=72,
        note="Restarts at 10, 30 and 70: step 70 is the peak again.",
    ),
    Row(
        name="CosineAnnealingWarmRestarts",
        call="CosineAnnealingWarmRestarts(opt, T_0=5, T_mult=3, eta_min=0.001)",
        ours="cosine(0.5, 0.001, 5).repeat(stretch=3)",
        lr=0.5,
        steps=67,
        note="lrkit's restarts also take stretch=1.5 or 0.5, shrink= for the peaks and a warm-up "
        "inside the cycle; torch's T_mult is a whole number and its peaks stay.",
    ),
)

ONE_CYCLE = (
    Row(
        name="OneCycleLR",
        call="OneCycleLR(opt, max_lr=0.1, total_steps=100)",
        ours="0.1 * one_cycle(29)",
        total=99,
        steps=101,
        pins=(Pin(100, 100, 4e-07),),
        fault=EXTRA,
        note="The peak is at step pct_start * N - 1, the end at N - 1.",
    ),
    Row(
        name="OneCycleLR",
        call="OneCycleLR(opt, max_lr=1.0, total_steps=10)",
        ours="cosine(0.04, 1, 2) >> cosine(1, 4e-06, 7)",
        total=9,
        steps=11,
        pins=(Pin(10, 10, 4e-06),),
        fault=EXTRA,
    ),
    Row(
        name="OneCycleLR",
        call="OneCycleLR(opt, max_lr=1.0, total_steps=10, anneal_strategy='linear')",
        ours="one_cycle(2, shape='linear')",
        total=9,
        steps=11,
        rounding=1,
        pins=(Pin(10, 10, 4e-06),),
        fault=EXTRA,
    ),
    Row(
        name="OneCycleLR",
        call="OneCycleLR(opt, max_lr=0.5, epochs=5, steps_per_epoch=21, pct_start=0.3,"
        " div_factor=10.0, final_div_factor=100.0)",
        ours="0.5 * one_cycle(30.5, 0.1, 0.001)",
        total=104,
        steps=106,
        pins=(Pin(105, 105, 0.0005),),
        fault=EXTRA,
        note="The peak falls between two updates (step 30.5), so no update runs at it.",
    ),
    Row(
        name="OneCycleLR",
        call="OneCycleLR(opt, max_lr=0.1, total_steps=50, pct_start=0.4, three_phase=True)",
        ours="0.1 * one_cycle(19, three_phase=true)",
        total=49,
        steps=51,
        pins=(Pin(50, 50, 4e-07),),
        fault=EXTRA,
        note="Three phases: the second ends at 2 * pct_start * N - 2.",
    ),
    Row(
        name="OneCycleLR",
        call="OneCycleLR(opt, max_lr=0.2, total_steps=40, pct_start=0.25, three_phase=True,"
        " anneal_strategy='linear', div_factor=4.0, final_div_factor=50.0)",
        ours="0.2 * one_cycle(9, 0.25, 0.005, shape='linear', three_phase=true)",
        total=39,
        steps=41,
        pins=(Pin(40, 40, 0.001),),
        fault=EXTRA,
    ),
    Row(
        name="OneCycleLR",
        call="OneCycleLR(opt, max_lr=0.1, total_steps=100)",
        ours="one_cycle_momentum(up=29)",
        hyper="momentum",
        total=99,
        steps=101,
        pins=(Pin(100, 100, 0.95),),
        fault=EXTRA,
        note="The momentum moves against the rate.",
    ),
    Row(
        name="OneCycleLR",
        call="OneCycleLR(opt, max_lr=0.1, total_steps=50, pct_start=0.4, three_phase=True,"
        " anneal_strategy='linear', base_momentum=0.8, max_momentum=0.9)",
        ours="one_cycle_momentum(0.9, 0.8, 19, shape='linear', three_phase=true)",
        hyper="betas[0]",
        total=49,
        steps=51,
    ),
    Row(
        name="OneCycleLR",
        call="OneCycleLR(opt, max_lr=0.1, total_steps=20, pct_start=0.0)",
        ours="0.1 * cosine(1, 4e-06, 19, ahead=1)",
        total=19,
        steps=21,
        pins=(Pin(20, 20, 4e-07),),
        fault=EXTRA,
        note="Without a rise torch begins one step into its fall: the peak is never used. With "
        "pct_start * N = 1 it divides by zero.",
    ),
)

ROWS = CYCLIC + RESTARTS + ONE_CYCLE
