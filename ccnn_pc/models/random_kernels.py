"""Kernels that are drawn instead of learned, and shares of time: ROCKET's idea on the straight lines between stamps."""

from __future__ import annotations

import enum
import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc._checks import check_at_least
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.domains.series.side_by_side import SideBySide, ends_of_series, side_by_side, slopes, stretched
from ccnn_pc.models.base import Network
from ccnn_pc.models.convolution import DEFAULT_SHAPES
from ccnn_pc.models.names import register_model
from ccnn_pc.models.reading import Input, Reading, Spacing
from ccnn_pc.models.series_prior import SeriesPrior
from ccnn_pc.models.shift.outside import SamplingWarning
from ccnn_pc.nn.mixing import HeLinear
from ccnn_pc.ops.series.impulses import HIGH, TAPS, at_impulses, distances, impulses, shares_of_time

#: About twice as many as MiniRocket has.
FEATURES = 20160
#: Values that are looked at together.
_CHUNK = 2**23
#: Deviations above its threshold at which an answer counts in full, so that equality is no matter of rounding.
_RAMP = 1e-3
#: The least of it, in deviations of the data: smaller differences are those of a line and a curve between samples.
_FLAT = 1e-2
_GOLDEN = (math.sqrt(5) + 1) / 2
#: Numbers of a covariance; longer series are read on straight lines.
_MOST_EXPECTED = 2**20


class View(enum.IntEnum):
    """What kernels read: values, slopes, and the values of series stretched to one length."""

    VALUES = 0
    SLOPES = 1
    STRETCHED = 2


class _Group(NamedTuple):
    """Kernels of one distance: what they read, samples between impulses, thresholds of each kernel."""

    view: View
    distance: int
    thresholds: int


#: Features with one threshold for every kernel.
_LEAST = 2 * len(View) * math.comb(TAPS, HIGH)


