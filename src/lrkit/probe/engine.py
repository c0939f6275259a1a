"""`find`: the range test inside a script, on whatever is being trained there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lrkit.drive.attach import innermost
from lrkit.drive.lanes import rate_in
from lrkit.drive.rules import name_of
from lrkit.errors import SpecError
from lrkit.probe.aside import Validation, Validator
from lrkit.probe.curve import Array, Kind, RangeCurve
from lrkit.probe.losses import loss_of_batch
from lrkit.probe.meter import Meter
from lrkit.probe.precision import Precision
from lrkit.probe.ramp import Ramp, ramp_for
from lrkit.probe.randomness import seed_all
from lrkit.probe.restore import restored
from lrkit.probe.stream import Batches, check_batches, parts_to_restore, stream
from lrkit.probe.trial import Found, Trial, check_closure
from lrkit.records.points import Point

LOWERED = 2  # times that a test without a `low` may begin again further down


def find(
    model: nn.Module,
    optimizer: Optimizer,
    loss: Callable[..., Tensor] | None = None,
    batches: Batches | None = None,
    *,
    compute: Callable[[Any, Any], Tensor] | None = None,
    low: float | None = None,
    high: float | None = None,
    steps: int = 200,
    kind: Kind = "exponential",
    repeats: int = 3,
    validation: Validation | None = None,
    validation_every: int = 1,
    validation_name: str = "loss",
    higher_is_better: bool = False,
    dead: bool = False,
    accumulate: int = 1,
    clip: float | None = None,
    amp: bool = False,
    scaler: torch.amp.GradScaler | None = None,
    seed: int | None = None,
    epoch: int = 0,
    stop: bool = True,
    also: Sequence[Any] = (),
    progress: bool = True,
    on_point: Callable[[Point], None] | None = None,
) -> RangeCurve:
    """Raise the learning rate update by update, and return the losses; nothing else is changed.

    Update i of each repeat uses rates[i], from *low* to *high* in *steps* updates: by a factor
    each (*kind* "exponential") or by an amount ("linear").

    - *loss*: `loss(output, y)` for batches `(x, y)`; None for a model that computes its loss
      itself, `model(**batch).loss`. `compute(model, batch) -> loss` does anything else.
    - *batches*: a list or DataLoader, read again when it ends, or a function epoch -> batches,
      from *epoch* on. Tensors are moved to the model's device. A generator or iterator is
      refused: what a test reads from it could not be put back.
    - *low*, *high*: rates above 0. None takes a range that fits the optimizer's class; such a
      test goes on by up to 3 decades while the loss is still good at its high end, and begins
      again further down when the loss rises at once (the curve's notes say so).
    - *repeats*: so many tests, each from the same weights, with the batches that come next.
    - *validation*: a function without arguments that gives a number (or several, of which
      *validation_name* is the one), or batches whose mean loss is taken in evaluation mode;
      before every *validation_every*-th update. *dead*: the share of dead ReLU units, see
      `DeadUnits`. Neither changes the losses.
    - *accumulate* batches make an update; *clip* bounds the norm of its gradient; *amp* computes
      in mixed precision, with the caller's *scaler* if there is one.
    - *seed* seeds Python, NumPy and torch with seed + repeat; None: the random state runs on.
    - *stop*: whether a repeat ends when the loss has left its best for good (see `Watch`); one
      that is infinite or not a number ends it always.
    - *on_point* is called with every `Point` as it is measured, on each rank that passes it; what
      it raises ends the test. `lrkit.records.points.PointsWriter` writes them to a file.
    - *also*: further modules, optimizers and things with a `state_dict` that `compute` changes.

    Several groups keep the ratios of the rates they have now; a group at 0 stays at 0. A model in
    training mode keeps the modes of its parts, one in evaluation mode is trained. Under
    torch.distributed all ranks call it, and see the mean over the ranks.

    Afterwards everything is as it was, bitwise and in the same objects, also after an exception
    or Ctrl-C: weights, buffers, gradients, the optimizer's state and groups, train and eval modes,
    the random states of Python, NumPy and torch on every device, a loader's generator, the scaler.
    So it may be called in the middle of a training, whoever drives the optimizer there. Ctrl-C ends
    it between two updates, a second one at once. It needs memory for a second copy of the weights
    and the optimizer's state. What it cannot see is what the caller's own code changes: pass that
    in *also*.

    Raises `SpecError` for arguments that break a rule, and `LoopError` for a loss that is no
    number, one that is not finite before any update, and batches that are none.

    >>> data = [(torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0], [4.0]]))]
    >>> model = nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> curve = find(model, optimizer, nn.MSELoss(), data, steps=60, repeats=1)
    >>> curve.endings, optimizer.param_groups[0]["lr"]
    (('diverged',), 0.1)

    Source: Smith, Cyclical learning rates for training neural networks, arXiv 1506.01186.
    """
    for name, number in (
        ("repeats", repeats),
        ("validation_every", validation_every),
        ("accumulate", accumulate),
    ):
        _check_whole(name, number)
    source = _check_parts(model, batches, clip)
    inner = innermost(optimizer)
    ramp = ramp_for(inner, low, high, steps, kind)
    device = _device(model)
    precision = Precision(device or torch.device("cpu"), amp or scaler is not None, scaler=scaler)
    check_closure(inner, clip, precision.scaler is not None)
    of_batch = loss_of_batch(model, loss, compute, precision)
    validator = None
    if validation is not None:
        validator = Validator(validation, validation_name, model, of_batch, device)
    modules = [part for part in (loss, compute, validation) if isinstance(part, nn.Module)]
    generators = [part for part in also if isinstance(part, torch.Generator)]
    others = [part for part in also if not isinstance(part, torch.Generator)]
    with (
        restored(*parts_to_restore(source), *generators) as patience,
        torch.inference_mode(False),
        torch.enable_grad(),
        closing(stream(source, epoch, device)) as flow,
        Meter(progress, repeats * ramp.steps) as meter,
    ):
        trial = Trial(
            model, inner, of_batch, flow, _shares(inner), precision, accumulate, clip, stop,
            meter, patience, validator, validation_every, dead, (*modules, *others), on_point,
        )  # fmt: skip
        ramp, found = _repeat(trial, ramp, repeats, seed, low is None)
    return _curve(
        ramp, found, inner, trial, validation_name=validation_name, higher=higher_is_better
    )


def _repeat(
    trial: Trial, ramp: Ramp, repeats: int, seed: int | None, may_lower: bool
) -> tuple[Ramp, list[Found]]:
    """Make all repeats, each from the same start; return the ramp that was used too."""
    found: list[Found] = []
    lowered = 0
    while len(found) < repeats:
        trial.meter.skip_to(len(found) * ramp.steps)
        things = (trial.model, trial.optimizer, trial.precision.scaler, *trial.also)
        with restored(*things, random_state=False, patience=trial.patience):
            if seed is not None:
                seed_all(seed + len(found))
            if not trial.model.training:
                trial.model.train()
            one = trial.run(ramp, len(found))
        if may_lower and not found and lowered < LOWERED and one.too_high(ramp.steps):
            ramp, lowered = ramp.lowered(), lowered + 1
        else:
            found.append(one)
    return ramp, found


def _curve(
    ramp: Ramp,
    found: list[Found],
    optimizer: Optimizer,
    trial: Trial,
    *,
    validation_name: str,
    higher: bool,
) -> RangeCurve:
    length = max(ramp.steps, *(len(one.losses) for one in found))
    rates = ramp.rates()[:length]

    def table(rows: list[list[float]]) -> Array:
        return np.array([row + [np.nan] * (length - len(row)) for row in rows])

    groups = optimizer.param_groups
    names = {i: name_of(groups[i]) or str(i) for i in trial.shares}
    return RangeCurve(
        rates,
        table([one.losses for one in found]),
        kind=ramp.kind,
        validation=table([one.validation for one in found]) if trial.validator else None,
        validation_name=validation_name,
        higher_is_better=higher,
        dead=table([one.dead for one in found]) if trial.dead else None,
        endings=[one.ending for one in found],
        groups={names[i]: share for i, share in trial.shares.items()},
        notes=_notes(ramp, found, length),
    )


def _notes(ramp: Ramp, found: list[Found], length: int) -> list[str]:
    """Return what a reader of the curve should know of how it came about."""
    notes = []
    if length > ramp.steps:
        notes.append(
            f"the loss was still good at a rate of {ramp.high:.3g}, so the test went on to "
            f"{ramp.rates()[length - 1]:.3g}"
        )
    if ramp.begun_above:
        notes.append(
            f"the loss rose at once from a rate of {ramp.begun_above:.3g}, so the test began "
            f"again at {ramp.low:.3g}"
        )
    if any(one.still_good for one in found):
        notes.append("the loss was still good at the last rate; a higher `high` may show more")
    if any(one.too_high(ramp.steps) for one in found):
        notes.append("the loss rose at once; a lower `low` may show more")
    if left_out := sum(one.left_out for one in found):
        notes.append(f"{left_out} updates were left out because the scaled gradient overflowed")
    return notes


def _shares(optimizer: Optimizer) -> dict[int, float]:
    """Return the rate of each group that moves as a multiple of the first such group's.

    Where all rates are 0 at the moment, as at the start of some warm-ups, all groups move alike.
    """
    groups = optimizer.param_groups
    rates = {i: rate_in(group) for i, group in enumerate(groups) if group.get("lr") is not None}
    if not rates:
        raise SpecError(
            f"a range test needs a learning rate to set, {type(optimizer).__name__} has none in "
            "its groups; switch its own rates off and give it one"
        )
    moving = {i: rate for i, rate in rates.items() if rate > 0} or dict.fromkeys(rates, 1.0)
    first = next(iter(moving.values()))
    return {i: rate / first for i, rate in moving.items()}


def _check_parts(model: object, batches: Batches | None, clip: float | None) -> Batches:
    if not isinstance(model, nn.Module):
        raise SpecError(f"`model` must be a torch.nn.Module, got {type(model).__name__}")
    if batches is None:
        raise SpecError("a range test needs `batches`; pass a list, a DataLoader or a function")
    if clip is not None and not 0 < clip < math.inf:
        raise SpecError(f"`clip > 0` must hold, got {clip!r}; leave it out for no clipping")
    check_batches(batches)
    return batches


def _check_whole(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SpecError(f"`{name}` must be a whole number >= 1, got {value!r}")


def _device(model: nn.Module) -> torch.device | None:
    """Return where the model is; None where it is spread over several devices."""
    devices = {parameter.device for parameter in model.parameters()} or {torch.device("cpu")}
    return devices.pop() if len(devices) == 1 else None
