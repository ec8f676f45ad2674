"""How densely points lie, and the volume each of them stands for: quadrature weights of point clouds."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_batch, check_floating, check_positive, check_same_length
from ccnn_pc.ops.neighbors.k_nearest import Neighbors, knn
from ccnn_pc.ops.neighbors.radius_graph import pairs_within
from ccnn_pc.ops.neighbors.search import Search, prepare
from ccnn_pc.ops.segments import segment_mean

TRUNCATION = 3.0  # kernels end at this many bandwidths, where they are 1 % of their peak


def default_bandwidth(pos: Tensor, batch: Tensor | None = None) -> Tensor:
    r"""One bandwidth per cloud: half the median distance to the :math:`\lceil\sqrt n\,\rceil`-th neighbour.

    Scott's rule, :math:`h = \sigma n^{-1/(D+4)}` (Scott, Multivariate Density Estimation, 1992, eq. 6.42),
    measures a cloud by its spread :math:`\sigma` and assumes that it fills D dimensions; a mesh's surface
    fills two of three. The distance to a neighbour of given rank measures the intrinsic scale instead: the
    ball around a typical point then holds :math:`\sqrt n` points whatever the dimension, so :math:`h \to 0`
    and :math:`n h^d \to \infty` as a consistent estimate needs, and h shrinks faster than Scott's: integrals
    need less bias than densities do, and average the variance away.

    Args:
        pos: positions ``[n, D]``.
        batch: cloud of each point, int64 ``[n]``, sorted.

    Returns:
        Bandwidths in position units, float64 ``[B]``; 0 for a cloud that has fewer than two distinct places.

    Example:
        >>> default_bandwidth(torch.arange(16.0)[:, None]).item()  # the 4th neighbour is 2 away
        1.0
    """
    search = prepare(pos, batch, None, None)
    result = []
    for first, stop in zip(search.pos_ptr[:-1], search.pos_ptr[1:], strict=True):
        cloud = search.pos[first:stop]
        table = knn(
            cloud, min(stop - first, math.isqrt(stop - first - 1) + 2)
        )  # itself, and ceil(sqrt(n)) others
        distance = (cloud[table.index[:, -1].long()] - cloud).norm(dim=1)
        middle = distance.median()
        result.append((middle if middle > 0 else distance.max()) / 2)
    return torch.stack(result)


def kernel_density(pos: Tensor, batch: Tensor | None = None, bandwidth: float | None = None) -> Tensor:
    r"""Density of points by a Gaussian kernel within each cloud.

    .. math:: f(p_i) = \frac{1}{n\,(2\pi)^{D/2} h^D} \sum_{j \in \text{cloud}} e^{-|p_j - p_i|^2 / 2h^2}

    (Parzen, 1962; used for the weights of CKConv, eq. 8, and of PointConv.) The sum ends at
    three bandwidths. For points on a surface the result is proportional to the density on the surface; a
    factor common to a cloud drops out in :func:`inverse_density_volume`.

    A point without others within a bandwidth or two is all of its own density, however far they are: its volume ends
    at :math:`n\,(2\pi)^{D/2} h^D`. One bandwidth for a cloud whose sampling has sparse tails therefore takes away
    little of the bias of such samples; :func:`knn_density` adapts.

    Args:
        pos: positions ``[n, D]``, float32 or float64.
        batch: cloud of each point, int64 ``[n]``, sorted; None is one cloud.
        bandwidth: h in position units; None: :func:`default_bandwidth`, one for each cloud.

    Returns:
        Density ``[n]`` in the type of ``pos``, points (as a fraction of the cloud) per unit of D-volume; 1
        for clouds without extent whose bandwidth nobody gave.

    Raises:
        TypeError: positions that are not float32 or float64.
        ValueError: wrong shapes, NaN or infinity, an unsorted batch vector, bandwidth <= 0.

    Example:
        >>> kernel_density(torch.zeros(2, 1), bandwidth=1.0)  # both at the peak of the normal density
        tensor([0.3989, 0.3989])
    """
    search = prepare(pos, batch, None, None)
    if bandwidth is None:
        widths = default_bandwidth(pos, batch).tolist()
    else:
        widths = [check_positive("bandwidth", bandwidth)] * search.num_clouds
    parts = [_sum_of_kernels(search, cloud, width) for cloud, width in enumerate(widths)]
    return torch.cat(parts).to(pos)


def _sum_of_kernels(search: Search, cloud: int, width: float) -> Tensor:
    points = search.pos[search.pos_ptr[cloud] : search.pos_ptr[cloud + 1]]
    if width == 0.0:
        return torch.ones(len(points), dtype=torch.float64, device=points.device)
    if points.device.type not in ("cpu", "cuda"):
        points = points.cpu()
    total = torch.zeros(len(points), dtype=torch.float64, device=points.device)
    for first, (row, _, d2) in pairs_within(points, points, TRUNCATION * width):
        total.index_add_(0, row + first, torch.exp(d2 * (-0.5 / width**2)))
    return total / (len(points) * (math.sqrt(2 * math.pi) * width) ** points.shape[1])


def knn_density(
    pos: Tensor,
    k: int = 16,
    batch: Tensor | None = None,
    *,
    neighbors: Neighbors | None = None,
    intrinsic_dim: int | None = None,
) -> Tensor:
    r"""Density of points from the distance to the k-th nearest other point.

    .. math:: f(p_i) = \frac{k}{n\, V_d\, r_k(p_i)^d}

    with the volume :math:`V_d` of the unit ball (Loftsgaarden and Quesenberry, 1965). It adapts to the
    data, needs no bandwidth, and is noisier than :func:`kernel_density`: relative deviation :math:`k^{-1/2}`. For the
    weights of integrals over uneven samples it is the right one, with few neighbours (3 to 8): bias grows with their
    distance, while noise averages away in the sum.

    Args:
        pos: positions ``[n, D]``, float32 or float64.
        k: which other point (the point itself does not count); a smaller cloud takes its farthest.
        batch: cloud of each point, int64 ``[n]``, sorted; None is one cloud.
        neighbors: a table from :func:`~ccnn_pc.ops.neighbors.k_nearest.knn` of the same points; its last column is used
            and ``k`` ignored.
        intrinsic_dim: d, e.g. 2 for points on surfaces; None: estimated for each cloud
            (:func:`intrinsic_dimension`).

    Returns:
        Density ``[n]`` in the type of ``pos``, points (as a fraction of the cloud) per unit of d-volume.
        Points with k duplicates get the largest density that others of the cloud have; clouds without extent
        get 1.

    Raises:
        TypeError: positions that are not float32 or float64.
        ValueError: wrong shapes, NaN or infinity, an unsorted batch vector, k < 1, d not in [1, D].

    Example:
        >>> knn_density(torch.arange(5.0)[:, None], k=2, intrinsic_dim=1)  # unit spacing: 1/5 per unit
        tensor([0.1000, 0.2000, 0.2000, 0.2000, 0.1000])
    """
    check_at_least("k", k, 1)
    if intrinsic_dim is not None:
        check_at_least("intrinsic_dim", intrinsic_dim, 1)
        if pos.dim() == 2 and intrinsic_dim > pos.shape[1]:
            raise ValueError(
                f"'intrinsic_dim' must be at most the dimension {pos.shape[1]} (got {intrinsic_dim})"
            )
    search = prepare(pos, batch, None, None)
    table = knn(pos, k + 1, batch) if neighbors is None else neighbors.check(len(pos))
    check_same_length("neighbors", table.index, "pos", pos)
    parts = []
    for first, stop in zip(search.pos_ptr[:-1], search.pos_ptr[1:], strict=True):
        index = table.index[first:stop].long()
        distance = (search.pos[index] - search.pos[first:stop, None]).norm(dim=2)
        others = (table.count[first:stop] - 1).clamp(min=1).double()
        reach = distance[:, -1]
        if not bool((reach > 0).any()):
            parts.append(torch.ones_like(reach))
            continue
        reach = torch.where(reach > 0, reach, reach[reach > 0].min())
        d = intrinsic_dimension(distance, pos.shape[1]) if intrinsic_dim is None else intrinsic_dim
        ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1)
        parts.append(others / ((stop - first) * ball * reach**d))
    return torch.cat(parts).to(pos)


def intrinsic_dimension(distance: Tensor, largest: int) -> int:
    r"""Dimension of the set on which points lie, from the distances to their neighbours.

    .. math:: 1/d = \text{mean}_{i,j} \log (r_k(p_i) / r_j(p_i))

    the maximum-likelihood estimate of Levina and Bickel (2004, eq. 8), averaged over points as MacKay and
    Ghahramani advise, rounded to a whole number in [1, ``largest``].

    Args:
        distance: sorted distances to neighbours ``[n, k]``; zeros and the last column do not count.
        largest: dimension of the space.

    Returns:
        The dimension.

    Example:
        >>> intrinsic_dimension(torch.arange(1.0, 200.0)[None], 3)  # distances grow linearly along a line
        1
    """
    inner, outer = distance[:, :-1], distance[:, -1:]
    valid = (inner > 0) & (outer > 0)
    if not bool(valid.any()):
        return largest
    mean = torch.log(outer.expand_as(inner)[valid] / inner[valid]).mean().item()
    return largest if mean * largest <= 1 else max(1, round(1 / mean))


def inverse_density_volume(density: Tensor, batch: Tensor | None = None) -> Tensor:
    r"""Volume each point stands for, :math:`V_i \propto 1/f(p_i)`, with mean 1 in each cloud.

    So a uniform cloud has weight 1 everywhere, and :math:`\sum V x / \sum V` estimates the mean of x over the
    set on which the points lie, however unevenly they were sampled.

    Args:
        density: positive ``[n]``, from :func:`kernel_density` or :func:`knn_density`; any factor per cloud
            drops out.
        batch: cloud of each point, int64 ``[n]``, sorted; None is one cloud.

    Returns:
        Volumes ``[n]`` in the type of ``density``.

    Raises:
        TypeError: not float32 or float64.
        ValueError: densities that are not positive and finite, wrong shapes, an unsorted batch vector.

    Example:
        >>> inverse_density_volume(torch.tensor([1.0, 1.0, 0.5])).tolist()
        [0.75, 0.75, 1.5]
    """
    check_floating("density", density)
    if density.dim() != 1 or len(density) == 0:
        raise ValueError(f"'density' must have shape [n] with n >= 1 (got {list(density.shape)})")
    good = torch.isfinite(density) & (density > 0)
    if not bool(good.all()):
        row = int((~good).nonzero()[0, 0])
        raise ValueError(f"'density' must be positive and finite (got {float(density[row])} in row {row})")
    batch = check_batch("batch", batch, density)
    volume = 1.0 / density.double()
    mean = segment_mean(volume, batch, int(batch[-1]) + 1)
    return (volume / mean[batch]).to(density)
