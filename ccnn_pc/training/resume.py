"""What a checkpoint must hold for a training to go on from it; nothing in it is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from ccnn_pc.models.state import differences, load_tensors

#: What Lightning stores of a training.
PARTS = {
    "state_dict": dict,
    "loops": dict,
    "callbacks": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
    "epoch": int,
    "global_step": int,
    "pytorch-lightning_version": str,
}


def read_checkpoint(path: Path, task: nn.Module) -> dict[str, Any]:
    """Read a checkpoint and compare it with the task that is to go on.

    Args:
        path: the file.
        task: whose parameters it must hold.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: cut off, no checkpoint, more than tensors and plain values in it, parts that are missing, parameters
            of another network or not finite. The message names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be a checkpoint (there is no such file)")
    found = load_tensors(path, "take an older one, or start anew")
    if not isinstance(found, dict):
        raise ValueError(f"'{path}' must be a checkpoint of a training (got {type(found).__name__})")
    missing = [name for name, kind in PARTS.items() if not isinstance(found.get(name), kind)]
    if missing:
        raise ValueError(f"'{path}' must be a checkpoint of a training (it lacks {', '.join(missing)})")
    wrong = differences(found["state_dict"], task.state_dict())
    if wrong:
        raise ValueError(f"'{path}' must be of the network of this run ({wrong})")
    return found
