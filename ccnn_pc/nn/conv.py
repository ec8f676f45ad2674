"""The one layer of this library: a convolution whose kernel is a function of relative position."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from ccnn_pc._autograd import check_outside_of_torch_func, in_forward_mode
from ccnn_pc._checks import check_at_least, check_extent, check_flags
from ccnn_pc._choices import choice
from ccnn_pc._precision import at_least_single, autocast_type, keeping_single, own_types
from ccnn_pc._values import is_batched, number, numbers, readable
from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms
from ccnn_pc.domains.factorized import runs_natively
from ccnn_pc.kernels import Init, MAGNet
from ccnn_pc.kernels.base import AbstractKernel, FactorizedKernel
from ccnn_pc.kernels.scaling import scale_readout_, support_points
from ccnn_pc.kernels.windows import AbstractWindow, GaussianWindow
from ccnn_pc.nn.endpoint import future_part
from ccnn_pc.nn.fan import CloudReference, Reference, grid_reference
from ccnn_pc.nn.located import Pair, as_domain, as_grid, check_samples, plain
from ccnn_pc.nn.mixing import ChannelMixing
from ccnn_pc.nn.penalty import active_penalty
from ccnn_pc.nn.quadrature import Quadrature
from ccnn_pc.ops.coordinates import in_support, kernel_coordinates

#: Entries with a window below this are left out by default: below the rounding of the sum they belong to.
PRUNING_THRESHOLD = {torch.float32: 1e-7, torch.float64: 1e-16}

KernelFactory = Callable[..., AbstractKernel]
WindowFactory = Callable[..., AbstractWindow]


class Algorithm(enum.Enum):
    """How a layer computes: AUTO (the domain's fast algorithm where it applies), MESSAGES (the definition), FAST."""

    AUTO = "auto"
    MESSAGES = "messages"
    FAST = "fast"


class KernelConv(MessagePassing):
    r"""The sum over samples that a continuous convolution is, and nothing behind it.

    .. math:: y(q_i) = \sum_{j \in N(i)} w_j \, m(u_{ij}) \, K(u_{ij}) \, x_j + b, \qquad u_{ij} = u(p_j - q_i)

    K is a small neural network (CKConv eq. 4), m the window (FlexConv eq. 3), w_j quadrature weights (CKConv eq. 5
    and 8). *Separable* layers are depthwise: one kernel value per channel; *full* layers have a value per pair of
    channels. Outside of the kernel's support, and outside of the data, it is zero.

    Args:
        in_channels: C_in.
        out_channels: C_out; C_in where separable.
        dim: number of axes D of the positions.
        kernel: makes the kernel: called with ``dim, out_channels, fan, causal``.
        window: makes the window: called with ``dim, causal``.
        extent: reach of the kernel in position units, one number or one per axis: half-width, or full lag if causal.
        causal: let outputs see the past only; one axis.
        separable: depthwise kernel, or a full one.
        bias: add one.
        quadrature: how the integral becomes a sum; see :class:`Quadrature`.

    Shapes and calls as those of :class:`ContinuousConv`.

    Raises:
        ValueError: channels or dim below 1, extent or spacing not positive, causal with more than one axis, an
            endpoint that is not 1 where the layer is not causal, separable with another C_out.
        TypeError: kernel or window is no class of kernels or windows, or ``partial`` of one.

    Example:
        >>> from ccnn_pc.domains import Grid
        >>> KernelConv(4, 4, dim=1, extent=3.0)(torch.rand(9, 4), Grid((9,))).shape
        torch.Size([9, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dim: int,
        kernel: KernelFactory = MAGNet,
        window: WindowFactory = GaussianWindow,
        extent: float | Sequence[float] = 1.0,
        causal: bool = False,
        separable: bool = True,
        bias: bool = True,
        quadrature: Quadrature = Quadrature(),  # noqa: B008  (frozen)
    ) -> None:
        check_outside_of_torch_func("a layer")
        if not isinstance(quadrature, Quadrature):
            raise TypeError(f"'quadrature' must be a Quadrature (got {quadrature!r})")
        check_flags(causal=causal, separable=separable, bias=bias)
        super().__init__(aggr="sum", node_dim=0)
        self.in_channels = check_at_least("in_channels", in_channels, 1)
        self.out_channels = check_at_least("out_channels", out_channels, 1)
        self.dim = check_at_least("dim", dim, 1)
        if separable and out_channels != in_channels:
            raise ValueError(f"'out_channels' must be {in_channels} where separable (got {out_channels})")
        if causal and dim != 1:
            raise ValueError(f"'causal' must be False for data with more than one axis (got dim={dim})")
        if quadrature.endpoint != 1.0 and not causal:
            raise ValueError(f"'endpoint' must be 1.0 unless the layer is causal (got {quadrature.endpoint})")
        self.causal, self.separable, self.quadrature = causal, separable, quadrature
        self.endpoint, self.threshold = float(quadrature.endpoint), quadrature.threshold
        self._extent = check_extent("extent", extent, dim)
        spacing = check_extent("spacing", quadrature.spacing, dim)
        self.register_buffer("extent", self._extent.to(torch.get_default_dtype()))
        self.register_buffer("spacing", spacing.to(torch.get_default_dtype()))
        # 0: the cloud's own count
        self.register_buffer("reference_count", torch.tensor(float(quadrature.reference_count or 0.0)))
        self._remember()
        self.extent: Tensor
        self.spacing: Tensor
        self.reference_count: Tensor

        _check_factory("kernel", kernel, AbstractKernel)
        _check_factory("window", window, AbstractWindow)
        self._factories = {"kernel": _spelled(kernel), "window": _spelled(window)}
        self.window = window(dim=dim, causal=causal)
        reference = self._reference()
        if isinstance(reference, Reference):
            reference = reference.fan(self.window, self._extent, causal, self.endpoint)
        self.fan = reference * (1 if separable else in_channels)
        values = in_channels if separable else in_channels * out_channels
        self.kernel = kernel(dim=dim, out_channels=values, fan=self.fan, causal=causal)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self._match_variance()

    def __getstate__(self) -> dict[str, Any]:
        """Copies, files and hashes without the signatures that PyG reads of a class: joblib knows no types of None."""
        told = self.explain is not None  # PyG has changed them
        return {name: value for name, value in self.__dict__.items() if told or name != "inspector"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "inspector" not in state:
            blank = type(self).__new__(type(self))
            MessagePassing.__init__(blank, aggr="sum", node_dim=0)
            state = {**state, "inspector": blank.inspector}
        super().__setstate__(state)

    def _remember(self) -> None:
        """Extent and spacing of training as numbers, for graphs, which know no values of tensors."""
        if readable(self.extent, self.spacing):
            self._known = (tuple(numbers(self.extent)), tuple(numbers(self.spacing)))

    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:
        super()._load_from_state_dict(*arguments, **options)
        self._remember()

    def reset_parameters(self) -> None:
        """Draw new initial values of window, kernel and bias."""
        self.window.reset_parameters()
        self.kernel.reset_parameters()
        self._match_variance()
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def _reference(self) -> Reference | float:
        """What the fan is counted on, or the fan of one input channel."""
        given, spacing = self.quadrature.fan, check_extent("spacing", self.quadrature.spacing, self.dim)
        if given is None and bool((self._extent > spacing).any()):
            return grid_reference(self._extent, spacing, self.causal)
        if given is None:
            given = CloudReference(max(1, round(self.quadrature.reference_count or 512)))
        return given.offsets(self.dim) if isinstance(given, CloudReference) else given

    @torch.no_grad()
    def _match_variance(self) -> None:
        """Scale the kernel so that its second moment *under the window* is 1 / fan.

        Kernel networks are strongest in some places and windows look at some places; without this the output variance
        would depend on both. Only where the kernel follows the default rule; published initial values stay.
        """
        if not (isinstance(self.kernel, FactorizedKernel) and self.kernel.init is Init.DEFAULT):
            return
        reference = self._reference()
        if isinstance(reference, Reference):
            u, weight = reference.coordinates(self.window, self.extent, self.causal, self.endpoint)
        else:
            lower, upper = self.window.support(1e-3)
            u = support_points(self.dim, lower=lower, upper=upper)
            weight = self.window(u.to(self.extent))[..., 0].square()
        scale_readout_(self.kernel, 1.0 / self.fan, u.to(self.extent), weight=weight)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> KernelConv:
        """Extent, spacing and reference count stay float32 in half precision, as kernel and window do."""
        mine = [self.extent, self.spacing, self.reference_count]
        return super()._apply(keeping_single(fn, lambda tensor: any(tensor is t for t in mine)), recurse)

    def forward(
        self,
        x: Tensor | Pair,
        domain: AbstractDomain | Tensor | Pair | None = None,
        edge_index: Tensor | None = None,
        *,
        batch: Tensor | tuple[Tensor, Tensor] | None = None,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> Tensor:
        """Convolve samples that lie on a domain, as a graph, or in an array; see the class.

        Args:
            x: samples ``[n, C_in]``, or an array ``[B, C_in, *S]`` without a domain; with an ``edge_index`` also a pair
                of samples and of features of the queries, which are not read.
            domain: where they lie: a domain; or positions ``[n, D]``, or a pair of them, of samples and queries.
            edge_index: neighbours ``[2, E]`` where positions are given, row 0 samples, row 1 queries.
            batch: where positions are given, the cloud of each sample, or a pair of them; None: one cloud.
            algorithm: how to compute; every one gives the same number up to rounding. AUTO takes MESSAGES where
                positions ask for gradients and the fast algorithm has none, for tangents (``torch.func.jvp``), and
                while hooks of message passing are registered or the mask of an explainer is set.

        Raises:
            ValueError: x does not fit the layer or the domain; FAST where positions need a gradient that it does not
                have, or while hooks or masks are there to be heard; buffers that are a batch of ``torch.vmap``.
            TypeError: x is no floating tensor of the layer's precision, or lies on no domain; FAST with a kernel that
                does not factorise.
        """
        if domain is None and edge_index is None:
            samples, grid = as_grid(x, self.dim, self.in_channels, self._spacings())
            return grid.unflatten(self.convolve(samples, grid, algorithm))
        return self.convolve(*as_domain(x, domain, edge_index, batch), algorithm)

    def _spacings(self) -> Sequence[float]:
        return numbers(self.spacing) if readable(self.spacing) else self._known[1]

    def convolve(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm = Algorithm.AUTO) -> Tensor:
        """Samples ``[n, C_in]`` on a domain to ``[m, C_out]``; see :meth:`forward`."""
        return self._biased_sum(x, domain, algorithm).to(autocast_type(x))

    def _biased_sum(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm) -> Tensor:
        self._check(x, domain)
        domain.judge_coverage(self.window, self.extent)
        outside = torch.compiler.is_compiling() and not (
            domain.renders or runs_natively(x, self.terms(), self.dim)
        )
        run = self._sum_outside if outside else self._sum
        y = run(self._weighted(x, domain), domain, algorithm)
        return y if self.bias is None else y + self.bias

    def _check(self, x: Tensor, domain: AbstractDomain) -> None:
        check_samples(x, domain, self.dim, self.in_channels, self.extent)
        if is_batched(self.extent):
            raise ValueError(
                "buffers must be those of the layer where torch.vmap runs over its parameters: in_dims=None for them "
                "(got a batch of 'extent')"
            )

    def _weighted(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """Samples times their quadrature weights."""
        reference = number(self.reference_count)
        own = not isinstance(reference, Tensor) and reference == 0
        known = torch.compiler.is_compiling() and domain.renders
        spacing = self._known[1] if known else self.spacing
        weights = domain.quadrature(spacing, None if own else reference)
        if weights is None:
            return x
        if weights.dim() == 2 and weights.shape[1] != self.in_channels:
            raise ValueError(
                f"'mask' or 'weights' must have {self.in_channels} channels like the layer (got {weights.shape[1]})"
            )
        weights = (weights[:, None] if weights.dim() == 1 else weights).to(x.device)
        return (x * weights.to(at_least_single(x.dtype))).to(x.dtype)

    def _sum(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm) -> Tensor:
        """The sum over weighted samples, by one algorithm or the other."""
        algorithm = choice("algorithm", algorithm, Algorithm)
        lacks_gradient = domain.requires_grad and not domain.differentiates(x, self.terms())
        if algorithm is Algorithm.FAST and lacks_gradient:
            raise ValueError(
                "'algorithm' must be MESSAGES or AUTO where positions need a gradient (got Algorithm.FAST)"
            )
        if algorithm is Algorithm.FAST:
            self._check_unwatched()
        has_fast = isinstance(self.kernel, FactorizedKernel) or domain.renders
        messages_only = self._watched() or lacks_gradient or in_forward_mode() or not has_fast
        if algorithm is Algorithm.MESSAGES or (algorithm is Algorithm.AUTO and messages_only):
            return self._messages(x, domain)
        y = self._fast(x, domain)
        if self.endpoint < 1.0:
            y = y - 2.0 * (1.0 - self.endpoint) * future_part(x, domain, self._present())
        return y

    @torch.compiler.disable  # calls that work off chunks, or edges; what is around them is compiled
    def _sum_outside(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm) -> Tensor:
        return self._sum(x, domain, algorithm)

    def _watched(self) -> bool:
        """Whether somebody looks at messages, or masks them."""
        hooks = (
            self._propagate_forward_pre_hooks,
            self._propagate_forward_hooks,
            self._message_forward_pre_hooks,
            self._message_forward_hooks,
            self._aggregate_forward_pre_hooks,
            self._aggregate_forward_hooks,
            self._edge_update_forward_pre_hooks,
            self._edge_update_forward_hooks,
        )
        return bool(self.explain) or self._edge_mask is not None or any(hooks)

    def _check_unwatched(self) -> None:
        """Nobody may look at messages where there are none.

        Raises:
            ValueError: hooks of message passing, or an edge mask.
        """
        if self._watched():
            raise ValueError(
                "'algorithm' must be MESSAGES or AUTO while hooks of message passing are registered or an edge mask "
                "is set: there are no messages in others (got Algorithm.FAST)"
            )

    def _messages(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        # who looks at messages finds them on all edges, in the order in which they were given
        edge_index = domain.given_edges() if self._watched() else None
        if edge_index is None:
            reach = self.window.reach(self.extent, self._threshold(x))
            # a batch of widths is no number; all edges then
            edge_index = domain.edges(float(reach) if readable(reach) else math.inf)
        if self.explain and self._edge_mask is not None and len(self._edge_mask) != edge_index.shape[1]:
            raise ValueError(
                f"the edge mask must have an entry for each of the {edge_index.shape[1]} edges "
                f"(got {len(self._edge_mask)})"
            )
        rel, size = domain.rel(edge_index), (domain.num_samples, domain.num_queries)
        u = kernel_coordinates(rel, self.extent, self.causal)
        inside = in_support(u, domain.tolerance(self.extent))[:, None].to(self.extent)
        values = self.edge_updater(edge_index, size, u=u.clamp(-1, 1).to(self.extent), inside=inside)
        penalty = active_penalty()
        if penalty is not None:
            penalty.add(values.square().sum() / domain.num_queries)
        if self.endpoint < 1.0:
            fraction = domain.future_fraction()
            future = (rel == 0).all(dim=1).to(values)
            future = future * (0.5 if fraction is None else fraction.to(values)[edge_index[0]])
            values = values * (1.0 - 2.0 * (1.0 - self.endpoint) * future)[:, None]
        return self.propagate(edge_index, size, x=(x, None), values=values).to(x.dtype)

    def _set_jittable_templates(self, raise_on_error: bool = False) -> None:
        """Once per class: PyG looks through the source of the class, 60 ms, and would do so for every layer."""
        if raise_on_error or "_orig_propagate" not in type(self).__dict__:
            super()._set_jittable_templates(raise_on_error)

    def edge_update(self, u: Tensor, inside: Tensor) -> Tensor:  # type: ignore[override]
        """``m(u) K(u)`` for each edge."""
        with own_types(u.device.type):
            return self.kernel(u) * (self.window(u) * inside)

    def message(self, x_j: Tensor, values: Tensor) -> Tensor:  # type: ignore[override]
        """``w_j m(u) K(u) x_j`` for each edge: the definition of this layer (x_j comes weighted)."""
        if self.separable:
            return values * x_j
        full = values.unflatten(-1, (self.out_channels, self.in_channels))
        return torch.einsum("eoc,ec->eo", full, x_j.to(values))

    def terms(self, threshold: float = 0.0) -> ConvolutionTerms:
        """What a domain must know of this layer to compute it, leaving out what lies below a threshold."""
        penalty = active_penalty() is not None
        return ConvolutionTerms(
            self.kernel,
            self.window,
            self.extent,
            self.in_channels,
            self.causal,
            threshold,
            self.separable,
            penalty,
            self.spacing,
            self._known,
        )

    def _fast(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        y, penalty = domain.convolve(x, self.terms(self._threshold(x)))
        collector = active_penalty()
        if collector is not None and penalty is not None:
            collector.add(penalty)
        return y

    def _present(self) -> Tensor:
        """The windowed kernel at the present, where a causal one ends: ``[C_in]``, or ``[C_out, C_in]`` full."""
        u = self.extent.new_ones(1, 1)
        with own_types(u.device.type):
            value = (self.kernel(u) * self.window(u))[0]
        return value if self.separable else value.view(self.out_channels, self.in_channels)

    def _threshold(self, x: Tensor) -> float:
        return PRUNING_THRESHOLD.get(x.dtype, 1e-7) if self.threshold is None else self.threshold

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join([*map(str, self._sizes()), *self._options()])})"

    def _sizes(self) -> tuple[int, ...]:
        return self.in_channels, self.out_channels

    def _options(self) -> list[str]:
        """What it takes to build this layer again, without defaults: as buffers have it, also after loading."""
        ours = {"kernel": MAGNet.__name__, "window": GaussianWindow.__name__}
        spelled = [f"{name}={text}" for name, text in self._factories.items() if text != ours[name]]
        extent, spacing = plain(self.extent), plain(self.spacing)
        quadrature = dataclasses.replace(
            self.quadrature,
            spacing=spacing,
            reference_count=float(self.reference_count) or None,
            endpoint=self.endpoint,
            threshold=self.threshold,
        )
        return [
            f"dim={self.dim}",
            *spelled,
            *([f"extent={extent}"] if extent != 1.0 else []),
            *(["causal=True"] if self.causal else []),
            *([] if self.bias is not None else ["bias=False"]),
            *([f"quadrature={quadrature}"] if quadrature != Quadrature() else []),
            *([] if self.separable else ["separable=False"]),
        ]


class DepthwiseConv(KernelConv):
    """A separable continuous convolution without the mixing of channels: as many come out as go in.

    Args:
        channels: C.
        options: as in :class:`KernelConv`, without ``separable``.

    Example:
        >>> from ccnn_pc.domains import Grid
        >>> DepthwiseConv(4, dim=1, extent=3.0)(torch.rand(9, 4), Grid((9,))).shape
        torch.Size([9, 4])
    """

    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(channels, channels, separable=True, **options)

    def _sizes(self) -> tuple[int, ...]:
        return (self.in_channels,)


class ContinuousConv(KernelConv):
    r"""Convolution with a continuous kernel, on any domain: depthwise with channel mixing, or full.

    .. math::
        y(q_i) = A \Bigl(\sum_{j \in N(i)} w_j \, m(u_{ij}) \, K(u_{ij}) \, x_j + b\Bigr) + a, \qquad
        u_{ij} = u(p_j - q_i)

    K is a small neural network (CKConv eq. 4), m the window (FlexConv eq. 3), w_j quadrature weights (CKConv eq. 5
    and 8). *Separable* layers (CCNN section 4.2) have one kernel value per input channel and mix channels with the
    linear map A afterwards; *full* layers have a value per pair of channels, and no A. Outside of the kernel's support,
    and outside of the data, it is zero.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        dim: number of axes D of the positions.
        kernel: makes the kernel: called with ``dim, out_channels, fan, causal``.
        window: makes the window: called with ``dim, causal``.
        extent: reach of the kernel in position units, one number or one per axis: half-width, or full lag if causal.
        causal: let outputs see the past only; one axis.
        separable: depthwise kernel and channel mixing, or a full kernel.
        bias: add one, and one of the mixing.
        quadrature: how the integral becomes a sum: spacing or count of samples in training, what initial kernels are
            scaled for, where causal kernels end, what may be left out; see :class:`Quadrature`.

    Shapes:
        * ``conv(x, domain)``: x ``[n, C_in]``, output ``[m, C_out]``; the domain has n samples and m queries.
        * ``conv(x, pos, edge_index)``, as PyG's layers; also bipartite: ``conv((x, x_q), (pos, pos_q), edge_index)``.
        * ``conv(x)``: an array ``[B, C_in, *S]`` of D axes, samples as far apart as in training, to ``[B, C_out, *S]``.

    Raises:
        ValueError: channels or dim below 1, extent or spacing not positive, causal with more than one axis, an
            endpoint that is not 1 where the layer is not causal.

    Example:
        >>> from ccnn_pc.domains import PointSet
        >>> cloud = PointSet(torch.rand(20, 3)).knn(8)
        >>> conv = ContinuousConv(6, 32, dim=3)
        >>> conv
        ContinuousConv(6, 32, dim=3)
        >>> conv(torch.rand(20, 6), cloud).shape
        torch.Size([20, 32])
        >>> ContinuousConv(3, 8, dim=2, extent=4.0)(torch.rand(2, 3, 16, 20)).shape
        torch.Size([2, 8, 16, 20])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dim: int,
        kernel: KernelFactory = MAGNet,
        window: WindowFactory = GaussianWindow,
        extent: float | Sequence[float] = 1.0,
        causal: bool = False,
        separable: bool = True,
        bias: bool = True,
        quadrature: Quadrature = Quadrature(),  # noqa: B008  (frozen)
    ) -> None:
        check_at_least("out_channels", out_channels, 1)
        check_flags(separable=separable)
        super().__init__(
            in_channels,
            in_channels if separable else out_channels,
            dim=dim,
            kernel=kernel,
            window=window,
            extent=extent,
            causal=causal,
            separable=separable,
            bias=bias,
            quadrature=quadrature,
        )
        self.out_channels = out_channels
        self.mix = ChannelMixing(in_channels, out_channels, bias=bias) if separable else None

    def reset_parameters(self) -> None:
        """Draw new initial values of window, kernel, bias and mixing."""
        super().reset_parameters()
        if self.mix is not None:
            self.mix.reset_parameters()

    def convolve(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm = Algorithm.AUTO) -> Tensor:
        """Samples ``[n, C_in]`` on a domain to ``[m, C_out]``; see :meth:`forward`."""
        if self.mix is None:
            return super().convolve(x, domain, algorithm)
        return self.mix(self._biased_sum(x, domain, algorithm))


def _check_factory(name: str, factory: Any, kind: type[nn.Module]) -> None:
    """``factory`` must be what makes kernels or windows.

    Raises:
        TypeError: a string, a module that is made already, a class of something else.
    """
    made = factory
    while isinstance(made, functools.partial):
        made = made.func
    if isinstance(made, type) and not issubclass(made, kind):
        raise TypeError(f"'{name}' must be a class derived from {kind.__name__} (got {made.__name__})")
    if not callable(made) or isinstance(made, nn.Module):
        given = repr(made) if isinstance(made, str) else f"a {type(made).__name__}"
        raise TypeError(
            f"'{name}' must be a class, or a functools.partial of one (got {given}); "
            f"ccnn_pc.kernels.{name}_factory makes one of a name"
        )


def _spelled(factory: Any) -> str:
    """How a factory is written: a class, or a ``functools.partial`` of one."""
    if isinstance(factory, functools.partial):
        arguments = [
            *map(_spelled, factory.args),
            *(f"{k}={_spelled(v)}" for k, v in factory.keywords.items()),
        ]
        return f"partial({', '.join([_spelled(factory.func), *arguments])})"
    if isinstance(factory, enum.Enum):
        return str(factory)
    return getattr(factory, "__qualname__", repr(factory))
