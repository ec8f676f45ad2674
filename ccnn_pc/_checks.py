"""Checks of what users hand in: every message names the argument, what it must be, and what was got."""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized

import torch
from torch import Tensor

from ccnn_pc._values import readable


def check_positive(name: str, value: float) -> float:
    """``value`` must be a finite number above zero.

    Raises:
        TypeError: not a number.
        ValueError: not finite, or not above 0.
    """
    if _finite(name, value) and value > 0:
        return float(value)
    raise ValueError(f"'{name}' must be positive and finite (got {value})")


def check_not_negative(name: str, value: float) -> float:
    """``value`` must be a finite number, zero or above.

    Raises:
        TypeError: not a number.
        ValueError: not finite, or below 0.
    """
    if _finite(name, value) and value >= 0:
        return float(value)
    raise ValueError(f"'{name}' must be finite and at least 0 (got {value})")


def _finite(name: str, value: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"'{name}' must be a number (got {value!r})")
    return torch.compiler.is_compiling() or math.isfinite(value)


def check_at_least(name: str, value: int, minimum: int) -> int:
    """``value`` must be an integer of at least ``minimum``.

    Raises:
        TypeError: not an integer.
        ValueError: below ``minimum``.
    """
    if isinstance(value, bool) or not isinstance(value, (int, torch.SymInt)):
        raise TypeError(f"'{name}' must be an integer (got {value!r})")
    if value < minimum:
        raise ValueError(f"'{name}' must be at least {minimum} (got {value})")
    return value


def check_flags(**flags: bool) -> None:
    """Every one must be True or False, given by its name: a text such as "no" would count as true.

    Raises:
        TypeError: something else.

    Example:
        >>> check_flags(bias=True, causal="no")
        Traceback (most recent call last):
        TypeError: 'causal' must be True or False (got 'no')
    """
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f"'{name}' must be True or False (got {value!r})")


def check_fraction(name: str, value: float) -> float:
    """``value`` must lie in [0, 1).

    Raises:
        TypeError: not a number.
        ValueError: outside of [0, 1).
    """
    if not (_finite(name, value) and 0.0 <= value < 1.0):
        raise ValueError(f"'{name}' must be in [0, 1) (got {value})")
    return float(value)


