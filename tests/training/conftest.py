"""A small data set and a small network with every kind of parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import global_mean_pool

from ccnn_pc.kernels import GaussianWindow, MAGNet


class Blobs:
    """Clouds whose class is the side of the origin they lie on; positions depend on (seed, epoch, index)."""

    def __init__(self, count: int = 24, num_points: int = 5, bad: Sequence[int] = ()) -> None:
        self.classes = ["left", "right"]
        self.rows = np.arange(count)
        self.num_points, self.bad = num_points, set(bad)
        self.transform: Any = None
        self.seed, self.epoch = 0, 0

    @property
    def labels(self) -> np.ndarray:
        return self.rows % 2

    def subset(self, indices: Sequence[int], transform: Any = None) -> Blobs:
        part = Blobs(num_points=self.num_points, bad=tuple(self.bad))
        part.rows, part.seed = self.rows[np.asarray(indices)], self.seed
        return part

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Data:
        row = int(self.rows[index])
        random = np.random.default_rng([self.seed, self.epoch, row])
        pos = torch.tensor(
            random.normal(2.0 * (row % 2) - 1.0, 1.0, (self.num_points, 3)), dtype=torch.float32
        )
        if row in self.bad:
            pos[0, 0] = float("nan")
        return Data(pos=pos, y=torch.tensor([row % 2]), name=f"blob_{row}", num_nodes=self.num_points)


class TinyNetwork(nn.Module):
    """Kernel values times window, a norm, drop-out, the mean of each cloud, a linear map."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.kernel = MAGNet(3, 4, hidden_channels=4)
        self.window = GaussianWindow(3, width=1.5)
        self.norm = nn.BatchNorm1d(4)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(4, outputs)

    def forward(self, batch: Any) -> Tensor:
        values = self.kernel(batch.pos) * self.window(batch.pos)
        pooled: Tensor = self.head(global_mean_pool(self.dropout(self.norm(values)), batch.batch))
        return pooled


@pytest.fixture
def blobs() -> Callable[..., Blobs]:
    return Blobs


@pytest.fixture
def network() -> Callable[..., TinyNetwork]:
    return TinyNetwork
