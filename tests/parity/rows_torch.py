"""torch.optim.lr_scheduler: those that a formula of the step gives."""

from tests.parity.row import Row

LAMBDA = (
    Row(
        name="LambdaLR",
        call="LambdaLR(opt, lambda t: 0.95**t)",
        ours="exponential(0.1, 0.95, every=1)",
        lr=0.1,
        steps=101,
        note="A lambda that has a family is written as that family, any other as from_function.",
    ),
    Row(
        name="LambdaLR",
        call="LambdaLR(opt, lambda t: 1 / (1 + t))",
        ours="inverse_time(0.5)",
        lr=0.5,
        steps=61,
    ),
    Row(
        name="LambdaLR",
        call="LambdaLR(opt, lambda t: min(1.0, (t + 1) / 10))",
        ours="0.3 * (warmup(9) >> hold())",
        lr=0.3,
        steps=41,
        note="lrkit's warm-up of n steps has its peak at step n: (t+1)/10 is a warm-up of 9.",
    ),
    Row(
        name="LambdaLR",
        call="LambdaLR(opt, math.sqrt)",
        ours="0.01 * from_function('math:sqrt')",
        lr=0.01,
        steps=40,
        note="Any importable function of the step.",
    ),
    Row(
        name="MultiplicativeLR",
        call="MultiplicativeLR(opt, lambda t: 0.95)",
        ours="exponential(0.1, 0.95, every=1)",
        lr=0.1,
        steps=101,
        note="A constant factor is an exponential, which needs no recursion.",
    ),
    Row(
        name="MultiplicativeLR",
        call="MultiplicativeLR(opt, lambda t: t / (t + 1))",
        ours="inverse_time(0.5)",
        lr=0.5,
        steps=61,
        note="The running product of t/(t+1) is 1/(t+1).",
    ),
    Row(
        name="MultiplicativeLR",
        call="MultiplicativeLR(opt, math.tanh)",
        ours="multiplicative('math:tanh', 0.5)",
        lr=0.5,
        steps=40,
        note="Any importable function of the step.",
    ),
)

STEPS = (
    Row(
        name="StepLR",
        call="StepLR(opt, step_size=30, gamma=0.1)",
        ours="step_decay(0.1, 0.1, every=30)",
        lr=0.1,
        steps=91,
    ),
    Row(
        name="StepLR",
        call="StepLR(opt, step_size=7, gamma=0.5)",
        ours="step_decay(0.8, 0.5, every=7)",
        lr=0.8,
        steps=51,
    ),
    Row(
        name="StepLR",
        call="StepLR(opt, step_size=1, gamma=0.9)",
        ours="exponential(1, 0.9, every=1)",
        steps=61,
    ),
    Row(
        name="MultiStepLR",
        call="MultiStepLR(opt, milestones=[30, 80], gamma=0.1)",
        ours="multi_step(0.1, [30, 80], 0.1)",
        lr=0.1,
        steps=101,
    ),
    Row(
        name="MultiStepLR",
        call="MultiStepLR(opt, milestones=[5, 5, 20], gamma=0.5)",
        ours="multi_step(1, [5, 20], values=[0.25, 0.125])",
        steps=31,
        note="A milestone given twice applies its factor twice.",
    ),
    Row(
        name="ConstantLR",
        call="ConstantLR(opt)",
        ours="constant(0.1, 5) >> constant(0.3)",
        lr=0.3,
        total=12,
        note="Default: a third for 5 steps. factor=0 divides by zero at its end; "
        "`constant(0, 5) >> hold()` does not.",
    ),
    Row(
        name="ConstantLR",
        call="ConstantLR(opt, factor=0.5, total_iters=10)",
        ours="0.8 * (constant(0.5, 10) >> hold())",
        lr=0.8,
        total=30,
    ),
    Row(
        name="LinearLR",
        call="LinearLR(opt)",
        ours="linear(0.1, 0.3, 5) >> constant(0.3)",
        lr=0.3,
        total=12,
    ),
    Row(
        name="LinearLR",
        call="LinearLR(opt, start_factor=1e-3, total_iters=1000)",
        ours="linear(1e-3, 1, 1000)",
        total=1000,
        note="torch's recursion ends at 1.0000000000000067, the closed form at 1. Its start may "
        "not be 0; lrkit's may.",
    ),
    Row(
        name="LinearLR",
        call="LinearLR(opt, start_factor=1.0, end_factor=0.1, total_iters=20)",
        ours="0.5 * linear(1, 0.1, 20)",
        lr=0.5,
        total=20,
    ),
    Row(
        name="ExponentialLR",
        call="ExponentialLR(opt, gamma=0.9)",
        ours="exponential(0.3, 0.9, every=1)",
        lr=0.3,
        steps=101,
    ),
    Row(
        name="ExponentialLR",
        call="ExponentialLR(opt, gamma=0.9995)",
        ours="exponential(1, 0.9995, every=1)",
        steps=2001,
    ),
    Row(
        name="ExponentialLR",
        call="ExponentialLR(opt, gamma=1.2)",
        ours="exponential(1e-7, 1.2, every=1)",
        lr=1e-7,
        steps=101,
        note="Growing, as in a learning-rate range test.",
    ),
    Row(
        name="PolynomialLR",
        call="PolynomialLR(opt)",
        ours="0.1 * polynomial(1, 0, 5)",
        lr=0.1,
        total=5,
    ),
    Row(
        name="PolynomialLR",
        call="PolynomialLR(opt, total_iters=50, power=2.0)",
        ours="0.1 * polynomial(1, 0, 50, 2)",
        lr=0.1,
        total=50,
    ),
    Row(
        name="PolynomialLR",
        call="PolynomialLR(opt, total_iters=40, power=0.5)",
        ours="polynomial(1, 0, 40, 0.5) >> constant(0)",
        total=60,
    ),
)

ROWS = LAMBDA + STEPS
