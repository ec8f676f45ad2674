"""The fused operators for a layer: its kernel and window as they take them, and the convolution itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ccnn_pc import native
from ccnn_pc.domains.base import ConvolutionTerms
from ccnn_pc.kernels.base import FactorizedKernel
from ccnn_pc.kernels.formula import formula_of, gaussian_of
from ccnn_pc.kernels.windows import AbstractWindow
from ccnn_pc.native import Family, Features
from ccnn_pc.ops.points.convolution import FactorizedProfile, PointGeometry, point_convolution


def fused_terms(terms: ConvolutionTerms) -> tuple[FactorizedProfile, Tensor]:
    """Features with window, and the read-out as the table that the fused operators take.

    Returns:
        the profile, and the table ``[H + 1, C]`` (separable) or ``[H + 1, C_in, C_out]`` (full).

    Raises:
        TypeError: the kernel has no features and linear read-out to pull apart.
    """
    kernel = terms.kernel
    if not isinstance(kernel, FactorizedKernel):
        raise TypeError(
            f"the fused operator needs a FactorizedKernel (got {type(kernel).__name__}); "
            "run this layer with algorithm=Algorithm.MESSAGES"
        )
    weight, bias = kernel.readout.weight, kernel.readout.bias
    table = torch.cat([weight.t(), weight.new_zeros(1, len(weight)) if bias is None else bias[None]])
    if not terms.separable:
        channels_in = terms.channels_in
        table = table.view(len(table), -1, channels_in).transpose(1, 2)
    read_out = {id(p) for p in kernel.readout.parameters()}
    trained = [p for p in kernel.parameters() if id(p) not in read_out] + list(terms.window.parameters())
    features, window = _as_called(kernel, kernel.features), _as_called(terms.window, terms.window.forward)
    return FactorizedProfile(features, window, trained, _native_features(kernel, terms.window)), table


def _native_features(kernel: FactorizedKernel, window: AbstractWindow) -> Features | None:
    """Features and window as the native operator takes them, where it knows both."""
    if not native.state().runs:
        return None
    formula, gaussian = formula_of(kernel), gaussian_of(window)
    if formula is None or gaussian is None:
        return None
    numbers = torch.cat([number.reshape(-1) for number in formula.numbers])
    family = Family[formula.function.name]
    envelope = torch.stack(gaussian).to(numbers.dtype)
    return Features(family, formula.hidden_channels, formula.num_layers, numbers, envelope)


class _Call(nn.Module):
    """A module's method as a module, for :func:`torch.func.functional_call`."""

    def __init__(self, module: nn.Module, method: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.module, self.method = module, method

    def forward(self, u: Tensor) -> Tensor:
        return self.method(u)


def _as_called(module: nn.Module, method: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The method with the module's parameters and buffers of now.

    Backward passes evaluate it again, when ``functional_call`` has put others back into the module.
    """

    def values() -> dict[str, Tensor]:
        return {**dict(module.named_parameters()), **dict(module.named_buffers())}

    then = values()

    def run(u: Tensor) -> Tensor:
        now = values()
        if all(now.get(name) is value for name, value in then.items()):
            return method(u)
        replaced = {f"module.{name}": value for name, value in then.items()}
        found: Tensor = torch.func.functional_call(_Call(module, method), replaced, (u,))
        return found

    return run


def penalty_from_moments(moments: Tensor, table: Tensor, num_queries: int) -> Tensor:
    r"""Mean over queries of :math:`\sum_j \|m_{ij} K_{ij}\|^2` from the Gram matrix of the windowed features.

    With :math:`G = \sum_{ij} m^2 [h,1][h,1]^\top` and read-out table T it is :math:`\mathrm{tr}(T^\top G T) / m`
    (CCNN eq. 3 on a grid, up to the factor 1/2).
    """
    flat = table.flatten(1)
    return (flat * (moments @ flat)).sum() / num_queries


def convolve_factorized(
    x: Tensor, terms: ConvolutionTerms, geometry: PointGeometry
) -> tuple[Tensor, Tensor | None]:
    """The fused point convolution of a layer; see :func:`ccnn_pc.ops.points.convolution.point_convolution`.

    Args:
        x: weighted samples ``[n, C_in]``.
        terms: of the layer.
        geometry: where samples and queries lie, and the neighbours of each query.

    Returns:
        ``[m, C]``, and the kernel penalty if asked for.

    Raises:
        TypeError: the kernel does not factorise.
    """
    profile, table = fused_terms(terms)
    y, moments = point_convolution(x, geometry, profile, table, gram=terms.penalty)
    return y, None if moments is None else penalty_from_moments(moments, table, len(geometry.lists))
