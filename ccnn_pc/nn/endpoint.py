"""Where a causal kernel ends: how much of the present sample's weight counts."""

from __future__ import annotations

from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.ops.segments import segment_sum


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
