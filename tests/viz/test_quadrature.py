"""The study of weights: what it measures, and that it is drawn."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch
from matplotlib import image

from ccnn_pc.domains import Weights
from ccnn_pc.kernels import GaussianWindow
from ccnn_pc.nn import ContinuousConv, Quadrature
from ccnn_pc.studies.quadrature import study_quadrature
from ccnn_pc.viz import plot_quadrature


def conv(channels: int = 1) -> ContinuousConv:
    torch.manual_seed(0)
    window = functools.partial(GaussianWindow, width=0.17)
    return ContinuousConv(
        channels, 1, dim=1, extent=0.4, window=window, quadrature=Quadrature(spacing=0.02)
    ).double()


def test_weighted_sums_converge_and_others_do_not(tmp_path: Path) -> None:
    study = study_quadrature(conv(), sizes=(50, 400), seeds=2)
    cell, constant = study.errors[Weights.CELL], study.errors[Weights.CONSTANT]
    assert cell[400] < cell[50] / 8**1.8
    assert constant[400] > 0.5 * constant[50] and constant[400] > 100 * cell[400]
    pixels = image.imread(plot_quadrature(study, tmp_path / "q.png"))[..., :3]
    half = pixels.shape[1] // 2
    for part in (pixels[:, :half], pixels[:, half:]):  # red and blue lines in both panels
        red, blue = part[..., 0] - part[..., 2], part[..., 2] - part[..., 0]
        assert (red > 0.4).sum() > 100 and (blue > 0.4).sum() > 50


def test_it_refuses_other_layers() -> None:
    with pytest.raises(ValueError, match="'conv' must have 1 channel on 1 axis"):
        study_quadrature(conv(2))
    with pytest.raises(ValueError, match="'sizes' must hold at least one"):
        study_quadrature(conv(), sizes=())
