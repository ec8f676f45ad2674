"""A second device in software: tensors that say "cuda", hold their numbers on the CPU, and refuse to meet the CPU's.

Numbers are real, so that code that depends on them runs. What would have the host wait for a GPU is written down with
the line of the library that asked for it.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import ccnn_pc
from ccnn_pc import native
from ccnn_pc.native import convolution

PACKAGE = Path(ccnn_pc.__file__).parent
#: What programs see, and what torch's own C++ sees: a device that it has without hardware.
DEVICE, INSIDE = torch.device("cuda", 0), torch.device("meta")

aten = torch.ops.aten
#: Results whose size is in the data, and numbers handed to Python.
WAITING = {
    aten._local_scalar_dense,
    aten._unique2,
    aten.bincount,
    aten.equal,
    aten.histc,
    aten.is_nonzero,
    aten.masked_select,
    aten.nonzero,
    aten.unique_consecutive,
    aten.unique_dim,
}
#: Made of lists and numbers of Python, on the device asked for.
FROM_PYTHON = (torch.tensor, torch.as_tensor, torch.asarray)


@dataclass(frozen=True, order=True)
class Wait:
    """Something that the host waits for: which function of the library, on which line, calls which operator."""

    function: str
    line: int
    operator: str

    def __str__(self) -> str:
        return f"{self.function}, line {self.line}: {self.operator}"


class Far(Tensor):
    """A tensor of the simulated device."""

    device = property(lambda self: DEVICE)  # type: ignore[assignment]
    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]
    is_meta = property(lambda self: False)  # type: ignore[assignment]
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]
    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> Far:
        made: Far = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            near.shape,
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=INSIDE,
        )
        made.near = near
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        raise RuntimeError(f"{func} on the simulated device outside of `with SimulatedDevice()`")

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, **options: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy: use Tensor.cpu() first")

    def data_ptr(self) -> int:
        raise TypeError("the address of a tensor on cuda:0 was asked for, by code for the CPU")

    def __repr__(self, **options: Any) -> str:  # type: ignore[override]
        return f"Far({self.near.detach()})"


class SimulatedDevice(TorchDispatchMode):
    """While it is entered, "cuda" is the simulated device.

    Attributes:
        waits: what the host waited for there.
        launched: whether numbers come from kernels in Triton, which do nothing here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[Wait] = []
        self.launched = False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> SimulatedDevice:
        super().__enter__()
        self._stack.enter_context(_Names())
        self._stack.enter_context(mock.patch("torch.cuda._lazy_init"))
        if native.triton.state().runs:
            run = functools.partialmethod(_launch, self)
            self._stack.enter_context(mock.patch("triton.runtime.jit.JITFunction.run", run))
            launch = "ccnn_pc.native.triton.launch._multiprocessors"
            self._stack.enter_context(mock.patch(launch, lambda device: 2))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()
        super().__exit__(*error)

    def take(self) -> list[Wait]:
        """What the host waited for since the last call."""
        found, self.waits = self.waits, []
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if _is_composite(func):  # arrives in one piece where autograd is behind
            with self._again():
                return func.decompose(*args, **kwargs)
        tensors = list(tensors_in((args, kwargs)))
        far = any(isinstance(tensor, Far) for tensor in tensors)
        asked = kwargs.get("device")
        to_far = far if asked is None else torch.device(asked).type != "cpu"
        if asked is not None:
            kwargs["device"] = torch.device("cpu")
        self._note_waits(func, args, kwargs, far, to_far)
        if far and func.overloadpacket not in (aten.copy_, aten._to_copy):
            _check_together(func, tensors)
        near = {id(tensor.near): tensor for tensor in tensors if isinstance(tensor, Far)}
        here = _each(_near, args), _each(_near, kwargs)
        if far and func.namespace == "ccnn_pc":
            with self._again(), mock.patch.object(self, "launched", self.launched):
                ON_CUDA[func](*args)
            found = ANSWERS[func](*here[0])
        else:
            found = func(*here[0], **here[1])

        def place(value: Any) -> Any:
            if not isinstance(value, Tensor) or not to_far:
                return value
            return near[id(value)] if id(value) in near else Far(value)

        return _each(place, found)

    @contextlib.contextmanager
    def _again(self) -> Iterator[None]:
        """Inside of an operator torch has left the mode; enter it for what the operator is made of."""
        super().__enter__()
        try:
            yield
        finally:
            super().__exit__(None, None, None)

    def _note_waits(self, func: Any, args: Any, kwargs: Any, far: bool, to_far: bool) -> None:
        packet = func.overloadpacket
        moved = packet is aten._to_copy and far != to_far
        if packet is aten.copy_:
            moved = isinstance(args[0], Far) != isinstance(args[1], Far)
        if packet is aten.repeat_interleave:
            moved = far and kwargs.get("output_size") is None
        if packet in (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_) and far:
            places = [place for place in args[1] if place is not None]
            moved = any(p.dtype in (torch.bool, torch.uint8) or not isinstance(p, Far) for p in places)
        if moved or (far and packet in WAITING):
            self.waits.append(Wait(*_place(), str(func)))


