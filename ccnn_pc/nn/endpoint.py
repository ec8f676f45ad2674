"""Where a causal kernel ends: how much of the present sample's weight counts."""

from __future__ import annotations

import math

from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.ops.segments import segment_sum


def check_endpoint(endpoint: float, causal: bool) -> float:
    """``endpoint`` must lie in [0.5, 1], and be 1 where kernels are not causal.

    Raises:
        TypeError: not a number.
        ValueError: outside of [0.5, 1], or not 1 for a kernel that does not end at the present.

    Example:
        >>> check_endpoint(0.5, causal=True)
        0.5
    """
    if isinstance(endpoint, bool) or not isinstance(endpoint, (int, float)):
        raise TypeError(f"'endpoint' must be a number (got {endpoint!r})")
    if not math.isfinite(endpoint) or not 0.5 <= endpoint <= 1.0:
        raise ValueError(
            f"'endpoint' must be between 0.5 (trapezoidal rule) and 1.0 (as published) (got {endpoint})"
        )
    if endpoint != 1.0 and not causal:
        raise ValueError(f"'endpoint' must be 1.0 unless the layer is causal (got {endpoint})")
    return float(endpoint)


def future_part(x: Tensor, domain: AbstractDomain, value: Tensor) -> Tensor:
    r"""What samples at the queries' own times contribute to a causal convolution for the time *after* them.

    .. math:: \sum_{j:\, t_j = q_i} a_j \, w_j \, m(1) K(1) \, x_j

    with the fraction :math:`a_j` of a sample's weight that lies after it, :meth:`AbstractDomain.future_fraction`. An
    integral up to the query has none of it: the convolution without this part is the trapezoidal rule.

    Args:
        x: weighted samples ``[n, C_in]``.
        domain: where they lie, on one axis.
        value: the windowed kernel at the present, m(1) K(1): ``[C_in]`` depthwise or ``[C_out, C_in]`` full.

    Returns:
        ``[m, C_in]`` or ``[m, C_out]``.

    Example:
        >>> import torch
        >>> from ccnn_pc.domains import Grid
        >>> future_part(torch.tensor([[1.0], [2.0]]), Grid((2,)), torch.tensor([10.0])).flatten().tolist()
        [5.0, 10.0]
    """
    sample, query = domain.coincident_pairs()
    fraction = domain.future_fraction()
    future = 0.5 * x if fraction is None else fraction[:, None].to(x) * x
    here = segment_sum(future[sample], query, domain.num_queries)
    return here * value.to(x) if value.dim() == 1 else here @ value.t().to(x)
