"""Random number states travel with every checkpoint."""

from __future__ import annotations

import random
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_only


class RandomState(pl.Callback):
    """Stores the global random states (torch, CUDA, numpy, Python) and restores them before the first batch.

    Drop-out then goes on with the numbers it would have drawn: a resumed run equals the uninterrupted one.
    """

    def __init__(self) -> None:
        self._restore: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """All states, as tensors and plain numbers; of several processes that train together those of each."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            states: list[Any] = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(states, random_state())
            return {**states[0], "others": states[1:]} if len(states) > 1 else states[0]
        return random_state()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the states until training goes on.

        Raises:
            ValueError: no random states.
        """
        others = state_dict.get("others", [])
        rank = int(getattr(rank_zero_only, "rank", 0))
        try:
            mine = state_dict if rank == 0 else others[rank - 1]
            torch.Generator().set_state(mine["torch"].cpu())
            np.random.RandomState().set_state(_numpy_state(mine))
            random.Random().setstate(_python_state(mine))
        except (
            AttributeError,
            IndexError,
            KeyError,
            OverflowError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            raise ValueError(f"its random state is damaged ({type(error).__name__}: {error})") from error
        self._restore = mine

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restore after everything that happens at the start of a run has drawn its numbers."""
        if self._restore is None:
            return
        state, self._restore = self._restore, None
        torch.set_rng_state(state["torch"].cpu())
        if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([part.cpu() for part in state["cuda"]])
        np.random.set_state(_numpy_state(state))  # noqa: NPY002
        random.setstate(_python_state(state))


def random_state() -> dict[str, Any]:
    """The states of this process."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002
    version, words, normal = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [str(name), [int(key) for key in keys], int(position), int(has_gauss), float(gauss)],
        "python": [version, list(words), normal],
    }


def _numpy_state(state: dict[str, Any]) -> tuple[Any, ...]:
    name, keys, position, has_gauss, gauss = state["numpy"]
    return name, np.array(keys, dtype=np.uint32), position, has_gauss, gauss


def _python_state(state: dict[str, Any]) -> tuple[Any, ...]:
    version, words, normal = state["python"]
    return version, tuple(words), normal
