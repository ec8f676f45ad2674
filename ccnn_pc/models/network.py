"""What networks of one line of blocks share: the door, the head, and the way from one to the other."""

from __future__ import annotations

import abc

from torch import Tensor

from ccnn_pc._checks import check_at_least
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.models.base import Model
from ccnn_pc.models.reading import Door, DoorInput, Spacing, Stem
from ccnn_pc.nn.heads import PooledHead, SampleHead


class Network(Model, abc.ABC):
    """Door, features, head; subclasses write :meth:`features` and assign ``head``.

    Args:
        first: the first convolution: it knows axes, channels and the spacing of training.
        out_channels: classes (1: one logit).
        per_sample: whether the network answers for every sample.
        num_neighbors: k used for point clouds that bring no neighbours of their own.
    """

    head: PooledHead | SampleHead

    def __init__(self, first: Stem, out_channels: int, *, per_sample: bool, num_neighbors: int) -> None:
        super().__init__(first.in_channels, out_channels, first.dim)
        check_at_least("num_neighbors", num_neighbors, 1)
        self.door = Door(first, num_neighbors, per_sample=per_sample)

    @abc.abstractmethod
    def features(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What the head reads, ``[m, C]``."""

    def forward(
        self, data: DoorInput, domain: AbstractDomain | None = None, *, spacing: Spacing | None = None
    ) -> Tensor:
        """Answers for PyG data, for an array, or for samples on a domain; see the class."""
        x, where = self.door.open(data, domain, spacing)
        return self.door.close(self.head(self.features(x, where), where), where, data)
