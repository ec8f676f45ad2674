"""Operators whose first derivatives are written by hand; torch may still differentiate and transform them as it likes.

Second derivatives and tangents come from a formula in calls of torch, so that they cost what message passing costs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ccnn_pc._precision import own_types

Tensors = Sequence[Any]  # of tensors, or None where an argument is left out


def in_torch_func() -> bool:
    """Whether a transform of ``torch.func`` runs (grad, vmap, jvp …).

    Example:
        >>> torch.func.grad(lambda x: x * in_torch_func())(torch.tensor(2.0)), in_torch_func()
        (tensor(1.), False)
    """
    return not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active()


def check_outside_of_torch_func(what: str) -> None:
    """Refuse to draw parameters inside of a transform.

    Raises:
        ValueError: one runs.
    """
    if in_torch_func():
        raise ValueError(
            f"{what} must be built outside of torch.func: build it before and call it inside, with other parameters "
            "through torch.func.functional_call"
        )


def in_forward_mode() -> bool:
    """Whether tangents are computed beside values: ``torch.func.jvp``, ``jacfwd``, ``hessian``, dual numbers.

    Example:
        >>> torch.func.jvp(lambda x: x * in_forward_mode(), (torch.tensor(2.0),), (torch.tensor(1.0),))[1]
        tensor(1.)
    """
    return bool(forward_ad._current_level >= 0)


def is_tracked(tensor: Tensor) -> bool:
    """Whether somebody may want derivatives with respect to a tensor, or has a batch of it.

    Example:
        >>> is_tracked(torch.ones(1)), is_tracked(torch.ones(1).requires_grad_())
        (False, True)
    """
    if tensor.requires_grad or torch.compiler.is_compiling():
        return tensor.requires_grad
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return True
    return in_forward_mode() and forward_ad.unpack_dual(tensor).tangent is not None


@dataclass(frozen=True, eq=False)
class Operator:
    """Results of tensors and settings, with derivatives.

    Attributes:
        forward: tensors, settings -> results.
        backward: tensors, gradients of the results, whose gradients are wanted, settings -> gradients, in the order of
            the tensors; what is not wanted is not looked at.
        formula: what ``forward`` computes, in calls of torch.
        channels: from the number of axes of each tensor to the numbers of those whose last axis holds channels apart
            from each other, as that of the first result does: a batch of them is more channels. Other batches are
            worked off one after the other.
        node: the same as an operator of torch that graphs hold as one node; None: graphs hold the formula.
        keeps: whether results of ``forward`` behind the first are for ``backward`` alone, which gets all of them behind
            the tensors. Inside of ``torch.func`` the formula serves.
    """

    forward: Callable[[Tensors, Any], tuple[Tensor, ...]]
    backward: Callable[[Tensors, Tensors, Sequence[bool], Any], Sequence[Tensor | None]]
    formula: Callable[[Tensors, Any], tuple[Tensor, ...]]
    channels: Callable[[Sequence[int]], Sequence[int]] = lambda axes: ()
    node: Callable[[Tensors, Any], tuple[Tensor, ...]] | None = None
    keeps: bool = False

    def __call__(self, settings: Any, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        """Results, differentiable as often as wanted."""
        if in_forward_mode() or (self.keeps and in_torch_func()):
            return self.formula(tensors, settings)
        if torch.compiler.is_compiling():
            return (self.node or self.formula)(tensors, settings)
        found: tuple[Tensor, ...] = _Forward.apply(self, settings, *tensors)
        return found[:1] if self.keeps else found

    def gradients(
        self, tensors: Tensors, grads: Tensors, wanted: Sequence[bool], settings: Any
    ) -> tuple[Tensor, ...]:
        """The wanted gradients by the formula, differentiable in tensors and ``grads``."""
        places = [place for place, wants in enumerate(wanted) if wants]

        def run(*given: Tensor) -> tuple[Tensor, ...]:
            return self.formula(_replaced(tensors, places, given), settings)

        pull = torch.func.vjp(run, *(tensors[place] for place in places))[1]
        found: tuple[Tensor, ...] = pull(tuple(grads))
        return found


class _Forward(torch.autograd.Function):
    @staticmethod
    def forward(operator: Operator, settings: Any, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        return operator.forward(tensors, settings)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.operator, ctx.settings, *tensors = inputs
        ctx.save_for_backward(*tensors, *(output if ctx.operator.keeps else ()))
        if ctx.operator.keeps:
            ctx.mark_non_differentiable(*output[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        wanted = tuple(map(bool, ctx.needs_input_grad[2:]))
        given = grads[:1] if ctx.operator.keeps else grads
        found = iter(_Backward.apply(ctx.operator, ctx.settings, wanted, *given, *ctx.saved_tensors))
        return None, None, *(next(found) if wants else None for wants in wanted)

    @staticmethod
    def vmap(info: Any, in_dims: Tensors, operator: Operator, settings: Any, *tensors: Tensor | None) -> Any:
        batch = _Batch(info.batch_size, in_dims[2:], tensors)
        channels = operator.channels(batch.axes())
        if batch.is_in(channels):
            first, *others = operator(settings, *batch.as_channels(channels))
            return (batch.apart(first), *others), (first.dim() - 1, *(None for _ in others))
        return batch.one_by_one(lambda *given: operator(settings, *given))


class _Backward(torch.autograd.Function):
    """Gradients of the results and tensors (with all results, where they are kept) to the wanted gradients."""

    @staticmethod
    def forward(
        operator: Operator, settings: Any, wanted: tuple[bool, ...], *given: Any
    ) -> tuple[Tensor, ...]:
        grads, tensors = _divided(operator, wanted, given)
        with own_types(grads[0].device.type):
            found = operator.backward(tensors, grads, wanted, settings)
        pairs = zip(found, wanted, strict=True)
        return tuple(gradient for gradient, wants in pairs if wants and gradient is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.operator, ctx.settings, ctx.wanted, *given = inputs
        ctx.save_for_backward(*given)

    @staticmethod
    def backward(ctx: Any, *second: Tensor) -> tuple[Tensor | None, ...]:
        saved, wanted = ctx.saved_tensors, ctx.wanted
        places = [place for place, needs in enumerate(ctx.needs_input_grad[3:]) if needs]

        def first(*given: Tensor) -> tuple[Tensor, ...]:
            grads, tensors = _divided(ctx.operator, wanted, _replaced(saved, places, given))
            return ctx.operator.gradients(tensors[: len(wanted)], grads, wanted, ctx.settings)

        with own_types(second[0].device.type):
            pull = torch.func.vjp(first, *(saved[place] for place in places))[1]
            found = dict(zip(places, pull(tuple(second)), strict=True))
        return None, None, None, *(found.get(place) for place in range(len(saved)))

    @staticmethod
    def vmap(info: Any, in_dims: Any, operator: Operator, settings: Any, wanted: Any, *given: Any) -> Any:
        batch = _Batch(info.batch_size, in_dims[3:], given)
        count = len(given) - len(wanted)
        channels = operator.channels(batch.axes()[count:])
        places = [0, *(count + place for place in channels)]
        if batch.is_in(places) and all(place in channels for place, wants in enumerate(wanted) if wants):
            found = _Backward.apply(operator, settings, wanted, *batch.as_channels(places))
            return tuple(map(batch.apart, found)), tuple(each.dim() - 1 for each in found)
        return batch.one_by_one(lambda *each: _Backward.apply(operator, settings, wanted, *each))


# torch binds arguments in every call, and would read these from the code each time
for _run in (_Forward.forward, _Backward.forward):
    setattr(_run, "__signature__", inspect.signature(_run))  # noqa: B010


def _divided(operator: Operator, wanted: Sequence[bool], given: Tensors) -> tuple[Tensors, Tensors]:
    """Gradients of results, and tensors with kept results behind them."""
    count = 1 if operator.keeps else len(given) - len(wanted)
    return given[:count], given[count:]


@dataclass(frozen=True)
class _Batch:
    """Arguments of a batch rule: ``dims`` says which axis of each tensor is that of the batch, or None."""

    size: int
    dims: Sequence[int | None]
    tensors: Tensors

    def axes(self) -> list[int]:
        """Number of axes of each tensor without that of the batch."""
        pairs = zip(self.tensors, self.dims, strict=True)
        return [0 if tensor is None else tensor.dim() - (dim is not None) for tensor, dim in pairs]

    def is_in(self, places: Sequence[int]) -> bool:
        """Whether only these tensors are batches."""
        return all(dim is None or place in places for place, dim in enumerate(self.dims))

    def as_channels(self, places: Sequence[int]) -> list[Tensor]:
        """All tensors, those in ``places`` with the batch in their last axis, before the channels."""
        found = list(self.tensors)
        for place in places:
            tensor, dim = found[place], self.dims[place]
            if dim is None:
                shape = (*tensor.shape[:-1], self.size, tensor.shape[-1])
                found[place] = tensor.unsqueeze(-2).expand(shape).flatten(-2)
            else:
                found[place] = tensor.movedim(dim, -2).flatten(-2)
        return found

    def apart(self, result: Tensor) -> Tensor:
        """A result with an axis of its own for the batch, the last but one."""
        return result.unflatten(-1, (self.size, -1))

    def one_by_one(
        self, run: Callable[..., tuple[Tensor, ...]]
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Results of every item of the batch, stacked, and where their batch is."""
        pairs = list(zip(self.tensors, self.dims, strict=True))
        rows = [
            run(*(tensor if dim is None else tensor.select(dim, item) for tensor, dim in pairs))
            for item in range(self.size)
        ]
        found = tuple(map(torch.stack, zip(*rows, strict=True)))
        return found, (0,) * len(found)


def _replaced(values: Tensors, places: Sequence[int], given: Sequence[Tensor]) -> list[Any]:
    replaced = list(values)
    for place, value in zip(places, given, strict=True):
        replaced[place] = value
    return replaced
