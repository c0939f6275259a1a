"""Whether two tasks differ in nothing but numbers, so that one program computes both."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lrkit.errors import SpecError
from lrkit.lab.contract import IndexBatches, Task
from lrkit.lab.engines.vectorized.rules import rule_for

PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device, type)
INSTEAD = "take the engine 'processes'"


def check_task(task: Task) -> None:
    """Raise `SpecError`, by name, where *task* has something that a stack cannot have."""
    why = ""
    hooks = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
    parameters = [p for group in task.optimizer.param_groups for p in group["params"]]
    known = {id(p) for p in task.model.parameters()}
    if task.parts:
        why = f"further parts ({', '.join(task.parts)}), whose memory follows one model"
    elif any(getattr(task.optimizer, name, None) for name in hooks):
        why = "hooks on its optimizer's steps"
    elif any(p._backward_hooks or p._post_accumulate_grad_hooks for p in parameters):
        why = "hooks on its parameters"
    elif any(id(p) not in known for p in parameters):
        why = "an optimizer with parameters that are not the model's"
    elif len({(p.dtype, p.device) for p in parameters}) > 1:
        why = "parameters of several types or on several devices"
    elif any(not p.requires_grad for p in parameters):
        why = "an optimizer with parameters that take no gradient"
    elif _holds_weights(task.loss):
        why = "a loss that holds weights of its own"
    if why:
        raise SpecError(
            f"the engine 'vectorized' cannot run task {task.name!r}: it has {why}; {INSTEAD}"
        )
    rule_for(task.optimizer)


def twins(a: Task, b: Task) -> bool:
    """Return whether the updates of *a* and *b* are one program on different numbers.

    True only where everything that can be looked at is the same: the models but for the values
    of their tensors, the losses, the groups of the optimizers but for their numbers, and the
    shape of an epoch. What cannot be looked at counts as different.
    """
    return (
        (a.steps_per_epoch, a.batch_size) == (b.steps_per_epoch, b.batch_size)
        and a.device == b.device
        and _same_feed(a, b)
        and _same(a.model, b.model, set())
        and _same(a.loss, b.loss, set())
        and _same_groups(a, b)
    )


def _same_feed(a: Task, b: Task) -> bool:
    ours = [isinstance(t.batches, IndexBatches) for t in (a, b)]
    if not all(ours):
        return not any(ours)
    return all(
        getattr(a.batches, name).shape == getattr(b.batches, name).shape for name in ("x", "y")
    )


def _same_groups(a: Task, b: Task) -> bool:
    if type(a.optimizer) is not type(b.optimizer):
        return False
    one, two = a.optimizer.param_groups, b.optimizer.param_groups
    kind = rule_for(a.optimizer)
    rules = [kind([task.optimizer]) for task in (a, b)]
    names = [{id(p): n for n, p in task.model.named_parameters()} for task in (a, b)]
    rows = [
        [[names[i].get(id(p)) for p in group["params"]] for group in groups]
        for i, groups in enumerate((one, two))
    ]
    return rows[0] == rows[1] and rules[0].flags == rules[1].flags


def _same(a: Any, b: Any, seen: set[tuple[int, int]]) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, PLAIN):
        return bool(a == b)
    if (id(a), id(b)) in seen:
        return True
    seen.add((id(a), id(b)))
    if isinstance(a, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and bool(torch.equal(a, b))
    if isinstance(a, nn.Module):
        return _same_modules(a, b, seen)
    if isinstance(a, Mapping):
        # The keys of hooks are counted through the whole program.
        hooks = all(isinstance(key, int) for key in a)
        return (hooks or a.keys() == b.keys()) and _all_same(a.values(), b.values(), seen)
    if isinstance(a, list | tuple):
        return _all_same(a, b, seen)
    return _same_things(a, b, seen)


def _same_things(a: Any, b: Any, seen: set[tuple[int, int]]) -> bool:
    """Return whether two functions, or two objects of a kind of one's own, are the same."""
    if isinstance(a, functools.partial):
        return _same((a.func, a.args, a.keywords), (b.func, b.args, b.keywords), seen)
    if isinstance(a, types.MethodType):
        return _all_same((a.__func__, a.__self__), (b.__func__, b.__self__), seen)
    if isinstance(a, types.FunctionType):
        return a.__code__ == b.__code__ and _all_same(_held(a), _held(b), seen)
    fields = getattr(a, "__dict__", None)
    if not fields:
        return (a == b) is True  # by identity, where the kind has no equality of its own
    return _same(fields, b.__dict__, seen)


def _same_modules(a: nn.Module, b: nn.Module, seen: set[tuple[int, int]]) -> bool:
    apart = ("_parameters", "_buffers")
    # A stack trains; a model that was evaluated last is none the less the same.
    left_out = (*apart, "training")
    one, two = ({k: v for k, v in vars(m).items() if k not in left_out} for m in (a, b))
    if not _same(one, two, seen):
        return False
    for name in apart:
        mine, yours = getattr(a, name), getattr(b, name)
        if mine.keys() != yours.keys():
            return False
        if any(_shape(mine[key]) != _shape(yours[key]) for key in mine):
            return False
    return True


def _shape(tensor: Tensor | None) -> Any:
    return None if tensor is None else (tensor.shape, tensor.dtype, tensor.requires_grad)


def _all_same(a: Iterable[Any], b: Iterable[Any], seen: set[tuple[int, int]]) -> bool:
    one, two = list(a), list(b)
    return len(one) == len(two) and all(_same(x, y, seen) for x, y in zip(one, two, strict=True))


def _held(function: types.FunctionType) -> list[Any]:
    """Return what *function* holds besides its code."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return [function.__defaults__, function.__kwdefaults__, *cells]


def _holds_weights(loss: Any) -> bool:
    """Return whether *loss* holds a module with parameters, or a tensor that takes gradients."""
    held: list[Any] = [loss]
    if isinstance(loss, functools.partial):
        held = [loss.func, *loss.args, *loss.keywords.values()]
    elif isinstance(loss, types.MethodType):
        held = [loss.__self__]
    elif isinstance(loss, types.FunctionType):
        held = _held(loss)
    return any(
        (isinstance(one, nn.Module) and any(True for _ in one.parameters()))
        or (isinstance(one, Tensor) and one.requires_grad)
        for one in held
    )
