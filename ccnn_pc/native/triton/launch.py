"""How kernels are launched: sizes, numbers of programs, precision of products."""

from __future__ import annotations

import functools

import torch

#: Programs per multiprocessor that add up sums of their own.
PER_MULTIPROCESSOR = 4


def power_of_two(number: int) -> int:
    """The least power of two that is at least ``number``.

    Example:
        >>> [power_of_two(number) for number in (1, 5, 8)]
        [1, 8, 8]
    """
    return 1 << max(number - 1, 0).bit_length()


def matrix_precision() -> str:
    """How float32 numbers are multiplied in sums over neighbours: as torch's own matrix products are."""
    return single_precision() if torch.get_float32_matmul_precision() == "highest" else "tf32"


@functools.cache
def single_precision() -> str:
    """How float32 numbers are multiplied where nothing may be lost: on tensor cores three times, if there are any."""
    cores = (
        torch.cuda.is_available() and not torch.version.hip and torch.cuda.get_device_capability() >= (8, 0)
    )
    return "tf32x3" if cores else "ieee"


def programs(device: torch.device, work: int) -> int:
    """Programs that share ``work`` equal pieces, each with sums of its own."""
    return max(1, min(work, PER_MULTIPROCESSOR * _multiprocessors(device)))


@functools.cache
def _multiprocessors(device: torch.device) -> int:
    if device.type != "cuda":
        return 1
    return torch.cuda.get_device_properties(device).multi_processor_count
