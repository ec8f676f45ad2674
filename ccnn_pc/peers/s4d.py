"""A diagonal state space model over the samples of an array, for comparison: ``s4d``."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least
from ccnn_pc._precision import at_least_single
from ccnn_pc.peers.sequences import SequencePeer, register_sequence_peer


class DiagonalStateSpace(nn.Module):
    r"""Convolution with the impulse response of N complex states of each channel, forwards and backwards.

    .. math:: s_{l} = \bar A s_{l-1} + \bar B x_l, \quad y_l = 2\,\mathrm{Re}(C s_l) + D x_l, \qquad
        \bar A = e^{\Delta A},\ \bar B = (\bar A - 1) / A

    Gu et al. (arXiv:2206.11893), S4D-Lin: A starts as -1/2 + i π n, Δ is learned, B is 1; as a convolution by FFT.

    Args:
        channels: H.
        states: N, of each direction (default 8: 16 with their conjugates).

    Example:
        >>> DiagonalStateSpace(4)(torch.rand(2, 100, 4)).shape
        torch.Size([2, 100, 4])
    """

    def __init__(self, channels: int, states: int = 8) -> None:
        super().__init__()
        self.channels = check_at_least("channels", channels, 1)
        self.states = check_at_least("states", states, 1)
        self.log_step = nn.Parameter(torch.empty(channels))
        self.log_decay = nn.Parameter(torch.empty(channels, states))
        self.frequency = nn.Parameter(torch.empty(channels, states))
        self.readout = nn.Parameter(torch.empty(2, channels, states, 2))
        self.skip = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Steps are log-uniform in 0.001 to 0.1, as in the paper."""
        with torch.no_grad():
            nn.init.uniform_(self.log_step, math.log(1e-3), math.log(1e-1))
            nn.init.constant_(self.log_decay, math.log(0.5))
            self.frequency.copy_(math.pi * torch.arange(self.states).expand(self.channels, -1))
            nn.init.normal_(self.readout, std=math.sqrt(0.5))
            nn.init.normal_(self.skip)

    def discrete(self) -> tuple[Tensor, Tensor]:
        r"""Logarithm of :math:`\bar A`, and :math:`C \bar B` of both directions: ``[H, N]``, ``[2, H, N]``."""
        wide = at_least_single(self.skip.dtype)
        poles = torch.complex(-self.log_decay.to(wide).exp(), self.frequency.to(wide))
        change = poles * self.log_step.to(wide).exp()[:, None]
        return change, torch.view_as_complex(self.readout.to(wide)) * (torch.exp(change) - 1) / poles

    def response(self, length: int) -> Tensor:
        """Impulse responses ``[2, H, length]``."""
        change, weight = self.discrete()
        powers = torch.exp(change[..., None] * torch.arange(length, device=change.device))
        return 2 * torch.einsum("dhn,hnl->dhl", weight, powers).real

    def forward(self, x: Tensor) -> Tensor:
        """``[B, L, H]`` -> ``[B, L, H]``; the backward direction begins one sample later."""
        length = x.shape[1]
        ahead, back = self.response(length)
        whole = torch.cat(
            [ahead, back.flip(-1)], dim=-1
        )  # circular, 2 L: the backward half stands at negative lags
        spectrum = torch.fft.rfft(x.transpose(1, 2).to(whole), n=2 * length) * torch.fft.rfft(whole)
        y = torch.fft.irfft(spectrum, n=2 * length)[..., :length]
        return y.transpose(1, 2).to(x) + self.skip * x


class S4DBlock(nn.Module):
    r"""Norm, state space, GELU and a gated mixing of channels beside the identity: one layer of S4D.

    .. math:: h \leftarrow h + \mathrm{GLU}(W\, \mathrm{GELU}(\mathrm{SSM}(\mathrm{Norm}(h))))
    """

    def __init__(self, channels: int, states: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.mixing = DiagonalStateSpace(channels, states)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, 2 * channels)

    def forward(self, h: Tensor) -> Tensor:
        """``[B, L, channels]`` -> the same."""
        inner = self.dropout(nn.functional.gelu(self.mixing(self.norm(h))))
        return h + self.dropout(nn.functional.glu(self.linear(inner), dim=-1))


class S4D(SequencePeer):
    """Diagonal state spaces in residual blocks, both directions; images are read in raster order.

    Gu et al. (arXiv:2206.11893).

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit for two classes).
        dim: axes of the arrays.
        channels: width (default 40).
        num_layers: (default 4).
        states: of each channel and direction (default 8).
        patch: samples along an axis that one token holds (default 1).
        dropout: (default 0).

    Example:
        >>> S4D(18, 10)(torch.rand(2, 18, 256)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dim: int = 1,
        *,
        channels: int = 40,
        num_layers: int = 4,
        states: int = 8,
        patch: int = 1,
        dropout: float = 0.0,
    ) -> None:
        number = check_at_least("num_layers", num_layers, 1)
        layers = (S4DBlock(channels, states, dropout) for _ in range(number))
        super().__init__(in_channels, out_channels, dim, channels, layers, patch=patch, dropout=dropout)


register_sequence_peer("s4d", S4D)
