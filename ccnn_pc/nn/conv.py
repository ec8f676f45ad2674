"""The one layer of this library: a convolution whose kernel is a function of relative position."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from ccnn_pc._checks import check_at_least, check_extent, check_positive
from ccnn_pc._choices import choice
from ccnn_pc._precision import at_least_single, autocast_type, keeping_single
from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms
from ccnn_pc.kernels import Init, MAGNet
from ccnn_pc.kernels.base import AbstractKernel, FactorizedKernel
from ccnn_pc.kernels.scaling import scale_readout_, support_points
from ccnn_pc.kernels.windows import AbstractWindow, GaussianWindow
from ccnn_pc.nn.endpoint import check_endpoint, future_part
from ccnn_pc.nn.fan import Reference, cloud_reference, grid_reference
from ccnn_pc.nn.penalty import active_penalty
from ccnn_pc.ops.coordinates import in_support, kernel_coordinates

#: Entries with a window below this are left out by default: below the rounding of the sum they belong to.
PRUNING_THRESHOLD = {torch.float32: 1e-7, torch.float64: 1e-16}


class Algorithm(enum.Enum):
    """How a layer computes: AUTO (the domain's fast algorithm where it applies), MESSAGES (the definition), FAST."""

    AUTO = "auto"
    MESSAGES = "messages"
    FAST = "fast"


class ContinuousConv(MessagePassing):
    r"""Convolution with a continuous kernel, on any domain.

    .. math:: y(q_i) = \sum_{j \in N(i)} w_j \, m(u_{ij}) \, K(u_{ij}) \, x_j + b, \qquad u_{ij} = u(p_j - q_i)

    K is a small neural network (CKConv eq. 4), m the window (FlexConv eq. 3), w_j quadrature weights (CKConv eq. 5
    and 8). *Separable* layers (CCNN section 4.2) have one kernel value per input channel and mix channels with a linear
    map afterwards; *full* layers have a value per pair of channels. Outside of the kernel's support, and outside of the
    data, it is zero.

    **Main arguments**

    Args:
        in_channels: C_in.
        out_channels: C_out.
        dim: number of axes D of the positions.
        kernel: makes the kernel: called with ``dim, out_channels, fan, causal``.
        window: makes the window: called with ``dim, causal``.
        extent: reach of the kernel in position units, one number or one per axis: half-width, or full lag if causal.

    **Other arguments**

    Args:
        spacing: distance of samples in training on grids and series, per axis; weights of other spacings refer to it.
        reference_count: points per cloud in training, which the weights of clouds refer to: clouds with more points
            are then the same function, sampled more finely. None: each cloud's own count.
        fan: :math:`\sum_j w_j^2 m_j^2` that initial kernels are scaled for, so that unit noise comes out with unit
            variance: a number, or a :class:`ccnn_pc.nn.fan.Reference`, the offsets to count it on. None: the grid of
            ``extent`` and ``spacing``; where the extent holds no more than one spacing (clouds), ``reference_count``
            (512) points on the unit sphere with their 256 nearest.
        causal: let outputs see the past only; one axis.
        endpoint: where a causal kernel ends, at the present sample: 1.0 counts all of its weight (as published; sums
            converge to the integral with first order), 0.5 what lies before the query alone (the trapezoidal rule,
            second order); in between, :math:`1 - 2 (1 - e)\, a_j` of it with the fraction :math:`a_j` that lies after
            it, which is half on grids.
        separable: depthwise kernel and channel mixing, or a full kernel.
        bias: add one, and one of the mixing.
        threshold: leave out samples where the window is below it, at an error of at most
            ``threshold * sum_j |w_j K_j x_j|``; None: 1e-7 in float32, 1e-16 in float64; 0: leave out nothing.

    Shapes:
        * x: ``[n, C_in]``, output ``[m, C_out]``; the domain has n samples and m queries.

    Raises:
        ValueError: channels or dim below 1, extent or spacing not positive, causal with more than one axis, an
            endpoint outside of [0.5, 1], or not 1 where the layer is not causal.

    Example:
        >>> from ccnn_pc.domains import PointSet
        >>> cloud = PointSet(torch.rand(20, 3)).knn(8)
        >>> conv = ContinuousConv(6, 32, dim=3)
        >>> conv
        ContinuousConv(6, 32, dim=3)
        >>> conv(torch.rand(20, 6), cloud).shape
        torch.Size([20, 32])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dim: int,
        kernel: Callable[..., AbstractKernel] = MAGNet,
        window: Callable[..., AbstractWindow] = GaussianWindow,
        extent: float | Sequence[float] = 1.0,
        spacing: float | Sequence[float] = 1.0,
        reference_count: float | None = None,
        fan: float | Reference | None = None,
        causal: bool = False,
        endpoint: float = 1.0,
        separable: bool = True,
        bias: bool = True,
        threshold: float | None = None,
    ) -> None:
        super().__init__(aggr="sum", node_dim=0)
        self.in_channels = check_at_least("in_channels", in_channels, 1)
        self.out_channels = check_at_least("out_channels", out_channels, 1)
        self.dim = check_at_least("dim", dim, 1)
        if causal and dim != 1:
            raise ValueError(f"'causal' must be False for data with more than one axis (got dim={dim})")
        if threshold is not None and not 0 <= threshold < 1:
            raise ValueError(f"'threshold' must be in [0, 1) (got {threshold})")
        self.causal, self.separable, self.threshold = causal, separable, threshold
        self.endpoint = check_endpoint(endpoint, causal)
        extents, spacings = check_extent("extent", extent, dim), check_extent("spacing", spacing, dim)
        count = 0.0 if reference_count is None else check_positive("reference_count", reference_count)
        self.register_buffer("extent", extents.to(torch.get_default_dtype()))
        self.register_buffer("spacing", spacings.to(torch.get_default_dtype()))
        self.register_buffer("reference_count", torch.tensor(count))  # 0: the cloud's own count
        self.extent: Tensor
        self.spacing: Tensor
        self.reference_count: Tensor

        self.window = window(dim=dim, causal=causal)
        if fan is None:
            fan = _default_reference(extents, spacings, reference_count, causal)
        reference = fan if isinstance(fan, Reference) else None
        taps = (
            fan.fan(self.window, extents, causal, self.endpoint)
            if isinstance(fan, Reference)
            else check_positive("fan", fan)
        )
        self.fan = taps * (1 if separable else in_channels)
        values = in_channels if separable else in_channels * out_channels
        self.kernel = kernel(dim=dim, out_channels=values, fan=self.fan, causal=causal)
        self.bias = nn.Parameter(torch.zeros(in_channels if separable else out_channels)) if bias else None
        self.mix = nn.Linear(in_channels, out_channels, bias=bias) if separable else None
        self.reset_mix()
        self._match_variance(reference)

    def reset_mix(self) -> None:
        """Initialise the channel mixing so that it keeps the variance: uniform with variance 1 / C_in, bias 0."""
        if self.mix is not None:
            nn.init.kaiming_uniform_(self.mix.weight, nonlinearity="linear")
            if self.mix.bias is not None:
                nn.init.zeros_(self.mix.bias)

    @torch.no_grad()
    def _match_variance(self, reference: Reference | None) -> None:
        """Scale the kernel so that its second moment *under the window* is 1 / fan.

        Kernel networks are strongest in some places and windows look at some places; without this the output variance
        would depend on both. Only where the kernel follows the default rule; published initial values stay.
        """
        if not (isinstance(self.kernel, FactorizedKernel) and self.kernel.init is Init.DEFAULT):
            return
        if reference is not None:
            u, weight = reference.coordinates(self.window, self.extent, self.causal, self.endpoint)
        else:
            lower, upper = self.window.support(1e-3)
            u = support_points(self.dim, lower=lower, upper=upper)
            weight = self.window(u.to(self.extent))[..., 0].square()
        scale_readout_(self.kernel, 1.0 / self.fan, u.to(self.extent), weight=weight)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> ContinuousConv:
        """Extent, spacing and reference count stay float32 in half precision, as kernel and window do."""
        mine = [self.extent, self.spacing, self.reference_count]
        return super()._apply(keeping_single(fn, lambda tensor: any(tensor is t for t in mine)), recurse)

    @torch.compiler.disable  # autograd functions that work off chunks; what is around them is compiled
    def forward(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm = Algorithm.AUTO) -> Tensor:
        """Convolve samples ``x [n, C_in]`` that lie on ``domain``; see the class.

        Args:
            x: samples.
            domain: where they lie.
            algorithm: how to compute; every one gives the same number up to rounding. Gradients with respect to
                positions come from MESSAGES only, which AUTO takes where the positions ask for them.

        Raises:
            ValueError: x does not fit the layer or the domain.
            TypeError: x is no floating tensor; ``Algorithm.FAST`` with a kernel that does not factorise.
            ValueError: ``Algorithm.FAST`` where positions need a gradient.
        """
        algorithm = choice("algorithm", algorithm, Algorithm)
        self._check(x, domain)
        weights = domain.quadrature(self.spacing, float(self.reference_count) or None)
        if weights is not None:
            if weights.dim() == 2 and weights.shape[1] != self.in_channels:
                raise ValueError(
                    f"'mask' or 'weights' must have {self.in_channels} channels like the layer (got {weights.shape[1]})"
                )
            weights = (weights[:, None] if weights.dim() == 1 else weights).to(x.device)
            x = (x * weights.to(at_least_single(x.dtype))).to(x.dtype)
        if algorithm is Algorithm.FAST and domain.requires_grad:
            raise ValueError(
                "'algorithm' must be MESSAGES or AUTO where positions need a gradient (got Algorithm.FAST)"
            )
        fusible = isinstance(self.kernel, FactorizedKernel) or domain.renders
        fusible = fusible and not domain.requires_grad
        messages = algorithm is Algorithm.MESSAGES or (algorithm is Algorithm.AUTO and not fusible)
        y = self._messages(x, domain) if messages else self._fused(x, domain)
        if self.endpoint < 1.0:
            y = y - 2.0 * (1.0 - self.endpoint) * future_part(x, domain, self._present())
        if self.bias is not None:
            y = y + self.bias
        return y.to(autocast_type(x)) if self.mix is None else self.mix(y)

    def message(self, x_j: Tensor, u: Tensor, inside: Tensor) -> Tensor:  # type: ignore[override]
        """``w_j m(u) K(u) x_j`` for each edge: the definition of this layer (x_j comes weighted)."""
        with torch.autocast(u.device.type, enabled=False):
            values = self.kernel(u) * (self.window(u) * inside)
        penalty = active_penalty()
        if penalty is not None:
            penalty.add(values.square().sum() / self._num_queries)
        if self.separable:
            return values * x_j
        full = values.unflatten(-1, (self.out_channels, self.in_channels))
        return torch.einsum("eoc,ec->eo", full, x_j.to(values))

    def _messages(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        edge_index = domain.edges(float(self.window.reach(self.extent, self._threshold(x))))
        u = kernel_coordinates(domain.rel(edge_index), self.extent, self.causal)
        inside = in_support(u, domain.tolerance(self.extent))[:, None].to(self.extent)
        self._num_queries = domain.num_queries
        size = (domain.num_samples, domain.num_queries)
        y = self.propagate(
            edge_index, x=(x, None), u=u.clamp(-1, 1).to(self.extent), inside=inside, size=size
        )
        return y.to(x.dtype)

    def _fused(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        collector = active_penalty()
        terms = ConvolutionTerms(
            self.kernel,
            self.window,
            self.extent,
            self.in_channels,
            self.causal,
            self._threshold(x),
            self.separable,
            collector is not None,
            self.spacing,
        )
        y, penalty = domain.convolve(x, terms)
        if collector is not None and penalty is not None:
            collector.add(penalty)
        return y

    def _present(self) -> Tensor:
        """The windowed kernel at the present, where a causal one ends: ``[C_in]``, or ``[C_out, C_in]`` full."""
        u = self.extent.new_ones(1, 1)
        with torch.autocast(u.device.type, enabled=False):
            value = (self.kernel(u) * self.window(u))[0]
        return value if self.separable else value.view(self.out_channels, self.in_channels)

    def _threshold(self, x: Tensor) -> float:
        return PRUNING_THRESHOLD.get(x.dtype, 1e-7) if self.threshold is None else self.threshold

    def _check(self, x: Tensor, domain: AbstractDomain) -> None:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            raise TypeError(f"'x' must be a floating tensor (got {getattr(x, 'dtype', type(x).__name__)})")
        if domain.dim != self.dim:
            raise ValueError(f"'domain' must have {self.dim} axes like the layer (got {domain.dim})")
        if x.shape != (domain.num_samples, self.in_channels):
            wanted = [domain.num_samples, self.in_channels]
            raise ValueError(f"'x' must have shape {wanted}, samples x in_channels (got {list(x.shape)})")

    def __repr__(self) -> str:
        options = [f"{self.in_channels}, {self.out_channels}, dim={self.dim}"]
        options += ["causal=True"] if self.causal else []
        options += [f"endpoint={self.endpoint:g}"] if self.endpoint < 1.0 else []
        options += [] if self.separable else ["separable=False"]
        return f"{type(self).__name__}({', '.join(options)})"


def _default_reference(
    extent: Tensor, spacing: Tensor, reference_count: float | None, causal: bool
) -> Reference:
    if bool((extent > spacing).any()):
        return grid_reference(extent, spacing, causal)
    return cloud_reference(len(extent), round(reference_count or 512))
