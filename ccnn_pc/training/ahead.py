"""Batches that are made in a thread while the step before them runs."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

_END: Any = object()
#: Held while a batch is made: data sets share open files, and the epoch that their items are asked for.
_MAKING = threading.Lock()


def one_by_one(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches, made when they are asked for.

    Example:
        >>> list(one_by_one(iter([1, 2])))
        [1, 2]
    """
    while (batch := _next(batches)) is not _END:
        yield batch


def ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """The same batches, the next of them made in a thread while the one before is used; errors come in their turn.

    The thread ends with the last batch, with an error, or once nobody wants more.

    Example:
        >>> list(ahead(iter([1, 2])))
        [1, 2]
    """
    with ThreadPoolExecutor(1, "batches", initializer=_alone) as thread:
        coming = thread.submit(_next, batches)
        while (batch := coming.result()) is not _END:
            coming = thread.submit(_next, batches)
            yield batch


def _next(batches: Iterator[Any]) -> Any:
    with _MAKING:
        return next(batches, _END)


def _alone() -> None:
    """One thread of OpenMP for what this thread computes: a team of its own would take the cores from the step."""
    torch.get_num_threads()  # what torch does at a thread's first call would undo it
    # without it there is another runtime; TypeError: Windows has no handle of everything
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).omp_set_num_threads(1)
