"""transformers.get_scheduler: every name it accepts but those that a metric drives."""

from tests.parity.row import Pin, Row

RISES = "Rises again after its end, up to the peak."


def scheduler(name: str, warmup: int | None, total: int | None, **kwargs: object) -> str:
    """Return the call of transformers that gives the scheduler *name*."""
    given = "".join(
        f", {key}={value}"
        for key, value in (("num_warmup_steps", warmup), ("num_training_steps", total))
        if value is not None
    )
    extra = ", ".join(f"{key!r}: {value!r}" for key, value in kwargs.items())
    return f"get_scheduler({name!r}, opt{given}" + (
        f", scheduler_specific_kwargs={{{extra}}})" if extra else ")"
    )


PLAIN = (
    Row(
        name="constant",
        call=scheduler("constant", None, None),
        ours="constant(5e-5)",
        lr=5e-5,
        steps=20,
    ),
    Row(
        name="constant",
        call=scheduler("constant", 10, 100),
        ours="constant(0.1)",
        lr=0.1,
        steps=102,
        note="num_warmup_steps is accepted and ignored.",
    ),
    Row(
        name="constant_with_warmup",
        call=scheduler("constant_with_warmup", 10, None),
        ours="5e-5 * (warmup(10, ahead=0) >> hold())",
        lr=5e-5,
        steps=30,
        note="Every warm-up of transformers but one starts at 0, so the first update does nothing.",
    ),
    Row(
        name="constant_with_warmup",
        call=scheduler("constant_with_warmup", 1, None),
        ours="warmup(1, ahead=0) >> hold()",
        steps=5,
    ),
    Row(
        name="linear",
        call=scheduler("linear", 10, 100),
        ours="5e-5 * (warmup(10, ahead=0) >> linear())",
        lr=5e-5,
        total=100,
    ),
    Row(
        name="linear",
        call=scheduler("linear", 0, 50),
        ours="1e-3 * linear()",
        lr=1e-3,
        total=50,
    ),
    Row(
        name="polynomial",
        call=scheduler("polynomial", 10, 100),
        ours="linear(0, 5e-5, 10) >> linear(5e-5, 1e-7)",
        lr=5e-5,
        total=100,
        note="Its default end is 1e-7, an absolute rate, and its power is 1.",
    ),
    Row(
        name="polynomial",
        call=scheduler("polynomial", 5, 60, lr_end=1e-5, power=2.0),
        ours="linear(0, 1e-3, 5) >> polynomial(1e-3, 1e-5, exponent=2)",
        lr=1e-3,
        total=60,
    ),
    Row(
        name="inverse_sqrt",
        call=scheduler("inverse_sqrt", 10, None),
        ours="0.01 * (linear(0, 1, 10) >> inverse_time(1, 10, 0.5))",
        lr=0.01,
        steps=100,
    ),
    Row(
        name="inverse_sqrt",
        call=scheduler("inverse_sqrt", 10, None, timescale=40),
        ours="0.01 * (linear(0, 1, 10) >> inverse_time(1, 40, 0.5))",
        lr=0.01,
        steps=100,
    ),
    Row(
        name="inverse_sqrt",
        call=scheduler("inverse_sqrt", 0, None),
        ours="inverse_time(0.01, 10000, 0.5)",
        lr=0.01,
        steps=60,
        note="Without warm-up its time scale is 10,000.",
    ),
)

