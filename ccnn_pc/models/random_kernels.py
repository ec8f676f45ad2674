"""Kernels that are drawn instead of learned, and shares of time: ROCKET's idea on the straight lines between stamps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc._checks import check_at_least
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.base import Network
from ccnn_pc.models.convolution import DEFAULT_SHAPES
from ccnn_pc.models.names import register_model
from ccnn_pc.models.reading import Input, Reading, Spacing
from ccnn_pc.nn.mixing import HeLinear

#: Impulses of a kernel, and how many of them count 2 instead of -1.
TAPS, HIGH = 9, 3
#: Most different distances of impulses (MiniRocket, section 3.2).
MOST_DILATIONS = 32
#: As many as MiniRocket has.
FEATURES = 9996
#: Values that are looked at together.
_CHUNK = 2**23
#: Kinds of times that features look at: where all impulses lie inside, all, and each third.
_TIMES = 5
#: What is added to the rise of a line, so that a flat one at a threshold is no matter of rounding.
_FLAT = 1e-2
_GOLDEN = (math.sqrt(5) + 1) / 2


class _Group(NamedTuple):
    """Kernels of one distance: whether they read slopes, samples between impulses, thresholds of each kernel."""

    slope: bool
    distance: int
    thresholds: int


class RandomKernels(Network):
    r"""How much of the time the answers of random kernels are above a threshold, and a linear read-out of that.

    .. math::
        y_f(t) = \sum_{k=-4}^{4} w_{fk}\, x_f(t + k\, d_f), \qquad
        z_f = \frac{1}{|T_f|} \int_{T_f} [\,y_f(t) > b_f\,]\, dt, \qquad x_f = \sum_c m_{fc}\, x_c

    with MiniRocket's 84 kernels (Dempster, Schmidt and Webb, arXiv 2012.08791): three of the nine impulses are 2, the
    others -1. ``x`` is the series on the straight lines between its stamps, so that distances d are times and not
    numbers of samples: what was left out changes the lines, not the kernels. Answers are lines too, and the integral is
    theirs, not a count of samples. Half of the features read the slopes of these lines in the place of x, as in
    MultiRocket (arXiv 2102.00457). Distances go from one spacing of training to an eighth of a series. Of five features
    one looks at the times at which all impulses lie on the series, one at all of them (the series counts 0 outside),
    the others at its first, second and last third: when something happens
    says something too. Thresholds are quantiles of answers on series of the training (:meth:`draw`).

    No part of it is trained but the head, which has a closed solution
    (:func:`ccnn_pc.training.solve_head.solve_head`); it can be trained as any other head.

    Args:
        in_channels: channels of the data.
        out_channels: classes, or numbers.
        length: samples of a series of training, at its spacing.
        reading: how data become features.
        num_features: how many, rounded down to whole multiples of 84; at least 84, which leaves none for slopes.
        seed: of channels and thresholds (default 0).

    Shapes:
        * as for :class:`ccnn_pc.models.CCNN`, with one answer per series.

    Raises:
        ValueError: sizes below what is named above; (when called) series that are not read on lines or on a grid.
    """

    first_layers = ("channels",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        length: int,
        reading: Reading,
        num_features: int = FEATURES,
        seed: int = 0,
    ) -> None:
        super().__init__(reading, out_channels, Pool.MEAN)
        check_at_least("in_channels", in_channels, 1)
        check_at_least("num_features", num_features, 84)
        self.seed = check_at_least("seed", seed, 0)
        weights = _kernels()
        each = num_features // len(weights)
        self.groups = [
            *(_Group(False, *item) for item in _distances(length, each - each // 2).items()),
            *(_Group(True, *item) for item in _distances(length, each // 2).items()),
        ]
        count = each * len(weights)
        self.register_buffer("weights", weights, persistent=False)
        self.weights: Tensor
        self.register_buffer("channels", torch.ones(len(self.groups), len(weights), in_channels))
        self.channels: Tensor
        self.register_buffer("thresholds", torch.zeros(count))
        self.thresholds: Tensor
        self.num_features = count
        self.head = self.new_head(out_channels)

    def is_located(self) -> Tensor:
        """Which features look at a third of a series alone, boolean ``[num_features]``."""
        rows = [
            torch.arange(number, number + group.thresholds) % _TIMES >= _TIMES - 3
            for number, group in enumerate(self.groups)
        ]
        return torch.cat([each.repeat(len(self.weights)) for each in rows])

    def new_head(self, out_channels: int) -> nn.Module:
        return HeLinear(self.num_features, out_channels) if out_channels else nn.Identity()

    def set_pool(self, pool: Any) -> None:
        if pool is not None:
            raise ValueError(
                f"'pool' must be None for shares of time, which are one answer per series (got {pool!r})"
            )

    def forward_features(
        self, data: Input, domain: AbstractDomain | None = None, *, spacing: Spacing | None = None
    ) -> Tensor:
        """What the head reads, ``[B, num_features]``; arguments as those of the model."""
        return self.features(*self.read(data, domain, spacing))

    def features(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """Shares of time ``[B, num_features]``, in [0, 1]."""
        values, lengths = side_by_side(x, domain)
        chunk = max(1, _CHUNK // (len(self.weights) * values.shape[2]))
        parts = zip(values.split(chunk), lengths.split(chunk), strict=True)
        return torch.cat([self._shares(*part) for part in parts])

    def logits(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """Answers ``[B, out_channels]``; summed in float64, so that they do not depend on what else is in a batch."""
        found, head = self.features(x, domain), self.head
        if not isinstance(head, nn.Linear):
            return head(found)  # type: ignore[no-any-return]
        return functional.linear(found.double(), head.weight.double(), head.bias.double()).to(
            head.weight.dtype
        )

    def _answers(self, x: Tensor, number: int, distance: int) -> Tensor:
        """Of kernels of one distance ``[B, 84, L]``."""
        mixed = torch.einsum("kc,bcl->bkl", self.channels[number].to(x), x)
        kernel = self.weights.to(x)[:, None]
        reach = distance * (TAPS // 2)
        return functional.conv1d(mixed, kernel, padding=reach, dilation=distance, groups=len(kernel))

    def _shares(self, x: Tensor, lengths: Tensor) -> Tensor:
        found, first, views = [], 0, (x, slopes(x, lengths))
        step = torch.arange(x.shape[2] - 1, device=x.device)
        inside = step + 1 < lengths[:, None]
        parts = [inside, *(_or_all(each, inside) for each in _thirds(step, lengths - 1))]
        for number, (slope, distance, each) in enumerate(self.groups):
            reach = distance * (TAPS // 2)
            whole = (step >= reach) & (step + 1 < lengths[:, None] - reach)
            times = [_or_all(whole, inside), *parts]  # all, where series are shorter than the kernel
            shares = [(time / time.sum(dim=1, keepdim=True)).to(x) for time in times]
            answers = self._answers(views[slope], number, distance)
            before, after = answers[..., :-1], answers[..., 1:]
            top = torch.maximum(before, after)
            steep = 1 / ((after - before).abs_() + _FLAT)
            thresholds = self.thresholds[first : first + each * len(self.weights)].view(
                len(self.weights), each
            )
            rows = []
            for row, threshold in enumerate(thresholds.to(x).unbind(dim=1)):
                above = (top - threshold[:, None]).mul_(steep).clamp_(0, 1)
                rows.append(torch.einsum("bkl,bl->bk", above, shares[(number + row) % _TIMES]))
            found.append(torch.stack(rows, dim=2).flatten(1))
            first += thresholds.numel()
        return torch.cat(found, dim=1)

    @torch.no_grad()
    def draw(self, x: Tensor, domain: AbstractDomain) -> None:
        """Draw which channels a kernel sees, and its thresholds from answers on these series, one at random for each.

        Args:
            x: features of series of the training, as :meth:`features` reads them.
            domain: where they lie.
        """
        values, lengths = side_by_side(x, domain)
        views = values, slopes(values, lengths)
        random = torch.Generator().manual_seed(self.seed)
        most = min(self.in_channels, TAPS)
        for chosen in self.channels.view(-1, self.in_channels):
            count = int(2 ** (float(torch.rand(1, generator=random)) * math.log2(most + 1)))
            chosen.zero_()
            chosen[torch.randperm(self.in_channels, generator=random)[: max(1, min(count, most))]] = 1.0
        found: list[Tensor] = []
        used = 0
        for number, (slope, distance, each) in enumerate(self.groups):
            rows = torch.randint(len(values), (len(self.weights),), generator=random).to(values.device)
            numbers = torch.arange(1, each * len(self.weights) + 1, dtype=torch.float64) + used
            quantiles = (numbers * _GOLDEN % 1).view(len(self.weights), each)
            for kernel, row in enumerate(rows.tolist()):
                length = int(lengths[row])
                answer = self._answers(views[slope][row : row + 1, :, :length], number, distance)[0, kernel]
                found.append(torch.quantile(answer.double(), quantiles[kernel].to(answer.device)))
            used += each * len(self.weights)
        self.thresholds.copy_(torch.cat(found).to(self.thresholds))


def side_by_side(x: Tensor, domain: AbstractDomain) -> tuple[Tensor, Tensor]:
    """Series on a lattice as arrays ``[B, C, L]``, 0 behind the end of shorter ones, and their lengths ``[B]``.

    Raises:
        ValueError: series with gaps between their samples.
    """
    if isinstance(domain, Grid):
        values = domain.unflatten(x)
        return values, torch.full((len(values),), values.shape[2], device=x.device)
    if not isinstance(domain, IrregularSeries) or domain.lattice is None:
        raise ValueError("'series_interpolation' must be 'linear' or 'cubic' for kernels of impulses")
    lengths = domain.pointer.diff()
    place = torch.arange(len(x), device=x.device) - domain.pointer[domain.batch]
    if not torch.equal(domain.lattice.cell - domain.lattice.cell[domain.pointer[:-1]][domain.batch], place):
        raise ValueError("'series_interpolation' must be 'linear' or 'cubic' for kernels of impulses")
    values = x.new_zeros(len(lengths), int(lengths.max()), x.shape[1])
    values[domain.batch, place] = x
    values = values.transpose(1, 2)
    if bool((lengths == 1).any()):  # a sample alone lasts a step
        values = functional.pad(values, (0, max(0, 2 - values.shape[2])))
        values[:, :, 1] = torch.where(lengths[:, None] == 1, values[:, :, 0], values[:, :, 1])
        lengths = lengths.clamp(min=2)
    return values, lengths


def slopes(x: Tensor, lengths: Tensor) -> Tensor:
    """Rise ``[B, C, L]`` of series ``[B, C, L]`` from each sample to the next; the last has that before it, 0 follows.

    Example:
        >>> slopes(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]), torch.tensor([3])).tolist()
        [[[2.0, -1.0, -1.0, 0.0]]]
    """
    rise = functional.pad(x.diff(dim=2), (0, 1))
    place = torch.arange(x.shape[2], device=x.device)
    before = functional.pad(rise[..., :-1], (1, 0))
    rise = torch.where(place == lengths[:, None, None] - 1, before, rise)
    return torch.where(place < lengths[:, None, None], rise, rise.new_zeros(()))


def _thirds(place: Tensor, lengths: Tensor) -> list[Tensor]:
    """Which samples lie in the first, second and last third of a series, ``[B, L]`` each."""
    share = (place + 0.5) / lengths[:, None]
    return [(share >= third / 3) & (share < (third + 1) / 3) for third in range(3)]


def _or_all(times: Tensor, inside: Tensor) -> Tensor:
    """Times that count; all of a series where there are none."""
    return torch.where(times.any(dim=1, keepdim=True), times, inside)


def _kernels() -> Tensor:
    """All kernels of nine impulses of which three are 2 and six are -1, ``[84, 9]``."""
    places = list(itertools.combinations(range(TAPS), HIGH))
    weights = torch.full((len(places), TAPS), -1.0)
    for row, high in enumerate(places):
        weights[row, list(high)] = 2.0
    return weights


def _distances(length: int, each: int) -> dict[int, int]:
    """Distances of impulses, in samples, and how many thresholds a kernel of that distance has (sum: ``each``).

    Example:
        >>> _distances(97, 8)
        {1: 2, 2: 2, 4: 1, 5: 1, 8: 1, 12: 1}
    """
    most = min(each, MOST_DILATIONS)
    largest = math.log2(max((length - 1) / (TAPS - 1), 1.0))
    found: dict[int, int] = {}
    for number in range(each):
        share = (number % most) / max(most - 1, 1)
        distance = int(2 ** (share * largest) + 1e-9)
        found[distance] = found.get(distance, 0) + 1
    return dict(sorted(found.items()))


@register_model("random_kernels", dim=1)
def build_random_kernels(
    *,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    **options: Any,
) -> RandomKernels:
    """Random kernels for series of given length and spacing; longer pauses count as long as a series.

    Options are those of the class: ``num_features`` and ``seed``.

    Raises:
        ValueError: a length below 2, or what :class:`RandomKernels` refuses.
    """
    (length,) = shape or DEFAULT_SHAPES[1] or ()
    check_at_least("shape", length, 2)
    reading = Reading(dim, in_channels, (spacing,), support=(length - 1) * spacing)
    return RandomKernels(in_channels, out_channels, length=length, reading=reading, **options)
