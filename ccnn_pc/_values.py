"""Whether a program may look at the numbers in a tensor, and what it does where it may not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor


def readable(*tensors: Tensor | None) -> bool:
    """Whether numbers can be read: not in a graph that torch compiles or exports, of a batch of ``vmap``, without data.

    Checks of values, warnings about them and short cuts that depend on them are left out where they cannot.

    Example:
        >>> readable(torch.ones(3), None), readable(torch.ones(3, device="meta"))
        (True, False)
        >>> torch.vmap(lambda x: x * readable(x))(torch.ones(3))
        tensor([0., 0., 0.])
    """
    if torch.compiler.is_compiling():
        return False
    return not any(t.is_meta or isinstance(t, FakeTensor) or is_batched(t) for t in tensors if t is not None)


def is_batched(tensor: Tensor) -> bool:
    """Whether a tensor is a batch of ``torch.vmap``.

    Example:
        >>> torch.vmap(lambda x: x * is_batched(x))(torch.ones(3)), is_batched(torch.ones(3))
        (tensor([1., 1., 1.]), False)
    """
    functorch = torch._C._functorch
    while not torch.compiler.is_compiling() and functorch.is_functorch_wrapped_tensor(tensor):
        if functorch.is_batchedtensor(tensor):
            return True
        tensor = functorch.get_unwrapped(tensor)
    return False


def number(tensor: Tensor) -> float | Tensor:
    """The number in a tensor where it is at hand; else the tensor, lest the program wait for a device.

    Example:
        >>> number(torch.tensor(2.0)), number(torch.tensor(2.0, device="meta")).device
        (2.0, device(type='meta'))
    """
    return float(tensor) if tensor.device.type == "cpu" and readable(tensor) else tensor


def numbers(tensor: Tensor) -> list[float]:
    """The numbers in a tensor ``[n]``, inside of ``torch.func`` too.

    Example:
        >>> numbers(torch.tensor([1.0, 2.0]))
        [1.0, 2.0]
    """
    found: list[float] = unwrapped(tensor).tolist()
    return found


def unwrapped(tensor: Tensor) -> Tensor:
    """A tensor without what ``torch.func`` put around it, as it may be kept beyond the transform; batches stay.

    Example:
        >>> kept = []
        >>> _ = torch.func.grad(lambda x: (kept.append(unwrapped(x.detach())), x)[1])(torch.tensor(2.0))
        >>> kept
        [tensor(2.)]
    """
    functorch = torch._C._functorch
    if torch.compiler.is_compiling() or is_batched(tensor):
        return tensor
    while functorch.is_functorch_wrapped_tensor(tensor):
        tensor = functorch.get_unwrapped(tensor)
    return tensor


def placed(values: Sequence[float], device: torch.device) -> Tensor:
    """A few numbers as float64 ``[n]`` on a device, without a copy from the host, which would wait for the device.

    Example:
        >>> placed((1.0, 0.5), torch.device("cpu"))
        tensor([1.0000, 0.5000], dtype=torch.float64)
    """
    if device.type == "cpu":
        return torch.tensor(values, dtype=torch.float64)
    return torch.stack([torch.full((), value, dtype=torch.float64, device=device) for value in values])
