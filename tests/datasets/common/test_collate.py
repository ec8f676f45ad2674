"""Items that do not fit into one batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.datasets import GridData, SeriesData, collate
from ccnn_pc.training.loader import ResumableLoader


def picture(*size: int, channels: int = 1, **more: Any) -> GridData:
    return GridData(x=torch.rand(1, channels, *size), y=torch.tensor([0]), **more)


class Items(list[Any]):
    """A data set without random numbers."""

    def set_epoch(self, epoch: int) -> None:
        del epoch


def test_what_fits_is_the_batch_of_pyg() -> None:
    items = [picture(4, 5, spacing=torch.ones(1, 2)) for _ in range(3)]
    found, wanted = collate(items), Batch.from_data_list(items)
    assert found.keys() == wanted.keys() and torch.equal(found.x, wanted.x)
    series = [Data(times=torch.arange(float(n)), x=torch.rand(n, 2)) for n in (3, 5)]
    assert collate(series).x.shape == (8, 2)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            [picture(16, 16), picture(32, 32)],
            "one size .got 16 x 16 in item 0 and 32 x 32 in item 1.*--size.*spacing",
        ),
        ([picture(9), picture(9), picture(12)], "one size .got 9 in item 0 and 12 in item 2"),
        ([picture(4, 4), picture(4, 4, channels=3)], "same channels .got x of shape .1, 1, 4, 4. in item 0"),
        (
            [picture(4, 4), picture(4, 4, spacing=torch.ones(1, 2))],
            "all have 'spacing', or none .got it in item 1",
        ),
        (
            [
                SeriesData(
                    times=torch.arange(3.0), x=torch.rand(3, 1), mask=torch.ones(3, 1, dtype=torch.bool)
                ),
                SeriesData(times=torch.arange(3.0), x=torch.rand(3, 1)),
            ],
            "all have 'mask', or none .got it in item 0 and not in item 1",
        ),
    ],
)
def test_what_does_not_fit_is_named(items: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collate(items)
    with pytest.raises(ValueError, match=message):
        next(iter(ResumableLoader(Items(items), len(items), shuffle=False)))
