"""What every domain offers to a layer."""

from __future__ import annotations

import abc
from dataclasses import dataclass

from torch import Tensor

from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels.base import AbstractKernel
from ccnn_pc.kernels.windows import AbstractWindow


@dataclass(frozen=True)
class ConvolutionTerms:
    """What a layer knows and a domain does not: everything that decides the value of ``w m K x`` on an edge.

    Attributes:
        kernel: kernel coordinates ``[..., D]`` -> values ``[..., C]``; C is C_in (separable) or C_out * C_in (full,
            numbered out * C_in + in).
        window: the envelope m.
        extent: reach of the kernel in position units ``[D]``.
        causal: whether the kernel sees the past only (one axis).
        threshold: entries with a window below it may be left out; 0 keeps all.
        channels_in: C_in.
        separable: whether the kernel is depthwise.
        penalty: whether the kernel's L2 penalty is asked for.
        spacing: distance of samples in training ``[D]``.
    """

    kernel: AbstractKernel
    window: AbstractWindow
    extent: Tensor
    channels_in: int
    causal: bool = False
    threshold: float = 0.0
    separable: bool = True
    penalty: bool = False
    spacing: Tensor | None = None


class AbstractDomain(abc.ABC):
    """Samples somewhere in space; plain object without parameters.

    ``n`` samples, ``m`` queries; m = n and queries = samples unless query positions are given.
    """

    dim: int
    num_samples: int
    num_queries: int
    #: Whether :meth:`convolve` renders kernel values, so that any kernel will do; else it needs one that factorises.
    renders: bool = False

    @abc.abstractmethod
    def to(self, device: object) -> AbstractDomain:
        """The same domain on another device."""

    @abc.abstractmethod
    def edges(self, reach: float) -> Tensor:
        """Pairs that a kernel of Euclidean reach ``reach`` (position units) can connect, ``[2, E]``.

        Row 0 holds samples j, row 1 queries i (PyG's ``source_to_target``).
        """

    @abc.abstractmethod
    def rel(self, edge_index: Tensor) -> Tensor:
        """Offsets sample - query of edges, ``[E, D]``, in position units."""

    @abc.abstractmethod
    def segments(self) -> tuple[Tensor, int]:
        """Which cloud, series or image each query belongs to, int64 ``[m]``, and how many there are."""

    def tolerance(self, extent: Tensor) -> float | None:
        """How far outside of the support a kernel coordinate still counts as inside; None: by floating type."""
        return None

    def present(self) -> Tensor:
        """Pairs of a sample and a query at the same position, ``[2, E]``: where the kernels of causal layers end."""
        edge_index = self.edges(0.0)
        return edge_index[:, (self.rel(edge_index) == 0).all(dim=1)]

    def later_share(self, spacing: Tensor | None) -> Tensor | None:
        """Share of each sample's weight that stands for what comes after it, ``[n]``; None: one half.

        Args:
            spacing: distance of samples in training ``[1]``; None: kernels see nothing but samples.
        """
        return None

    @property
    def requires_grad(self) -> bool:
        """Whether somebody wants gradients with respect to positions; only message passing gives them."""
        return False

    @abc.abstractmethod
    def quadrature(self, spacing: Tensor, reference_count: float | None) -> Tensor | None:
        """Weights w of the samples: the volume each stands for over that in training.

        Args:
            spacing: distance of samples in training ``[D]``, which grids and series refer to.
            reference_count: samples per cloud in training, which clouds refer to.

        Returns:
            ``[n]``, ``[n, C_in]`` where channels differ, one number where all samples are alike, None where all are 1.
        """

    @abc.abstractmethod
    def convolve(self, x: Tensor, terms: ConvolutionTerms) -> tuple[Tensor, Tensor | None]:
        """The domain's fast path: weighted samples ``[n, C_in]`` to ``[m, C]``, and the kernel penalty if asked for.

        Raises:
            TypeError: the kernel does not factorise and the fast path needs it to.
        """

    @abc.abstractmethod
    def pool(self, x: Tensor, reduce: Pool = Pool.MEAN) -> Tensor:
        """One row per cloud, series or image: ``[m, C]`` to ``[B, C]`` (``[B, 2C]`` for mean and max)."""
