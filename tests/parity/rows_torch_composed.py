"""torch.optim.lr_scheduler: the cosine, and schedulers made from others."""

from tests.parity.row import Pin, Row

RISES = "Rises again after its end, up to the peak."

COSINE = (
    Row(
        name="CosineAnnealingLR",
        call="CosineAnnealingLR(opt, T_max=50)",
        ours="0.1 * cosine()",
        lr=0.1,
        total=50,
        pins=(Pin(51, 51, 0.0),),
        fault=RISES,
    ),
    Row(
        name="CosineAnnealingLR",
        call="CosineAnnealingLR(opt, T_max=50, eta_min=0.01)",
        ours="cosine(0.3, 0.01, 50)",
        lr=0.3,
        total=50,
        pins=(Pin(51, 51, 0.01),),
        fault=RISES,
        note="eta_min is an absolute rate, the same for every group.",
    ),
    Row(
        name="CosineAnnealingLR",
        call="CosineAnnealingLR(opt, T_max=10)",
        ours="cosine(1, 0, 10)",
        total=20,
        steps=21,
        pins=(Pin(11, 20, 0.0),),
        fault=RISES,
    ),
    Row(
        name="CosineAnnealingLR",
        call="CosineAnnealingLR(opt, T_max=10)",
        ours="(cosine(1, 0, 10) >> cosine(0, 1, 10)).repeat()",
        steps=41,
        note="Where the rise is meant, it is written: down, up, down, up.",
    ),
    Row(
        name="CosineAnnealingLR",
        call="CosineAnnealingLR(opt, T_max=2000, eta_min=1e-5)",
        ours="cosine(0.1, 1e-5, 2000)",
        lr=0.1,
        total=2000,
        rounding=1,
        pins=(Pin(2001, 2001, 1e-5),),
        fault=RISES,
    ),
)

LONG = (
    Row(
        name="CosineAnnealingLR",
        call="CosineAnnealingLR(opt, T_max=10000)",
        ours="cosine()",
        total=10000,
        steps=10001,
        rounding=1,
        note="torch multiplies step by step by a quotient of two numbers near 0, and so loses the "
        "digits of its last values.",
    ),
)

COMPOSED = (
    Row(
        name="SequentialLR",
        call="SequentialLR(opt, [ConstantLR(opt, factor=0.1, total_iters=20),"
        " ExponentialLR(opt, gamma=0.9)], milestones=[20])",
        ours="0.05 * (constant(0.1, 20) >> exponential(1, 0.9, every=1))",
        lr=0.05,
        steps=61,
    ),
    Row(
        name="SequentialLR",
        call="SequentialLR(opt, [LinearLR(opt, start_factor=0.1, total_iters=5),"
        " CosineAnnealingLR(opt, T_max=45)], milestones=[5])",
        ours="0.3 * (warmup(5, start=0.1, ahead=0) >> cosine())",
        lr=0.3,
        total=50,
        pins=(Pin(51, 51, 0.0),),
        fault=RISES,
        note="The usual warm-up and cosine.",
    ),
    Row(
        name="SequentialLR",
        call="SequentialLR(opt, [LinearLR(opt, start_factor=0.01, total_iters=10),"
        " ConstantLR(opt, factor=1.0), PolynomialLR(opt, total_iters=20)], milestones=[10, 40])",
        ours="linear(0.01, 1, 10) >> hold(30) >> linear()",
        total=60,
        note="Warm-up, stable, decay.",
    ),
    Row(
        name="SequentialLR",
        call="SequentialLR(opt, [LinearLR(opt, start_factor=0.5, total_iters=2),"
        " MultiplicativeLR(opt, lambda t: 0.8)], milestones=[2])",
        ours="linear(0.5, 1, 2) >> exponential(1, 0.8, every=1)",
        steps=7,
        pins=(
            Pin(2, 2, 1.0),
            Pin(3, 3, 0.8),
            Pin(4, 4, 0.8**2),
            Pin(5, 5, 0.8**3),
            Pin(6, 6, 0.8**4),
        ),
        fault="MultiplicativeLR has no closed form, so at the seam torch multiplies once too "
        "often and the peak is skipped. lrkit's piece starts at its own start.",
    ),
    Row(
        name="SequentialLR",
        call="SequentialLR(opt, [SequentialLR(opt, [ConstantLR(opt, factor=0.5, total_iters=2),"
        " ExponentialLR(opt, gamma=0.5)], milestones=[2]), ConstantLR(opt, factor=0.25,"
        " total_iters=9)], milestones=[5])",
        ours="constant(0.5, 2) >> exponential(1, 0.5, every=1, span=3) >> constant(0.25)",
        total=8,
        pins=(Pin(1, 1, 0.5), Pin(2, 2, 1.0), Pin(3, 3, 0.5), Pin(4, 4, 0.25)),
        fault="A sequence inside a sequence runs one step early in torch; here >> is associative.",
    ),
    Row(
        name="ChainedScheduler",
        call="ChainedScheduler([ConstantLR(opt, factor=0.1, total_iters=20),"
        " ExponentialLR(opt, gamma=0.9)])",
        ours="0.05 * (constant(0.1, 20) >> hold()) * exponential(1, 0.9, every=1)",
        lr=0.05,
        steps=61,
        note="A chain is a product.",
    ),
    Row(
        name="ChainedScheduler",
        call="ChainedScheduler([LinearLR(opt, start_factor=0.01, total_iters=10),"
        " CosineAnnealingLR(opt, T_max=50)])",
        ours="(linear(0.01, 1, 10) >> hold()) * cosine()",
        total=50,
        pins=(Pin(51, 51, 0.0),),
        fault=RISES,
        note="The cosine's clock runs during the warm-up, so the peak is never reached.",
    ),
    Row(
        name="ChainedScheduler",
        call="ChainedScheduler([LinearLR(opt, start_factor=0.25, total_iters=3),"
        " CosineAnnealingWarmRestarts(opt, T_0=4)])",
        ours="(linear(0.25, 1, 3) >> hold()) * cosine(1, 0, 4).repeat()",
        steps=9,
        pins=(Pin(0, 0, 0.25), Pin(1, 1, 0.5 * 0.8535533905932737), Pin(2, 2, 0.375)),
        fault="torch's restarts, one-cycle and lambda overwrite what the others of the chain did; "
        "the warm-up is lost without a word. In lrkit the product holds.",
    ),
)

ROWS = COSINE + LONG + COMPOSED
