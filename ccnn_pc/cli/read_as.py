"""How commands read data: the options that say so, what follows from them for a model, and a line that tells."""

from __future__ import annotations

import dataclasses
import math
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ccnn_pc.datasets import Preprocessing
    from ccnn_pc.datasets.transforms.base import Compose

Size = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Make pictures squares of so many pixels (their middle, resized), read as the scene of training.",
    ),
]
Spacing = Annotated[
    float | None,
    typer.Option(
        help="Distance of an array's samples, in the unit of training; default: of pictures as the scene of "
        "training, else that of training."
    ),
]
TimeUnit = Annotated[
    str | None,
    typer.Option(
        help="Unit of the times of series: as a part of that of training (0.001), as ms/s (of the data / of training), "
        "or as ms, where that of training is known."
    ),
]
Interpolate = Annotated[
    str | None,
    typer.Option(
        "--interpolation", help="What is read between samples: none, linear, cubic; default: as in training."
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(
        help="Axes of clouds in the order that those of training have, as x,-z,y: minus where one points the other way."
    ),
]
Windows = Annotated[
    bool | None,
    typer.Option(
        "--windows/--no-windows",
        help="Answer long recordings, or regular series, by the mean over windows as long as those of training; or "
        "recordings by their beginning; default: windows of recordings longer than in training.",
    ),
]
#: Seconds in a unit.
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONG = {"seconds": "s", "minutes": "min", "hours": "h", "days": "d"}
#: Pictures so many times finer or coarser than those of training are read as the same scene; others are resized.
FINER = 4.0


@dataclass(frozen=True)
class ReadAs:
    """What a user says of how data are to be read; see the options.

    Raises:
        ValueError: numbers out of range, words that are no unit or no choice.

    Example:
        >>> ReadAs(spacing=-1.0)
        Traceback (most recent call last):
        ...
        ValueError: 'spacing' must be positive and finite (got -1.0)
    """

    size: int | None = None
    spacing: float | None = None
    time_unit: str | None = None
    interpolation: str | None = None
    axes: str | None = None
    windows: bool | None = None

    def __post_init__(self) -> None:
        if all(getattr(self, field.name) is None for field in dataclasses.fields(self)):
            return  # so that help loads nothing heavy
        from ccnn_pc._checks import check_at_least, check_positive
        from ccnn_pc._choices import choice
        from ccnn_pc.domains import Interpolation

        if self.size is not None:
            check_at_least("size", self.size, 1)
        if self.spacing is not None:
            check_positive("spacing", self.spacing)
        if self.interpolation is not None:
            choice("interpolation", self.interpolation, Interpolation)
        if self.time_unit is not None:
            factor_of(self.time_unit, "s")
        if self.axes is not None:
            from ccnn_pc.datasets.transforms import PermutedAxes

            PermutedAxes(self.axes)


#: Nothing was said.
AS_TRAINED = ReadAs()


def factor_of(text: str, trained: str | None) -> float:
    """How many units of training a unit of the data is.

    Args:
        text: a number, a unit, or two of them: ``ms/s``.
        trained: the unit of training; None: not known.

    Raises:
        ValueError: something else, or a unit alone where that of training is not known.

    Example:
        >>> factor_of("ms/s", None), factor_of("min", "seconds"), factor_of("0.001", None)
        (0.001, 60.0, 0.001)
    """
    upper, slash, lower = text.partition("/")
    below = lower if slash else _LONG.get(trained or "", trained or "")
    if upper in UNITS and below in UNITS:
        return UNITS[upper] / UNITS[below]
    if upper in UNITS and not slash:
        raise ValueError(
            f"'time_unit' must be a number, or two units, {text}/s, for a model that does not know the unit of its "
            f"training (got '{text}')"
        )
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise ValueError(
            f"'time_unit' must be one of {', '.join(UNITS)}, two of them (ms/s), or a positive number (got '{text}')"
        )
    return factor


class Footing:
    """How data are brought to what a model was trained on.

    Args:
        model: its reading is set where the user says how.
        said: by the user.

    Raises:
        ValueError: an option that does not go with the data that the model reads.
    """

    def __init__(self, model: Any, said: ReadAs = AS_TRAINED) -> None:
        from ccnn_pc.datasets import CloudPreprocessing, ImagePreprocessing, SeriesPreprocessing
        from ccnn_pc.datasets.preprocessing.files import FilePreprocessing
        from ccnn_pc.datasets.series.dataset import SeriesForm

        used = model.preprocessing
        self.model, self.said = model, said
        self.trained = model.trained_on
        self.shape: list[int] | None = model.config.get("shape")
        self.pictures = isinstance(used, ImagePreprocessing) and model.dim == 2 and len(self.shape or ()) == 2
        stamps = isinstance(used, SeriesPreprocessing) and (
            used.table is not None or used.form is SeriesForm.IRREGULAR
        )
        self.lit = isinstance(used, ImagePreprocessing) and used.num_neighbors is not None
        arrays = model.dim < 3 and not stamps and used is not None and not self.lit
        self.clouds = model.dim == 3 and isinstance(used or CloudPreprocessing(), CloudPreprocessing)
        sound = isinstance(used, FilePreprocessing) and used.reads_windows
        regular = isinstance(used, SeriesPreprocessing) and not stamps and len(self.shape or ()) == 1
        one_each = getattr(model, "pool", True) is not None and not (model.task and model.task.every_sample)
        in_windows = (sound or regular) and one_each
        self.longest: float | None = None  # of what is read as one, the rest in windows
        if in_windows and (said.windows or (sound and said.windows is None)):
            self.longest = used.usual_length if said.windows is None else 0.0
        for name, fits, who in (
            ("size", self.pictures, "pictures, as such"),
            ("spacing", arrays, "arrays: pictures and regular series"),
            ("time_unit", stamps, "series with time stamps"),
            ("windows", in_windows, "recordings or regular series, with one answer each"),
            (
                "axes",
                self.clouds and getattr(model, "pool", True) is not None,
                "clouds in space, with one answer each",
            ),
        ):
            if getattr(said, name) is not None and not fits:
                raise ValueError(
                    f"'{name}' must be left out for this model, for it is of {who} (got {getattr(said, name)})"
                )
        self.factor = 1.0
        if said.time_unit is not None:
            table = getattr(used, "table", None) or {}
            known = None if self.trained is None else self.trained.time_unit
            self.factor = factor_of(said.time_unit, known or table.get("dates"))
        if said.interpolation is not None:
            name = "series_interpolation" if stamps else "interpolation"
            if not hasattr(model, "reading"):
                raise ValueError(
                    f"'interpolation' must be left out for '{model.config.get('name')}', which reads samples as they "
                    f"are (got {said.interpolation})"
                )
            model.reading = dataclasses.replace(model.reading, **{name: said.interpolation})

    @property
    def field(self) -> list[float] | None:
        """Field of view of the pictures of training, per axis."""
        if not self.pictures or self.shape is None:
            return None
        spacing = self.model.reading.spacing if hasattr(self.model, "reading") else (1.0, 1.0)
        return [size * step for size, step in zip(self.shape, spacing, strict=True)]

    def side(self, used: Any) -> int | None:
        """What files of pictures are resized to; None: nothing, they are read at their own spacing."""
        if self.said.size is not None:
            return self.said.size
        as_they_were = (
            self.pictures
            and not self.lit
            and self.trained is not None
            and self.trained.arrays.resized is None
        )
        side: int | None = None if as_they_were else used.side(self.shape)
        return side

    def holds(self, sizes: Sequence[int]) -> bool:
        """Whether pictures of such sizes can be read as the scene of training, at a spacing of their own."""
        if not self.pictures or self.lit or self.shape is None or self.trained is None:
            return False
        ratios = [size / usual for size, usual in zip(sizes, self.shape, strict=True)]
        return max(ratios) <= FINER and min(ratios) >= 1 / FINER and max(ratios) <= 1.1 * min(ratios)

    def warn_of_small(self, sizes: Sequence[int]) -> None:
        """Warn of pictures that are made much larger than they are, so that they look like those of training."""
        from ccnn_pc.models import SamplingWarning

        if (
            not self.pictures
            or self.shape is None
            or self.said.size is not None
            or "small" in self.model.warned
        ):
            return
        if (times := min(self.shape) / min(sizes)) > FINER:
            here, there = (" x ".join(map(str, each)) for each in (sizes, self.shape))
            self.model.warned |= {"small", "values", "likeness", "flat"}  # all of which follow from it
            warnings.warn(
                f"'data' hold pictures of {here} pixels where training had {there}: they are made {times:.3g} times "
                "larger, and what training saw is not in them; give larger ones",
                SamplingWarning,
                stacklevel=3,
            )

    def step(self, sizes: Sequence[int]) -> list[float] | None:
        """Distance of the samples of an array of such sizes; None: that of training, or what the data say."""
        if self.said.spacing is not None:
            return [self.said.spacing] * len(sizes)
        field = self.field
        if field is None or list(sizes) == list(self.shape or ()):
            return None
        return [length / size for length, size in zip(field, sizes, strict=True)]

    def table(self, described: dict[str, Any]) -> dict[str, Any]:
        """How a table is read: a lattice of training is none in another unit."""
        return described if self.factor == 1 else {**described, "lattice": None}

    def transform(self, used: Preprocessing) -> Compose:
        """The preprocessing of a model, behind a change of unit or of axes."""
        from ccnn_pc.datasets.transforms.base import Compose
        from ccnn_pc.datasets.transforms.resample import TimesIn

        made = used.transform()
        return self.turned(made if self.factor == 1 else Compose([TimesIn(self.factor), *made.transforms]))

    def turned(self, made: Compose, axes: str | None = None) -> Compose:
        """A transform of clouds behind a change of axes: those that the user names, or others."""
        from ccnn_pc.datasets.transforms import PermutedAxes
        from ccnn_pc.datasets.transforms.base import Compose

        named = self.said.axes if axes is None else axes
        return made if named is None else Compose([PermutedAxes(named), *made.transforms])

    def in_windows(self, made: Compose) -> Compose:
        """A transform of regular series whose arrays are then windows as long as the series of training."""
        from ccnn_pc.datasets.transforms.base import Compose
        from ccnn_pc.datasets.transforms.windows import InWindows

        (size,) = self.shape or [1]
        return Compose([*made.transforms, InWindows(size)])

    def at(self, made: Compose, sizes: Sequence[int]) -> Compose:
        """A transform whose arrays then say how far apart their samples are."""
        from ccnn_pc.datasets.transforms.base import Compose
        from ccnn_pc.datasets.transforms.resample import AtSpacing

        step = self.step(sizes)
        return made if step is None else Compose([*made.transforms, AtSpacing(step)])


def how_read(model: Any, batch: Any) -> str:
    """How a batch is read, in words: what there is, what there was in training, what is between samples."""
    if not hasattr(model, "reading"):
        return "as they are"
    from ccnn_pc.datasets import SoundPreprocessing
    from ccnn_pc.domains import Interpolation
    from ccnn_pc.models.shift.seen import Samples, seen
    from ccnn_pc.ops.series.weights import Weights

    found, trained, reading = seen(*model.reading.samples(batch)), model.trained_on, model.reading
    then = ""
    if found.kind is Samples.GRID:
        size, step = (" x ".join(f"{n:.4g}" for n in part) for part in (found.shape, _common(found.spacing)))
        text, usual = f"arrays of {size} samples, {step} apart", ""
        if trained is not None and trained.kind is Samples.GRID:
            usual = " x ".join(f"{s.median:.4g}" for s in trained.shape)
            usual += f", {' x '.join(f'{n:.4g}' for n in _common(trained.spacing))} apart"
        coarser = any(
            here.most > 1.001 * there for here, there in zip(found.spacing, reading.spacing, strict=True)
        )
        between = reading.interpolation if coarser else Interpolation.NONE
        finer = any(
            here.most < 0.999 * there for here, there in zip(found.spacing, reading.spacing, strict=True)
        )
        if finer and reading.interpolation is not Interpolation.NONE and not reading.causal:
            then = "; read at the spacing of training"
    elif found.kind is Samples.SERIES:
        text = f"series of {_span(found.samples)} samples"
        text += f", one every {_span(found.spacing[0])}" if found.spacing[0].most > 0 else ""
        usual = ""
        if trained is not None:
            usual = f"{_span(trained.samples)} samples, one every {_span(trained.spacing[0])}"
        usual_between = Interpolation.LINEAR if reading.series_weights is Weights.CELL else Interpolation.NONE
        between = reading.series_interpolation or usual_between
    else:
        near = "" if found.k is None or reading.on_grid else f", the {found.k} nearest as neighbours"
        near += ", on a grid as in training" if reading.on_grid else ""
        text, usual = f"clouds of {_span(found.samples)} points{near}", ""
        if trained is not None:
            near = trained.neighborhood
            usual = f"{_span(trained.samples)} {'samples' if near is None else 'points'}"
            usual += "" if near is None else f", the {near.k} nearest"
        between = reading.interpolation if reading.on_grid else Interpolation.NONE
    text += f" (in training {usual})" if usual else ""
    if isinstance(used := getattr(model, "preprocessing", None), SoundPreprocessing):
        text += f", {used.seconds:.3g} s of each recording"
    if batch.get("windows") is not None and bool((batch.windows > 1).any()):
        text += "; of longer ones the mean over windows of that length, which overlap by half"
    return text + then + (f"; between samples: {between.value}" if between is not Interpolation.NONE else "")


def _common(ranges: Sequence[Any]) -> list[float]:
    """One number for all axes where they are alike."""
    numbers = [each.most for each in ranges]
    return numbers[:1] if max(numbers) <= 1.0001 * min(numbers) else numbers


def _span(each: Any) -> str:
    least, most = f"{each.least:.4g}", f"{each.most:.4g}"
    return most if least == most else f"{least} to {most}"


def tell(model: Any, dataset: Any, count: int = 16) -> str:
    """Say on stderr how data are read, by the first items of a data set, and return it."""
    from ccnn_pc.cli.compared_files import ComparedFiles
    from ccnn_pc.cli.lengths import warn_of_lengths
    from ccnn_pc.cli.times import warn_of_times
    from ccnn_pc.datasets import collate

    warn_of_lengths(model, dataset)
    warn_of_times(model, dataset)
    ComparedFiles(model).of_data(dataset)
    if getattr(dataset, "long_pauses", 0):
        model.warned.add("pause")  # the table has said it, and where
    rows = list(range(min(count, len(dataset))))
    if (windows := getattr(dataset, "facts", {}).get("windows")) is not None:
        rows.append(int(windows.argmax()))
    items = [dataset[index].cpu() for index in rows]
    return say(how_read(model, collate(items)))


def say(text: str) -> str:
    """Print how data are read, on stderr."""
    print(f"read: {text}", file=sys.stderr)
    return text
