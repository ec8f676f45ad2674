"""A cloud with coarser clouds of itself: where networks work that go from fine to coarse and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.ops.neighbors.k_nearest import Neighbors
from ccnn_pc.ops.points.thinning import Keep, thin


@dataclass(frozen=True)
class Levels:
    """How a cloud is coarsened, step by step, and how points find their neighbours.

    Attributes:
        cells: size of the cells of each coarser cloud, position units, from fine to coarse; none: no coarser clouds.
        keep: which point of a cell; see :class:`ccnn_pc.ops.points.thinning.Keep`.
        num_neighbors: k, on every cloud and between two of them.
        metric: factors of the axes in the search for neighbours, and axes along which cells divide: ``(1, 1, 0)`` takes
            the points nearest horizontally, and cells that are columns. None: all alike.

    Raises:
        ValueError: no k, cells that do not grow.

    Example:
        >>> import torch
        >>> cloud = PointSet(torch.rand(200, 3, generator=torch.Generator().manual_seed(0)))
        >>> Levels(cells=(0.2, 0.4), num_neighbors=8).of(cloud)
        PointPyramid(samples=200, 101, 27, clouds=1, dim=3, neighbors=8)
    """

    cells: Sequence[float] = ()
    keep: Keep | str = Keep.NEAREST
    num_neighbors: int = 16
    metric: Sequence[float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", choice("keep", self.keep, Keep))
        check_at_least("num_neighbors", self.num_neighbors, 1)
        object.__setattr__(self, "cells", tuple(check_positive("cells", cell) for cell in self.cells))
        if any(b <= a for a, b in zip(self.cells, self.cells[1:], strict=False)):
            raise ValueError(f"'cells' must grow from one cloud to the next (got {list(self.cells)})")
        if self.metric is not None:
            object.__setattr__(self, "metric", tuple(map(float, self.metric)))

    def of(self, cloud: PointSet) -> PointPyramid:
        """A cloud with its coarser clouds, all joined to their neighbours.

        The neighbours that the cloud has stay; else they are searched here. Coarser clouds have no volumes: their
        points are as evenly spread as cells are.
        """
        finest = cloud if cloud.neighbors is not None else self._joined(cloud)
        return self.joined(self.places(cloud), finest)

    def places(self, cloud: PointSet) -> list[tuple[Tensor, Tensor]]:
        """Positions ``[n, D]`` in one frame, and clouds ``[n]``, of a cloud and of its coarser ones, unjoined."""
        places = [(cloud.pos, cloud.batch)]
        for cell in self.cells:
            size = [cell if factor > 0 else math.inf for factor in self.metric or (1.0,) * cloud.dim]
            coarse = thin(places[-1][0], size, self.keep, places[-1][1])
            places.append((coarse.pos, coarse.batch))
        return places

    def joined(self, places: Sequence[tuple[Tensor, Tensor]], finest: PointSet) -> PointPyramid:
        """The pyramid of :meth:`places`, the finest of which has its neighbours."""
        return PointPyramid(
            [finest, *(self._joined(PointSet(*place)) for place in places[1:])],
            [self._joined(_between(*steps)) for steps in zip(places, places[1:], strict=False)],
            [self._joined(_between(*steps)) for steps in zip(places[1:], places, strict=False)],
        )

    def _joined(self, cloud: PointSet) -> PointSet:
        return cloud.knn(self.num_neighbors, metric=self.metric)


def _between(samples: tuple[Tensor, Tensor], queries: tuple[Tensor, Tensor]) -> PointSet:
    """Samples of one cloud and queries of another, each positions and clouds."""
    return PointSet(samples[0], samples[1], query_pos=queries[0], query_batch=queries[1])


class PointPyramid(PointSet):
    """A point set that knows coarser clouds of itself; to layers that ask for none it is its finest cloud.

    Args:
        clouds: from fine to coarse, each with neighbours.
        down: samples on a cloud, queries on the next coarser one, with neighbours.
        up: samples on the coarser cloud, queries on the finer one, with neighbours.

    Raises:
        ValueError: clouds and steps that do not fit together.

    Example:
        >>> import torch
        >>> pyramid = Levels(cells=(0.3,), num_neighbors=4).of(PointSet(torch.rand(50, 3)))
        >>> len(pyramid.clouds), pyramid.up[0].num_queries
        (2, 50)
    """

    def __init__(self, clouds: Sequence[PointSet], down: Sequence[PointSet], up: Sequence[PointSet]) -> None:
        if not clouds or not len(down) == len(up) == len(clouds) - 1:
            raise ValueError(
                "'down' and 'up' must be one less than there are clouds "
                f"(got {len(clouds)} clouds, {len(down)} and {len(up)})"
            )
        for number, (fine, coarse) in enumerate(zip(clouds, clouds[1:], strict=False)):
            sizes = (fine.num_samples, coarse.num_samples)
            found = (down[number].num_samples, down[number].num_queries)
            back = (up[number].num_queries, up[number].num_samples)
            if not sizes == found == back:
                raise ValueError(
                    f"'down' and 'up' must join clouds of {sizes[0]} and {sizes[1]} points (got {found} and {back})"
                )
        # k was chosen for these clouds; those that somebody else holds stay as they are
        self.clouds, self.down, self.up = (
            tuple(each._with(neighbors_judged=True) for each in part) for part in (clouds, down, up)
        )
        self.__dict__.update(self.clouds[0].__dict__)

    def __repr__(self) -> str:
        sizes = ", ".join(str(cloud.num_samples) for cloud in self.clouds)
        finest = self.clouds[0].neighbors
        k = f", neighbors={finest.k}" if isinstance(finest, Neighbors) else ""
        return f"PointPyramid(samples={sizes}, clouds={self.num_clouds}, dim={self.dim}{k})"

    def to(self, device: Any) -> PointPyramid:
        """The same clouds on another device."""
        return PointPyramid(
            *([each.to(device) for each in part] for part in (self.clouds, self.down, self.up))
        )
