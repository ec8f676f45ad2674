"""Linear maps of channels that know the initial values they were made with."""

from __future__ import annotations

import torch
from torch import nn


class ChannelMixing(nn.Linear):
    r"""A linear map of channels that keeps the variance: at the start uniform with variance 1 / C_in, bias 0.

    Arguments and shapes as those of ``torch.nn.Linear``.

    Example:
        >>> ChannelMixing(300, 40).weight.var().sub(1 / 300).abs().item() < 1e-4
        True
    """

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw new initial values."""
        super().reset_parameters()
        nn.init.kaiming_uniform_(self.weight, nonlinearity="linear")
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class HeLinear(nn.Linear):
    """A linear map of channels, He-normal at the start (He et al. 2015), bias 0.

    Arguments and shapes as those of ``torch.nn.Linear``.

    Example:
        >>> HeLinear(300, 40).weight.var().sub(2 / 300).abs().item() < 3e-4
        True
    """

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw new initial values."""
        super().reset_parameters()
        nn.init.kaiming_normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
