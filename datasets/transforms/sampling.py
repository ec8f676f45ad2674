"""Which points of a cloud are kept."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least, check_fraction, check_positions, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.datasets.transforms.base import ChangesPoints, RandomTransform, take_points
from ccnn_pc.datasets.transforms.many import Generators, WorksOnMany, alike, stacked
from ccnn_pc.ops.points.farthest import farthest_points, farthest_spacing


class Subset(enum.Enum):
    """Which points are kept.

    RANDOM: every subset equally likely. FARTHEST: spread evenly over the shape. UNEVEN: random, and ten times as dense
    at one end of a random axis as at the other, as a scanner that stands there sees a shape.
    """

    RANDOM = "random"
    FARTHEST = "farthest"
    UNEVEN = "uneven"


#: Share of the spacing of evenly spread points below which two are too close: even clouds have no such pairs.
EVENNESS = 0.6
#: Share of points that are too close in clouds that are not even, where it is not a few pairs by chance.
UNEVEN_SHARE = 0.1
#: Density at the near end of UNEVEN over that at the far end.
UNEVENNESS = 10.0


def draw_rows(n: int, k: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """``min(k, n)`` different numbers below n, every sequence equally likely."""
    if (
        4 * k <= n
    ):  # much cheaper than a whole permutation: draw twice as many as needed, keep first occurrences
        draw = torch.randint(n, (2 * k,), generator=generator).numpy()
        first = np.unique(draw, return_index=True)[1]
        if len(first) >= k:  # fails about never: 2k draws from n >= 4k hold k different ones
            first.sort()
            return torch.from_numpy(draw[first[:k]])
    return torch.randperm(n, generator=generator)[:k]


def draw_unevenly(pos: torch.Tensor, k: int, generator: torch.Generator | None = None) -> torch.Tensor:
    r"""``min(k, n)`` different rows of ``pos [n, D]``, drawn with density :math:`10^{-t}` along a random axis.

    t goes from 0 to 1 over the length of the shape, from either end. Drawn without replacement by the largest of
    :math:`\log w_i + g_i` with Gumbel noise g (Efraimidis and Spirakis 2006).
    """
    axis, turned, *_ = torch.rand(2, generator=generator).tolist()
    along = pos[:, int(axis * pos.shape[1])].double()
    low, high = along.aminmax()
    t = (along - low) / (high - low).clamp(min=torch.finfo(along.dtype).tiny)
    noise = -torch.empty(len(pos), dtype=torch.float64).exponential_(generator=generator).log().to(pos.device)
    weight = -math.log(UNEVENNESS) * (1 - t if turned < 0.5 else t)
    return (weight + noise).topk(min(k, len(pos))).indices


def choose_rows(
    pos: torch.Tensor, k: int, subset: Subset | str = Subset.RANDOM, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Rows of ``min(k, n)`` positions ``pos [n, D]``; farthest ones start from a random first.

    Raises:
        ValueError: no positions.
    """
    n = len(pos)
    if n == 0:
        raise ValueError("'pos' must hold at least one point to choose from (got an empty cloud)")
    kind = choice("subset", subset, Subset)
    if kind is Subset.RANDOM:
        return draw_rows(n, k, generator)
    if kind is Subset.UNEVEN:
        return draw_unevenly(pos, k, generator)
    start = int(torch.randint(n, (1,), generator=generator))
    return farthest_points(pos, min(k, n), start=start)


