"""CCNN's released network for point clouds as it stands: its layer and its block, quirks included."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.kernels import GaussianWindow
from ccnn_pc.nn.blocks import CCNNBlock
from ccnn_pc.nn.conv import Algorithm, ContinuousConv


class ReleasedPointConv(ContinuousConv):
    r"""CCNN's released layer for point clouds, to the last digit.

    .. math::
        y_i = A\,\bigl(x_i \odot \sum_{j \in N(i)} m(r_{ij}) K(r_{ij})\bigr) + a, \qquad r_{ij} = q_i - p_j

    Five quirks: features of the *query*, so that points never mix; offsets query - sample, where ours are sample -
    query; offsets enter the kernel as they are, with no extent and no support; the window has no guard of its width;
    the bias before the mixing is there and never used. :class:`QueryFeatureConv` has the first of them alone. All
    samples count alike.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        options: as in :class:`ContinuousConv`; separable, centred, with an extent of 1 only.

    Raises:
        ValueError: other options; at the call, separate queries.

    Example:
        >>> import torch
        >>> from ccnn_pc.domains import PointSet
        >>> cloud, conv = PointSet(torch.rand(9, 3)).knn(4), ReleasedPointConv(2, 5, dim=3)
        >>> conv(torch.rand(9, 2), cloud).shape
        torch.Size([9, 5])
    """

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        for name, only in (("separable", True), ("causal", False)):
            if options.get(name, only) is not only:
                raise ValueError(f"'{name}' must be {only}: there is no other released layer")
        super().__init__(in_channels, out_channels, **options)
        if bool((self.extent != 1.0).any()):
            raise ValueError(f"'extent' must be 1: offsets are not divided (got {self.extent.tolist()})")
        if isinstance(self.window, GaussianWindow):
            self.window.min_width = 0.0

    def convolve(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm = Algorithm.AUTO) -> Tensor:
        """See the class; there is one algorithm."""
        self._check(x, domain)
        self._check_unwatched()
        if domain.num_queries != domain.num_samples:
            raise ValueError(
                f"'domain' must have its queries at the samples (got {domain.num_queries} queries)"
            )
        edge_index = domain.edges(float("inf"))
        r = -domain.rel(edge_index).to(self.extent)
        values = self.kernel(r) * self.window(r)
        total = values.new_zeros(x.shape).index_add(0, edge_index[1], values)
        y = x * total.to(x)
        return y if self.mix is None else self.mix(y)


class ReleasedPointBlock(CCNNBlock):
    r"""CCNN's released block on point clouds, without residual: batches change in place and are added to themselves.

    .. math:: y = 2\,\mathrm{GELU}(A\,\mathrm{drop}(\mathrm{GELU}(\mathrm{conv}(\mathrm{norm}(x)))))

    Args:
        in_channels: channels of x.
        out_channels: channels of y, the same: the released block fails where they differ.
        options: as in :class:`ccnn_pc.nn.S4Block`.

    Raises:
        ValueError: channels that differ.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> released = {"layer": ReleasedPointConv, "block": ReleasedPointBlock}
        >>> model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=40, **released)
        >>> sum(p.numel() for p in model.parameters())
        6545
    """

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        if in_channels != out_channels:
            raise ValueError(f"'out_channels' must be 'in_channels', {in_channels} (got {out_channels})")
        super().__init__(in_channels, out_channels, **options)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        return 2.0 * self.branch(x, domain)
