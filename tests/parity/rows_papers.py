"""The CLR callback of Smith's paper, and the hand-written schedulers of d2l, chapter 10.11."""

from tests.parity.row import Row

CLR = (
    Row(
        name="CyclicLR triangular",
        call="CyclicLR(base_lr=0.001, max_lr=0.006, step_size=20.0)",
        ours="cyclic(0.001, 0.006, up=20)",
        steps=130,
        note="The published example with 2000 cut to 20.",
    ),
    Row(
        name="CyclicLR triangular",
        call="CyclicLR(base_lr=0.1, max_lr=1.0, step_size=7.0)",
        ours="triangle(0.1, 1, 14).repeat()",
        steps=60,
    ),
    Row(
        name="CyclicLR triangular2",
        call="CyclicLR(base_lr=0.001, max_lr=0.006, step_size=10.0, mode='triangular2')",
        ours="cyclic(0.001, 0.006, up=10, shrink=0.5)",
        steps=90,
    ),
    Row(
        name="CyclicLR triangular2",
        call="CyclicLR(base_lr=0.01, max_lr=0.5, step_size=3.5, mode='triangular2')",
        ours="cyclic(0.01, 0.5, up=3.5, shrink=0.5)",
        steps=60,
        note="Half a cycle need not be a whole number of steps.",
    ),
    Row(
        name="CyclicLR exp_range",
        call="CyclicLR(base_lr=0.001, max_lr=0.006, step_size=20.0, mode='exp_range',"
        " gamma=0.99994)",
        ours="constant(0.001) + triangle(0, 0.005, 40).repeat() * exponential(1, 0.99994, every=1)",
        steps=130,
    ),
    Row(
        name="CyclicLR exp_range",
        call="CyclicLR(base_lr=0.01, max_lr=0.1, step_size=5.0, mode='exp_range', gamma=0.95)",
        ours="cyclic(0.01, 0.1, up=5, factor=0.95)",
        steps=60,
    ),
    Row(
        name="CyclicLR scale_fn",
        call="CyclicLR(base_lr=0.01, max_lr=0.1, step_size=5.0,"
        " scale_fn=lambda x: 1 / (5 ** (x * 0.0001)), scale_mode='iterations')",
        ours="constant(0.01) + triangle(0, 0.09, 10).repeat() * exponential(1, 0.2, every=10000)",
        steps=60,
        note="The custom scale of its README: a product with any schedule.",
    ),
    Row(
        name="CyclicLR scale_fn",
        call="CyclicLR(base_lr=0.01, max_lr=0.1, step_size=4.0,"
        " scale_fn=lambda x: 0.5 * (1 + np.sin(x * np.pi / 2)))",
        ours="constant(0.01) + (triangle(0, 0.09, 8) >> triangle(0, 0.045, 8) >> constant(0, 8)"
        " >> triangle(0, 0.045, 8)).repeat()",
        steps=70,
        note="The other custom scale of its README, which goes round in four cycles: 1, 1/2, 0, "
        "1/2.",
    ),
)

D2L = (
    Row(
        name="SquareRootScheduler",
        call="SquareRootScheduler(lr=0.1)",
        ours="square_root(0.1)",
        steps=60,
    ),
    Row(
        name="SquareRootScheduler",
        call="SquareRootScheduler(lr=1.0)",
        ours="square_root(1)",
        steps=40,
    ),
    Row(
        name="FactorScheduler",
        call="FactorScheduler(factor=0.9, stop_factor_lr=1e-2, base_lr=2.0)",
        ours="factor(1.8, 0.9, 1, floor=0.01)",
        steps=80,
        note="It multiplies before it answers, so base_lr itself is never used: the first update "
        "has 1.8.",
    ),
    Row(
        name="FactorScheduler",
        call="FactorScheduler(factor=0.5, base_lr=0.3)",
        ours="factor(0.15, 0.5, 1, floor=1e-07)",
        steps=40,
    ),
    Row(
        name="MultiFactorScheduler",
        call="MultiFactorScheduler(step=[15, 30], factor=0.5, base_lr=0.5)",
        ours="multi_step(0.5, [15, 30], 0.5)",
        steps=40,
    ),
    Row(
        name="MultiFactorScheduler",
        call="MultiFactorScheduler(step=[5, 10, 20], factor=0.5, base_lr=1.0)",
        ours="multi_step(1, [5, 10, 20], 0.5)",
        steps=30,
    ),
    Row(
        name="CosineScheduler",
        call="CosineScheduler(max_update=20, base_lr=0.3, final_lr=0.01)",
        ours="cosine(0.3, 0.01, 20)",
        total=30,
    ),
    Row(
        name="CosineScheduler",
        call="CosineScheduler(20, warmup_steps=5, base_lr=0.3, final_lr=0.01)",
        ours="linear(0, 0.3, 5) >> cosine(0.3, 0.01, 15)",
        total=30,
        note="The warm-up starts at 0: a whole epoch without learning. Asked first for an epoch "
        "after its end, as a resumed run does, it raises AttributeError.",
    ),
    Row(
        name="CosineScheduler",
        call="CosineScheduler(40, warmup_steps=8, base_lr=0.5, warmup_begin_lr=0.05)",
        ours="linear(0.05, 0.5, 8) >> cosine(0.5, 0, 32)",
        total=40,
    ),
)
