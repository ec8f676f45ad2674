"""Data of which no answer can be meant are refused in one line, whatever they lie on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from ccnn_pc.datasets import FarthestPoints, PointCloudData
from ccnn_pc.models import create_model, measure

KINDS = ("image", "series", "cloud")


def item(kind: str, seed: int = 0) -> Data:
    generator = torch.Generator().manual_seed(seed)
    if kind == "image":
        return Data(x=torch.rand(1, 2, 8, 8, generator=generator))
    x = torch.randn(30, 2, generator=generator)
    if kind == "series":
        return Data(times=torch.arange(30, dtype=torch.float64), x=x)
    return Data(pos=torch.rand(30, 3, generator=generator), x=x)


def network(kind: str, known: bool) -> Any:
    sizes: Any = {
        "image": {"dim": 2, "shape": [8, 8]},
        "series": {"dim": 1, "shape": [30]},
        "cloud": {"dim": 3},
    }
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", in_channels=2, out_channels=3, **sizes[kind])
    if known:
        model.trained_on = measure(model.reading, [item(kind, seed) for seed in range(3)])
    return model.eval()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_numbers_that_are_not_floating(dtype: torch.dtype, kind: str, known: bool) -> None:
    data = item(kind)
    data.x = data.x.to(dtype)
    with pytest.raises(TypeError, match=rf"'x' must be a floating tensor .got {dtype}; x.float.. makes one."):
        network(kind, known)(data)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_one_value_that_is_no_number(kind: str, value: float) -> None:
    """A cloud with one NaN was answered with NaN."""
    data = item(kind)
    data.x[0, 1] = value
    with pytest.raises(ValueError, match="must be finite"):
        network(kind, known=True)(data)


@pytest.mark.filterwarnings("ignore::ccnn_pc.models.shift.outside.SamplingWarning")
@pytest.mark.parametrize("unit", [1e25, 1e300])
def test_times_that_no_number_of_steps_counts(unit: float) -> None:
    data = item("series")
    data.times = data.times * unit
    with pytest.raises(
        ValueError, match="'times' must not be so large beside 'spacing' .1.: .*is a stamp wrong"
    ):
        network("series", known=True)(data)


def test_a_cloud_without_points() -> None:
    with pytest.raises(ValueError, match="'pos' must hold at least one point"):
        FarthestPoints(8)(PointCloudData(pos=torch.zeros(0, 3)), torch.Generator())
