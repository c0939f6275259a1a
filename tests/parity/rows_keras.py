"""keras.optimizers.schedules: all of them, as shipped (float32) and with float64 arguments."""

from tests.parity.row import Pin, Row

DECAYS = (
    Row(
        name="ExponentialDecay",
        call="ExponentialDecay(0.1, decay_steps=20, decay_rate=0.5)",
        ours="exponential(0.1, 0.5, every=20)",
        steps=100,
    ),
    Row(
        name="ExponentialDecay",
        call="ExponentialDecay(0.1, decay_steps=20, decay_rate=0.96, staircase=True)",
        ours="step_decay(0.1, 0.96, 20)",
        steps=100,
    ),
    Row(
        name="PiecewiseConstantDecay",
        call="PiecewiseConstantDecay([30, 60], [1.0, 0.5, 0.1])",
        ours="multi_step(1, [31, 61], values=[0.5, 0.1])",
        total=90,
        note="A boundary step still has the old value (step <= boundary); torch and optax have "
        "already changed there.",
    ),
    Row(
        name="PiecewiseConstantDecay",
        call="PiecewiseConstantDecay([5, 10, 20], [0.1, 0.05, 0.2, 0.01])",
        ours="table([0.1, 0.05, 0.2, 0.01], at=[0, 6, 11, 21], kind='step')",
        total=40,
    ),
    Row(
        name="PolynomialDecay",
        call="PolynomialDecay(0.1, decay_steps=50)",
        ours="linear(0.1, 0.0001, 50)",
        total=50,
        note="Its default end is 0.0001.",
    ),
    Row(
        name="PolynomialDecay",
        call="PolynomialDecay(0.5, decay_steps=40, end_learning_rate=0.01, power=0.5)",
        ours="power(0.5, 0.01, 40, exponent=0.5)",
        total=40,
    ),
    Row(
        name="PolynomialDecay",
        call="PolynomialDecay(1.0, decay_steps=10, end_learning_rate=0.1, power=1.0, cycle=True)",
        ours="linear(1, 0.1, 10) >> constant(0.1, 1) >> linear(0.505, 0.1, 9)"
        " >> constant(0.1, 1) >> linear(0.37, 0.1, 9)",
        total=31,
        steps=31,
        note="Cycle i stretches the decay to i * decay_steps: a saw whose teeth get smaller. A "
        "multiple of decay_steps is still at the end of the old tooth.",
    ),
    Row(
        name="InverseTimeDecay",
        call="InverseTimeDecay(0.1, decay_steps=10, decay_rate=0.5)",
        ours="inverse_time(0.1, 20)",
        steps=100,
    ),
    Row(
        name="InverseTimeDecay",
        call="InverseTimeDecay(0.1, decay_steps=10, decay_rate=0.5, staircase=True)",
        ours="inverse_time(0.1, 20).stairs(10)",
        steps=100,
    ),
)

COSINE = (
    Row(
        name="CosineDecay",
        call="CosineDecay(0.1, decay_steps=50)",
        ours="0.1 * cosine()",
        total=50,
    ),
    Row(
        name="CosineDecay",
        call="CosineDecay(0.1, decay_steps=50, alpha=0.1)",
        ours="0.1 * cosine(1, 0.1, 50)",
        total=50,
    ),
    Row(
        name="CosineDecay",
        call="CosineDecay(0.0, decay_steps=90, warmup_target=0.1, warmup_steps=10)",
        ours="0.1 * (warmup(10, ahead=0) >> cosine(1, 0, 90))",
        total=100,
        note="decay_steps comes after the warm-up; optax's includes it.",
    ),
    Row(
        name="CosineDecay",
        call="CosineDecay(0.01, decay_steps=40, alpha=0.05, warmup_target=0.2, warmup_steps=8)",
        ours="linear(0.01, 0.2, 8) >> cosine(0.2, 0.01, 40)",
        total=48,
        note="alpha is a ratio of warmup_target.",
    ),
    Row(
        name="CosineDecayRestarts",
        call="CosineDecayRestarts(0.1, first_decay_steps=10, t_mul=1.0)",
        ours="0.1 * cosine(1, 0, 10).repeat()",
        steps=45,
    ),
    Row(
        name="CosineDecayRestarts",
        call="CosineDecayRestarts(0.1, first_decay_steps=10)",
        ours="0.1 * sgdr(10, stretch=2)",
        steps=75,
        note="Stretched by 2 by default.",
    ),
    Row(
        name="CosineDecayRestarts",
        call="CosineDecayRestarts(1.0, first_decay_steps=10, t_mul=2.0, m_mul=0.5, alpha=0.1)",
        ours="constant(0.1) + 0.9 * cosine(1, 0, 10).repeat(stretch=2, shrink=0.5)",
        steps=75,
        note="m_mul shrinks the height above the floor; cosine(1, 0.1).repeat(shrink=0.5) would "
        "shrink the floor too.",
    ),
    Row(
        name="CosineDecayRestarts",
        call="CosineDecayRestarts(1.0, first_decay_steps=8, t_mul=1.5, m_mul=0.8)",
        ours="cosine(1, 0, 8).repeat(stretch=1.5, shrink=0.8)",
        steps=60,
    ),
    Row(
        name="CosineDecayRestarts",
        call="CosineDecayRestarts(0.1, first_decay_steps=10, t_mul=1.2)",
        ours="0.1 * cosine(1, 0, 10).repeat(stretch=1.2)",
        steps=34,
        pins=(Pin(22, 22, 0.1),),
        fault="Keras finds the cycle with a float32 logarithm, which rounds to the wrong side "
        "here: the restart at step 22 is missed and that update runs at rate 0.",
    ),
)

ROWS = DECAYS + COSINE
