"""What series of one span are expected to be between their samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Share of straight lines in the covariance.
_LINES = 0.3
#: Of the mean variance: what single values are off by.
_NOISE = 1e-4
_ROUNDS = 4
#: Products of a round, and numbers that are held together.
_EFFORT, _HELD = 2**32, 2**23


class SeriesPrior(nn.Module):
    r"""The conditional mean of what was not observed, under mean and covariance of the series of the training.

    .. math::
        \hat x = \mu + S_{\cdot o} (S_{oo} + \nu I)^{-1} (x_o - \mu_o), \qquad
        S = 0.7\, \mathrm{cov}(x) + 0.3\, \tfrac{\sigma^2}{2} (2 L - |s - t|)

    for each channel, at the observed places o. With the second part of S alone, :math:`\hat x - \mu` would be the
    straight lines between the samples: they are the conditional mean of Brownian motion, whose steps have variance
    :math:`\sigma^2`. The first part says what the training tells beyond that: when series rise and fall, and together
    with what. Where series of the training have gaps, mean and covariance are those of the most likely normal
    distribution (EM: Dempster, Laird and Rubin, 1977; four rounds, from straight lines).

    Args:
        channels: of the series.
        length: of the series.

    Example:
        >>> prior, wave = SeriesPrior(1, 9), torch.sin(torch.arange(9.0))
        >>> prior.fit(torch.linspace(-2, 2, 20)[:, None, None] * wave, torch.ones(20, 1, 9, dtype=torch.bool))
        >>> seen = torch.zeros(1, 1, 9, dtype=torch.bool)
        >>> seen[0, 0, [0, 2, 8]] = True
        >>> found, lines = prior.fill(3 * wave.expand(1, 1, 9), seen), torch.tensor([2.728, 2.767, 2.807, 2.847, 2.887])
        >>> [round(float((each - 3 * wave[3:8]).abs().mean()), 1) for each in (found[0, 0, 3:8], lines)]
        [1.1, 3.5]
    """

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, length))
        self.mean: Tensor
        self.register_buffer("covariance", torch.eye(length).repeat(channels, 1, 1))
        self.covariance: Tensor

    @torch.no_grad()
    def fit(self, values: Tensor, seen: Tensor) -> None:
        """Mean and covariance of series ``[B, C, L]`` that were observed where ``seen`` says; lines between."""
        length = values.shape[2]
        count = max(16, _EFFORT // length**3)
        values, seen = values[:count].double(), seen[:count]
        place = torch.arange(length, device=values.device)
        apart = (2 * length - (place[:, None] - place).abs()).double()
        for channel in range(values.shape[1]):
            x, known = values[:, channel], seen[:, channel]
            spread = x.new_zeros(length, length)  # of what was not observed, given what was
            for _ in range(1 if bool(known.all()) else _ROUNDS):
                mean = x.mean(dim=0)
                rest = x - mean
                lines = rest.diff(dim=1).square().mean() / 2 * apart
                covariance = (1 - _LINES) * (rest.t() @ rest / len(x) + spread) + _LINES * lines
                x, spread = _expected(x, known, mean, covariance, spread=True)
            self.mean[channel], self.covariance[channel] = mean, covariance

    def fill(self, values: Tensor, seen: Tensor) -> Tensor:
        """Series ``[B, C, L]`` with the conditional mean where they were not observed."""
        channels = [
            _expected(values[:, channel].double(), seen[:, channel], mean.double(), covariance.double())[0]
            for channel, (mean, covariance) in enumerate(zip(self.mean, self.covariance, strict=True))
        ]
        return torch.where(seen, values, torch.stack(channels, dim=1).to(values))


def _expected(
    x: Tensor, seen: Tensor, mean: Tensor, covariance: Tensor, *, spread: bool = False
) -> tuple[Tensor, Tensor]:
    """The conditional mean ``[B, L]``, and the mean of conditional covariances ``[L, L]`` where they are wanted."""
    noise = _NOISE * covariance.diagonal().mean().clamp(min=1e-12)
    found, left = [], torch.zeros_like(covariance)
    for part, known in zip(
        *(each.split(max(1, _HELD // covariance.numel())) for each in (x, seen)), strict=True
    ):
        o = known.to(covariance)
        among = covariance * o[:, :, None] * o[:, None] + torch.diag_embed(noise + (1 - o))
        factor = torch.linalg.cholesky(among)
        rest = (o * (part - mean))[..., None]
        found.append(mean + (o * torch.cholesky_solve(rest, factor)[..., 0]) @ covariance)
        if spread:
            told = torch.linalg.solve_triangular(factor, o[..., None] * covariance, upper=False).flatten(0, 1)
            left += len(part) * covariance - told.t() @ told
    return torch.cat(found), left / len(x)
