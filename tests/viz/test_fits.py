"""Pictures of fits: every panel is drawn, wrong input is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from matplotlib import image

from ccnn_pc.viz import LineFit, plot_image_fits, plot_line_fits


def test_line_fits(tmp_path: Path) -> None:
    u = torch.linspace(-1, 1, 9)
    panel = LineFit(u, u.sin(), u, u.cos(), note="0.5")
    flat = LineFit(u, torch.ones(9), u, torch.ones(9))
    out = plot_line_fits(
        {"a": {"sine": panel, "flat": flat}, "b": {"sine": panel, "flat": flat}}, tmp_path / "f.png"
    )
    pixels = image.imread(out)[..., :3]
    red = (pixels[..., 0] > 0.5) & (pixels[..., 1] < 0.5)
    height, width = red.shape
    for rows in (slice(height // 2), slice(height // 2, height)):  # a fit in every quarter
        for columns in (slice(width // 2), slice(width // 2, width)):
            assert red[rows, columns].any()
    with pytest.raises(ValueError, match=r"same targets for each kernel \(got a: sine, b: flat\)"):
        plot_line_fits({"a": {"sine": panel}, "b": {"flat": flat}}, tmp_path / "g.png")
    with pytest.raises(ValueError, match=r"\(got none\)"):
        plot_line_fits({}, tmp_path / "g.png")


def test_image_fits(tmp_path: Path) -> None:
    target = torch.rand(8, 12)
    fits = {f"kernel {i}": (torch.full((8, 12), 0.5), "0.1") for i in range(7)}
    pixels = image.imread(plot_image_fits(target, fits, tmp_path / "f.png"))[..., :3]
    grey = (pixels - 0.5).__abs__().max(axis=2) < 0.01
    assert 0.3 < grey.mean() < 0.9  # seven of the eight panels are grey
    with pytest.raises(
        ValueError, match=r"'fits' must have the image's shape \[8, 12\] \(got \[2, 2\] for a\)"
    ):
        plot_image_fits(target, {"a": (torch.zeros(2, 2), "")}, tmp_path / "g.png")
