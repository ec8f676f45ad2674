"""Cells of stamps, and the search in many series at once."""

from __future__ import annotations

import pytest
import torch

from ccnn_pc.ops.series.segment_search import search_segments
from ccnn_pc.ops.series.weights import Weights, cell_widths, series_volume

DOUBLE = torch.float64
#: 0 twice, 1, 4; a series of one stamp; 2, 2.5.
TIMES = torch.tensor([0.0, 0.0, 1.0, 4.0, 7.0, 2.0, 2.5], dtype=DOUBLE)
BATCH = torch.tensor([0, 0, 0, 0, 1, 2, 2])
EXPECTED = {
    Weights.CELL: [0.5, 0.5, 2.0, 3.0, 9.0, 0.5, 0.5],
    Weights.TRAPEZOID: [0.25, 0.25, 2.0, 1.5, 9.0, 0.25, 0.25],
    Weights.PAST: [4.5, 4.5, 1.0, 3.0, 9.0, 9.0, 0.5],
    Weights.CONSTANT: [9.0] * 7,
}


@pytest.mark.parametrize("weights", list(EXPECTED))
def test_widths(weights: Weights) -> None:
    assert series_volume(TIMES, BATCH, weights, default=9.0).tolist() == EXPECTED[weights]


def test_density_is_the_time_of_the_cells_shared_out() -> None:
    """Uniform stamps away from the ends are alike; twice as dense stamps weigh half; the total is that of the cells."""
    times = torch.cat([torch.arange(400), torch.arange(400, 800, 0.5)]).double()
    batch = torch.zeros(len(times), dtype=torch.long)
    volume = series_volume(times, batch, Weights.DENSITY)
    assert float(volume.sum()) == pytest.approx(float(cell_widths(times, batch).sum()))
    assert float(volume[200] / volume[800]) == pytest.approx(2.0, rel=0.02)
    assert float(volume[100:300].std() / volume[100:300].mean()) < 1e-2


@pytest.mark.parametrize("weights", list(Weights))
def test_channels_have_the_cells_of_their_own_stamps(weights: Weights) -> None:
    mask = torch.rand(7, 4, generator=torch.Generator().manual_seed(0)) < 0.7
    mask[:, 3] = False
    mask[4] = torch.tensor([False, True, False, False])  # the single stamp of series 1
    found = series_volume(TIMES, BATCH, weights, default=9.0, mask=mask)
    assert bool((found[~mask] == 0).all()) and bool((found[mask] > 0).all())
    for c in range(3):
        seen = mask[:, c]
        series = BATCH[seen].unique_consecutive(return_inverse=True)[1]
        alone = series_volume(TIMES[seen], series, weights, default=9.0)
        torch.testing.assert_close(found[seen, c], alone)


def test_cells_have_gradients() -> None:
    times = torch.tensor([0.0, 0.4, 1.1, 1.5, 2.6], dtype=DOUBLE, requires_grad=True)
    batch = torch.tensor([0, 0, 0, 1, 1])
    for weights in (Weights.CELL, Weights.TRAPEZOID, Weights.PAST):
        assert torch.autograd.gradcheck(lambda t, w=weights: cell_widths(t, batch, w), (times,))


@pytest.mark.parametrize("right", [False, True])
def test_search_is_that_of_each_segment(right: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    sizes = torch.tensor([5, 1, 16, 33])
    values = torch.cat([torch.randint(0, 9, (int(n),), generator=generator).sort().values for n in sizes])
    pointer = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    wanted, segment = (torch.randint(-1, high, (200,), generator=generator) for high in (11, 4))
    segment = segment.clamp(min=0)
    found = search_segments(values, pointer, wanted, segment, right=right)
    for place, value, s in zip(found.tolist(), wanted.tolist(), segment.tolist(), strict=True):
        part = values[pointer[s] : pointer[s + 1]]
        assert place - int(pointer[s]) == int(torch.searchsorted(part, value, right=right))
