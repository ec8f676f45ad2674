"""The fused operators for a layer: its kernel and window as they take them, and the convolution itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
    numbers = _Numbers.of(kernel, terms.window)
    return (
        FactorizedProfile(
            numbers.called(kernel.features),
            numbers.called(terms.window.forward),
            numbers.values,
            _native_features(kernel, terms.window),
        ),
        table,
    )


def _native_features(kernel: FactorizedKernel, window: AbstractWindow) -> Features | None:
    """Features and window as the native operator takes them, where it knows both."""
    if not native.runs(kernel.readout.weight.device):
        return None
    formula, gaussian = formula_of(kernel), gaussian_of(window)
    if formula is None or gaussian is None:
        return None
    numbers = torch.cat([number.reshape(-1) for number in formula.numbers])
    family = Family[formula.function.name]
    envelope = torch.stack(gaussian).to(numbers.dtype)
    return Features(family, formula.hidden_channels, formula.num_layers, numbers, envelope)


@dataclass(frozen=True)
class _Numbers:
    """Parameters and buffers of kernel and window, without the read-out.

    Attributes:
        values: the tensors, each once.
        places: where each stands: the dictionaries of its modules, and its names there.
        modules: which module stands where; no other may be there later.
    """

    values: list[Tensor]
    places: list[list[tuple[dict[str, Any], str]]]
    modules: list[tuple[dict[str, Any], str, nn.Module | None]]

    @staticmethod
    def of(kernel: FactorizedKernel, window: AbstractWindow) -> _Numbers:
        """Those of now."""
        read_out = {id(p) for p in kernel.readout.parameters()}
        found: dict[int, tuple[Tensor, list[tuple[dict[str, Any], str]]]] = {}
        modules: list[tuple[dict[str, Any], str, nn.Module | None]] = []
        for module in (*kernel.modules(), *window.modules()):
            modules += [(module._modules, name, child) for name, child in module._modules.items()]
            for held in (module._parameters, module._buffers):
                for name, value in held.items():
                    if value is not None and id(value) not in read_out:
                        found.setdefault(id(value), (value, []))[1].append((held, name))
        return _Numbers([value for value, _ in found.values()], [at for _, at in found.values()], modules)

    def called(self, method: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Sequence[Tensor]], Tensor]:
        """The method as a function of coordinates and values, whatever the modules hold by then.

        :func:`torch.func.functional_call` does the same and looks every name up, which for the chunks of a backward
        pass is a fifth of its time.
        """

        def run(u: Tensor, values: Sequence[Tensor]) -> Tensor:
            if any(held.get(name) is not child for held, name, child in self.modules):
                raise RuntimeError("modules of a kernel or window must stay in place until the backward pass")
            others = [
                (held, name, value)
                for places, value in zip(self.places, values, strict=True)
                for held, name in places
                if held[name] is not value
            ]
            before = [held[name] for held, name, _ in others]
            try:
                for held, name, value in others:
                    held[name] = value
                return method(u)
            finally:
                for (held, name, _), value in zip(others, before, strict=True):
                    held[name] = value

        return run


def runs_natively(x: Tensor, terms: ConvolutionTerms, dim: int) -> bool:
    """Whether :func:`convolve_factorized` is the native operator, which has gradients with respect to positions."""
    if not isinstance(terms.kernel, FactorizedKernel) or not native.runs_on(
        x, terms.kernel.readout.weight, dim
    ):
        return False
    return _native_features(terms.kernel, terms.window) is not None


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
