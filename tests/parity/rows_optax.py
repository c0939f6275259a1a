"""optax.schedules: every schedule function, in float64 (1e-12) and in its own float32 (1e-6)."""

from dataclasses import replace

from tests.parity.row import Pin, Row

BASIC = (
    Row(name="constant_schedule", call="constant_schedule(0.1)", ours="constant(0.1)", steps=20),
    Row(name="constant_schedule", call="constant_schedule(0.0)", ours="constant(0)", steps=5),
    Row(
        name="linear_schedule",
        call="linear_schedule(init_value=0.1, end_value=0.01, transition_steps=50)",
        ours="linear(0.1, 0.01, 50)",
        total=50,
    ),
    Row(
        name="linear_schedule",
        call="linear_schedule(init_value=1.0, end_value=0.0, transition_steps=30,"
        " transition_begin=10)",
        ours="hold(10) >> linear(1, 0, 30)",
        total=40,
    ),
    Row(
        name="polynomial_schedule",
        call="polynomial_schedule(init_value=1.0, end_value=0.01, power=2, transition_steps=50)",
        ours="polynomial(1, 0.01, 50, 2)",
        total=50,
    ),
    Row(
        name="polynomial_schedule",
        call="polynomial_schedule(init_value=0.5, end_value=0.0, power=0.5, transition_steps=40,"
        " transition_begin=5)",
        ours="constant(0.5, 5) >> power(0.5, 0, 40, exponent=0.5)",
        total=45,
    ),
    Row(
        name="polynomial_schedule",
        call="polynomial_schedule(init_value=0.0, end_value=0.2, power=3.0, transition_steps=20)",
        ours="power(0, 0.2, 20, exponent=3)",
        total=20,
    ),
    Row(
        name="piecewise_constant_schedule",
        call="piecewise_constant_schedule(1.0, {20: 0.1, 40: 0.01})",
        ours="multi_step(1, [20, 40], values=[0.1, 0.001])",
        total=60,
        note="The numbers are factors on what came before, not values.",
    ),
    Row(
        name="piecewise_constant_schedule",
        call="piecewise_constant_schedule(0.3, {10: 0.5, 30: 0.5, 35: 4.0})",
        ours="multi_step(0.3, [10, 30, 35], values=[0.15, 0.075, 0.3])",
        steps=50,
    ),
    Row(
        name="exponential_decay",
        call="exponential_decay(init_value=0.1, transition_steps=10, decay_rate=0.9)",
        ours="exponential(0.1, 0.9, every=10)",
        steps=100,
    ),
    Row(
        name="exponential_decay",
        call="exponential_decay(init_value=0.1, transition_steps=10, decay_rate=0.5,"
        " transition_begin=15, staircase=True)",
        ours="constant(0.1, 15) >> exponential(0.1, 0.5, every=10).stairs(10)",
        steps=80,
    ),
    Row(
        name="exponential_decay",
        call="exponential_decay(init_value=1.0, transition_steps=5, decay_rate=0.7,"
        " end_value=0.05)",
        ours="factor(1, 0.7, 5, floor=0.05)",
        steps=80,
    ),
    Row(
        name="exponential_decay",
        call="exponential_decay(init_value=1e-6, transition_steps=1, decay_rate=1.3,"
        " end_value=0.5)",
        ours="exponential(1e-6, 1.3, every=1).clip(ceiling=0.5)",
        steps=80,
        note="For a growing rate end_value is a ceiling.",
    ),
)