class _Names(TorchFunctionMode):
    """Gives torch the device it has where a program says "cuda"."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.device, torch.autocast):
            return func(*args, **(kwargs or {}))
        args = tuple(map(_inside, args))
        kwargs = {name: _inside(value) for name, value in (kwargs or {}).items()}
        if func is torch.Tensor.cuda:
            return args[0].to(INSIDE)
        if func is torch.Tensor.new_tensor:
            like, *args = args
            kwargs.setdefault("device", INSIDE if isinstance(like, Far) else like.device)
            kwargs.setdefault("dtype", like.dtype)
            func = torch.tensor
        if func in FROM_PYTHON and kwargs.get("device") == INSIDE:
            del kwargs["device"]
            return func(*args, **kwargs).to(INSIDE)
        return func(*args, **kwargs)


@functools.cache
def _is_composite(func: Any) -> bool:
    key = "CompositeImplicitAutograd"
    return func.namespace == "aten" and torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)


def _inside(value: Any) -> Any:
    is_name = isinstance(value, torch.device) or (isinstance(value, str) and value.startswith("cuda"))
    return INSIDE if is_name and torch.device(value).type == "cuda" else value


def _near(value: Any) -> Any:
    return value.near if isinstance(value, Far) else value


def _check_together(func: Any, tensors: list[Tensor]) -> None:
    """As torch does: all tensors of an operator are on one device, but for single numbers and for indices."""
    indices = func.overloadpacket in (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_)
    for tensor in tensors:
        on_cpu = not isinstance(tensor, Far) and tensor.dim() > 0
        if on_cpu and not (indices and not tensor.is_floating_point()):
            raise RuntimeError(
                f"expected all tensors on one device, but {func} got some on cuda:0 and one on the CPU, "
                f"{list(tensor.shape)} of {tensor.dtype}, in {_place()[0]}, line {_place()[1]}"
            )


def _place() -> tuple[str, int]:
    """The innermost function of the library that runs, and its line."""
    frame = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE) and path.name != "_values.py":
            return f"{path.relative_to(PACKAGE).as_posix()}:{frame.f_code.co_name}", frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return "outside of the library", 0


def _launch(kernel: Any, device: SimulatedDevice, *args: Any, **options: Any) -> None:
    """A kernel in Triton does nothing, but may not be given what it could not read."""
    device.launched = True
    for value in args:
        if isinstance(value, Tensor) and not isinstance(value, Far):
            raise RuntimeError(
                f"{kernel.__name__} got a tensor of the CPU, {list(value.shape)}, in {_place()[0]}"
            )


def _answer(*args: Any) -> Any:
    *inputs, edges, settings, tolerance = args
    return convolution._formula([*inputs, *edges], (settings, tolerance))


def _no_gradients(*args: Any) -> Any:
    """Below autograd, where operators run, the formula cannot be differentiated: shapes and types only."""
    return convolution._gradients(args[2], args[-1])


#: What the host does for native operators around their kernels, which do nothing here; answers come from the formula.
ON_CUDA: dict[Any, Callable[..., Any]] = {
    torch.ops.ccnn_pc.point_convolution.default: convolution._forward_on_cuda,
    torch.ops.ccnn_pc.point_convolution_backward.default: convolution._backward_on_cuda,
}
ANSWERS = dict(zip(ON_CUDA, (_answer, _no_gradients), strict=True))


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    """What an operator is given or gives, each part of it changed."""
    if isinstance(value, (list, tuple)):
        return type(value)([_each(change, part) for part in value])
    if isinstance(value, dict):
        return {name: _each(change, part) for name, part in value.items()}
    return change(value)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in a domain, a batch of data, or a structure of them."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors_in(part)
    elif type(value).__module__.startswith(("ccnn_pc", "torch_geometric")) and hasattr(value, "__dict__"):
        yield from tensors_in(vars(value))
