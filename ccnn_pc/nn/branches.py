"""A continuous convolution with a small ordinary one beside it, and how both become one for inference."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.rendered import render, taps_within
from ccnn_pc.nn.apply import Composite, NormFactory, apply_layer
from ccnn_pc.nn.conv import KernelConv
from ccnn_pc.nn.tap_conv import TapConv


class BranchedConv(Composite):
    r"""A continuous convolution and a small ordinary one, each with a norm, added (SMPConv section 3.3).

    .. math:: y = \mathrm{norm}(\mathrm{conv}(x)) + \mathrm{norm}_s(\mathrm{small}(x))

    Args:
        conv: the continuous convolution.
        small: the ordinary one, of the same channels.
        norm: makes a norm: called with ``channels``.

    Shapes:
        * ``[n, C_in]`` on a grid, to ``[n, C_out]``.

    Raises:
        ValueError: branches of different channels.

    Example:
        >>> from ccnn_pc.domains import Grid
        >>> from ccnn_pc.nn import ContinuousConv
        >>> both = BranchedConv(ContinuousConv(3, 8, dim=1, extent=4.0), TapConv(3, 8, 3, dim=1))
        >>> both(torch.rand(9, 3), Grid((9,))).shape
        torch.Size([9, 8])
    """

    def __init__(self, conv: KernelConv, small: TapConv, norm: NormFactory = nn.BatchNorm1d) -> None:
        super().__init__()
        channels = [(branch.in_channels, branch.out_channels) for branch in (conv, small)]
        if channels[0] != channels[1]:
            raise ValueError(f"'small' must have the channels of 'conv', {channels[0]} (got {channels[1]})")
        self.in_channels, self.out_channels = channels[0]
        self.conv, self.norm = conv, norm(conv.out_channels)
        self.small, self.small_norm = small, norm(conv.out_channels)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        y = apply_layer(self.norm, self.conv(x, domain), domain)
        return y + apply_layer(self.small_norm, self.small(x, domain), domain)

    @torch.no_grad()
    def merged(self) -> TapConv:
        r"""One ordinary convolution that computes what both branches with their norms do in eval mode.

        With norms :math:`a y + c`, rendered taps k and b, small taps s and d it has the taps
        :math:`a k + a_s s` and the bias :math:`a b + c + a_s d + c_s` (SMPConv section 3.3).

        Raises:
            TypeError: norms whose statistics depend on the input, or a convolution that mixes channels afterwards.
        """
        conv, small = self.conv, self.small
        if getattr(conv, "mix", None) is not None:
            raise TypeError("'conv' must not mix channels to be merged (got a separable layer with mixing)")
        scale, shift = _affine(self.norm, conv.bias, small.weight)
        small_scale, small_shift = _affine(self.small_norm, small.bias, small.weight)
        terms = conv.terms(conv.threshold or 0.0)
        spacing = conv.spacing.tolist()
        taps = taps_within(terms, spacing, [1 << 30] * conv.dim)
        # room for the taps of both, about the sample itself
        before = [max(a, b) for a, b in zip(taps.origin, small.origin, strict=True)]
        after = [max(last, k - 1 - a) for last, k, a in zip(taps.last, small.taps, small.origin, strict=True)]
        if not conv.causal:  # the middle tap is the sample's
            before = after = [max(a, b) for a, b in zip(before, after, strict=True)]
        kernel = scale * render(terms, spacing, taps)
        kernel[tuple(taps.origin)] *= conv.endpoint  # 1 unless the layer is causal
        merged = TapConv(
            self.in_channels,
            self.out_channels,
            [a + b + 1 for a, b in zip(before, after, strict=True)],
            dim=conv.dim,
            spacing=spacing,
            causal=conv.causal,
            depthwise=conv.separable,
        ).to(kernel)
        merged.weight.zero_()
        for part, origin in ((kernel, taps.origin), (small_scale * small.weight, small.origin)):
            start = [a - b for a, b in zip(before, origin, strict=True)]
            place = tuple(slice(s, s + k) for s, k in zip(start, part.shape, strict=False))
            merged.weight[place] += part
        merged.bias = nn.Parameter((shift + small_shift).to(kernel).expand(self.out_channels).clone())
        return merged.eval()


def _affine(norm: nn.Module, bias: Tensor | None, like: Tensor) -> tuple[Tensor, Tensor]:
    """Factor and offset of a norm in eval mode behind a layer with a bias."""
    if isinstance(norm, nn.Identity):
        return like.new_ones(()), like.new_zeros(()) if bias is None else bias
    if not isinstance(norm, nn.BatchNorm1d) or norm.running_mean is None or norm.running_var is None:
        raise TypeError(
            f"'norm' must be a BatchNorm1d to be merged: others depend on the input (got {type(norm).__name__})"
        )
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    mean = norm.running_mean if bias is None else norm.running_mean - bias
    return scale, norm.bias - mean * scale


def merge_branches(model: nn.Module) -> nn.Module:
    """Copy a network for inference, every :class:`BranchedConv` in it one ordinary convolution.

    The copy is in eval mode and gives the same answers, faster, on grids of the training spacing. Its kernels are taps:
    it cannot be trained further or saved under the model's name.

    Args:
        model: any network; it stays as it is.

    Raises:
        TypeError: branches that cannot be merged, see :meth:`BranchedConv.merged`.

    Example:
        >>> from ccnn_pc.domains import Grid
        >>> from ccnn_pc.nn import ContinuousConv
        >>> conv = ContinuousConv(2, 2, dim=1, extent=4.0, separable=False)
        >>> net = nn.ModuleList([BranchedConv(conv, TapConv(2, 2, 3, dim=1))]).eval()
        >>> x, grid = torch.rand(9, 2), Grid((9,))
        >>> bool(torch.allclose(merge_branches(net)[0](x, grid), net[0](x, grid), atol=1e-5))
        True
    """
    if isinstance(model, BranchedConv):
        return model.merged()
    twin = copy.deepcopy(model).eval()
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, BranchedConv):
                setattr(parent, name, child.merged())
    if hasattr(twin, "config"):
        twin.config = {}  # type: ignore[assignment]  # no name makes this network
    return twin
