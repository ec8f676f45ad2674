"""Hand-written gradients, and where they cannot serve."""

from __future__ import annotations

import torch


def in_torch_func() -> bool:
    """Whether a transform of ``torch.func`` runs (grad, vmap, jvp …): it needs formulas, not hand-written gradients.

    Example:
        >>> torch.func.grad(lambda x: x * in_torch_func())(torch.tensor(2.0)), in_torch_func()
        (tensor(1.), False)
    """
    return torch._C._are_functorch_transforms_active()
