"""Regular grids of any dimension: sequences, images, voxels."""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_spacing
from ccnn_pc._choices import choice
from ccnn_pc._values import number, placed
from ccnn_pc.domains.base import AbstractDomain, Back, ConvolutionTerms, moved_source
from ccnn_pc.domains.grid.rendered import TAP_TOLERANCE, Taps, check_resolution, render, smoothed, taps_within
from ccnn_pc.domains.pooling import Pool, pool_segments
from ccnn_pc.domains.ragged import at_reference
from ccnn_pc.domains.sampling import Interpolation, Sampling
from ccnn_pc.ops.cells import cell_coordinates
from ccnn_pc.ops.grids.convolution import Method, count_pairs, grid_convolution
from ccnn_pc.ops.grids.interpolation import (
    between_cells,
    coarser_axis,
    cubic_axis,
    finer_positions,
    interpolate_axis,
)
from ccnn_pc.ops.segments import segment_count


class Boundary(enum.Enum):
    """What lies outside of a grid: nothing (ZERO), or the grid again (CIRCULAR)."""

    ZERO = "zero"
    CIRCULAR = "circular"


#: More values than this between samples are refused: what lies there is not known.
MAX_VALUES_PER_SAMPLE = 1024


class Grid(AbstractDomain):
    r"""A batch of samples on a regular grid.

    Samples are numbered row by row: image, then axes in order. With ``occupied`` only these cells are samples: the
    others count as empty space, so that a voxel grid is the same domain as the set of its occupied voxels, in
    convolutions, norms and pooling alike.

    Args:
        shape: samples per axis S, any sizes.
        spacing: distance of samples in position units, one number or one per axis.
        batch_size: number of sequences, images, or volumes B.
        boundary: what lies outside.
        occupied: which cells are samples, boolean ``[B, *S]`` or ``[B, 1, *S]``; None: all.
        method: how to convolve; a measured rule by default.
        smoothing: where the grid is finer than that of training, blur kernels by a Gaussian of so many *training*
            spacings, so that what they hold between the samples of training does not show (CKConv appendix E.3 has
            half a sample); 0: as they are. Message passing does not smooth.
        device: where; default that of ``occupied``, else the CPU.

    Raises:
        ValueError: sizes below 1, spacing not positive, a mask of another shape, an image without any sample.
        TypeError: a mask that is not boolean.

    Example:
        >>> grid = Grid((4, 6), spacing=0.5, batch_size=2)
        >>> grid
        Grid(4x6, batch_size=2)
        >>> grid.flatten(torch.rand(2, 3, 4, 6)).shape
        torch.Size([48, 3])
    """

    renders = True

    def __init__(
        self,
        shape: Sequence[int],
        spacing: float | Sequence[float] = 1.0,
        batch_size: int = 1,
        boundary: Boundary = Boundary.ZERO,
        *,
        occupied: Tensor | None = None,
        method: Method = Method.AUTO,
        smoothing: float = 0.0,
        device: Any = None,
    ) -> None:
        self.shape = tuple(check_at_least("shape", s, 1) for s in shape)
        self.dim = len(self.shape)
        if self.dim == 0:
            raise ValueError("'shape' must have at least one axis (got ())")
        self.spacing = check_spacing("spacing", spacing, self.dim)
        self.batch_size = check_at_least("batch_size", batch_size, 1)
        self.boundary = choice("boundary", boundary, Boundary)
        self.method = choice("method", method, Method)
        if not 0 <= smoothing < math.inf:
            raise ValueError(f"'smoothing' must be at least 0 and finite (got {smoothing})")
        self.smoothing = float(smoothing)
        self.cells = math.prod(self.shape)
        self.device = torch.device(
            device if device is not None else "cpu" if occupied is None else occupied.device
        )
        self.occupied_cells = None if occupied is None else self._occupied(occupied)
        self.num_samples = (
            self.batch_size * self.cells if self.occupied_cells is None else len(self.occupied_cells)
        )
        self.num_queries = self.num_samples

    def _occupied(self, occupied: Tensor) -> Tensor:
        """Numbers of the occupied cells, int64 ``[n]``."""
        if occupied.dtype != torch.bool:
            raise TypeError(f"'occupied' must be boolean (got {occupied.dtype})")
        wanted = [self.batch_size, *self.shape]
        if list(occupied.shape) not in (wanted, [self.batch_size, 1, *self.shape]):
            raise ValueError(f"'occupied' must have shape {wanted} (got {list(occupied.shape)})")
        flat = occupied.reshape(self.batch_size, -1)
        if not bool(flat.any(dim=1).all()):
            empty = int((~flat.any(dim=1)).nonzero()[0])
            raise ValueError(f"'occupied' must have a cell in every image (got none in image {empty})")
        return flat.flatten().nonzero()[:, 0]

    def __repr__(self) -> str:
        parts = ["x".join(map(str, self.shape)), f"batch_size={self.batch_size}"]
        if self.occupied_cells is not None:
            parts.append(f"occupied={self.num_samples}")
        if self.boundary is not Boundary.ZERO:
            parts.append(f"boundary={self.boundary.value}")
        return f"Grid({', '.join(parts)})"

    def to(self, device: Any) -> Grid:
        """The same grid on another device."""
        other = object.__new__(Grid)
        other.__dict__.update(self.__dict__, device=torch.device(device))
        other.occupied_cells = None if self.occupied_cells is None else self.occupied_cells.to(device)
        other.resampled_from = moved_source(self, device)
        return other

    def flatten(self, x: Tensor) -> Tensor:
        """Samples ``[n, C]`` of an array ``[B, C, *S]``.

        Raises:
            ValueError: another shape.
        """
        if x.dim() != self.dim + 2 or (len(x), *x.shape[2:]) != (self.batch_size, *self.shape):
            sizes = ", ".join(map(str, self.shape))
            raise ValueError(
                f"'x' must have shape [{self.batch_size}, channels, {sizes}] (got {list(x.shape)})"
            )
        rows = x.movedim(1, -1).reshape(-1, x.shape[1])
        return rows if self.occupied_cells is None else rows[self.occupied_cells]

    def unflatten(self, y: Tensor) -> Tensor:
        """An array ``[B, C, *S]`` of samples ``[n, C]``; 0 where no sample is."""
        return self._dense(y).movedim(-1, 1)

    def _dense(self, x: Tensor) -> Tensor:
        """``[n, C] -> [B, *S, C]``."""
        if self.occupied_cells is not None:
            x = x.new_zeros(self.batch_size * self.cells, x.shape[1]).index_copy(0, self.occupied_cells, x)
        return x.view(self.batch_size, *self.shape, -1)

    def coordinates(self) -> Tensor:
        """Cell numbers per axis of every sample, int64 ``[n, D]``."""
        return cell_coordinates(self._cell() % self.cells, self.shape)

    def positions(self) -> Tensor:
        """Where every sample lies, float64 ``[n, D]``: cell number times spacing."""
        return self.coordinates().double() * placed(self.spacing, self.device)

    def _cell(self) -> Tensor:
        """Number of each sample's cell within the batch, int64 ``[n]``."""
        if self.occupied_cells is not None:
            return self.occupied_cells
        return torch.arange(self.num_samples, device=self.device)

    def edges(self, reach: float) -> Tensor:
        """All pairs of one image within ``reach`` (on circular axes the short way round), ``[2, E]``."""
        batch, where = self.segments()[0], self.coordinates()
        pairs = []
        for image in range(self.batch_size):
            rows = (batch == image).nonzero()[:, 0]
            i, j = (part.flatten() for part in torch.meshgrid(rows, rows, indexing="ij"))
            rel = self._offsets(where[j] - where[i])
            near = (rel * self._steps(rel)).norm(dim=1) <= reach * (1 + TAP_TOLERANCE)
            pairs.append(torch.stack([j[near], i[near]]))
        return torch.cat(pairs, dim=1)

    def coincident_pairs(self) -> Tensor:
        """Every sample with itself, ``[2, n]``."""
        return torch.arange(self.num_samples, device=self.device).expand(2, -1)

    def rel(self, edge_index: Tensor) -> Tensor:
        """Offsets sample - query ``[E, D]``, float64: integers times spacing."""
        where = self.coordinates()
        rel = self._offsets(where[edge_index[0]] - where[edge_index[1]])
        return rel * self._steps(rel)

    def _offsets(self, steps: Tensor) -> Tensor:
        """Steps between cells, float64; the short way round on a circular grid."""
        if self.boundary is Boundary.CIRCULAR:
            size = placed(self.shape, steps.device).long()
            half = torch.div(size, 2, rounding_mode="floor")
            steps = (steps + half) % size - half
        return steps.double()

    def segments(self) -> tuple[Tensor, int]:
        """Image of each sample, and how many images there are."""
        if self.occupied_cells is not None:
            return torch.div(self.occupied_cells, self.cells, rounding_mode="floor"), self.batch_size
        images = torch.arange(
            self.batch_size, device=self.device
        )  # no division: ONNX has one of float32 only
        return images[:, None].expand(-1, self.cells).reshape(-1), self.batch_size

    def tolerance(self, extent: Tensor) -> float | Tensor:
        """A small part of the tap spacing, in kernel coordinates."""
        return number(TAP_TOLERANCE * (self._steps(extent) / extent.detach().double()).min())

    def _steps(self, like: Tensor) -> Tensor:
        """The spacing, float64 ``[D]``."""
        return placed(self.spacing, like.device)

    def quadrature(
        self, spacing: Tensor | Sequence[float], reference_count: float | Tensor | None = None
    ) -> Tensor | None:
        r"""The weight of all samples :math:`w = \prod_d \Delta_d / \Delta_{\mathrm{train}, d}`; None where it is 1.

        It is CKConv's factor for another sampling rate (its eq. 5). Occupied cells are counted like the points of a
        cloud where ``reference_count`` says what to: w = reference_count / number of cells in the image.
        """
        if self.occupied_cells is not None and reference_count is not None:
            batch, images = self.segments()
            own = segment_count(batch, images).double()
            return (at_reference(own, reference_count) / own)[batch]
        if isinstance(spacing, Tensor):
            ratio = number((self._steps(spacing) / spacing.double()).prod())
        else:
            ratio = math.prod([here / there for here, there in zip(self.spacing, spacing, strict=True)])
        if isinstance(ratio, Tensor):
            return torch.where((ratio - 1).abs() <= 1e-6, 1.0, ratio)
        if math.isclose(ratio, 1.0, rel_tol=1e-6):
            return None
        return torch.full((), ratio, dtype=torch.float64, device=self.device)

    def as_input(self, x: Tensor, sampling: Sampling) -> tuple[Tensor, AbstractDomain]:
        """Data as a network reads them: :meth:`resampled` where it reads lines or curves.

        Grids that are denser than in training are read at its spacing too: what a kernel is between the samples of
        training nobody has taught it. Answers per sample that must not know later ones, circles, and grids that ask for
        smoothing, take kernels as they are.
        """
        if sampling.grids is Interpolation.NONE:
            return super().as_input(x, sampling)
        open_ended = self.boundary is Boundary.ZERO
        denser = open_ended and not sampling.causal and self.smoothing == 0
        return self.resampled(x, sampling.spacing, sampling.grids, denser=denser)

    def resampled(
        self,
        x: Tensor,
        spacing: float | Sequence[float],
        interpolation: Interpolation = Interpolation.LINEAR,
        *,
        denser: bool = False,
    ) -> tuple[Tensor, Grid]:
        r"""The straight lines between the samples of a coarser grid, read ``spacing`` apart, axis by axis.

        .. math:: \tilde x(p) = (1 - s)\, x_j + s\, x_{j+1}, \qquad p = (j + s)\, \Delta, \quad 0 \le s < 1

        Kernels that are finer than a grid find nothing between its samples, however these are weighted; on the lines
        they find what they find in training, up to :math:`\Delta^2 / 8 \, \max|x''| \sum |k|`, on curves up to third
        order (see :func:`ccnn_pc.ops.grids.interpolation.cubic_axis`). The last sample of each
        axis is read, and nothing beyond the first and the last; a circular grid is read all round. Axes that are as
        fine as ``spacing`` stay as they are, unless ``denser``, and so does a grid with ``occupied``, where nothing
        lies between samples. Of denser series every so many-th sample is read, from the last one back; of pictures and
        volumes what a coarser camera would see (:func:`ccnn_pc.ops.grids.interpolation.coarser_axis`).

        Args:
            x: samples ``[n, C]``.
            spacing: that of training, one number or one per axis.
            interpolation: LINEAR (default) or CUBIC.
            denser: read finer axes ``spacing`` apart as well (default False).

        Returns:
            the values ``[n', C]``, and their grid; see :meth:`at_source` for the samples among them.

        Raises:
            ValueError: a circle that is no whole multiple of ``spacing``, or more than 1024 values per sample.

        Example:
            >>> values, fine = Grid((3,), 2.0).resampled(torch.tensor([[0.0], [2.0], [6.0]]), 1.0)
            >>> fine, values.flatten().tolist()
            (Grid(5, batch_size=1), [0.0, 1.0, 2.0, 4.0, 6.0])
            >>> fine.at_source(values)[0].flatten().tolist()
            [0.0, 2.0, 6.0]
        """
        wanted = list(check_spacing("spacing", spacing, self.dim))
        ratios = [_ratio(here, there) for here, there in zip(self.spacing, wanted, strict=True)]
        if not denser:
            ratios = [max(1, ratio) for ratio in ratios]
        if self.occupied_cells is not None or all(ratio == 1 for ratio in ratios):
            return x, self.as_given()
        circular = self.boundary is Boundary.CIRCULAR
        if circular and any(
            abs(s * r - round(s * r)) > TAP_TOLERANCE for s, r in zip(self.shape, ratios, strict=True)
        ):
            raise ValueError(
                f"'spacing' must go a whole number of times into the length of a circular grid (got {wanted} for "
                f"{self} of spacing {list(self.spacing)})"
            )
        if math.prod(ratios) > MAX_VALUES_PER_SAMPLE:
            raise ValueError(
                f"'spacing' must give at most {MAX_VALUES_PER_SAMPLE} values per sample (got {wanted} for samples "
                f"{list(self.spacing)} apart)"
            )
        values = self.unflatten(x)
        for axis, (size, ratio) in enumerate(zip(self.shape, ratios, strict=True)):
            if ratio < 1 and self.dim > 1 and not circular:
                values = coarser_axis(values, 2 + axis, 1 / ratio)
            elif ratio != 1:
                position = finer_positions(size, ratio, circular=circular, device=x.device)
                between = cubic_axis if interpolation is Interpolation.CUBIC else interpolate_axis
                values = between(values, 2 + axis, position, circular=circular)
        fine = Grid(
            values.shape[2:],
            [
                there if ratio != 1 else here
                for here, there, ratio in zip(self.spacing, wanted, ratios, strict=True)
            ],
            self.batch_size,
            self.boundary,
            method=self.method,
            smoothing=self.smoothing,
            device=self.device,
        )
        index: Back = None
        if all(isinstance(ratio, int) for ratio in ratios):
            cells = torch.arange(fine.num_samples, device=x.device).view(self.batch_size, *fine.shape)
            index = cells[(slice(None), *(slice(None, None, ratio) for ratio in ratios))].flatten()
        elif self.dim > 1 and not circular and all(ratio <= 1 for ratio in ratios):
            index = functools.partial(_back, self, fine, ratios)
        elif self.dim == 1 and ratios[0] < 1 and not circular:
            place = torch.arange(1 - self.cells, 1, dtype=torch.float64, device=x.device) * ratios[0]
            first = torch.arange(self.batch_size, device=x.device)[:, None] * fine.cells
            index = (first + (place + fine.cells - 1).clamp(min=0)).flatten()
        fine.resampled_from = (self, index)
        return fine.flatten(values), fine

    def taps(self, terms: ConvolutionTerms) -> Taps:
        """Samples that a layer reads, as offsets from the query.

        Raises:
            ValueError: a circular grid, and a kernel that is causal or longer than the grid; samples farther apart than
                in training, and than the kernel reaches.
        """
        circular = self.boundary is Boundary.CIRCULAR
        if circular and terms.causal:
            raise ValueError("'boundary' must be ZERO for causal layers: a circle has no past (got CIRCULAR)")
        check_resolution(terms, self.spacing)
        # in graphs sizes may be symbols: the operator leaves out what no two samples can have between them
        unbound = circular or (torch.compiler.is_compiling() and self.smoothing == 0)
        furthest = [1 << 40] * self.dim if unbound else [s - 1 for s in self.shape]
        taps = taps_within(terms, self.spacing, furthest)
        if circular and any(k > s for k, s in zip(taps.shape, self.shape, strict=True)):
            raise ValueError(
                f"'extent' must span at most the {list(self.shape)} samples of a circular grid "
                f"(got a kernel of {taps.shape} taps)"
            )
        return taps

    def convolve(self, x: Tensor, terms: ConvolutionTerms) -> tuple[Tensor, Tensor | None]:
        """Render the kernel, then see :func:`ccnn_pc.ops.grids.convolution.grid_convolution`."""
        taps = self.taps(terms)
        kernel = render(terms, self.spacing, taps)
        if self.smoothing > 0 and terms.spacing is not None:
            kernel = smoothed(kernel, self.smoothing, terms.spacing.tolist(), self.spacing)
        circular = self.boundary is Boundary.CIRCULAR
        y = grid_convolution(self._dense(x), kernel, taps.origin, circular=circular, method=self.method)
        rows = y.flatten(0, -2)
        penalty = self._penalty(kernel, taps) if terms.penalty else None
        return (rows if self.occupied_cells is None else rows[self.occupied_cells]), penalty

    def _penalty(self, kernel: Tensor, taps: Taps) -> Tensor:
        """``(1/m) Σ_i Σ_j ‖m K‖²`` over pairs of samples: each tap counts for the queries it finds a sample for."""
        energy = kernel.square().flatten(self.dim).sum(-1)
        return (energy * self._found(taps).to(energy)).sum() / self.num_queries

    def _found(self, taps: Taps) -> Tensor:
        """How many queries find a sample at each tap, ``[*K]``."""
        if self.occupied_cells is not None:
            mask = self._dense(torch.ones(self.num_samples, 1, dtype=torch.float64, device=self.device))
            return count_pairs(
                mask, mask, taps.shape, taps.origin, circular=self.boundary is Boundary.CIRCULAR
            )
        found = torch.full(taps.shape, float(self.batch_size), dtype=torch.float64, device=self.device)
        for axis, (size, first, last) in enumerate(zip(self.shape, taps.first, taps.last, strict=True)):
            step = torch.arange(first, last + 1, device=self.device).abs()
            count = (
                (size - step).clamp(min=0) if self.boundary is Boundary.ZERO else torch.full_like(step, size)
            )
            found *= count.view([-1 if a == axis else 1 for a in range(self.dim)])
        return found

    def pool(self, x: Tensor, reduce: Pool = Pool.MEAN) -> Tensor:
        """One row per image."""
        reduce = choice("reduce", reduce, Pool)
        if reduce is Pool.LAST and self.dim != 1:
            raise ValueError(f"'reduce' must not be LAST where samples have no order (got {self.dim} axes)")
        return pool_segments(x, *self.segments(), reduce)


def _back(source: Grid, coarse: Grid, ratios: Sequence[float], y: Tensor) -> Tensor:
    """Rows at the samples of ``source`` from those at the cells of a coarser grid."""
    values = coarse.unflatten(y)
    for axis, (size, ratio) in enumerate(zip(source.shape, ratios, strict=True)):
        if ratio < 1:
            values = between_cells(values, 2 + axis, size, 1 / ratio)
    return source.flatten(values)


def _ratio(here: float, there: float) -> float:
    """Samples ``there`` apart on a stretch of one ``here``: a whole number or one over it, up to rounding."""
    if here < there:
        fewer = _ratio(there, here)
        return 1 if fewer == 1 else 1 / fewer
    ratio = here / there
    return round(ratio) if abs(ratio - round(ratio)) <= TAP_TOLERANCE * ratio else ratio
