"""``ccnn-pc transfer``: one trained model on several samplings of the same test data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccnn_pc.cli.read_as import AS_TRAINED, Axes, Interpolate, ReadAs, Size, Spacing, TimeUnit

if TYPE_CHECKING:
    from ccnn_pc.datasets.samplings import Sampling

#: What stands beside each other: key in results and tables -> what people read.
COLUMNS = {
    "accuracy": "network",
    "accuracy_resampled": "resampled first",
    "accuracy_trained_there": "trained there",
}
#: A sampling that loses more is worth a next step.
LOSS = 0.02


def transfer(
    model: Annotated[str, typer.Argument(help="Name of a packaged model, or the folder of a trained one.")],
    data: Annotated[
        str,
        typer.Option(
            help="A folder, an .npz file like those of ModelNet10, a table, or the name of a data set."
        ),
    ],
    source: Annotated[str, typer.Option("--from", help="The sampling that the model was trained on.")],
    to: Annotated[list[str], typer.Option("--to", help="Another sampling; may be given several times.")],
    trained_at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SAMPLING=MODEL",
            help="A model that was trained at one of the samplings, to compare with; may be given several times.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="train, val or test; default: test where there is one, else everything."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="File of labels of a table; default: a column of the table.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the samples that are drawn.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Items per batch.")] = 16,
    out: Annotated[Path | None, typer.Option(help="Folder for transfer.csv and transfer.png.")] = None,
    size: Size = None,
    spacing: Spacing = None,
    time_unit: TimeUnit = None,
    interpolation: Interpolate = None,
    axes: Axes = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on the last line of stdout.")] = False,
) -> None:
    """Evaluate one trained model on several samplings of the same data.

    \b
    Samplings of shapes: points, points:1024 (so many), even, random and uneven ones (even:64, uneven:256), voxels,
      voxels:512, voxels@20 (cells per axis), dense (the voxels out of an array);
      of images, sequences, volumes, sound: pixels, pixels:2 (every second one), pixels:1.5 (so far apart, on curves),
      scattered:0.25 (a random part of the pixels, as points), uneven:0.5 (the same, ten times as dense at one end),
      jittered:0.3 (each moved by up to so many spacings), lit (those that are not black, as points);
      of series: series, every:2 (every second sample), drop:50 (per cent left out at random);
      +density weights points by the inverse of their density.

    \b
    Examples:
      ccnn-pc transfer ccnn_tiny-modelnet10-voxels --from voxels --to points --data path/to/test.npz --json
      ccnn-pc transfer ccnn_tiny-modelnet10 --from points --to points:512 --to voxels --to dense --data folder
      ccnn-pc transfer runs/cifar10_tiny/latest/model --from pixels --to pixels:2 --to scattered --data path/to/cifar10
      ccnn-pc transfer runs/my_series/latest/model --from series --to drop:50 --data readings.csv --labels labels.csv

    Beside each other: what the network gives; what it gives where samples are first brought to those of --from (images
    by cubic curves, scattered pixels by the nearest, series by straight lines, clouds by the farthest of more points,
    or by voxels); what the data allow, by a model that was trained there (--trained-at even:64=runs/64/latest/model).
    With --json the last line of stdout is {"results": {"voxels": {"accuracy": ..., "accuracy_resampled": ...,
    "accuracy_trained_there": ..., "n": ..., "read": ...}, ...}, ...}; null where there is none; "read" says how data
    were read.
    """  # noqa: D301
    result = transfer_model(
        model, data, source, to, trained_at=pairs(trained_at or []), part=Part(split, labels, seed, batch_size),
        out=out, read=ReadAs(size, spacing, time_unit, interpolation, axes),
    )  # fmt: skip
    if as_json:
        print(json.dumps(result))
        return
    for line in (*table_lines(result["results"], result["from"]), *result["next"]):
        print(line)


@dataclass(frozen=True)
class Part:
    """Which items are asked, and how.

    Attributes:
        split: train, val, test; None: the default one.
        labels: file of labels of a table.
        seed: of the samples that are drawn.
        batch_size: items per batch.
    """

    split: str | None = None
    labels: str | None = None
    seed: int = 0
    batch_size: int = 16


def pairs(words: Sequence[str]) -> dict[str, str]:
    """Models by the sampling that they were trained at.

    Raises:
        ValueError: a word without "=", or a sampling twice.

    Example:
        >>> pairs(["even:64=runs/my_64/latest/model"])
        {'even:64': 'runs/my_64/latest/model'}
    """
    found: dict[str, str] = {}
    for word in words:
        sampling, equals, model = word.partition("=")
        if not (sampling and equals and model):
            raise ValueError(f"'trained_at' must be SAMPLING=MODEL, as even:64=FOLDER (got '{word}')")
        if sampling in found:
            raise ValueError(f"'trained_at' must name each sampling once (got {sampling} twice)")
        found[sampling] = model
    return found


def transfer_model(
    name_or_path: str,
    data: str | Path,
    source: str,
    to: Sequence[str],
    *,
    trained_at: Mapping[str, str] | None = None,
    part: Part = Part(),
    out: Path | None = None,
    read: ReadAs = AS_TRAINED,
) -> dict[str, Any]:
    """Return the accuracy of a trained model on each sampling, ``source`` first, and what it is to be compared with.

    Args:
        name_or_path: the model.
        data: name, file or folder.
        source: the sampling of its training.
        to: other samplings.
        trained_at: models by the sampling that they were trained at, one of ``source`` and ``to``.
        part: which items of the data.
        out: folder for ``transfer.csv`` and ``transfer.png``.
        read: how data are read, where not as in training.

    Raises:
        FileNotFoundError: if a model or the data do not exist.
        ValueError: a sampling that there is not, or that does not suit the model; classes that it does not know.
    """
    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.cli.open_data import check_data
    from ccnn_pc.datasets.samplings import Sampling

    samplings = list(dict.fromkeys([Sampling.parse(source), *map(Sampling.parse, to)]))
    others = {Sampling.parse(sampling): model for sampling, model in (trained_at or {}).items()}
    if unknown := [str(sampling) for sampling in others if sampling not in samplings]:
        raise ValueError(
            f"'trained_at' must name samplings that are asked for, {', '.join(map(str, samplings))} "
            f"(got {', '.join(unknown)})"
        )
    folder = None if out is None else check_writable_folder("out", out)
    check_data(data)
    asked = _Asked(name_or_path, samplings, read)
    compared = {sampling: _Asked(model, [sampling], read) for sampling, model in others.items()}
    asked.open(data, part)
    found: dict[str, Any] = {}
    result = {
        "results": found, "from": str(samplings[0]), "model": str(name_or_path), "data": str(data), "seed": part.seed,
        "trained_at": {str(sampling): model for sampling, model in others.items()}, "next": [],
    }  # fmt: skip
    for sampling in samplings:
        row = asked.scores(sampling, first=sampling == samplings[0])
        row["accuracy_resampled"] = asked.resampled_accuracy(sampling, samplings[0])
        row["accuracy_trained_there"] = None
        if sampling in compared:
            compared[sampling].open(data, part)
            row["accuracy_trained_there"] = compared[sampling].scores(sampling, heard=False)["accuracy"]
        found[str(sampling)] = row
        if folder is not None:
            _store(result, folder)  # after each sampling: what is done is kept, whatever comes
    result["next"] = next_steps(result, asked.has_batch_norms)
    return result


class _Asked:
    """A model, and how data are read for it.

    Raises:
        FileNotFoundError: no such model.
        ValueError: a model that is not one of classes, or a sampling that does not suit it.
    """

    def __init__(self, name_or_path: str, samplings: Sequence[Sampling], read: ReadAs) -> None:
        import torch

        from ccnn_pc.cli.read_as import Footing
        from ccnn_pc.cli.sampled import Sampler
        from ccnn_pc.models import TaskKind, from_pretrained

        model: Any = from_pretrained(name_or_path)
        if model.answers.kind is not TaskKind.CLASSIFICATION:
            raise ValueError(
                f"'model' must answer with one class per item to be compared by accuracy (got one for "
                f"{model.answers.kind.value}): ccnn-pc evaluate measures it"
            )
        self.model, self.footing, self.sampler = model, Footing(model, read), Sampler(model, samplings)
        model.to("cuda" if torch.cuda.is_available() else "cpu")
        self.opened: Any = None
        self.batch_size = 1

    def open(self, data: str | Path, part: Part) -> None:
        """Open the data as the model reads them."""
        from ccnn_pc.cli.open_data import open_data

        self.batch_size = part.batch_size
        self.opened = open_data(
            data,
            self.model.preprocessing,
            part.split,
            seed=part.seed,
            shape=self.model.config.get("shape"),
            labels=part.labels,
            classes=self.model.classes,
            trained=self.model.data,
            footing=self.footing,
        )

    @property
    def has_batch_norms(self) -> bool:
        from ccnn_pc.nn.statistics import batch_norms

        return bool(batch_norms(self.model))

    def scores(self, sampling: Sampling, heard: bool = True, first: bool = False) -> dict[str, Any]:
        """Accuracies at a sampling, the number of items, and how they are read, said on stderr; ``first`` of all."""
        from ccnn_pc.cli.axes import warn_of_other_axes
        from ccnn_pc.cli.classes import matching_classes
        from ccnn_pc.cli.colours import warn_of_colours
        from ccnn_pc.cli.read_as import tell

        dataset = self.sampler(self.opened, sampling, self.footing)
        how = tell(self.model, dataset) if heard else ""
        if first:
            known = matching_classes(dataset.classes, self.model.classes)
            warn_of_other_axes(self.model, dataset, self.footing, known)
            warn_of_colours(self.model, dataset, known)
        return {**self._judged(dataset, str(sampling), first), "read": how}

    def resampled_accuracy(self, sampling: Sampling, source: Sampling) -> float | None:
        """The same where the samples are first brought to those of ``source``; None: there is no usual way."""
        dataset = self.sampler.resampled(self.opened, sampling, source, self.footing)
        if dataset is None:
            return None
        self.model.warned.add("clipped")  # the nearest of few samples stands in many a row
        accuracy: float = self._judged(dataset, f"{sampling}, resampled")["accuracy"]
        return accuracy

    def _judged(self, dataset: Any, shown: str, first: bool = False) -> dict[str, Any]:
        from rich.console import Console
        from rich.progress import track

        from ccnn_pc.cli.classes import matching_classes, warn_of_exchanged
        from ccnn_pc.training.evaluation import confusion_matrix
        from ccnn_pc.training.scores import mean_class_accuracy, overall_accuracy

        confusion = confusion_matrix(
            self.model,
            dataset,
            matching_classes(dataset.classes, self.model.classes),
            len(self.model.classes),
            batch_size=self.batch_size,
            shown=lambda loader: track(
                loader, shown, total=len(loader), console=Console(stderr=True), transient=True
            ),
        )
        if first:
            warn_of_exchanged(self.model, confusion)
        return {
            "accuracy": float(overall_accuracy(confusion)),
            "mean_class_accuracy": float(mean_class_accuracy(confusion)),
            "n": int(confusion.sum()),
        }


def table_lines(results: Mapping[str, Mapping[str, Any]], source: str) -> list[str]:
    """A table of the samplings for people, and what its columns are.

    Example:
        >>> row = {"accuracy": 0.93, "accuracy_resampled": None, "accuracy_trained_there": None, "n": 452}
        >>> rows = {"points": row, "even:32": {**row, "accuracy": 0.5, "accuracy_trained_there": 0.88}}
        >>> print(*table_lines(rows, "points")[:3], sep=chr(10))
        sampling  network           resampled first  trained there
        points    93.00 %                         –              –
        even:32   50.00 %  (-43.00)               –        88.00 %
    """
    first, width = results[source]["accuracy"], max(8, *map(len, results))
    lines = [f"{'sampling':<{width}}  {'network':<17} {'resampled first':>15}  {'trained there':>13}"]
    for name, row in results.items():
        network, *others = ("–" if row[key] is None else f"{100 * row[key]:.2f} %" for key in COLUMNS)
        gap = "" if name == source else f"({100 * (row['accuracy'] - first):+.2f})"
        lines.append(f"{name:<{width}}  {network:>7}  {gap:<8} {others[0]:>15}  {others[1]:>13}")
    return [
        *lines,
        f"{row['n']} items. network: the model, and points against {source}; resampled first: the same model, samples "
        f"brought to those of {source}; trained there: models of --trained-at",
    ]


def next_steps(result: Mapping[str, Any], batch_norms: bool) -> list[str]:
    """What may mend the samplings that lose more than 2 points, where the data allow more as far as that is known.

    Args:
        result: what :func:`transfer_model` returns.
        batch_norms: whether the model has any.
    """
    from ccnn_pc.datasets.samplings import IMAGES, SHAPES, Kind, Sampling

    rows, source = result["results"], result["from"]
    lost = []
    for name, row in rows.items():
        allowed = row["accuracy_trained_there"]
        least = rows[source]["accuracy"] if allowed is None else min(allowed, rows[source]["accuracy"])
        if least - row["accuracy"] > LOSS:
            lost.append(name)
    if not lost:
        return []
    kinds = {name: Sampling.parse(name) for name in lost}
    mixed = [
        name
        for name, each in kinds.items()
        if each.kind in (*SHAPES, *IMAGES) and each.kind is not Kind.DENSE and not each.density
    ]
    steps = [
        f"next: {', '.join(lost)} {'lose' if len(lost) > 1 else 'loses'} more than {100 * LOSS:g} points"
    ]
    if mixed:
        steps.append(f"  train over them: data.samplings=[{', '.join([source, *mixed])}]")
    if drops := [each.number for each in kinds.values() if each.kind is Kind.DROP and each.number]:
        steps.append(f"  train over drops: data.train_drop=[0, {max(drops):g}]")
    better = [
        name for name in lost if (rows[name]["accuracy_resampled"] or 0) - rows[name]["accuracy"] > LOSS
    ]
    if better:
        steps.append(f"  resample before: {', '.join(better)} (second column)")
    if batch_norms:
        steps.append(
            f"  take the statistics of batch norms from unlabelled data that are sampled so: ccnn-pc recalibrate "
            f"{result['model']} --data SAMPLED --out NEW"
        )
    unknown = [name for name in lost if rows[name]["accuracy_trained_there"] is None]
    if unknown:
        steps.append(f"  what the data allow: train there, then --trained-at {unknown[0]}=MODEL")
    return steps


def _store(result: Mapping[str, Any], folder: Path) -> None:
    from ccnn_pc._files import write_rows_atomically
    from ccnn_pc.viz import plot_transfer

    common = {key: result[key] for key in ("model", "from", "data", "seed")}
    rows = [
        {**common, "sampling": name, **{key: value for key, value in row.items() if key != "read"}}
        for name, row in result["results"].items()
    ]
    write_rows_atomically(folder / "transfer.csv", rows)
    scores = {
        text: {name: row[key] for name, row in result["results"].items() if row[key] is not None}
        for key, text in COLUMNS.items()
    }
    plot_transfer(scores, folder / "transfer.png", result["from"])
