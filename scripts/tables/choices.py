"""What is chosen for every kind of data, as configuration files compose it, and frequencies of its new kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from scripts.tables.render import NOTHING, markdown

#: Kind of data, an experiment of it, what the data say (what configuration files leave to them).
KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("clouds", "modelnet10_small", {}),
    ("voxels as points", "modelnet10_voxels_small", {}),
    ("scans, 1 m apart", "scenes", {"in_channels": 2}),
    ("ground", "ground", {}),
    ("tables of observations", "long_csv_tiny", {"in_channels": 1, "shape": [60], "spacing": 1.0}),
    ("sequences", "smnist_tiny", {}),
    ("sound", "fsdd_tiny", {}),
    ("images", "cifar10_tiny", {}),
)
HEADER = "kind|experiment|extent|ω₀|window|samples|k|fastest unit / Nyquist|energy above it"
FINER = 8


@torch.no_grad()
def bound_over_nyquist(conv: Any) -> float:
    """Bound of a kernel's fastest unit over the Nyquist frequency of samples of its layer's spacing."""
    from ccnn_pc.kernels import nyquist_frequency

    return float(conv.kernel.max_frequency()) / nyquist_frequency(conv.spacing, conv.extent, conv.causal)


@torch.no_grad()
def energy_above_nyquist(conv: Any) -> float:
    """Share of a windowed kernel's energy beyond what samples of its layer's spacing show, along lines of each axis."""
    from ccnn_pc.kernels import nyquist_frequency

    limit = nyquist_frequency(conv.spacing, conv.extent, conv.causal)
    count = max(512, min(1 << 15, round(4 * limit) * FINER))
    line = torch.linspace(-1, 1, count + 1)[:-1]
    power = total = 0.0
    for axis in range(conv.dim):
        u = torch.zeros(count, conv.dim)
        u[:, axis] = line
        spectrum: Tensor = (
            torch.fft.rfft(conv.kernel(u) * conv.window(u).reshape(-1, 1), dim=0).abs().square()
        )
        power += float(spectrum[torch.fft.rfftfreq(count, d=2 / count) > limit].sum())
        total += float(spectrum.sum())
    return power / total


def choices() -> str:
    """A line per kind of data."""
    from hydra.utils import instantiate

    from ccnn_pc.cli.compose import compose_config

    rows = []
    for kind, experiment, known in KINDS:
        c = compose_config([f"experiment={experiment}"])
        settings = {"in_channels": c.model.in_channels or known.get("in_channels", 6), "out_channels": 10}
        settings |= {key: value for key, value in known.items() if key != "in_channels"}
        torch.manual_seed(0)
        model = instantiate(c.model, _convert_="all")(**settings)
        first = next(conv for conv in model.convolutions() if conv.extent.numel() == conv.dim)
        on_grid = "shape" in c.data
        bounds = [bound_over_nyquist(conv) for conv in model.convolutions()] if on_grid else []
        energy = [energy_above_nyquist(conv) for conv in model.convolutions()] if on_grid else []
        shape = known.get("shape") or c.data.get("shape")
        points = c.data.get("num_voxels") or c.data.get("num_points")
        if "tile" in c.data:
            points = c.data.tile.points
        rows.append(
            [
                kind,
                f"`{experiment}`",
                "×".join(f"{e:g}" for e in dict.fromkeys(first.extent.tolist())),
                f"{first.kernel.omega_0:.3g}",
                f"{float(first.window.width.detach().abs().mean()):.3g}",
                "×".join(map(str, shape)) if on_grid else points,
                NOTHING if on_grid else c.data.num_neighbors,
                f"{min(bounds):.1f} to {max(bounds):.1f}" if bounds else NOTHING,
                f"{max(energy):.0e}" if energy else NOTHING,
            ]
        )
    return markdown(HEADER.split("|"), rows)
