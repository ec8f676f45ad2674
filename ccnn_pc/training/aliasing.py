"""FlexConv's anti-aliasing penalty on the point clouds or grids of a batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._choices import choice
from ccnn_pc.kernels import AliasingRule, aliasing_penalty, median_spacing, nyquist_frequency
from ccnn_pc.nn.conv import KernelConv


class CloudAliasing:
    r"""Sum over layers of the squared excess of kernel frequencies over what the clouds can show.

    The Nyquist frequency of a layer is ``extent / (2 spacing)``, with the median distance of nearest neighbours as
    spacing. It is measured on the first batch and kept, in checkpoints too: clouds of one data set have like spacings.
    Grids have the spacing that each layer was made for.

    Args:
        rule: how filters share the Nyquist frequency, or its name; see :class:`AliasingRule`.
        gauss_stddevs: standard deviations at which Gaussian spectra are cut.

    Example:
        >>> from torch_geometric.data import Data
        >>> from ccnn_pc.models import create_model
        >>> data = Data(pos=torch.rand(50, 3))
        >>> model = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2, omega_0=50.0)
        >>> CloudAliasing()(model, data).item() > 0
        True
    """

    def __init__(self, rule: AliasingRule | str = AliasingRule.TOGETHER, gauss_stddevs: float = 2.0) -> None:
        self.rule = choice("rule", rule, AliasingRule)
        self.gauss_stddevs = gauss_stddevs
        self.spacing: float | None = None

    def state_dict(self) -> dict[str, float | None]:
        """The measured spacing; a task stores it in its checkpoints."""
        return {"spacing": self.spacing}

    def load_state_dict(self, state: dict[str, float | None]) -> None:
        """Go on with the spacing that the first batch of all had."""
        self.spacing = state["spacing"]

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        """The penalty, differentiable in the kernels' and windows' parameters."""
        on_points = batch.pos is not None
        if on_points and self.spacing is None:
            self.spacing = median_spacing(batch.pos, batch.batch)
        parts = [
            aliasing_penalty(
                conv.kernel,
                conv.window,
                nyquist_frequency(
                    self.spacing if on_points and self.spacing else conv.spacing, conv.extent, conv.causal
                ),
                rule=self.rule,
                gauss_stddevs=self.gauss_stddevs,
            )
            for conv in model.modules()
            if isinstance(conv, KernelConv)
        ]
        return torch.stack(parts).sum()
