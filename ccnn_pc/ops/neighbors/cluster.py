"""Nearest neighbours through torch-cluster, an optional package; this is the only file that imports it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ccnn_pc._optional import require
from ccnn_pc.ops.neighbors.dense import squared_distances
from ccnn_pc.ops.neighbors.kdtree import Find, search_by_cloud
from ccnn_pc.ops.neighbors.search import Search

CUDA_LIMIT = 100  # the package's CUDA kernel keeps its candidates in an array of this length


def _exhaustive(samples: Tensor, queries: Tensor, count: int) -> tuple[Tensor, Tensor]:
    d2 = squared_distances(samples.t()[:, None, :], queries.t())
    nearest = d2.topk(count, dim=1, largest=False)
    return nearest.values, nearest.indices


def cluster_finder(samples: Tensor) -> Find:
    """A finder that asks torch-cluster, with distances recomputed from coordinate differences."""
    torch_cluster = require("torch_cluster", extra="accel", purpose="for Backend.CLUSTER")
    on_gpu = samples.device.type == "cuda"

    def find(queries: Tensor, count: int) -> tuple[Tensor, Tensor]:
        if on_gpu and count > CUDA_LIMIT:
            step = max(1, (1 << 23) // len(samples))
            parts = [_exhaustive(samples, part, count) for part in queries.split(step)]
            return torch.cat([d2 for d2, _ in parts]), torch.cat([index for _, index in parts])
        index = torch_cluster.knn(samples, queries, count)[1].view(len(queries), count)
        d2 = (samples[index] - queries[:, None, :]).square().sum(dim=2)
        d2, order = d2.sort(dim=1, stable=True)
        return d2, index.gather(1, order)

    return find


def knn_cluster(search: Search, k: int) -> Iterator[tuple[int, Tensor]]:
    """Neighbours from torch-cluster. See :func:`ccnn_pc.ops.neighbors.kdtree.search_by_cloud`.

    Raises:
        ImportError: torch-cluster is not installed.
        ValueError: k above 100 on a GPU.
    """
    if search.pos.device.type == "cuda" and k > CUDA_LIMIT:
        raise ValueError(
            f"'k' must be at most {CUDA_LIMIT} for Backend.CLUSTER on CUDA (torch-cluster's limit); "
            f"Backend.DENSE has no such limit (got {k})"
        )
    return search_by_cloud(search, k, cluster_finder)