def check_floating(name: str, tensor: Tensor) -> Tensor:
    """``tensor`` must hold float32 or float64 numbers.

    Raises:
        TypeError: another type; half precision loses neighbouring positions.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"'{name}' must be a tensor (got {type(tensor).__name__})")
    if tensor.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"'{name}' must be float32 or float64 (got {tensor.dtype})")
    return tensor


def check_positions(name: str, pos: Tensor, dim: int | None = None) -> Tensor:
    """``pos`` must be positions ``[n, D]``, n >= 1, finite, float32 or float64.

    Raises:
        TypeError: not a float32/float64 tensor.
        ValueError: wrong shape, empty, or not finite (the message names the first bad row).
    """
    check_floating(name, pos)
    if pos.dim() != 2:
        raise ValueError(f"'{name}' must have shape [n, D] (got {list(pos.shape)})")
    if pos.shape[0] == 0:
        raise ValueError(
            f"'{name}' must hold at least one point (got an empty cloud, shape {list(pos.shape)})"
        )
    if pos.shape[1] == 0 or (dim is not None and pos.shape[1] != dim):
        wanted = dim if dim is not None else "at least 1"
        raise ValueError(f"'{name}' must have {wanted} coordinates per point (got {pos.shape[1]})")
    # a finite sum has finite parts, and is much sooner known than which row is not
    if readable(pos) and not math.isfinite(float(pos.detach().sum())):
        finite = torch.isfinite(pos).all(dim=1)
        if bool(finite.all()):
            return pos  # numbers whose sum is too large
        row = int((~finite).nonzero()[0, 0])
        bad = int((~finite).sum())
        raise ValueError(
            f"'{name}' must be finite ({bad} of {len(pos)} rows are not; row {row} is {pos[row].tolist()})"
        )
    return pos


def check_batch(name: str, batch: Tensor | None, like: Tensor) -> Tensor:
    """``batch`` says which cloud each row of ``like`` belongs to: int64 ``[n]``, sorted, from 0, without gaps.

    ``None`` is one cloud.

    Raises:
        TypeError: not an integer tensor.
        ValueError: wrong length, unsorted, not starting at 0, or with a cloud that has no point.
    """
    n = like.shape[0]
    if batch is None:
        return torch.zeros(n, dtype=torch.long, device=like.device)
    if not isinstance(batch, Tensor) or batch.is_floating_point() or batch.dtype == torch.bool:
        raise TypeError(
            f"'{name}' must be an integer tensor (got {getattr(batch, 'dtype', type(batch).__name__)})"
        )
    if batch.shape != (n,):
        raise ValueError(f"'{name}' must have shape [{n}], one entry per point (got {list(batch.shape)})")
    if n == 0 or not readable(batch):
        return batch.long()
    step = batch[1:] - batch[:-1]
    if bool((step < 0).any()):
        row = int((step < 0).nonzero()[0, 0])
        pair = batch[row : row + 2].tolist()
        raise ValueError(
            f"'{name}' must be sorted; sort points by cloud first (got {pair} at rows {row}, {row + 1})"
        )
    if int(batch[0]) != 0 or bool((step > 1).any()):
        present = int(batch.unique().numel())
        raise ValueError(
            f"'{name}' must number the clouds 0, 1, 2, … and leave none empty "
            f"(got {present} clouds with numbers up to {int(batch[-1])})"
        )
    return batch.long()


def check_query_batch(query_batch: Tensor | None, query_pos: Tensor, num_segments: int) -> Tensor:
    """Segment of each query: like ``batch``, with the same segments.

    Raises:
        TypeError: not an integer tensor.
        ValueError: wrong length, unsorted, or other segments than the samples'.
    """
    if query_batch is None and num_segments > 1:
        raise ValueError(
            f"'query_batch' must say which of the {num_segments} clouds each query belongs to (got None)"
        )
    segments = check_batch("query_batch", query_batch, query_pos)
    if readable(segments) and int(segments[-1]) + 1 != num_segments:
        raise ValueError(
            f"'query_batch' must have queries in each of the {num_segments} clouds (got {int(segments[-1]) + 1})"
        )
    return segments


def check_same_length(name: str, value: Sized, other_name: str, other: Sized) -> None:
    """``value`` and ``other`` must have the same number of rows.

    Raises:
        ValueError: they differ.
    """
    if len(value) != len(other):
        raise ValueError(
            f"'{name}' must have as many rows as '{other_name}' ({len(other)}; got {len(value)})"
        )


def check_extent(name: str, value: float | Sequence[float] | Tensor, dim: int) -> Tensor:
    """One positive number, or one per axis, as a float64 tensor ``[dim]``.

    Raises:
        TypeError: no numbers.
        ValueError: not positive and finite, or not one per axis.
    """
    if isinstance(value, (int, float)) and 0.0 < value < math.inf:
        return torch.full((dim,), value, dtype=torch.float64, device="cpu")
    try:
        tensor = torch.as_tensor(value, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"'{name}' must be a number, or one for each axis (got {value!r})") from error
    if tensor.dim() == 0:
        tensor = tensor.expand(dim)
    if tensor.shape != (dim,):
        raise ValueError(
            f"'{name}' must be one number or one for each of the {dim} axes (got shape {list(tensor.shape)})"
        )
    if not bool((torch.isfinite(tensor) & (tensor > 0)).all()):
        raise ValueError(f"'{name}' must be positive and finite (got {tensor.tolist()})")
    return tensor.clone()


def check_spacing(name: str, value: float | Sequence[float] | Tensor, dim: int) -> tuple[float, ...]:
    """As :func:`check_extent`, as numbers; in graphs, which hold no numbers of tensors, they are taken as they are."""
    if torch.compiler.is_compiling() and not isinstance(value, Tensor):
        return (float(value),) * dim if isinstance(value, (int, float)) else tuple(map(float, value))
    return tuple(check_extent(name, value, dim).tolist())


def check_metric(metric: Sequence[float], dim: int) -> tuple[float, ...]:
    """Factors of ``dim`` axes in a search for neighbours: none negative, not all 0.

    Raises:
        ValueError: others, or another number of them.

    Example:
        >>> check_metric([1, 1, 0], 3)
        (1.0, 1.0, 0.0)
    """
    factors = tuple(float(factor) for factor in metric)
    if len(factors) != dim or not all(math.isfinite(f) and f >= 0 for f in factors) or not any(factors):
        raise ValueError(f"'metric' must be {dim} factors, none negative, not all 0 (got {list(metric)})")
    return factors
