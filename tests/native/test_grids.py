"""The native gradient to a kernel on grids is that of the definition, in float64."""

from __future__ import annotations

import itertools

import pytest
import torch

from ccnn_pc.native.grids import native_depthwise_kernel, runs_depthwise

CASES = [
    ((9,), (4,), (3,), 16),
    ((40,), (60,), (20,), 17),
    ((5, 21), (3, 7), (1, 3), 33),
    ((12, 30), (11, 12), (9, 2), 16),
    ((3, 1), (5, 3), (4, 0), 48),
    ((4, 3, 10), (3, 2, 5), (1, 0, 2), 21),
]


pytestmark = pytest.mark.usefixtures("turned_on")


def by_definition(x, kernel, origin):
    """Tap by tap, in float64 and differentiable."""
    y = torch.zeros_like(x)
    for tap in itertools.product(*map(range, kernel.shape[:-1])):
        shift = [t - a for t, a in zip(tap, origin, strict=True)]
        here = [slice(max(0, -o), max(0, min(s, s - o))) for s, o in zip(x.shape[1:-1], shift, strict=True)]
        there = [slice(max(0, o), max(0, min(s, s + o))) for s, o in zip(x.shape[1:-1], shift, strict=True)]
        y[(slice(None), *here)] += x[(slice(None), *there)] * kernel[tap]
    return y


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("shape", "taps", "origin", "channels"), CASES)
def test_gradients_are_those_of_the_definition(instruction_set, shape, taps, origin, channels, dtype):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, *shape, channels, generator=generator, dtype=torch.float64)
    g = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    kernel = torch.randn(*taps, channels, generator=generator, dtype=torch.float64, requires_grad=True)
    assert runs_depthwise(x.to(dtype))
    expected = by_definition(x, kernel, origin)
    (gradient,) = torch.autograd.grad(expected, kernel, g)
    bound = 1e-5 if dtype == torch.float32 else 1e-13
    found = native_depthwise_kernel(x.to(dtype), g.to(dtype), taps, origin)
    assert found.dtype == dtype and found.shape == gradient.shape
    assert float((found - gradient).abs().max()) <= bound * float(gradient.abs().max())


def test_threads_change_no_bit():
    x, g = torch.randn(2, 3, 19, 23, 24, generator=torch.Generator().manual_seed(0))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(native_depthwise_kernel(x, g, (5, 5), (2, 2)))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)
