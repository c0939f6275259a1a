"""ignite.handlers: piecewise linear, linear, cosine (with their cycles), concat and warm-up."""

from tests.parity.row import Row

ROWS = (
    Row(
        name="PiecewiseLinear",
        call="PiecewiseLinear(opt, 'lr', [(0, 0.0), (10, 0.1), (40, 0.02), (60, 0.0)])",
        ours="table([0, 0.1, 0.02, 0], at=[0, 10, 40, 60])",
        total=60,
    ),
    Row(
        name="PiecewiseLinear",
        call="PiecewiseLinear(opt, 'lr', [(10, 0.5), (20, 0.45), (21, 0.3), (30, 0.1), (40, 0.1)])",
        ours="constant(0.5, 10) >> table([0.5, 0.45, 0.3, 0.1, 0.1], at=[0, 10, 11, 20, 30])",
        total=40,
        note="Before its first milestone it holds the first value.",
    ),
    Row(
        name="LinearCyclicalScheduler",
        call="LinearCyclicalScheduler(opt, 'lr', 0.1, 0.0, 50, monotonic=True)",
        ours="linear(0.1, 0, 50)",
        total=49,
        steps=50,
        note="monotonic: one ramp a cycle; at 50 it would start again.",
    ),
    Row(
        name="LinearCyclicalScheduler",
        call="LinearCyclicalScheduler(opt, 'lr', 0.1, 0.01, 20, monotonic=True)",
        ours="linear(0.1, 0.01, 20).repeat()",
        steps=62,
    ),
    Row(
        name="LinearCyclicalScheduler",
        call="LinearCyclicalScheduler(opt, 'lr', 0.1, 1.0, 20)",
        ours="triangle(0.1, 1, 20).repeat()",
        steps=62,
        note="start, end and back to start: a cycle is a whole triangle.",
    ),
    Row(
        name="LinearCyclicalScheduler",
        call="LinearCyclicalScheduler(opt, 'lr', 1.0, 0.0, 10, cycle_mult=2.0)",
        ours="(linear(1, 0, 5) >> linear(0, 1, 5)).repeat(stretch=2)",
        steps=72,
    ),
    Row(
        name="LinearCyclicalScheduler",
        call="LinearCyclicalScheduler(opt, 'lr', 1.0, 0.1, 20, monotonic=True, warmup_duration=5,"
        " start_value_mult=0.5)",
        ours="linear(1, 0.1, 20) >> linear(0.1, 0.5, 5) >> linear(0.5, 0.1, 20)"
        " >> linear(0.1, 0.25, 5) >> linear(0.25, 0.1, 20) >> linear(0.1, 0.125, 5)"
        " >> linear(0.125, 0.1, 20)",
        steps=77,
    ),
    Row(
        name="CosineAnnealingScheduler",
        call="CosineAnnealingScheduler(opt, 'lr', 0.1, 0.001, 50)",
        ours="cosine(0.1, 0.001, 50).repeat()",
        steps=102,
        note="Starts again after each cycle; ask for one with cycle_size larger than the run.",
    ),
    Row(
        name="CosineAnnealingScheduler",
        call="CosineAnnealingScheduler(opt, 'lr', 1.0, 0.0, 10, cycle_mult=2.0)",
        ours="cosine(1, 0, 10).repeat(stretch=2)",
        steps=72,
    ),
    Row(
        name="CosineAnnealingScheduler",
        call="CosineAnnealingScheduler(opt, 'lr', 1.0, 0.0, 20, start_value_mult=0.5)",
        ours="cosine(1, 0, 20).repeat(shrink=0.5)",
        steps=82,
    ),
    Row(
        name="CosineAnnealingScheduler",
        call="CosineAnnealingScheduler(opt, 'lr', 1.0, 0.2, 20, start_value_mult=0.8,"
        " end_value_mult=0.5)",
        ours="cosine(1, 0, 20).repeat(shrink=0.8) + cosine(0, 0.2, 20).repeat(shrink=0.5)",
        steps=82,
        note="Peak and floor with a factor of their own: a sum of two.",
    ),
    Row(
        name="CosineAnnealingScheduler",
        call="CosineAnnealingScheduler(opt, 'lr', 0.0, 1.0, 20)",
        ours="cosine(0, 1, 20).repeat()",
        steps=42,
    ),
    Row(
        name="ConcatScheduler",
        call="ConcatScheduler([LinearCyclicalScheduler(opt, 'lr', 0.1, 0.5, 60),"
        " CosineAnnealingScheduler(opt, 'lr', 0.5, 0.01, 60)], durations=[30])",
        ours="linear(0.1, 0.5, 30) >> cosine(0.5, 0.01, 60)",
        total=89,
        steps=90,
        note="Its own example: half a triangle, then a cosine.",
    ),
    Row(
        name="ConcatScheduler",
        call="ConcatScheduler([PiecewiseLinear(opt, 'lr', [(0, 0.0), (8, 0.4)]),"
        " LinearCyclicalScheduler(opt, 'lr', 0.4, 0.0, 40, monotonic=True)], durations=[8])",
        ours="linear(0, 0.4, 8) >> linear(0.4, 0, 40)",
        total=47,
        steps=48,
        note="A warm-up and a linear decay.",
    ),
    Row(
        name="create_lr_scheduler_with_warmup",
        call="create_lr_scheduler_with_warmup(CosineAnnealingScheduler(opt, 'lr', 0.3, 0.0, 60),"
        " warmup_start_value=0.03, warmup_duration=10)",
        ours="linear(0.03, 0.3, 9) >> cosine(0.3, 0, 60)",
        lr=0.3,
        total=68,
        steps=69,
        note="The warm-up reaches its end after warmup_duration - 1 steps, and that is the first "
        "value of the wrapped scheduler.",
    ),
    Row(
        name="create_lr_scheduler_with_warmup",
        call="create_lr_scheduler_with_warmup(torch.optim.lr_scheduler.ExponentialLR(opt, 0.98),"
        " warmup_start_value=0.0, warmup_end_value=0.1, warmup_duration=3)",
        ours="linear(0, 0.1, 2) >> exponential(0.1, 0.98, every=1)",
        lr=0.1,
        steps=60,
        note="A torch scheduler inside: the peak is there once, at the joint.",
    ),
)
