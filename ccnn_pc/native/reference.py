"""What the native operator computes, in calls of torch: its second derivatives and tangents are those of this."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def gabor(u: Tensor, numbers: Tensor, hidden: int, layers: int) -> Tensor:
    """Products of Gabor filters: frequencies, phases, inverse widths, centres, then the layers."""
    units, dim = (layers + 1) * hidden, u.shape[1]
    weight, bias, gamma, mu, rest = numbers.split(
        [units * dim, units, units * dim, units * dim, layers * hidden * (hidden + 1)]
    )
    offset = gamma.view(units, dim) * (u[:, None, :] - mu.view(units, dim))
    waves = torch.sin(u @ weight.view(units, dim).t() + bias)
    return _chain(torch.exp(-0.5 * offset.square().sum(2)) * waves, rest, hidden, layers)


def fourier(u: Tensor, numbers: Tensor, hidden: int, layers: int) -> Tensor:
    """Products of sines: frequencies, phases, then the layers."""
    units, dim = (layers + 1) * hidden, u.shape[1]
    weight, bias, rest = numbers.split([units * dim, units, layers * hidden * (hidden + 1)])
    return _chain(torch.sin(u @ weight.view(units, dim).t() + bias), rest, hidden, layers)


def siren(u: Tensor, numbers: Tensor, hidden: int, layers: int) -> Tensor:
    """Sines of sines."""
    sizes = [(hidden, u.shape[1]), *[(hidden, hidden)] * layers]
    for weight, bias in _linear(numbers, sizes):
        u = torch.sin(u @ weight.t() + bias)
    return u


def random_fourier(u: Tensor, numbers: Tensor, hidden: int, layers: int) -> Tensor:
    """Cosines and sines, then layers with the positive part."""
    sizes = [(hidden // 2, u.shape[1]), *[(hidden, hidden)] * layers]
    (frequency, phase), *others = _linear(numbers, sizes)
    waves = u @ frequency.t() + phase
    h = torch.cat([waves.cos(), waves.sin()], dim=1)
    for weight, bias in others:
        h = (h @ weight.t() + bias).relu()
    return h


def tents(u: Tensor, numbers: Tensor, hidden: int, layers: int) -> Tensor:
    """Tents: places, then steepnesses."""
    place, steepness = numbers.split([hidden * u.shape[1], hidden])
    distance = (u[:, None, :] - place.view(hidden, -1)).abs().sum(2)
    return (1.0 - distance * steepness).relu()


#: Features ``[E, H]`` of coordinates ``[E, D]``, all numbers, H and the layers behind the first one; by family.
FEATURES: dict[str, Callable[[Tensor, Tensor, int, int], Tensor]] = {
    "GABOR": gabor,
    "FOURIER": fourier,
    "SIREN": siren,
    "RANDOM_FOURIER": random_fourier,
    "TENTS": tents,
}


def windowed_features(
    offset: Tensor,
    features: Callable[[Tensor], Tensor],
    window: Tensor | None,
    causal: bool,
    tolerance: float,
) -> Tensor:
    """``m [h, 1]`` of offsets in units of the extent, ``[E, H + 1]``, in the type of the window's numbers.

    Args:
        offset: float64 ``[E, D]``, sample - query.
        features: coordinates ``[E, D]`` to ``[E, H]``.
        window: mean and precision ``[2, D]``; None: 1.
        causal: see :func:`ccnn_pc.ops.coordinates.kernel_coordinates`.
        tolerance: how far outside of the support is still inside.
    """
    u = 1.0 + 2.0 * offset if causal else offset
    inside = (u.abs() <= 1.0 + tolerance).all(dim=1, keepdim=True)
    if causal:
        inside = inside & (offset <= 0)
    u = u.clamp(-1.0, 1.0)
    u = u if window is None else u.to(window.dtype)
    h = features(u)
    m = inside.to(h)
    if window is not None:
        m = m * torch.exp(-(window[1] * (u - window[0]).square()).sum(dim=1, keepdim=True))
    return torch.cat([h * m, m], dim=1)


def _chain(filters: Tensor, numbers: Tensor, hidden: int, layers: int) -> Tensor:
    first, *others = filters.unflatten(1, (layers + 1, hidden)).unbind(1)
    for g, (weight, bias) in zip(others, _linear(numbers, [(hidden, hidden)] * layers), strict=True):
        first = g * (first @ weight.t() + bias)
    return first


def _linear(numbers: Tensor, sizes: Sequence[tuple[int, int]]) -> list[tuple[Tensor, Tensor]]:
    """Weights and biases of layers, one after the other."""
    parts = numbers.split([count for size in sizes for count in (size[0] * size[1], size[0])])
    return [(parts[2 * i].view(size), parts[2 * i + 1]) for i, size in enumerate(sizes)]
