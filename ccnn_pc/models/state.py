"""Tensors from files, and compared with those of a network before they are loaded; nothing in a file is executed."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ccnn_pc.models.base import Model


def load_tensors(path: Path, advice: str) -> Any:
    """What torch saved in a file, if it is nothing but tensors and plain values; on the CPU.

    Args:
        path: the file, which exists.
        advice: what to do about a file that is damaged.

    Raises:
        ValueError: cut off, damaged, or more than tensors and plain values in it; the message names the file.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"'{path}' must hold tensors and plain values alone (got: {reason})") from error
    except (RuntimeError, EOFError, LookupError, TypeError, AttributeError, ValueError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"'{path}' is damaged or cut off ({reason}); {advice}") from error


@dataclasses.dataclass(frozen=True)
class Kept:
    """What a network took over from a trained one.

    Attributes:
        numbers: how many of its parameters' numbers are those of the trained network.
        of: how many it has.
        new: names of the parameters that stayed as they were drawn.
        changed: what is new, in words: which layers, and why.
    """

    numbers: int
    of: int
    new: tuple[str, ...]
    changed: tuple[str, ...]

    def __str__(self) -> str:
        new = f"; new: {', '.join(self.changed)}" if self.changed else ""
        return f"{self.numbers} of {self.of} numbers kept{new}"


def load_weights(model: Model, trained: Model) -> Kept:
    """Begin with the weights of a trained network of the same make, for other classes or channels of the data.

    Parameters and buffers are copied, extents and the distance of samples that kernels were trained for among them.
    The head stays as it was drawn where it has another shape, the layers that read the data where these have another
    number of channels.

    Args:
        model: is changed.
        trained: where weights come from.

    Raises:
        ValueError: the networks differ elsewhere; nothing is changed then.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> ten, two = (create_model("ccnn_4_16", dim=1, in_channels=3, num_classes=n, shape=(9,)) for n in (10, 2))
        >>> print(load_weights(two, ten))
        4827 of 4861 numbers kept; new: head (10 -> 2 outputs)
    """
    wanted, state = model.state_dict(), dict(trained.state_dict())
    first = model.first_layers if model.in_channels != trained.in_channels else ()
    learned = dict(model.named_parameters())

    def is_new(name: str) -> bool:
        reads_data = any(name == layer or name.startswith(f"{layer}.") for layer in first)
        if not (reads_data or name.startswith("head.")):
            return False
        same = name in state and name in wanted and state[name].shape == wanted[name].shape
        return not same or (reads_data and name in learned)

    drawn = [name for name in {**state, **wanted} if is_new(name)]
    for name in drawn:
        state.pop(name, None)
        if name in wanted:
            state[name] = wanted[name]
    wrong = differences(state, wanted)
    if wrong:
        raise ValueError(
            f"'trained' must be a network like 'model', but for channels of the data and the head (got other parts: "
            f"{wrong})"
        )
    new = tuple(name for name in drawn if name in learned)
    model.load_state_dict(state)
    total, fresh = (sum(learned[name].numel() for name in names) for names in (learned, new))
    head = any(name.startswith("head.") for name in new)
    outputs = f"head ({trained.out_channels} -> {model.out_channels} outputs)"
    layers = f"{', '.join(first)} ({trained.in_channels} -> {model.in_channels} channels)"
    changed = ((outputs,) if head else ()) + ((layers,) if first else ())
    return Kept(total - fresh, total, new, changed)


def differences(state: Mapping[Any, Any], wanted: Mapping[str, Tensor], most: int = 3) -> str:
    """What of a state does not fit a network: parts that are missing, foreign, of another shape or kind, not finite.

    Args:
        state: from a file.
        wanted: the state of the network.
        most: how many parts are named.

    Returns:
        In words, on one line; empty if the state can be loaded.

    Example:
        >>> differences({"a": torch.zeros(2), "c": 1}, {"a": torch.zeros(3), "b": torch.zeros(1)})
        "'b' is missing, 'c' is not known, 'a' has shape [2] instead of [3]"
    """
    found = [f"'{name}' is missing" for name in wanted if name not in state]
    found += [f"'{name}' is not known" for name in state if name not in wanted]
    for name, like in wanted.items():
        if name in state and isinstance(like, Tensor):
            found += [f"'{name}' {problem}" for problem in [_problem(state[name], like)] if problem]
    rest = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + rest


def _problem(value: Any, like: Tensor) -> str:
    if not isinstance(value, Tensor):
        return f"is a {type(value).__name__} instead of a tensor"
    if value.shape != like.shape:
        return f"has shape {list(value.shape)} instead of {list(like.shape)}"
    if value.is_floating_point() != like.is_floating_point() or value.is_complex() != like.is_complex():
        return f"is of type {value.dtype} instead of {like.dtype}"
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        return "is not finite"
    return ""
