"""What a model was trained on: how densely, how far, how large; measured from items, stored with the model."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from ccnn_pc._choices import choice
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.steps import roughness_of_series, steps_of_array
from ccnn_pc.ops.neighbors.k_nearest import Neighbors
from ccnn_pc.ops.segments import segment_count, segment_range, segment_sum

if TYPE_CHECKING:
    from ccnn_pc.models.reading import Input, Reading, Spacing

#: Values of an item that its quantiles are taken from.
_VALUES = 1024
#: Samples of an item that most often tell whether it holds anything.
_FEW = 64
#: Values of a batch that channels are compared by.
_LIKENESS = 4096


class Samples(enum.Enum):
    """What samples are: cells of an array, points of a cloud, stamps of a series."""

    GRID = "grid"
    POINTS = "points"
    SERIES = "series"


class Spread(NamedTuple):
    """How a number is spread over items: least, 5 %, median, 95 %, most.

    Example:
        >>> Spread.of([3.0, 1.0, 2.0]).median
        2.0
    """

    least: float
    low: float
    median: float
    high: float
    most: float

    @staticmethod
    def of(values: Sequence[float] | Tensor) -> Spread:
        """The spread of some numbers, at least one."""
        found = torch.as_tensor(values, dtype=torch.float64)
        levels = torch.tensor([0.0, 0.05, 0.5, 0.95, 1.0], dtype=torch.float64)
        return Spread(*found.flatten().quantile(levels).tolist())

    def bounds(self, factor: float) -> tuple[float, float]:
        """What is ``factor`` times below all that was seen, and above; wild items count no more than that.

        Example:
            >>> Spread(1.0, 1.0, 2.0, 3.0, 4.0).bounds(10), Spread(1.0, 1.0, 2.0, 3.0, 1e7).bounds(10)
            ((0.1, 40.0), (0.1, 300.0))
        """
        return max(self.least, self.low / factor) / factor, min(self.most, self.high * factor) * factor


class Neighborhood(NamedTuple):
    """The k nearest samples of a point, and the mean distance of the furthest of them."""

    k: int
    reach: Spread


class Channel(NamedTuple):
    """Values of a channel; over each item their root mean square, deviation, and likeness to the first channel.

    Likeness is the absolute correlation, of arrays of two to four channels: 1 in grey pictures; mean that of an item;
    roughness, of arrays and series, the step to the next sample, as a share of that of white noise; clipped, of
    sequences, the share of samples that stand at the largest value, three in a row. None: not measured.
    """

    values: Spread
    scale: Spread
    deviation: Spread | None = None
    likeness: Spread | None = None
    mean: Spread | None = None
    roughness: Spread | None = None
    clipped: Spread | None = None


class Range(NamedTuple):
    """The least and the largest of a number among the items of a batch."""

    least: float
    most: float


class Seen(NamedTuple):
    """What one batch holds; fields as those of :class:`TrainedOn`, those of channels over the whole batch.

    A channel that was never observed has a mean and a deviation of NaN. ``flat`` counts items, of arrays, whose
    channels are all constant.
    """

    kind: Samples
    samples: Range
    spacing: tuple[Range, ...]
    span: tuple[Range, ...]
    shape: tuple[int, ...]
    k: int | None
    reach: Range | None
    scale: tuple[float, ...]
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    likeness: tuple[float, ...] = ()
    roughness: tuple[float, ...] = ()
    clipped: tuple[float, ...] = ()
    flat: int = 0
    items: int = 1


@dataclass(frozen=True)
class TrainedOn:
    r"""What a model was trained on, from a sample of its training items.

    Attributes:
        kind: cells, points or stamps.
        items: how many were looked at.
        samples: of an item.
        spacing: distance of samples, position units: per axis of arrays; of series the mean step of an item; of clouds
            the mean distance to the nearest other point.
        span: per axis, from the first sample to the last; of arrays the field of view, samples times spacing.
        shape: samples per axis, of arrays.
        neighborhood: k and how far it reaches; None: no clouds, or graphs.
        channels: values of each, and their scale :math:`\sqrt{\tfrac1n \sum_j x_{jc}^2}` and deviation over items.
        resized: side in pixels that pictures were brought to, the square in their middle; None: they were as they are.
        time_unit: of stamps and spacings, where it is known.

    Example:
        >>> from ccnn_pc.models.reading import Reading
        >>> found = measure(Reading(2, 1), [torch.full((1, 1, 16, 16), n / 4) for n in range(4)])
        >>> found.shape[0].median, found.spacing[0].median, TrainedOn.from_json(found.to_json()).kind.value
        (16.0, 1.0, 'grid')
    """

    kind: Samples
    items: int
    samples: Spread
    spacing: tuple[Spread, ...] = ()
    span: tuple[Spread, ...] = ()
    shape: tuple[Spread, ...] = ()
    neighborhood: Neighborhood | None = None
    channels: tuple[Channel, ...] = ()
    resized: int | None = None
    time_unit: str | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields as numbers, strings and lists."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: _plain(value) for name, value in found.items()}

    @staticmethod
    def from_json(described: Mapping[str, Any]) -> TrainedOn:
        """What :meth:`to_json` wrote.

        Raises:
            TypeError: no mapping.
            ValueError: an unknown or missing field, or no numbers where these are wanted.
        """
        if not isinstance(described, Mapping):
            raise TypeError(f"'trained_on' must be a mapping (got {described!r})")
        known = {field.name for field in dataclasses.fields(TrainedOn)}
        if wrong := sorted({*described} - known or {"kind", "items", "samples"} - {*described}):
            raise ValueError(
                f"'trained_on' must have the fields {', '.join(sorted(known))} (see {wrong[0]!r})"
            )
        found = dict(described)
        found["kind"] = choice("kind", found["kind"], Samples)
        found["samples"] = _spread("samples", found["samples"])
        for name in ("spacing", "span", "shape"):
            found[name] = tuple(_spread(name, each) for each in found.get(name) or ())
        try:
            if near := found.get("neighborhood"):
                found["neighborhood"] = Neighborhood(int(near[0]), _spread("neighborhood", near[1]))
            found["channels"] = tuple(
                Channel(*(None if each is None else _spread("channels", each) for each in row))  # type: ignore[arg-type]
                for row in found.get("channels") or ()
            )
        except (TypeError, LookupError) as error:
            raise ValueError(
                f"'trained_on' must have k with its reach, and two spreads per channel ({error})"
            ) from error
        return TrainedOn(**found)


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _spread(name: str, numbers: Any) -> Spread:
    numeric = isinstance(numbers, list) and all(isinstance(n, (int, float)) for n in numbers)
    if not numeric or len(numbers) != 5:
        raise ValueError(f"'{name}' in 'trained_on' must be five numbers (got {numbers!r})")
    return Spread(*map(float, numbers))


def measure(reading: Reading, batches: Iterable[Input], limit: int = 256) -> TrainedOn:
    """What a network would be trained on with these data.

    Args:
        reading: of the network.
        batches: what it is given, best one item each; in training form.
        limit: batches that are looked at.

    Raises:
        ValueError: no batch, or what the reading refuses.
    """
    found: list[Seen] = []
    values: list[Tensor] = []
    for batch in itertools.islice(batches, limit):
        with torch.no_grad():
            x, where = reading.samples(batch)
            found.append(seen(x, where))
            if isinstance(where, IrregularSeries) and where.mask is not None:
                x = torch.where(where.mask, x, math.nan)
            values.append(x[:: max(1, len(x) // _VALUES)].detach().double().cpu())
    if not found:
        raise ValueError("'batches' must hold at least one item (got none)")

    def spreads(name: str) -> tuple[Spread, ...]:
        measured = [
            numbers for each in found if (numbers := getattr(each, name))
        ]  # of some batches it can not be
        columns = zip(*measured, strict=True)
        return tuple(_finite([n for pair in column for n in _numbers(pair)]) for column in columns)

    values_of = map(_finite, torch.cat(values).unbind(1))
    unknown = [None] * len(found[0].scale)
    alike, rough, clipped = (spreads(name) or unknown for name in ("likeness", "roughness", "clipped"))
    k = max((each.k for each in found if each.k is not None), default=None)
    reach = [n for each in found if each.reach is not None for n in each.reach]
    return TrainedOn(
        kind=found[0].kind,
        items=len(found),
        samples=Spread.of([n for each in found for n in each.samples]),
        spacing=spreads("spacing"),
        span=spreads("span"),
        shape=spreads("shape"),
        neighborhood=None if k is None or not reach else Neighborhood(k, _finite(reach)),
        channels=tuple(
            map(
                Channel,
                *(values_of, spreads("scale"), spreads("deviation"), alike, spreads("mean")),
                *(rough, clipped),
            )
        ),
    )


def declared(shape: Sequence[int] | None, spacing: Spacing) -> TrainedOn | None:
    """What is known of pictures and volumes that nobody measured: sizes and spacing that a network was made for."""
    if shape is None or len(shape) < 2 or not isinstance(spacing, Sequence):
        return None

    def alike(values: Iterable[float]) -> tuple[Spread, ...]:
        return tuple(Spread(*5 * (float(value),)) for value in values)

    span = alike(size * step for size, step in zip(shape, spacing, strict=True))
    (samples,) = alike([math.prod(shape)])
    return TrainedOn(Samples.GRID, 0, samples, alike(spacing), span, alike(shape))


def _finite(values: Sequence[float] | Tensor) -> Spread:
    """The spread of those that are numbers; 0 where none is, which nothing is compared with."""
    found = torch.as_tensor(values, dtype=torch.float64)
    found = found[found.isfinite()]
    return Spread.of(found if len(found) else [0.0])


def _numbers(value: Any) -> Sequence[float]:
    return value if isinstance(value, tuple) else (float(value),)


def seen(x: Tensor, domain: AbstractDomain) -> Seen:
    """What a batch holds: features ``[n, C]`` as they were given, and where they lie.

    A device is waited for once.
    """
    x = x.detach()
    mask = domain.mask if isinstance(domain, IrregularSeries) else None
    channels = _of_channels(x, mask)
    if isinstance(domain, Grid):
        samples = domain.num_samples / domain.batch_size
        parts = [channels.flatten(), _likeness(x), *steps_of_array(x, domain), _flat(x, domain)]
        numbers = torch.cat(parts).tolist()
        ends = list(itertools.accumulate(map(len, parts)))
        likeness, stepped, clipped = (tuple(numbers[ends[i] : ends[i + 1]]) for i in range(3))
        scale, mean, deviation = _thirds(numbers[: ends[0]], x, mask)
        return Seen(
            Samples.GRID,
            Range(samples, samples),
            tuple(Range(step, step) for step in domain.spacing),
            tuple(Range(s * d, s * d) for s, d in zip(domain.shape, domain.spacing, strict=True)),
            domain.shape,
            None,
            None,
            scale,
            mean,
            deviation,
            likeness,
            stepped,
            clipped,
            int(numbers[-1]),
            domain.batch_size,
        )
    table: Any = None if isinstance(domain, IrregularSeries) else domain.neighbors  # type: ignore[attr-defined]
    kind, per_item = (
        (Samples.SERIES, _of_series(domain))
        if isinstance(domain, IrregularSeries)
        else (Samples.POINTS, _of_points(domain))  # type: ignore[arg-type]
    )
    known = isinstance(table, Neighbors) and len(table.count) > 0
    most = table.count.amax()[None].double() if known else channels.new_zeros(1)
    rows = torch.stack([torch.stack([row.amin(), row.amax()]) for row in per_item.flatten(1).double()])
    rough = roughness_of_series(x, domain) if isinstance(domain, IrregularSeries) else channels.new_zeros(0)
    k, *numbers = torch.cat([most, rows.flatten(), channels.flatten(), rough]).tolist()
    placed, last = 2 * len(rows), 2 * len(rows) + channels.numel()
    scale, mean, deviation = _thirds(numbers[placed:last], x, mask)
    own, step, reach, *span = (Range(*numbers[2 * i : 2 * i + 2]) for i in range(len(rows)))
    return Seen(
        kind,
        own,
        (step,),
        tuple(span),
        (),
        int(k) if known else None,  # tables are padded to the widest
        None if kind is Samples.SERIES or math.isnan(reach.most) else reach,
        scale,
        mean,
        deviation,
        roughness=tuple(numbers[last:]),
    )


def _of_channels(x: Tensor, mask: Tensor | None) -> Tensor:
    """Root mean square, mean and deviation of each channel, float64 ``[3, C]``, of what was observed."""
    if mask is None:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean = wide.mean(dim=0)
        off = (
            wide - mean
        )  # two passes: three to ten times as fast as torch.std_mean on one axis of a few columns
        rest, root = off.mean(dim=0), off.square().mean(dim=0).sqrt()  # rest: of rounding
        deviation, mean = ((root - rest.abs()) * (root + rest.abs())).clamp(min=0).sqrt(), mean + rest
        return torch.stack([torch.hypot(deviation, mean), mean, deviation]).double()
    values, count = (
        torch.where(mask, x, 0.0).double(),
        mask.sum(dim=0),
    )  # what stands elsewhere does not matter
    mean = values.sum(dim=0) / count
    squares = torch.where(mask, values - mean, 0.0).square().sum(dim=0)
    return torch.stack(
        [(values.square().sum(dim=0) / count.clamp(min=1)).sqrt(), mean, (squares / count).sqrt()]
    )


def _flat(x: Tensor, grid: Grid) -> Tensor:
    """How many items of several hold nothing: one value per channel, everywhere."""
    if grid.batch_size < 2 or grid.occupied_cells is not None or not len(x):
        return torch.zeros(1, dtype=torch.float64, device=x.device)
    items = x.reshape(grid.batch_size, -1, x.shape[1])
    some = items[:, :: max(1, items.shape[1] // _FEW)]
    if x.device.type == "cpu" and not bool((some == items[:, :1]).flatten(1).all(dim=1).any()):
        return torch.zeros(1, dtype=torch.float64)  # most often a few samples tell
    return (items == items[:, :1]).flatten(1).all(dim=1).sum()[None].double()


def _thirds(numbers: Sequence[float], x: Tensor, mask: Tensor | None) -> Iterator[tuple[float, ...]]:
    """The rows of :func:`_of_channels`, from a wider type where the squares were too large for the first."""
    if any(map(math.isinf, numbers)) and x.dtype is not torch.float64:
        numbers = _of_channels(x.double(), mask).flatten().tolist()
    count = len(numbers) // 3
    return (tuple(numbers[i * count : (i + 1) * count]) for i in range(3))


def _likeness(x: Tensor) -> Tensor:
    """Absolute correlation of each channel with the first ``[C]``, where there are two to four; else ``[0]``."""
    if not 2 <= x.shape[1] <= 4 or not len(x):
        return torch.zeros(0, dtype=torch.float64, device=x.device)
    some = x[:: max(1, len(x) // _LIKENESS)].double()
    some = some - some.mean(dim=0)
    norm = some.norm(dim=0)
    return ((some[:, :1] * some).sum(dim=0) / (norm[0] * norm)).abs()


def read_on_grid(found: Seen) -> Seen:
    """Scattered samples of a field that are read on a grid: their spacing is that of a lattice as dense as they are.

    Example:
        >>> batch = Seen(Samples.POINTS, Range(8, 32), (Range(0, 0),), (Range(4, 4), Range(8, 8)), (), 9, None, ())
        >>> read_on_grid(batch).spacing
        (Range(least=1.0, most=2.0),)
    """
    if found.kind is not Samples.POINTS:
        return found
    least, most = (
        (math.prod(side) / count) ** (1 / len(found.span))
        for side, count in (
            ([axis.least for axis in found.span], found.samples.most),
            ([axis.most for axis in found.span], found.samples.least),
        )
    )
    return found._replace(spacing=(Range(least or most, most),), reach=None)


def _of_series(series: IrregularSeries) -> Tensor:
    """Samples, mean step, nothing, and span of each series, ``[4, B]``; of one stamp the step of the others."""
    count = series.pointer.diff().double()
    times = series.times.detach()
    span = times[series.pointer[1:] - 1] - times[series.pointer[:-1]]
    step = span / (count - 1).clamp(min=1)
    step = torch.where(step > 0, step, math.nan)
    return torch.stack(
        [count, torch.where(step.isnan(), step.nanmedian(), step), torch.full_like(span, math.nan), span]
    )


def _of_points(points: PointSet) -> Tensor:
    """Samples, distance of the nearest other point and of the furthest neighbour, and spans, ``[3 + D, B]``."""
    clouds, where, pos = points.num_clouds, points.batch, points.pos.detach()
    count = segment_count(where, clouds)
    low, high = segment_range(pos, where, clouds)
    span = (high - low).t()
    nearest = furthest = pos.new_full((clouds,), math.nan)
    table = points.neighbors
    if isinstance(table, Neighbors) and table.k > 1 and not points.bipartite:
        others = (table.count > 1).to(pos)
        nearest, furthest = (
            segment_sum((pos[table.index[:, column].long()] - pos).norm(dim=1) * real, where, clouds) / number
            for column, real, number in (
                (1, others, segment_sum(others, where, clouds)),
                (-1, torch.ones_like(others), count),
            )
        )
        alone = count < 2  # has no neighbour: those of the others
        nearest, furthest = (
            torch.where(alone, each.masked_fill(alone, math.nan).nanmedian(), each)
            for each in (nearest, furthest)
        )
    return torch.cat([torch.stack([count.to(pos), nearest, furthest]), span])
