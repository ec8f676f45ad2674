"""Series that are in memory: values with time stamps, some of them missing, and their targets."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ccnn_pc.datasets.series.data import SeriesData
from ccnn_pc.datasets.series.dataset import SeriesDataset, SeriesForm
from ccnn_pc.datasets.series.observation_channels import ObservationChannels
from ccnn_pc.datasets.series.scaling import Normalization, SeriesScaling
from ccnn_pc.datasets.series.stored import StoredSeries, on_lattice

_NONE = ObservationChannels()


class SeriesArrays(SeriesDataset):
    """Irregular series as items ``times [n]``, ``x [n, C]`` and, where values are missing, ``mask [n, C]``.

    Args:
        stored: the series, with times; NaN is a value that was not observed.
        scaling: mean and deviation per channel ``[C, 1]``; None: those of these series.
        said: channels that say what was observed.
        options: transform, pre_transform, seed: see :class:`SeriesDataset`.

    Attributes:
        lattice: spacing of the lattice of all stamps; None without one.

    Example:
        >>> from ccnn_pc.datasets.series.stored import join_series
        >>> values = [np.array([[1.0, np.nan], [3.0, 4.0]]), np.array([[5.0, 6.0]])]
        >>> data = SeriesArrays(join_series(values, [0, 1], ["a", "b"], times=np.array([0.0, 2.0, 0.0])))
        >>> data[0].mask.tolist(), data.lattice
        ([[True, False], [True, True]], 2.0)
    """

    def __init__(
        self,
        stored: StoredSeries,
        *,
        scaling: SeriesScaling | None = None,
        said: ObservationChannels = _NONE,
        **options: Any,
    ) -> None:
        found = on_lattice(stored)
        stored, lattice = (stored, None) if found is None else found
        rows = np.arange(len(stored))
        super().__init__(
            stored,
            rows,
            rows if scaling is None else rows[:0],
            form=SeriesForm.IRREGULAR,
            normalize=Normalization.CHANNEL if scaling is None else Normalization.NONE,
            lattice=lattice,
            **options,
        )
        self.said, self._missing = said, bool(np.isnan(stored.values).any())
        self.scaling = scaling if self.scaling is None else self.scaling.of_variables()
        self._of_samples: list[np.ndarray] | None = None

    @property
    def has_missing(self) -> bool:
        return self._missing

    def series_channels(
        self, row: int, values: np.ndarray, known: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.said.before(values, known, times)

    def with_sample_targets(self, targets: Sequence[np.ndarray], names: Sequence[str]) -> SeriesArrays:
        """The same series with a target for each sample: classes ``[n]``, or numbers ``[n, K]``.

        Args:
            targets: of each series; classes without a target are -100, numbers NaN.
            names: of the classes, or of the numbers.

        Raises:
            ValueError: another number of targets than samples.
        """
        lengths = [len(each) for each in targets]
        if lengths != self.stored.lengths.tolist():
            raise ValueError(
                f"'targets' must be one per sample, {self.stored.lengths.tolist()[:5]} ... (got {lengths[:5]} ...)"
            )
        other = copy.copy(self)
        other._of_samples = [np.asarray(each) for each in targets]
        other.classes, other._labels = [str(name) for name in names], np.zeros_like(self._labels)
        return other

    def load(self, row: int) -> SeriesData:
        item: SeriesData = super().load(row)
        if self._of_samples is not None:
            target = torch.from_numpy(self._of_samples[row])
            item.y = target.float() if target.is_floating_point() else target.long()
        return item