class RandomKernels(Network):
    r"""How much of the time the answers of random kernels are above a threshold, and a linear read-out of that.

    .. math::
        y_f(t) = \sum_{k=-4}^{4} w_{fk}\, x_f(t + k\, d_f), \qquad
        z_f = \frac{1}{|T_f|} \sum_{t \in T_f} [\,y_f(t) > b_f\,], \qquad x_f = \sum_c m_{fc}\, x_c

    with MiniRocket's 84 kernels (Dempster, Schmidt and Webb, arXiv 2012.08791): three of the nine impulses are 2, the
    others -1. ``x`` is the series on the straight lines between its stamps, read at the spacing of training, so that
    distances d are times and not numbers of samples: what was left out changes the lines, not the kernels. Series that
    begin or end together last from the begin to the end of their ``span``; their first and last values hold there.
    Where both are known, gaps can be filled by what the training lets expect
    (:class:`ccnn_pc.models.series_prior.SeriesPrior`) in the place of lines, up to 1024 samples of one channel.

    A third of the features read values, a third the slopes of the lines, as in MultiRocket (arXiv 2102.00457), and a
    third the values of series stretched to one length. Distances go from one spacing of training to an eighth of a
    series. Every threshold has two features: the share of all times (the series counts 0 outside) or, as often, of
    those at which all impulses lie on the series, as in MiniRocket; and the share of the first, second or last third,
    for when something happens says something too. Thresholds are quantiles of answers on series of the training
    (:meth:`draw`). What series look like decides which of these the head reads (:meth:`choices`); features of a view
    that it does not read are not computed.

    No part of it is trained but the head, which has a closed solution
    (:func:`ccnn_pc.training.solve_head.solve_head`); it can be trained as any other head.

    Args:
        in_channels: channels of the data.
        out_channels: classes, or numbers.
        length: samples of a series of training, at its spacing.
        reading: how data become features.
        num_features: how many, rounded down to whole multiples of 504; at least that.
        seed: of channels and thresholds (default 0).
        span: when all series begin, and when they end; None: that is not known.

    Shapes:
        * as for :class:`ccnn_pc.models.CCNN`, with one answer per series.

    Raises:
        ValueError: sizes below what is named above, a span that ends before it begins; (when called) series that are
            not read on lines or on a grid.
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
        span: Sequence[float | None] = (None, None),
    ) -> None:
        super().__init__(reading, out_channels, Pool.MEAN)
        check_at_least("in_channels", in_channels, 1)
        self.seed, self.length = check_at_least("seed", seed, 0), length
        weights = impulses()
        each = check_at_least("num_features", num_features, _LEAST) // _LEAST
        self.groups = [_Group(view, *item) for view in View for item in distances(length, each).items()]
        self.register_buffer("weights", weights, persistent=False)
        self.weights: Tensor
        self.register_buffer("channels", torch.ones(len(self.groups), len(weights), in_channels))
        self.channels: Tensor
        self.register_buffer("thresholds", torch.zeros(len(View) * each * len(weights)))
        self.thresholds: Tensor
        self.register_buffer("ramps", torch.ones(len(self.groups)))
        self.ramps: Tensor
        begin, end = self.span = _check_span(span)
        if begin is not None and end is not None:
            self.length = round((end - begin) / reading.sampling.spacing[0]) + 1
        known = begin is not None and end is not None and in_channels * self.length**2 <= _MOST_EXPECTED
        self.prior = SeriesPrior(in_channels, self.length) if known else None
        self.register_buffer("longest", torch.tensor(length))
        self.longest: Tensor
        self.register_buffer("expecting", torch.tensor(False))
        self.expecting: Tensor
        self.register_buffer("views", torch.ones(len(View), dtype=torch.bool))
        self.views: Tensor
        self.num_features = 2 * len(self.thresholds)
        self.head = self.new_head(out_channels)

    def choices(self) -> list[Tensor]:
        """Sets of features that a head may read, boolean ``[num_features]`` each.

        Values and slopes; values, with those of thirds of a series; both with both; and, where series are stretched,
        values as they are and stretched, with and without those of thirds.
        """
        number = torch.arange(self.num_features)
        view, located = (
            number * len(View) // self.num_features,
            number * 2 * len(View) // self.num_features % 2 == 1,
        )
        values, slopes, stretched = (view == each for each in View)
        found = [(values | slopes) & ~located, values, values | slopes]
        if bool(self.views[View.STRETCHED]):
            found += [values | stretched, (values | stretched) & ~located]
        return found

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

    def read(
        self, data: Input, domain: AbstractDomain | None = None, spacing: Spacing | None = None
    ) -> tuple[Tensor, AbstractDomain]:
        """As of every network; series that lie outside of the span of those of the training are named."""
        x, where = super().read(data, domain, spacing)
        known = self.warned & {"begin", "spacing", "span", "pause", "place"}  # of which it follows
        if not (known or self.training or torch.compiler.is_compiling() or x.is_cuda):
            self._warn_of_begin(where)
        return x, where

    def _warn_of_begin(self, where: AbstractDomain) -> None:
        if self.span == (None, None) or not isinstance(where, IrregularSeries):
            return
        first, last = ends_of_series(where)
        long = self.length * self.reading.sampling.spacing[0]
        begin = self.span[1] - long if self.span[0] is None else self.span[0]  # type: ignore[operator]
        end = begin + long if self.span[1] is None else self.span[1]
        apart = (first > end) | (last < begin)
        if bool(apart.any()):
            self.warned.add("begin")
            row = int(apart.to(torch.uint8).argmax())
            warnings.warn(
                f"'data' have series from {first[row].item():.6g} to {last[row].item():.6g}, and those of training lay "
                f"together, from {begin:.6g} to {end:.6g}: what they miss at their ends is not filled in; count times "
                "from where series begin, as there, or train on series that count from their own begin",
                SamplingWarning,
                stacklevel=3,
            )

    def features(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """Shares of time ``[B, num_features]``, in [0, 1]; 0 of views that are not read."""
        values, lengths = self._arrays(side_by_side(x, domain, self.span, self.length // 2))
        most = max(group.thresholds for group in self.groups)
        chunk = max(1, _CHUNK // (len(self.weights) * most * values.shape[2]))
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

    def _arrays(self, lines: SideBySide) -> tuple[Tensor, Tensor]:
        """Series as they are expected to be where they were not observed, and their lengths."""
        values, lengths, seen = lines
        if self.prior is not None and bool(self.expecting):
            rows = (lengths == self.length) & ~seen.all(dim=2).all(dim=1)
            if bool(rows.any()):
                cut = slice(0, self.length)
                values = values.clone()
                values[rows, :, cut] = self.prior.fill(values[rows, :, cut], seen[rows, :, cut])
        return values, lengths

    def _view(self, view: View, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Arrays ``[B, C, L]`` and lengths ``[B]`` that kernels read."""
        if view is View.STRETCHED:
            longest = int(self.longest)
            return stretched(x, lengths, longest), torch.full_like(lengths, longest)
        return (slopes(x, lengths) if view is View.SLOPES else x), lengths

    def _mixed(self, number: int) -> Tensor:
        """Weights of channels and impulses, of kernels of one distance ``[84, C * 9]``."""
        return torch.einsum("kc,kt->kct", self.channels[number], self.weights).flatten(1)

    def _shares(self, x: Tensor, lengths: Tensor) -> Tensor:
        kernels = len(self.weights)
        found: dict[View, list[tuple[Tensor, Tensor]]] = {view: [] for view in View}
        views = {view: self._view(view, x, lengths) for view in View if self.views[view]}
        first = 0
        for number, (view, distance, each) in enumerate(self.groups):
            count, first = each * kernels, first + each * kernels
            if view not in views:
                found[view].append((x.new_zeros(len(x), count),) * 2)
                continue
            values, long = views[view]
            steep = 1 / self.ramps[number].to(x)
            thresholds = self.thresholds[first - count : first].to(x).view(kernels, each)
            answers = self._mixed(number).to(x) @ at_impulses(values, distance)
            above = ((answers[:, :, None] - thresholds[..., None]).mul_(steep)).clamp_(0, 1)
            shares = above.flatten(1, 2) @ shares_of_time(long, values.shape[2], distance * (TAPS // 2)).to(x)
            kernel = torch.arange(count, device=x.device) // each
            third = torch.arange(count, device=x.device) % each + kernel
            picked = ((number + kernel) % 2, (number + third) % 3 + 2)
            parts = [shares.gather(2, kind.expand(len(x), -1)[..., None])[..., 0] for kind in picked]
            found[view].append((parts[0], parts[1]))
        return torch.cat([part[kind] for view in View for kind in (0, 1) for part in found[view]], dim=1)

    def has_gaps(self, x: Tensor, domain: AbstractDomain) -> bool:
        """Whether it can be expected what some series were where they were not observed."""
        if self.prior is None:
            return False
        _, lengths, seen = side_by_side(x, domain, self.span, self.length // 2)
        return bool(((lengths == self.length) & ~seen.all(dim=2).all(dim=1)).any())

    @torch.no_grad()
    def draw(self, x: Tensor, domain: AbstractDomain, *, expecting: bool = False) -> None:
        """Draw which channels a kernel sees, and its thresholds from answers on these series, one at random for each.

        Args:
            x: features of series of the training, as :meth:`features` reads them.
            domain: where they lie.
            expecting: whether gaps of series are filled by what the others let expect, from now on.
        """
        self.expecting.fill_(expecting)
        lines = side_by_side(x, domain, self.span, self.length // 2)
        within = lines.lengths == self.length
        if self.prior is not None and expecting and bool(within.any()):
            self.prior.fit(*(each[within, :, : self.length] for each in (lines.values, lines.seen)))
        values, lengths = self._arrays(lines)
        self.longest.copy_(lengths.max())
        self.views.copy_(torch.tensor([True, True, bool((lengths != lengths.max()).any())]))
        random = torch.Generator().manual_seed(self.seed)
        most = min(self.in_channels, TAPS)
        for chosen in self.channels.view(-1, self.in_channels):
            count = int(2 ** (float(torch.rand(1, generator=random)) * math.log2(most + 1)))
            chosen.zero_()
            chosen[torch.randperm(self.in_channels, generator=random)[: max(1, min(count, most))]] = 1.0
        views = [self._view(view, values, lengths) for view in View]
        found: list[Tensor] = []
        used = 0
        for number, (view, distance, each) in enumerate(self.groups):
            rows = torch.randint(len(values), (len(self.weights),), generator=random).to(values.device)
            numbers = torch.arange(1, each * len(self.weights) + 1, dtype=torch.float64) + used
            quantiles = (numbers * _GOLDEN % 1).view(len(self.weights), each)
            read, long = views[view]
            drawn = torch.einsum(
                "kt,ktl->kl", self._mixed(number).to(read), at_impulses(read[rows], distance)
            )
            spread = []
            for answer, length, quantile in zip(drawn, long[rows].tolist(), quantiles, strict=True):
                answer = answer[:length].double()
                found.append(torch.quantile(answer, quantile.to(answer.device)))
                spread.append(answer.std(correction=0))
            self.ramps[number] = max(_RAMP * float(torch.stack(spread).mean()), _FLAT)
            used += each * len(self.weights)
        self.thresholds.copy_(torch.cat(found).to(self.thresholds))


def _check_span(span: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Begin and end as numbers."""
    begin, end = (None if each is None else float(each) for each in span)
    if not all(each is None or math.isfinite(each) for each in (begin, end)) or not (
        begin is None or end is None or begin < end
    ):
        raise ValueError(
            f"'span' must be a time and a later one, or None where nobody knows it (got {list(span)})"
        )
    return begin, end


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

    Options are those of the class: ``num_features``, ``seed`` and ``span``.

    Raises:
        ValueError: a length below 2, or what :class:`RandomKernels` refuses.
    """
    (length,) = shape or DEFAULT_SHAPES[1] or ()
    check_at_least("shape", length, 2)
    reading = Reading(dim, in_channels, (spacing,), support=(length - 1) * spacing)
    return RandomKernels(in_channels, out_channels, length=length, reading=reading, **options)
