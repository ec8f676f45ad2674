"""What a model was trained on: how densely, how far, how large; measured from items, stored with the model."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from ccnn_pc._choices import choice
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.shift.item_values import ItemValues
from ccnn_pc.models.shift.seen import Samples, Seen, seen
from ccnn_pc.ops.moments import Range, Side

if TYPE_CHECKING:
    from ccnn_pc.models.reading import Input, Reading, Spacing

Part: TypeAlias = "Callable[[Tensor, AbstractDomain], tuple[Tensor, AbstractDomain]]"

#: Values of an item that its quantiles are taken from.
_VALUES = 1024
#: Items that must have a number of a channel, for its ends to be known, and the share that must, for its side.
_MANY, _LEANING = 32, 0.9


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
    """How points lie in clouds: k, mean distance of the furthest of the k nearest, along each axis their mean.

    ``lean`` is 0 where the mean lies at the lowest point and 1 where it lies at the highest; empty: not measured.
    ``unevenness`` is the deviation of distances to the nearest other point, as a share of their mean: 0 on a lattice,
    about 0.1 of farthest points, 0.5 of random ones in a plane; ``lonely`` how many times their mean the largest is.
    None: not measured.
    """

    k: int
    reach: Spread
    lean: tuple[Spread, ...] = ()
    unevenness: Spread | None = None
    lonely: Spread | None = None


class Arrays(NamedTuple):
    """How arrays were made of what files held.

    ``resized`` is the side in pixels that pictures were brought to, the square in their middle; None: they were as they
    are. ``samplings`` are those that they came in (``pixels:2``, ``scattered:0.5``), where training drew one for each;
    empty: as they were; None: nobody knows.
    """

    resized: int | None = None
    samplings: tuple[str, ...] | None = None


class Stamps(NamedTuple):
    """How stamps of series lie: their unit, the longest step of an item, the share of those that are the one before.

    None: not known, or not measured.
    """

    unit: str | None = None
    pause: Spread | None = None
    together: Spread | None = None


class Channel(NamedTuple):
    """Values of a channel; over each item their root mean square, deviation, and likeness to the first channel.

    Likeness is the absolute correlation, of arrays of two to four channels: 1 in grey pictures; mean that of an item;
    roughness, of arrays and series, the step to the next sample, as a share of that of white noise; clipped, of
    sequences, the share of samples that stand at the largest value, three in a row; lowest and highest are the ends of
    an item; skewness is that of its values, and of series and sequences of its steps: turned round in sign, or in time,
    it has the other sign. None: not measured.
    """

    values: Spread
    scale: Spread
    deviation: Spread | None = None
    likeness: Spread | None = None
    mean: Spread | None = None
    roughness: Spread | None = None
    clipped: Spread | None = None
    lowest: Spread | None = None
    highest: Spread | None = None
    skewness: Spread | None = None
    step_skewness: Spread | None = None


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
        neighborhood: k, how far it reaches, and how points lie along the axes; None: no clouds, or graphs.
        channels: values of each, and their scale :math:`\sqrt{\tfrac1n \sum_j x_{jc}^2}` and deviation over items.
        arrays: how these were made; of other data nothing.
        stamps: of series, and their unit.

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
    arrays: Arrays = Arrays()
    stamps: Stamps = Stamps()

    @property
    def time_unit(self) -> str | None:
        """Unit of stamps and spacings, where it is known."""
        return self.stamps.unit

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
        described = dict(described)
        earlier, unit = (
            described.pop(name, None) for name in ("resized", "time_unit")
        )  # of arrays and stamps now
        if wrong := sorted({*described} - known or {"kind", "items", "samples"} - {*described}):
            raise ValueError(
                f"'trained_on' must have the fields {', '.join(sorted(known))} (see {wrong[0]!r})"
            )
        found = dict(described)
        found["kind"] = choice("kind", found["kind"], Samples)
        found["samples"] = _spread("samples", found["samples"])
        for name in ("spacing", "span", "shape"):
            found[name] = tuple(_spread(name, each) for each in found.get(name) or ())
        found["arrays"] = _arrays(found.get("arrays") or [earlier])
        found["stamps"] = _stamps(found.get("stamps") or [unit])
        try:
            if near := found.get("neighborhood"):
                found["neighborhood"] = Neighborhood(
                    int(near[0]),
                    _spread("neighborhood", near[1]),
                    tuple(_spread("neighborhood", each) for row in near[2:3] for each in row),
                    *(None if each is None else _spread("neighborhood", each) for each in near[3:5]),
                )
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


def _arrays(described: Sequence[Any]) -> Arrays:
    resized, samplings, *_ = [*described, None, None]
    words = (
        samplings is None or isinstance(samplings, list) and all(isinstance(each, str) for each in samplings)
    )
    if not words or not (resized is None or isinstance(resized, int)):
        raise ValueError(
            f"'arrays' in 'trained_on' must be a side and a list of samplings (got {described!r})"
        )
    return Arrays(resized, None if samplings is None else tuple(samplings))


def _stamps(described: Any) -> Stamps:
    if not isinstance(described, list) or not isinstance(described[0], str | None):
        raise ValueError(f"'stamps' in 'trained_on' must be a unit and two spreads (got {described!r})")
    return Stamps(
        described[0], *(None if each is None else _spread("stamps", each) for each in described[1:3])
    )


def spread_from_json(numbers: Any) -> Spread:
    """A spread of targets that was stored as a list.

    Raises:
        ValueError: not five numbers.
    """
    return _spread("targets", numbers)


def _spread(name: str, numbers: Any) -> Spread:
    numeric = isinstance(numbers, list) and all(isinstance(n, (int, float)) for n in numbers)
    if not numeric or len(numbers) != 5:
        raise ValueError(f"'{name}' in 'trained_on' must be five numbers (got {numbers!r})")
    return Spread(*map(float, numbers))


def _all(x: Tensor, where: AbstractDomain) -> tuple[Tensor, AbstractDomain]:
    return x, where


def measure(reading: Reading, batches: Iterable[Input], limit: int = 256, compared: Part = _all) -> TrainedOn:
    """What a network would be trained on with these data.

    Args:
        reading: of the network.
        batches: what it is given, best one item each; in training form.
        limit: batches that are looked at.
        compared: which samples and channels of a batch count; default: all.

    Raises:
        ValueError: no batch, or what the reading refuses.
    """
    found: list[Seen] = []
    values: list[Tensor] = []
    for batch in itertools.islice(batches, limit):
        with torch.no_grad():
            x, where = compared(*reading.samples(batch))
            found.append(seen(x, where))
            if isinstance(where, IrregularSeries) and where.mask is not None:
                x = torch.where(where.mask, x, math.nan)
            values.append(x[:: max(1, len(x) // _VALUES)].detach().double().cpu())
    if not found:
        raise ValueError("'batches' must hold at least one item (got none)")

    def spreads(name: str) -> tuple[Spread, ...]:
        every = (getattr(each.values if name in ItemValues._fields else each, name) for each in found)
        measured = [numbers for numbers in every if numbers]  # of some batches it can not be
        columns = zip(*measured, strict=True)
        return tuple(_finite([n for pair in column for n in _numbers(pair)]) for column in columns)

    values_of = map(_finite, torch.cat(values).unbind(1))
    unknown = [None] * len(found[0].values.scale)  # type: ignore[union-attr]
    alike, rough, clipped = (spreads(name) or unknown for name in ("likeness", "roughness", "clipped"))

    def known(name: str, share: float = 0.0) -> Sequence[Spread | None]:
        every = (getattr(each.values if name in ItemValues._fields else each, name) for each in found)
        return [_of_many(channel, share) for channel in zip(*every, strict=True)] or unknown

    k = max((each.k for each in found if each.k is not None), default=None)
    reach = [n for each in found if each.reach is not None for n in each.reach]
    uneven = [n for each in found if each.unevenness is not None for n in each.unevenness]
    unevenness = _finite(uneven) if uneven else None
    lonely = [n for each in found if each.lonely is not None for n in each.lonely]
    pauses, same = (
        [n for each in found for n in getattr(each, name) or ()] for name in ("pause", "together")
    )
    return TrainedOn(
        kind=found[0].kind,
        items=len(found),
        samples=Spread.of([n for each in found for n in each.samples]),
        spacing=spreads("spacing"),
        span=spreads("span"),
        shape=spreads("shape"),
        neighborhood=None
        if k is None or not reach
        else Neighborhood(
            k, _finite(reach), spreads("lean"), unevenness, _finite(lonely) if lonely else None
        ),
        channels=tuple(
            map(
                Channel,
                *(values_of, spreads("scale"), spreads("deviation"), alike, spreads("mean")),
                *(rough, clipped, known("lowest"), known("highest")),
                *(known("skewness", _LEANING), known("step_skewness", _LEANING)),
            )
        ),
        stamps=Stamps(None, _finite(pauses), _finite(same)) if pauses else Stamps(),
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


def _of_many(channel: Sequence[Range | Side], share: float) -> Spread | None:
    """The spread of a number over single items; None: too few have one, as where a channel was hardly ever observed."""
    known = [n for each in channel if math.isfinite(each.least) for n in (each.least, each.most)]
    fewest = max(share * len(channel), min(_MANY, len(channel)))
    return Spread.of(known) if len(known) >= 2 * fewest else None
