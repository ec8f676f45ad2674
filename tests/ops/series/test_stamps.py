"""Lattices of time stamps: how far off is off, and what rounding hides."""

from __future__ import annotations

import pytest
import torch

from ccnn_pc.ops.series.stamps import lattice_cells, lattice_spacing, regular_times

ONE, TWO = torch.zeros(4, dtype=torch.long), torch.tensor([0, 0, 1, 1])


@pytest.mark.parametrize(("off", "on_it"), [(0.0098, True), (0.0102, False), (-0.0102, False)])
def test_stamps_may_be_a_hundredth_of_a_step_off(off: float, on_it: bool) -> None:
    stamps = torch.tensor([0.0, 1.0, 2.0 + off, 3.0], dtype=torch.float64)
    first = stamps[:1]
    if on_it:
        assert lattice_cells(stamps, first, ONE, 1.0).tolist() == [0, 1, 2, 3]
    else:
        with pytest.raises(
            ValueError, match=r"'times' must lie on a lattice of spacing 1 \(got row 2, 0.010"
        ):
            lattice_cells(stamps, first, ONE, 1.0)
    regular = regular_times(stamps, torch.tensor([0, 4]), ONE, 1.0)
    assert regular[0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert bool((regular[2] == regular[2].round()).all()) == on_it


@pytest.mark.parametrize(("first", "step"), [(50_000.0, 1.0), (70_000.0, None)])
def test_a_lattice_blurred_by_a_hundredth_of_its_step_is_none(first: float, step: float | None) -> None:
    """Stamps in float32, whose rounding grows with them: 1.5 * 2^-23 of the largest, 0.009 and 0.0125 of a step."""
    assert lattice_spacing(first + torch.tensor([0.0, 1.0, 3.0, 5.0]), ONE) == step


def test_the_spacing_is_the_widest_of_all_series() -> None:
    stamps = torch.tensor([0.0, 0.6, -5.0, -4.1], dtype=torch.float64)
    assert lattice_spacing(stamps, TWO) == pytest.approx(0.3, rel=1e-12)
    assert lattice_cells(stamps, stamps[[0, 2]], TWO, 0.3).tolist() == [0, 2, 0, 3]
    assert lattice_spacing(torch.tensor([1.0, 1.0, 4.0, 4.0]), TWO) is None  # no two stamps apart


def test_too_many_regular_times_are_refused() -> None:
    pointer, batch = torch.tensor([0, 2]), torch.zeros(2, dtype=torch.long)
    stamps = torch.tensor([0.0, 2047.0], dtype=torch.float64)
    assert len(regular_times(stamps, pointer, batch, 1.0)[0]) == 2048
    with pytest.raises(ValueError, match="'spacing' must give at most 1024 times per sample"):
        regular_times(stamps + torch.tensor([0.0, 1.0]), pointer, batch, 1.0)
