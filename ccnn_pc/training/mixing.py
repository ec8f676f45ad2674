"""Items of a batch mixed with each other: mixup and cutmix."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ccnn_pc._checks import check_not_negative


class Mixed(NamedTuple):
    """A batch of mixed items.

    Attributes:
        batch: as it was, with other values.
        order: whose values came to each item, int64 ``[B]``.
        share: what each keeps of its own.
    """

    batch: Any
    order: Tensor
    share: float


class Mixing:
    r"""Mixup and cutmix.

    Mixup (Zhang et al., arXiv 1710.09412) makes :math:`\lambda x_i + (1 - \lambda) x_j` of :math:`x_i`. In cutmix (Yun
    et al., arXiv 1905.04899) a box of :math:`x_i`, of :math:`1 - \lambda` of its samples, becomes that of :math:`x_j`.
    :math:`\lambda` is drawn for each batch from :math:`\mathrm{Beta}(\alpha, \alpha)`. With both, one of them is drawn.

    Args:
        mixup: alpha of mixup, 0 (default): none.
        cutmix: alpha of cutmix, 0 (default): none.

    Raises:
        ValueError: a negative number; a batch that is no array of items of one shape.
    """

    def __init__(self, mixup: float = 0.0, cutmix: float = 0.0) -> None:
        self.mixup, self.cutmix = check_not_negative("mixup", mixup), check_not_negative("cutmix", cutmix)

    def __bool__(self) -> bool:
        return self.mixup > 0 or self.cutmix > 0

    def __call__(self, batch: Any) -> Mixed:
        """Mix the items of a batch ``x [B, C, *S]``, y ``[B]``."""
        x: Tensor = batch.x
        if x.dim() < 3 or len(x) != len(batch.y) or batch.get("occupied") is not None:
            raise ValueError(
                "'mixup' and 'cutmix' must be 0 for items that are no arrays of one shape: clouds, series with stamps "
                f"(got x of shape {list(x.shape)})"
            )
        order = torch.randperm(len(x))
        cut = self.cutmix > 0 and (self.mixup == 0 or bool(torch.rand(()) < 0.5))
        alpha = torch.tensor(self.cutmix if cut else self.mixup)
        share = float(torch.distributions.Beta(alpha, alpha).sample())
        order = order.to(x.device)
        if cut:
            mixed, share = _with_box(x, x[order], share)
        else:
            mixed = share * x + (1 - share) * x[order]
        made = copy.copy(batch)
        made.x = mixed
        return Mixed(made, order, share)


def _with_box(x: Tensor, other: Tensor, share: float) -> tuple[Tensor, float]:
    """``x`` with a box of ``other``, of about ``1 - share`` of the samples; and the share it keeps."""
    side = (1 - share) ** (1 / (x.dim() - 2))
    places: list[slice] = [slice(None), slice(None)]
    for size in x.shape[2:]:
        length = round(side * size)
        first = int(torch.randint(size - length + 1, ()))
        places.append(slice(first, first + length))
    made = x.clone()
    made[tuple(places)] = other[tuple(places)]
    inside = 1.0
    for size, place in zip(x.shape[2:], places[2:], strict=True):
        inside *= (place.stop - place.start) / size
    return made, 1 - inside
