"""What CCNN's released gather computes: every point reads its own features only."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.models.ccnn import build_ccnn
from ccnn_pc.models.registry import register_frozen
from ccnn_pc.nn.conv import Algorithm, ContinuousConv


class QueryFeatureConv(ContinuousConv):
    r"""CCNN's released point-cloud layer: the gather takes the features of the *query*, so points never mix.

    .. math:: y_i = A\,\bigl(x_i \odot \sum_{j \in N(i)} w_j\, m(u_{ij}) K(u_{ij}) + b\bigr)

    Perturbing x_j changes output j alone. Same parameters as the convolution it stands in for.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        options: as in :class:`ContinuousConv`; separable only.

    Raises:
        ValueError: a full kernel, an endpoint, or separate queries.

    Example:
        >>> from ccnn_pc.domains import PointSet
        >>> cloud, conv = PointSet(torch.rand(9, 3)).knn(4), QueryFeatureConv(2, 2, dim=3)
        >>> x = torch.rand(9, 2)
        >>> changed = x.clone()
        >>> changed[5] += 1
        >>> (conv(x, cloud) != conv(changed, cloud)).any(1).nonzero().flatten().tolist()
        [5]
    """

    def __init__(self, in_channels: int, out_channels: int, **options: object) -> None:
        if not options.get("separable", True):
            raise ValueError("'separable' must be True: the released full layer does not exist (got False)")
        super().__init__(in_channels, out_channels, **options)  # type: ignore[arg-type]
        if self.endpoint != 1.0:
            raise ValueError(f"'endpoint' must be 1.0 for a released layer (got {self.endpoint})")

    def convolve(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm = Algorithm.AUTO) -> Tensor:
        """See the class."""
        self._check(x, domain)
        if domain.num_queries != domain.num_samples:
            raise ValueError(
                f"'domain' must have its queries at the samples (got {domain.num_queries} queries)"
            )
        y = x * self._sum(self._weighted(torch.ones_like(x), domain), domain, algorithm)
        y = y if self.bias is None else y + self.bias
        return y if self.mix is None else self.mix(y)


for _name, _channels in (("ccnn_tiny", 48), ("ccnn_small", 64)):
    register_frozen(
        f"{_name}_query_features",
        build_ccnn,
        num_blocks=4,
        channels=_channels,
        kernel_hidden=8,
        kernel_layers=1,
        layer=QueryFeatureConv,
    )
