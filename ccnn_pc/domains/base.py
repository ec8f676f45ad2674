"""What every domain offers to a layer."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from ccnn_pc._values import numbers, readable
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.domains.sampling import Sampling
from ccnn_pc.kernels.base import AbstractKernel
from ccnn_pc.kernels.windows import AbstractWindow

D = TypeVar("D", bound="AbstractDomain")
#: Where the samples of a source lie among those of a domain, or what reads answers there; None: some lie nowhere.
Back: TypeAlias = "Tensor | Callable[[Tensor], Tensor] | None"


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
        known: ``extent`` and ``spacing`` as the layer was built or loaded with them, for graphs, which read no tensors.
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
    known: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def reach_as_numbers(self) -> Sequence[float]:
        """``extent`` as numbers, those of now where they can be read."""
        return numbers(self.extent) if self.known is None or readable(self.extent) else self.known[0]


class AbstractDomain(abc.ABC):
    """Samples somewhere in space; plain object without parameters.

    ``n`` samples, ``m`` queries; m = n and queries = samples unless query positions are given.
    """

    dim: int
    num_samples: int
    num_queries: int
    #: Whether :meth:`convolve` renders kernel values, so that any kernel will do; else it needs one that factorises.
    renders: bool = False
    #: The domain that this one was resampled from, and which of its queries are that one's samples ``[n]``; fractions
    #: where some lie between two queries, None where no answer is defined there.
    resampled_from: tuple[AbstractDomain, Back] | None = None

    @abc.abstractmethod
    def to(self, device: object) -> AbstractDomain:
        """The same domain on another device."""

    @abc.abstractmethod
    def edges(self, reach: float) -> Tensor:
        """Pairs that a kernel of Euclidean reach ``reach`` (position units) can connect, ``[2, E]``.

        Row 0 holds samples j, row 1 queries i (PyG's ``source_to_target``).
        """

    def given_edges(self) -> Tensor | None:
        """All pairs that somebody gave, ``[2, E]`` in the order in which they were given; None where nobody did."""
        return None

    @abc.abstractmethod
    def rel(self, edge_index: Tensor) -> Tensor:
        """Offsets sample - query of edges, ``[E, D]``, in position units."""

    @abc.abstractmethod
    def segments(self) -> tuple[Tensor, int]:
        """Which cloud, series or image each query belongs to, int64 ``[m]``, and how many there are."""

    def tolerance(self, extent: Tensor) -> float | Tensor | None:
        """How far outside of the support a kernel coordinate still counts as inside; None: by floating type."""
        return None

    def judge_coverage(self, window: AbstractWindow, extent: Tensor) -> None:
        """Warn, once per run, where neighbours do not fit a layer's window; nothing where there are no neighbours."""
        return None

    def coincident_pairs(self) -> Tensor:
        """Pairs of a sample and a query at the same position, ``[2, E]``: where the kernels of causal layers end."""
        edge_index = self.edges(0.0)
        return edge_index[:, (self.rel(edge_index) == 0).all(dim=1)]

    def future_fraction(self) -> Tensor | None:
        """Fraction of each sample's weight that stands for what comes after it, ``[n]``; None: one half."""
        return None

    def as_input(self, x: Tensor, sampling: Sampling) -> tuple[Tensor, AbstractDomain]:
        """Data as a network reads them: features at every sample, and where these samples lie.

        What belongs to the data alone ends here: masks of channels, and lines between samples that are farther apart
        than in training. By default data are read as they are.

        Args:
            x: ``[n, C]``.
            sampling: what the network was trained on.

        Returns:
            ``[n', C]``, and the domain of the network's layers. See :meth:`at_source` for the way back.
        """
        return x, self.as_given()

    def as_given(self: D) -> D:
        """This domain, its own samples being those that the data came with, whether it was resampled or not."""
        if self.resampled_from is None:
            return self
        given = copy.copy(self)
        given.resampled_from = None
        return given

    def at_source(self, y: Tensor) -> tuple[Tensor, AbstractDomain]:
        """Rows of ``y [m, C]`` at the samples that the data came with, ``[n, C]``, and where these lie.

        Between two queries of a series they are interpolated.

        Raises:
            ValueError: the domain was resampled, and some of these samples lie between its own.
        """
        if self.resampled_from is None:
            return y, self
        source, index = self.resampled_from
        if index is None:
            raise ValueError(
                "'x' must lie at whole multiples of the training spacing for answers per sample on straight lines "
                f"(got samples of {source} between)"
            )
        if callable(index):
            return index(y), source
        if index.is_floating_point():
            left = index.floor().long().clamp(0, len(y) - 1)
            right = index.ceil().long().clamp(0, len(y) - 1)
            return torch.lerp(y[left], y[right], (index - index.floor())[:, None].to(y)), source
        return y[index], source

    @property
    def requires_grad(self) -> bool:
        """Whether somebody may want derivatives with respect to positions."""
        return False

    def differentiates(self, x: Tensor, terms: ConvolutionTerms) -> bool:
        """Whether :meth:`convolve` gives gradients with respect to positions; message passing always does."""
        return False

    @abc.abstractmethod
    def quadrature(
        self, spacing: Tensor | Sequence[float], reference_count: float | Tensor | None
    ) -> Tensor | None:
        """Weights w of the samples: the volume each stands for over that in training.

        Args:
            spacing: distance of samples in training ``[D]``, which grids and series refer to.
            reference_count: samples per cloud in training, which clouds refer to; None, or a tensor of 0: their own.

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


def moved_source(domain: AbstractDomain, device: object) -> tuple[AbstractDomain, Back] | None:
    """What a domain was resampled from, on another device."""
    if domain.resampled_from is None:
        return None
    source, index = domain.resampled_from
    return source.to(device), index.to(device) if isinstance(index, Tensor) else index  # type: ignore[call-overload]