COSINE = (
    Row(
        name="cosine_decay_schedule",
        call="cosine_decay_schedule(init_value=0.1, decay_steps=50)",
        ours="0.1 * cosine()",
        total=50,
    ),
    Row(
        name="cosine_decay_schedule",
        call="cosine_decay_schedule(init_value=0.1, decay_steps=50, alpha=0.1)",
        ours="0.1 * cosine(1, 0.1, 50)",
        total=50,
        note="alpha is a ratio.",
    ),
    Row(
        name="cosine_decay_schedule",
        call="cosine_decay_schedule(init_value=0.1, decay_steps=40, alpha=0.05, exponent=2.0)",
        ours="0.1 * cosine(1, 0.05, 40, exponent=2)",
        total=40,
    ),
    Row(
        name="warmup_constant_schedule",
        call="warmup_constant_schedule(init_value=0.0, peak_value=0.3, warmup_steps=10)",
        ours="linear(0, 0.3, 10) >> constant(0.3)",
        total=30,
    ),
    Row(
        name="warmup_constant_schedule",
        call="warmup_constant_schedule(init_value=0.2, peak_value=0.1, warmup_steps=7)",
        ours="linear(0.2, 0.1, 7) >> constant(0.1)",
        total=20,
    ),
    Row(
        name="warmup_cosine_decay_schedule",
        call="warmup_cosine_decay_schedule(init_value=0.0, peak_value=1.0, warmup_steps=10,"
        " decay_steps=100)",
        ours="warmup(10, ahead=0) >> cosine()",
        total=100,
        note="decay_steps is the whole, warm-up included.",
    ),
    Row(
        name="warmup_cosine_decay_schedule",
        call="warmup_cosine_decay_schedule(init_value=0.01, peak_value=0.5, warmup_steps=5,"
        " decay_steps=60, end_value=0.05, exponent=1.5)",
        ours="linear(0.01, 0.5, 5) >> cosine(0.5, 0.05, exponent=1.5)",
        total=60,
    ),
    Row(
        name="warmup_exponential_decay_schedule",
        call="warmup_exponential_decay_schedule(init_value=0.0, peak_value=0.2, warmup_steps=10,"
        " transition_steps=20, decay_rate=0.5)",
        ours="linear(0, 0.2, 10) >> exponential(0.2, 0.5, every=20)",
        steps=100,
    ),
    Row(
        name="warmup_exponential_decay_schedule",
        call="warmup_exponential_decay_schedule(init_value=0.1, peak_value=1.0, warmup_steps=4,"
        " transition_steps=6, decay_rate=0.8, transition_begin=10, staircase=True, end_value=0.3)",
        ours="linear(0.1, 1, 4) >> hold(10) >> exponential(1, 0.8, every=6).stairs(6)"
        ".clip(floor=0.3)",
        steps=80,
    ),
    Row(
        name="sgdr_schedule",
        call="sgdr_schedule([dict(init_value=0.0, peak_value=p, warmup_steps=5, decay_steps=n)"
        " for p, n in ((1.0, 20), (0.5, 40), (0.25, 80))])",
        ours="linear(0, 1, 5) >> cosine(1, 0, 15) >> linear(0, 0.5, 5) >> cosine(0.5, 0, 35)"
        " >> linear(0, 0.25, 5) >> cosine(0.25, 0, 75)",
        total=140,
    ),
    Row(
        name="sgdr_schedule",
        call="sgdr_schedule([dict(init_value=0.0, peak_value=0.5**i, warmup_steps=5,"
        " decay_steps=20 * 2**i) for i in range(3)])",
        ours="(warmup(5, ahead=0) >> cosine()).repeat(3, stretch=2, shrink=0.5)",
        total=140,
        note="The warm-up of a cycle keeps its length and the cosine takes what is left of the "
        "stretched cycle.",
    ),
)