class RandomPoints(RandomTransform, ChangesPoints):
    """A uniformly random subset of the points, in random order, without replacement.

    Every attribute with one row per point goes along, labels ``y [n]`` too (see ``data.is_node_attr``). Never a
    prefix: stored clouds are sorted along a space-filling curve. A cloud with fewer than ``num_points`` points keeps
    all of them (``replace=False``) or is filled up with repeated ones (``replace=True``).

    Args:
        num_points: points to keep.
        replace: fill up small clouds.
    """

    def __init__(self, num_points: int, replace: bool = False) -> None:
        self.num_points = check_at_least("num_points", num_points, 1)
        self.replace = replace

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Keep ``num_points`` rows of every attribute that has one row per point."""
        n = data.pos.shape[0]
        index = draw_rows(n, self.num_points, generator)
        if self.replace and n < self.num_points:
            index = torch.cat([index, torch.randint(n, (self.num_points - n,), generator=generator)])
        return take_points(data, index)

    def __repr__(self) -> str:
        return f"RandomPoints({self.num_points})"


class FarthestPoints(WorksOnMany, RandomTransform, ChangesPoints):
    """A well spread subset: farthest point sampling from a random first point (Eldar et al., 1997).

    Costs O(n · num_points); use it as ``pre_transform`` of a data set and call ``in_memory()`` to pay once.

    Args:
        num_points: points to keep; smaller clouds keep all of theirs.
        candidates: draw this many points at random first, and choose among them (None: among all).
        evenness: of clouds of fewer than ``2 * num_points`` points, which have no even subset of so many, points much
            closer than evenly spread ones are left out first, see :class:`EvenedPoints`; None (default): none.
    """

    def __init__(self, num_points: int, candidates: int | None = None, evenness: float | None = None) -> None:
        self.num_points = check_at_least("num_points", num_points, 1)
        self.candidates = None if candidates is None else check_at_least("candidates", candidates, num_points)
        self.evened = None if evenness is None else EvenedPoints(evenness)

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """Keep ``num_points`` rows of every attribute that has one row per point."""
        found = [self._among(*each) for each in zip(items, generators, strict=True)]
        for group, drawn in alike(found, generators, "pos"):
            pos = stacked(group, "pos")
            clouds, n = pos.shape[:2]
            if n == 0:
                raise ValueError("'pos' must hold at least one point to choose from (got an empty cloud)")
            for item in group:
                check_positions("pos", item.pos)  # an error names its row in its own cloud
            start = torch.stack([torch.randint(n, (), generator=each) for each in drawn])
            own = torch.arange(clouds, device=pos.device)
            rows = farthest_points(
                pos.flatten(0, 1), min(self.num_points, n), start=start, batch=own.repeat_interleave(n)
            )
            for item, kept in zip(group, rows.view(clouds, -1) - n * own[:, None], strict=True):
                take_points(item, kept)
        return found

    def _among(self, data: Any, generator: torch.Generator | None) -> Any:
        """The points that are chosen among."""
        if self.evened is not None and len(data.pos) < 2 * self.num_points:
            data = self.evened.forward(data)
        if self.candidates is not None and self.candidates < data.pos.shape[0]:
            data = take_points(data, draw_rows(data.pos.shape[0], self.candidates, generator))
        return data

    def __repr__(self) -> str:
        return f"FarthestPoints({self.num_points})"


class EvenedPoints(BaseTransform, ChangesPoints):
    r"""A cloud without points that lie much closer than they would if all were spread evenly.

    In the order of farthest points the i-th lies :math:`d_i` away from those before it. Evenly spread over a surface,
    :math:`d_n = d_{n/4} / 2`. Kept are the points with

    .. math:: d_i \ge e\, d_{\lceil n/4 \rceil} / 2

    An even cloud stays as it is, and loses one of each close pair that it has. Where that is more than a tenth of its
    points, repeated ones aside, it is uneven, and becomes as even as farthest points are, e = 1: most of its dense end
    goes, where sums over neighbours count the same surface many times. Costs O(n²).

    Args:
        evenness: e, above 0; 0.6 leaves even clouds whole.

    Raises:
        ValueError: not positive.

    Example:
        >>> from ccnn_pc.datasets import PointCloudData
        >>> plane = torch.cartesian_prod(torch.arange(6.0), torch.arange(6.0))
        >>> close = torch.cat([plane, plane[:12] + 0.1])
        >>> len(EvenedPoints(0.6)(PointCloudData(pos=plane)).pos), len(EvenedPoints(0.6)(PointCloudData(pos=close)).pos)
        (36, 36)
    """

    def __init__(self, evenness: float) -> None:
        self.evenness = check_positive("evenness", evenness)

    def forward(self, data: Any) -> Any:
        """Keep rows of every attribute that has one row per point."""
        n = len(data.pos)
        if n < 2:
            return data
        pos = data.pos.detach()
        outermost = int((pos - pos.mean(0)).square().sum(1).argmax())
        quarter = farthest_points(pos, max(2, -(-n // 4)), start=outermost)
        closest = self.evenness * float((pos[quarter[:-1]] - pos[quarter[-1]]).norm(dim=1).amin()) / 2
        if not cKDTree(pos.cpu().numpy()).query_pairs(closest):
            return data
        order = farthest_points(pos, n, start=outermost)
        spacing = farthest_spacing(pos[order])
        if int(((spacing < closest) & (spacing > 0)).sum()) > UNEVEN_SHARE * n:  # repeated ones say nothing
            closest *= max(1.0, 1 / self.evenness)
        return take_points(data, order[spacing >= closest].sort().values)

    def __repr__(self) -> str:
        return f"EvenedPoints({self.evenness:g})"


class UnevenPoints(RandomTransform, ChangesPoints):
    """A random subset that is ten times as dense at one end of a random axis as at the other.

    Args:
        num_points: points to keep; smaller clouds keep all of theirs.
    """

    def __init__(self, num_points: int) -> None:
        self.num_points = check_at_least("num_points", num_points, 1)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Keep ``num_points`` rows of every attribute that has one row per point."""
        return take_points(data, draw_unevenly(data.pos, self.num_points, generator))

    def __repr__(self) -> str:
        return f"UnevenPoints({self.num_points})"


class PointDropout(RandomTransform, ChangesPoints):
    """Remove each point with a probability drawn from U[0, ``max_fraction``); one point always stays.

    The points are really removed (the batch becomes ragged), not moved onto another one.
    """

    def __init__(self, max_fraction: float = 0.5) -> None:
        self.max_fraction = check_fraction("max_fraction", max_fraction)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Keep the rows that survive."""
        n = data.pos.shape[0]
        draw = torch.rand(n + 1, generator=generator)
        kept = (draw[1:] >= draw[0] * self.max_fraction).nonzero()[:, 0]
        return take_points(data, kept if len(kept) else draw[1:].argmax()[None])

    def __repr__(self) -> str:
        return f"PointDropout({self.max_fraction})"
