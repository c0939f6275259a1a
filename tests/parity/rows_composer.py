"""composer.optim.scheduler: all schedulers, over a training of 5 epochs of 20 batches."""

from tests.parity.row import Row

# total = 100 batches: the max_duration of the training, "5ep" with 20 batches an epoch.
PLAIN = (
    Row(
        name="StepScheduler",
        call="StepScheduler(step_size='1ep', gamma=0.5)",
        ours="step_decay(0.1, 0.5, 20)",
        lr=0.1,
        steps=102,
    ),
    Row(
        name="StepScheduler",
        call="StepScheduler(step_size='30ba')",
        ours="step_decay(1, 0.1, 30)",
        steps=102,
    ),
    Row(
        name="MultiStepScheduler",
        call="MultiStepScheduler(milestones=['2ep', '4ep'], gamma=0.1)",
        ours="multi_step(1, [40, 80], 0.1)",
        total=100,
    ),
    Row(
        name="MultiStepScheduler",
        call="MultiStepScheduler(milestones=['0.5dur', '75ba'], gamma=0.2)",
        ours="multi_step(1, [50%, 75%], 0.2)",
        total=100,
    ),
    Row(
        name="ConstantScheduler",
        call="ConstantScheduler(alpha=0.5, t_max='2ep')",
        ours="constant(0.5, 40) >> constant(1)",
        total=100,
        note="After t_max it is 1, not alpha.",
    ),
    Row(
        name="ConstantScheduler",
        call="ConstantScheduler()",
        ours="constant(0.1)",
        lr=0.1,
        total=100,
    ),
    Row(
        name="LinearScheduler",
        call="LinearScheduler()",
        ours="0.1 * linear()",
        lr=0.1,
        total=100,
    ),
    Row(
        name="LinearScheduler",
        call="LinearScheduler(alpha_i=1.0, alpha_f=0.2, t_max='3ep')",
        ours="linear(1, 0.2, 60)",
        total=100,
    ),
    Row(
        name="ExponentialScheduler",
        call="ExponentialScheduler(gamma=0.5)",
        ours="exponential(1, 0.5, every=20)",
        steps=102,
    ),
    Row(
        name="ExponentialScheduler",
        call="ExponentialScheduler(gamma=0.9, decay_period='7ba')",
        ours="exponential(0.3, 0.9, every=7)",
        lr=0.3,
        steps=102,
    ),
    Row(
        name="PolynomialScheduler",
        call="PolynomialScheduler(power=2.0)",
        ours="polynomial(exponent=2)",
        total=100,
    ),
    Row(
        name="PolynomialScheduler",
        call="PolynomialScheduler(power=0.5, t_max='4ep', alpha_f=0.1)",
        ours="power(1, 0.1, 80, exponent=0.5)",
        total=100,
    ),
    Row(
        name="CosineAnnealingScheduler",
        call="CosineAnnealingScheduler()",
        ours="0.1 * cosine()",
        lr=0.1,
        total=100,
    ),
    Row(
        name="CosineAnnealingScheduler",
        call="CosineAnnealingScheduler(t_max='60ba', alpha_f=0.05)",
        ours="cosine(1, 0.05, 60)",
        total=100,
    ),
    Row(
        name="CosineAnnealingWarmRestartsScheduler",
        call="CosineAnnealingWarmRestartsScheduler(t_0='1ep')",
        ours="sgdr(20)",
        steps=102,
    ),
    Row(
        name="CosineAnnealingWarmRestartsScheduler",
        call="CosineAnnealingWarmRestartsScheduler(t_0='10ba', t_mult=2.0, alpha_f=0.1)",
        ours="cosine(1, 0.1, 10).repeat(stretch=2)",
        steps=102,
    ),
    Row(
        name="CosineAnnealingWarmRestartsScheduler",
        call="CosineAnnealingWarmRestartsScheduler(t_0='10ba', t_mult=1.5)",
        ours="cosine(1, 0, 10) >> cosine(1, 0, 15) >> cosine(1, 0, 22) >> cosine(1, 0, 33)"
        " >> cosine(1, 0, 49)",
        steps=102,
        note="Cuts every cycle to whole batches (10, 15, 22, 33, ...); .repeat(stretch=1.5) does "
        "not.",
    ),
)

WARM = (
    Row(
        name="MultiStepWithWarmupScheduler",
        call="MultiStepWithWarmupScheduler(t_warmup='10ba', milestones=['2ep', '4ep'], gamma=0.3)",
        ours="linear(0, 1, 10) >> multi_step(1, [30, 70], 0.3)",
        total=100,
    ),
    Row(
        name="MultiStepWithWarmupScheduler",
        call="MultiStepWithWarmupScheduler(t_warmup='1ep', milestones=['10ba', '0.5dur'])",
        ours="linear(0, 1, 20) >> constant(0.1, 30) >> constant(0.01)",
        total=100,
        note="A milestone inside the warm-up shows at its end.",
    ),
    Row(
        name="ConstantWithWarmupScheduler",
        call="ConstantWithWarmupScheduler(t_warmup='1ep')",
        ours="0.1 * (warmup(20, ahead=0) >> hold())",
        lr=0.1,
        total=100,
    ),
    Row(
        name="ConstantWithWarmupScheduler",
        call="ConstantWithWarmupScheduler(t_warmup='15ba', alpha=0.5)",
        ours="linear(0, 0.5, 15) >> constant(0.5)",
        total=100,
    ),
    Row(
        name="LinearWithWarmupScheduler",
        call="LinearWithWarmupScheduler(t_warmup='10ba')",
        ours="warmup(10, ahead=0) >> linear()",
        total=100,
        note="Its page divides the warm-up by t_max, its code by t_warmup.",
    ),
    Row(
        name="LinearWithWarmupScheduler",
        call="LinearWithWarmupScheduler(t_warmup='1ep', alpha_i=0.8, alpha_f=0.1)",
        ours="linear(0, 0.8, 20) >> linear(0.8, 0.1)",
        total=100,
    ),
    Row(
        name="CosineAnnealingWithWarmupScheduler",
        call="CosineAnnealingWithWarmupScheduler(t_warmup='0.1dur')",
        ours="warmup(10%, ahead=0) >> cosine()",
        total=100,
    ),
    Row(
        name="CosineAnnealingWithWarmupScheduler",
        call="CosineAnnealingWithWarmupScheduler(t_warmup='5ba', alpha_f=0.1)",
        ours="0.3 * (warmup(5, ahead=0) >> cosine(1, 0.1))",
        lr=0.3,
        total=100,
    ),
    Row(
        name="PolynomialWithWarmupScheduler",
        call="PolynomialWithWarmupScheduler(t_warmup='10ba')",
        ours="warmup(10, ahead=0) >> polynomial(exponent=2)",
        total=100,
        note="Its default power is 2.",
    ),
    Row(
        name="PolynomialWithWarmupScheduler",
        call="PolynomialWithWarmupScheduler(t_warmup='1ep', power=0.5, alpha_f=0.02)",
        ours="linear(0, 1, 20) >> power(1, 0.02, exponent=0.5)",
        total=100,
    ),
)

ROWS = PLAIN + WARM
