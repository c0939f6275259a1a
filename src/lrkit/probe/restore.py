"""Giving a training back as it was, bitwise, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from lrkit.drive import lent
from lrkit.errors import LoopError, SpecError
from lrkit.probe.keep import PLAIN, Memo, is_simple, keep
from lrkit.probe.patience import Patience
from lrkit.probe.randomness import RandomState

INTERNAL = ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set")


@contextmanager
def restored(
    *things: Any, random_state: bool = True, patience: Patience | None = None
) -> Iterator[Patience]:
    """Put *things*, and the random state of the process, back at the end of the block.

    Modules (weights, buffers, gradients, train or eval, plain attributes), optimizers (state and
    groups; whoever drives them stands back meanwhile), and whatever has `state_dict` and
    `load_state_dict`; None is left out. Every tensor stays the same object. The `Patience` that
    is given, or else yielded, says when Ctrl-C was pressed. Raises `LoopError` for weights that do
    not exist yet.
    """
    memo: Memo = {}
    with ExitStack() as stack:
        if patience is None:
            patience = stack.enter_context(Patience())
        patience.hold()
        stack.callback(patience.release)
        if random_state:
            stack.callback(RandomState.now().restore)
        stack.callback(_backend_flags())
        for thing in _distinct(things):
            if isinstance(thing, nn.Module):
                _keep_module(thing, stack, memo)
            elif isinstance(thing, Optimizer):
                _keep_optimizer(stack.enter_context(lent(thing)), stack, memo)
            else:
                stack.callback(_stateful(thing, memo))
        stack.callback(patience.hold)  # the last one in is the first one out
        patience.release()
        yield patience


def _keep_module(module: nn.Module, stack: ExitStack, memo: Memo) -> None:
    for name, parameter in module.named_parameters():
        if is_lazy(parameter):
            raise LoopError(
                f"the weights must exist before a range test, {name!r} is made by the first "
                "forward pass; run one batch through the model first"
            )
        stack.callback(_gradient(parameter, memo))
    for part in module.modules():
        stack.callback(_attributes(part, memo))
        stack.callback(keep(part._parameters, memo))
        stack.callback(keep(part._buffers, memo))
        if type(part).get_extra_state is not nn.Module.get_extra_state:
            stack.callback(_extra_state(part, memo))


def _keep_optimizer(optimizer: Optimizer, stack: ExitStack, memo: Memo) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:  # some may belong to no module
            stack.callback(keep(parameter, memo))
            stack.callback(_gradient(parameter, memo))
    stack.callback(keep(optimizer.state, memo))
    stack.callback(_plain_attributes(optimizer))


def drop_gradients(things: Iterable[Any]) -> None:
    """Let go of all gradients of modules and optimizers, without writing to them."""
    for thing in things:
        if isinstance(thing, nn.Module):
            parameters: Iterable[Tensor] = thing.parameters()
        elif isinstance(thing, Optimizer):
            parameters = (p for group in thing.param_groups for p in group["params"])
        else:
            continue
        for parameter in parameters:
            parameter.grad = None


def _gradient(parameter: Tensor, memo: Memo) -> Callable[[], None]:
    # Its values too: under DDP a gradient is a view of a bucket that the test writes to.
    back = keep(parameter.grad, memo)

    def put() -> None:
        parameter.grad = back()

    return put


def _attributes(part: nn.Module, memo: Memo) -> Callable[[], None]:
    """Keep a module's mode and what its forward may leave on it: counters, hidden states."""
    simple = {
        name: keep(value, memo)
        for name, value in part.__dict__.items()
        if name not in INTERNAL and not name.endswith("_hooks") and is_simple(value)
    }
    known = set(part.__dict__)
    compiled = isinstance(part, torch._dynamo.OptimizedModule)  # its additions are torch's own

    def put() -> None:
        for name, back in simple.items():
            part.__dict__[name] = back()
        for name in [] if compiled else [n for n in part.__dict__ if n not in known]:
            if is_simple(part.__dict__[name]):
                del part.__dict__[name]

    return put


def _extra_state(part: nn.Module, memo: Memo) -> Callable[[], None]:
    back = keep(part.get_extra_state(), memo)
    return lambda: part.set_extra_state(back())


def _plain_attributes(owner: object) -> Callable[[], None]:
    """Keep counters and flags: torch's schedulers leave `_opt_called` on an optimizer."""
    before = {name: v for name, v in owner.__dict__.items() if isinstance(v, PLAIN)}

    def put() -> None:
        for name in [n for n, v in owner.__dict__.items() if isinstance(v, PLAIN)]:
            del owner.__dict__[name]
        owner.__dict__.update(before)

    return put


def _stateful(thing: Any, memo: Memo) -> Callable[[], Any]:
    if isinstance(thing, torch.amp.GradScaler):
        return keep(thing.__dict__, memo)  # its state_dict leaves out what is not there yet
    if isinstance(thing, torch.Generator):
        return keep(thing, memo)
    if not (hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict")):
        raise SpecError(
            "what is to be restored must be a module, an optimizer, a torch.Generator or have "
            f"state_dict and load_state_dict, got {type(thing).__name__}; leave it out"
        )
    back = keep(thing.state_dict(), memo)
    return lambda: thing.load_state_dict(back())


def _backend_flags() -> Callable[[], None]:
    cudnn = torch.backends.cudnn
    flags = {name: getattr(cudnn, name) for name in ("enabled", "benchmark", "deterministic")}
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    precision = torch.get_float32_matmul_precision()
    number, gradients = torch.get_default_dtype(), torch.is_grad_enabled()

    def put() -> None:
        for name, value in flags.items():
            setattr(cudnn, name, value)
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        if torch.get_float32_matmul_precision() != precision:
            torch.set_float32_matmul_precision(precision)
        torch.set_default_dtype(number)
        torch.set_grad_enabled(gradients)

    return put


def _distinct(things: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for thing in things:
        if thing is not None and not any(thing is other for other in found):
            found.append(thing)
    return found
