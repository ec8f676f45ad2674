"""IrregularSeries: what it accepts and refuses, its lattices, its order."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import IrregularSeries, Weights
from ccnn_pc.nn import ContinuousConv
from tests.clouds import DOUBLE

TIMES = torch.tensor([0.0, 1.0, 2.5, 0.5, 4.0])
BATCH = torch.tensor([0, 0, 0, 1, 1])


def test_repr_tells_what_it_is() -> None:
    assert repr(IrregularSeries(TIMES, BATCH)) == "IrregularSeries(samples=5, series=2)"
    seen = torch.ones(5, 2, dtype=torch.bool)
    assert (
        repr(IrregularSeries(TIMES, BATCH, lattice=0.5, mask=seen))
        == "IrregularSeries(samples=5, series=2, lattice=0.5, channels=2)"
    )
    queries = IrregularSeries(TIMES[:3], query_times=TIMES[:2])
    assert repr(queries) == "IrregularSeries(samples=3, queries=2, series=1)"


def test_it_moves_to_another_device_and_stays_the_same() -> None:
    series = IrregularSeries(TIMES, BATCH, lattice=0.5)
    moved = series.to("meta")
    assert moved.times.device.type == "meta" and series.times.device.type == "cpu"
    assert moved.lattice is not None and moved.lattice.cell.device.type == "meta"


def test_unix_time_keeps_its_detail() -> None:
    """Seconds since 1970 with milliseconds between them, and the same from 0."""
    steps = torch.tensor([0.0, 0.25, 0.75, 1.5], dtype=DOUBLE) / 1024
    late = IrregularSeries(steps + 1.7e9)
    torch.testing.assert_close(late.times - late.times[0], steps, atol=1e-15, rtol=0)
    conv, x = ContinuousConv(2, 2, dim=1, extent=1e-3, causal=True), torch.randn(4, 2)
    torch.testing.assert_close(conv(x, late), conv(x, IrregularSeries(steps)))


def test_order_sorts_by_series_and_time() -> None:
    times, batch = torch.tensor([3.0, 1.0, 2.0, 1.0]), torch.tensor([1, 0, 1, 0])
    order = IrregularSeries.order(times, batch)
    assert order.tolist() == [1, 3, 2, 0]
    IrregularSeries(times[order], batch[order])


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("spacing", [1.0, 0.1, 1 / 3, 1 / 39, 1e-3, 60.0])
def test_a_lattice_is_found(spacing: float, dtype: torch.dtype) -> None:
    """In gaps of 6, 10 and 15 steps no gap is the spacing itself; two series with origins of their own."""
    steps = torch.tensor([0, 6, 16, 31, 31, 46, 56]).double()
    times = torch.cat([steps * spacing + 0.4 * spacing, steps * spacing]).to(dtype)
    batch = torch.tensor([0] * 7 + [1] * 7)
    found = IrregularSeries.lattice_spacing(times, batch)
    assert found == pytest.approx(spacing, rel=1e-6 if dtype == torch.float32 else 1e-13)
    series = IrregularSeries(times, batch, lattice=found)
    assert series.lattice is not None and series.lattice.cell[:7].tolist() == steps.tolist()


def test_no_lattice_is_found_where_there_is_none() -> None:
    generator = torch.Generator().manual_seed(0)
    for dtype in (torch.float32, DOUBLE):
        for n in (5, 30):
            times = torch.rand(n, dtype=dtype, generator=generator).sort().values * 100
            assert IrregularSeries.lattice_spacing(times) is None
    assert IrregularSeries.lattice_spacing(torch.zeros(4)) is None
    jittered = torch.arange(50, dtype=DOUBLE) + 1e-3 * torch.rand(50, dtype=DOUBLE, generator=generator)
    assert IrregularSeries.lattice_spacing(jittered) is None


def test_a_long_lattice_in_float32() -> None:
    times = torch.arange(20000).double().mul(0.01).float()
    found = IrregularSeries.lattice_spacing(times)
    assert found == pytest.approx(0.01, rel=1e-6)
    series = IrregularSeries(times, lattice=found)
    assert series.lattice is not None and series.lattice.length == 20000


def ones(*shape: int, dtype: torch.dtype = torch.bool) -> Tensor:
    return torch.ones(*shape, dtype=dtype)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"times": [0.0, 1.0]}, TypeError, "'times' must be a tensor"),
        ({"times": TIMES.half()}, TypeError, "'times' must be float32 or float64"),
        ({"times": TIMES.long()}, TypeError, "'times' must be float32 or float64"),
        ({"times": TIMES[:, None]}, ValueError, r"'times' must have shape \[n\] \(got \[5, 1\]\)"),
        ({"times": TIMES[:0], "batch": None}, ValueError, "at least one stamp"),
        (
            {"times": torch.tensor([0.0, torch.nan]), "batch": None},
            ValueError,
            "'times' must be finite .got nan in row 1",
        ),
        ({"batch": None}, ValueError, r"'times' must be in order .* \(got 2.5 and then 0.5 in rows 2, 3\)"),
        ({"batch": BATCH.flip(0)}, ValueError, "'batch' must be sorted"),
        ({"batch": BATCH * 2}, ValueError, "'batch' must number the clouds"),
        ({"query_batch": BATCH}, ValueError, "'query_batch' needs 'query_times'"),
        ({"query_times": TIMES}, ValueError, "'query_batch' must say"),
        ({"query_times": TIMES[:0], "query_batch": BATCH[:0]}, ValueError, r"'query_times' must have shape"),
        (
            {"query_times": TIMES.double(), "query_batch": BATCH},
            TypeError,
            "'query_times' must have the dtype of 'times'",
        ),
        ({"query_times": TIMES.flip(0), "query_batch": BATCH}, ValueError, "'query_times' must be in order"),
        ({"query_times": TIMES[:2], "query_batch": BATCH[:2]}, ValueError, "queries in each of the 2"),
        ({"lattice": 0.0}, ValueError, "'lattice' must be positive"),
        ({"lattice": 1.0}, ValueError, r"'times' must lie on a lattice of spacing 1 \(got row 2, 0.500"),
        (
            {"lattice": 0.5, "query_times": TIMES + 0.1, "query_batch": BATCH},
            ValueError,
            "'query_times' must lie on a lattice of spacing 0.5",
        ),
        ({"mask": ones(5, 2, dtype=torch.float32)}, TypeError, "'mask' must be boolean"),
        ({"mask": ones(5)}, ValueError, r"'mask' must have shape \[5, channels\]"),
        ({"mask": ones(4, 2)}, ValueError, r"'mask' must have shape \[5, channels\]"),
        ({"weights": 3}, TypeError, "'weights' must be a Weights or a tensor"),
        ({"weights": torch.ones(4)}, ValueError, r"'weights' must have shape \[5\]"),
        ({"weights": -torch.ones(5)}, ValueError, "'weights' must be finite and not negative .got -1.0"),
        ({"weights": torch.ones(5), "mask": ones(5, 2)}, ValueError, "'mask' must be None where 'weights'"),
    ],
)
def test_refuses(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        IrregularSeries(**{"times": TIMES, "batch": BATCH, **options})


def test_a_mask_must_fit_the_data() -> None:
    series = IrregularSeries(TIMES, BATCH, mask=ones(5, 2))
    with pytest.raises(ValueError, match=r"'x' must have the shape of 'mask', \[5, 2\] \(got \[5, 3\]\)"):
        series.apply_mask(torch.zeros(5, 3))
    assert series.unmasked().mask is None
    with pytest.raises(ValueError, match="'mask' or 'weights' must have 3 channels like the layer"):
        ContinuousConv(3, 1, dim=1)(torch.zeros(5, 3), series)


def test_given_weights_are_times() -> None:
    width = torch.tensor([0.5, 1.0, 2.0, 1.0, 0.0])
    series = IrregularSeries(TIMES, BATCH, weights=width)
    assert torch.equal(series.quadrature(torch.tensor([0.5])), width / 0.5)  # type: ignore[arg-type]
    assert IrregularSeries(TIMES, BATCH, weights=Weights.CONSTANT).quadrature(torch.ones(1)) is None