PIECEWISE = (
    Row(
        name="piecewise_interpolate_schedule",
        call="piecewise_interpolate_schedule('linear', 1.0, {20: 0.1, 50: 0.5})",
        ours="linear(1, 0.1, 20) >> linear(0.1, 0.05, 30)",
        total=50,
    ),
    Row(
        name="piecewise_interpolate_schedule",
        call="piecewise_interpolate_schedule('linear', 0.1, {10: 5.0, 30: 0.4, 60: 0.1})",
        ours="table([0.1, 0.5, 0.2, 0.02], at=[0, 10, 30, 60])",
        total=60,
    ),
    Row(
        name="piecewise_interpolate_schedule",
        call="piecewise_interpolate_schedule('cosine', 0.1, {10: 10.0, 40: 0.05})",
        ours="cosine(0.1, 1, 10) >> cosine(1, 0.05, 30)",
        total=40,
    ),
    Row(
        name="linear_onecycle_schedule",
        call="linear_onecycle_schedule(transition_steps=100, peak_value=0.1)",
        ours="0.1 * (linear(0.04, 1, 30%) >> linear(1, 0.04, 55%) >> linear(0.04, 4e-06))",
        total=100,
        note="Its page says the end is peak/final_div_factor; the code divides by div_factor too.",
    ),
    Row(
        name="linear_onecycle_schedule",
        call="linear_onecycle_schedule(transition_steps=45, peak_value=1.0, pct_start=0.25,"
        " pct_final=0.75, div_factor=10.0, final_div_factor=100.0)",
        ours="linear(0.1, 1, 11) >> linear(1, 0.1, 22) >> linear(0.1, 0.001, 12)",
        total=45,
        note="optax cuts the joints to whole steps.",
    ),
    Row(
        name="cosine_onecycle_schedule",
        call="cosine_onecycle_schedule(transition_steps=100, peak_value=0.1)",
        ours="0.1 * one_cycle(30%)",
        total=100,
        note="Ends at N; torch's OneCycleLR ends at N - 1.",
    ),
    Row(
        name="cosine_onecycle_schedule",
        call="cosine_onecycle_schedule(transition_steps=40, peak_value=0.5, pct_start=0.2,"
        " div_factor=5.0, final_div_factor=20.0)",
        ours="0.5 * one_cycle(20%, 0.2, 0.01)",
        total=40,
    ),
    Row(
        name="join_schedules",
        call="join_schedules([exponential_decay(0.5, 10, 0.5), cosine_decay_schedule(0.25, 40)],"
        " [10])",
        ours="exponential(0.5, 0.5, every=10, span=10) >> 0.25 * cosine(1, 0, 40)",
        total=50,
    ),
    Row(
        name="join_schedules",
        call="join_schedules([linear_schedule(0.0, 1.0, 10), constant_schedule(1.0),"
        " polynomial_schedule(1.0, 0.0, 1.0, 20)], [10, 40])",
        ours="linear(0, 1, 10) >> hold(30) >> linear(1, 0, 20)",
        total=60,
        note="Joining is >>; the boundaries are the sums of the spans.",
    ),
)

ROWS = BASIC + COSINE + PIECEWISE

# Under jit, as in every training, XLA turns the division by a constant into a product with its
# rounded inverse and, where the processor can (AVX2 can, AVX cannot), fuses it into 1 - t/N without
# rounding in between. At the end that is not 0 but a little above or below, and so:
BELOW_ZERO = (
    "Compiled for a processor with fused multiply-add, its end is not 0: here -5e-8 of the peak, "
    "for ever."
)
NOT_A_NUMBER = (
    "Compiled for a processor with fused multiply-add, its end is NaN, the root of -6e-8, for most "
    "numbers of steps; the weights become NaN with it."
)
FAULTS = {
    "linear_schedule(init_value=1.0, end_value=0.0, transition_steps=30, transition_begin=10)": (
        (Pin(40, 41, 0.0, always=False),),
        BELOW_ZERO,
    ),
    "polynomial_schedule(init_value=0.5, end_value=0.0, power=0.5, transition_steps=40,"
    " transition_begin=5)": ((Pin(45, 46, 0.0, always=False),), NOT_A_NUMBER),
}


def compiled(row: Row) -> Row:
    """Return the row as a training runs it: compiled, and in float32."""
    pins, fault = FAULTS.get(row.call, ((), ""))
    rounding = 8 if "decay_rate=1.3" in row.call else 1  # 1.3^46 in float32 is off by 2e-6
    return replace(row, rtol=1e-6, rounding=rounding, pins=pins, fault=fault)


COMPILED = tuple(compiled(row) for row in ROWS)
