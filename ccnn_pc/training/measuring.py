"""What a training is about to train on, measured from its items."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch_geometric.data import Batch

from ccnn_pc.models.base import Network
from ccnn_pc.models.trained_on import TrainedOn, measure
from ccnn_pc.training.data import ClassificationData
from ccnn_pc.training.described_data import describe_data
from ccnn_pc.training.loader import epoch_order

#: Training items that are looked at.
ITEMS = 128


def measure_training(model: Network, data: ClassificationData) -> TrainedOn:
    """How the training part is sampled, from some of its items; a function of the data and their seed.

    No random number is used up.

    Raises:
        ValueError: items that the model does not read.
    """
    data.prepare()
    items: Any = data.train_set
    rows = epoch_order(len(items), data.seed, 0)[:ITEMS]
    with torch.random.fork_rng(devices=[]):
        found = measure(model.reading, (Batch.from_data_list([items[row]]) for row in rows))
    size = describe_data(data)["parts"]["train"]["options"].get("size")
    return dataclasses.replace(found, resized=size if isinstance(size, int) else None)
