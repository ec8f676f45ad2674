"""Norms that torch and PyG do not have, or not with these numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._precision import at_least_single
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.ops.segments import segment_count, segment_sum


class GlobalLayerNorm(nn.Module):
    r"""Layer norm of a whole cloud, image or series: over its samples and all channels (Luo and Mesgarani 2019).

    .. math:: y = \gamma (x - \mu_b) / \sqrt{\sigma^2_b + \epsilon} + \beta

    The norm of CKConv's networks: group norm of one group. Clouds of a batch do not see each other. Outputs know the
    future of a series; those of ``torch.nn.LayerNorm``, sample by sample, do not.

    Args:
        channels: C.
        eps: guard of the variance.

    Shapes:
        * ``[n, C]`` to ``[n, C]``.

    Raises:
        ValueError: channels below 1, or a guard that is not positive.

    Example:
        >>> from ccnn_pc.domains import PointSet
        >>> y = GlobalLayerNorm(4)(torch.rand(9, 4), PointSet(torch.rand(9, 3)))
        >>> abs(float(y.mean())) < 1e-6
        True
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        check_at_least("channels", channels, 1)
        self.eps = check_positive("eps", eps)
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        batch, clouds = domain.segments()
        wide = x.to(at_least_single(x.dtype))
        count = segment_count(batch, clouds).clamp(min=1).to(wide)[:, None]
        mean = segment_sum(wide.mean(1, keepdim=True), batch, clouds) / count
        centred = wide - mean[batch]
        variance = segment_sum(centred.square().mean(1, keepdim=True), batch, clouds) / count
        scaled = centred * torch.rsqrt(variance + self.eps)[batch]
        return (scaled * self.weight + self.bias).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}"