COSINE = (
    Row(
        name="cosine",
        call=scheduler("cosine", 10, 100),
        ours="5e-5 * (warmup(10, ahead=0) >> cosine())",
        lr=5e-5,
        total=100,
        pins=(Pin(101, 101, 0.0),),
        fault=RISES,
    ),
    Row(
        name="cosine",
        call=scheduler("cosine", 0, 30),
        ours="cosine()",
        total=30,
        steps=61,
        pins=(Pin(31, 60, 0.0),),
        fault=RISES,
    ),
    Row(
        name="cosine",
        call=scheduler("cosine", 6, 96, num_cycles=1.5),
        ours="linear(0, 1, 6) >> cosine(1, 0, 30) >> cosine(0, 1, 30) >> cosine(1, 0, 30)",
        total=96,
        pins=(Pin(97, 97, 0.0),),
        fault=RISES,
        note="num_cycles counts full waves, down and up: 1.5 is down, up, down.",
    ),
    Row(
        name="cosine_with_restarts",
        call=scheduler("cosine_with_restarts", 10, 100),
        ours="warmup(10, ahead=0) >> cosine()",
        total=100,
        note="Its default is one cycle, which is a plain cosine.",
    ),
    Row(
        name="cosine_with_restarts",
        call=scheduler("cosine_with_restarts", 10, 100, num_cycles=3),
        ours="0.1 * (warmup(10, ahead=0) >> cosine().repeat(3))",
        lr=0.1,
        total=100,
    ),
    Row(
        name="cosine_with_restarts",
        call=scheduler("cosine_with_restarts", 0, 49, num_cycles=7),
        ours="cosine().repeat(7)",
        total=49,
    ),
    Row(
        name="cosine_with_min_lr",
        call=scheduler("cosine_with_min_lr", 10, 100, min_lr_rate=0.1),
        ours="5e-5 * (warmup(10, ahead=0) >> cosine(1, 0.1))",
        lr=5e-5,
        total=100,
        pins=(Pin(101, 101, 5e-6),),
        fault=RISES,
    ),
    Row(
        name="cosine_with_min_lr",
        call=scheduler("cosine_with_min_lr", 0, 40, min_lr=0.001),
        ours="cosine(0.1, 0.001)",
        lr=0.1,
        total=40,
        pins=(Pin(41, 41, 0.001),),
        fault=RISES,
        note="min_lr is turned into a ratio with the optimizer's default rate, for every group.",
    ),
    Row(
        name="cosine_warmup_with_min_lr",
        call=scheduler("cosine_warmup_with_min_lr", 10, 100, min_lr_rate=0.1),
        ours="0.1 * (warmup(9) >> cosine(1, 0.1))",
        lr=0.1,
        total=99,
        pins=(Pin(100, 100, 0.01),),
        fault=RISES,
        note="The one warm-up with (t+1)/W: its peak is at step W - 1 and its end at N - 1.",
    ),
    Row(
        name="cosine_warmup_with_min_lr",
        call=scheduler("cosine_warmup_with_min_lr", 5, 50, min_lr=0.002, warmup_lr_rate=0.2),
        ours="linear(0.02, 0.1, 4) >> cosine(0.1, 0.002)",
        lr=0.1,
        total=49,
        pins=(Pin(50, 50, 0.002),),
        fault=RISES,
    ),
)


def wsd(**kwargs: object) -> str:
    return scheduler("warmup_stable_decay", 10, 100, num_decay_steps=20, **kwargs)


WSD = (
    Row(
        name="warmup_stable_decay",
        call=wsd(),
        ours="0.1 * (warmup(10, ahead=0) >> hold() >> cosine(1, 0, 20))",
        lr=0.1,
        total=100,
        note="Cosine is its default cooldown.",
    ),
    Row(
        name="warmup_stable_decay",
        call=wsd(decay_type="linear", min_lr_ratio=0.1),
        ours="0.1 * (linear(0.1, 1, 10) >> hold() >> linear(1, 0.1, 20))",
        lr=0.1,
        total=100,
        note="The warm-up starts at min_lr_ratio, too.",
    ),
    Row(
        name="warmup_stable_decay",
        call=wsd(decay_type="1-sqrt", warmup_type="cosine"),
        ours="cosine(0, 1, 10) >> hold() >> one_minus_sqrt(1, 0, 20)",
        total=100,
    ),
    Row(
        name="warmup_stable_decay",
        call=wsd(decay_type="1-sqrt", warmup_type="1-sqrt", min_lr_ratio=0.05),
        ours="power(0.05, 1, 10, exponent=0.5) >> hold() >> one_minus_sqrt(1, 0.05, 20)",
        total=100,
        note="Its 1-sqrt warm-up is 1 - sqrt(1 - p).",
    ),
    Row(
        name="warmup_stable_decay",
        call=scheduler(
            "warmup_stable_decay", 5, None, num_stable_steps=30, num_decay_steps=12, num_cycles=1.5
        ),
        ours="linear(0, 1, 5) >> hold(30) >> cosine(1, 0, 4) >> cosine(0, 1, 4) >> cosine(1, 0, 4)",
        total=47,
    ),
)

ROWS = PLAIN + COSINE + WSD
