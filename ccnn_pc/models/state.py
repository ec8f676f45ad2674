"""Tensors from files, and compared with those of a network before they are loaded; nothing in a file is executed."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


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


def load_weights(model: nn.Module, trained: nn.Module) -> list[str]:
    """Begin with the weights of a trained network of the same make; its head may answer another number of classes.

    Parameters and buffers are copied, extents and the distance of samples that kernels were trained for among them.
    Those of ``head`` that have another shape stay as they were drawn.

    Args:
        model: is changed.
        trained: where weights come from.

    Returns:
        the names of those that stay.

    Raises:
        ValueError: the networks differ elsewhere; nothing is changed then.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> ten, two = (create_model("ccnn_4_16", dim=1, in_channels=3, out_channels=n, shape=(9,)) for n in (10, 2))
        >>> load_weights(two, ten)
        ['head.linear.weight', 'head.linear.bias']
    """
    wanted, state = model.state_dict(), dict(trained.state_dict())
    anew = [
        name
        for name, like in wanted.items()
        if name.startswith("head.") and name in state and state[name].shape != like.shape
    ]
    state.update({name: wanted[name] for name in anew})
    wrong = differences(state, wanted)
    if wrong:
        raise ValueError(
            f"'trained' must be a network like 'model', but for the head (got other parts: {wrong})"
        )
    model.load_state_dict(state)
    return anew


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
