"""``ccnn-pc transfer``: one trained model on several samplings of the same test data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ccnn_pc.cli.read_as import AS_TRAINED, Interpolate, ReadAs, Size, Spacing, TimeUnit


def transfer(
    model: Annotated[str, typer.Argument(help="Name of a packaged model, or the folder of a trained one.")],
    data: Annotated[
        str, typer.Option(help="A folder, an .npz file like those of ModelNet10, or the name of a data set.")
    ],
    source: Annotated[str, typer.Option("--from", help="The sampling that the model was trained on.")],
    to: Annotated[list[str], typer.Option("--to", help="Another sampling; may be given several times.")],
    split: Annotated[
        str | None,
        typer.Option(help="train, val or test; default: test where there is one, else everything."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the samples that are drawn.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Items per batch.")] = 16,
    out: Annotated[Path | None, typer.Option(help="Folder for transfer.csv and transfer.png.")] = None,
    size: Size = None,
    spacing: Spacing = None,
    time_unit: TimeUnit = None,
    interpolation: Interpolate = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on the last line of stdout.")] = False,
) -> None:
    """Evaluate one trained model on several samplings of the same data.

    \b
    Samplings: points, points:1024 (so many), even, random and uneven ones (even:64, uneven:256), voxels, voxels:512,
      voxels@20 (cells per axis), dense (the voxels out of an array),
      pixels, pixels:2 (every second one), scattered, scattered:0.25 (a random part of the pixels, as points);
      +density weights samples by the inverse of their density.

    \b
    Examples:
      ccnn-pc transfer ccnn_tiny-modelnet10-voxels --from voxels --to points --data path/to/test.npz --json
      ccnn-pc transfer ccnn_tiny-modelnet10 --from points --to points:512 --to voxels --to dense --data folder
      ccnn-pc transfer runs/cifar10_tiny/latest/model --from pixels --to pixels:2 --to scattered --data path/to/cifar10

    The kernels are functions of position: they are evaluated where the samples lie, with the weight that a sample
    stands for. With --json the last line of stdout is {"results": {"voxels": {"accuracy": ..., "n": ..., "read": ...},
    ...}, ...}; "read" says how data were read.
    """  # noqa: D301
    result = transfer_model(
        model, data, source, to, split=split, seed=seed, batch_size=batch_size, out=out,
        read=ReadAs(size, spacing, time_unit, interpolation),
    )  # fmt: skip
    if as_json:
        print(json.dumps(result))
        return
    width = max(len(name) for name in result["results"])
    first = result["results"][result["from"]]["accuracy"]
    for name, row in result["results"].items():
        gap = "" if name == result["from"] else f"   {100 * (row['accuracy'] - first):+.2f} points"
        print(f"{name:<{width}}  {100 * row['accuracy']:6.2f} %{gap}")
    print(f"{row['n']} items of {data}")


def transfer_model(
    name_or_path: str,
    data: str | Path,
    source: str,
    to: Sequence[str],
    *,
    split: str | None = None,
    seed: int = 0,
    batch_size: int = 16,
    out: Path | None = None,
    read: ReadAs = AS_TRAINED,
) -> dict[str, Any]:
    """Return the accuracy of a trained model on each sampling, ``source`` first.

    Raises:
        FileNotFoundError: if the model or the data do not exist.
        ValueError: a sampling that there is not, or that does not suit the model; classes that it does not know.
    """
    import torch
    from rich.console import Console
    from rich.progress import track

    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.cli.evaluate import matching_classes
    from ccnn_pc.cli.inputs import check_data, open_data
    from ccnn_pc.cli.read_as import Footing, tell
    from ccnn_pc.cli.sampled import Sampler
    from ccnn_pc.datasets.samplings import Sampling
    from ccnn_pc.models import TaskKind, from_pretrained
    from ccnn_pc.training.evaluation import confusion_matrix
    from ccnn_pc.training.scores import mean_class_accuracy, overall_accuracy

    samplings = list(dict.fromkeys([Sampling.parse(source), *map(Sampling.parse, to)]))
    folder = None if out is None else check_writable_folder("out", out)
    check_data(data)
    model: Any = from_pretrained(name_or_path)
    if model.answers.kind is not TaskKind.CLASSIFICATION:
        raise ValueError(
            f"'model' must answer with one class per item to be compared by accuracy (got one for "
            f"{model.answers.kind.value}): ccnn-pc evaluate measures it"
        )
    footing = Footing(model, read)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    sampler = Sampler(model, samplings)
    shape = model.config.get("shape")
    opened: Any = open_data(data, model.preprocessing, split, seed=seed, shape=shape, footing=footing)
    found: dict[str, Any] = {}
    result = {
        "results": found, "from": str(samplings[0]), "model": str(name_or_path), "data": str(data), "seed": seed,
    }  # fmt: skip
    for sampling in samplings:
        dataset = sampler(opened, sampling, footing)
        how = tell(model, dataset)
        confusion = confusion_matrix(
            model,
            dataset,
            matching_classes(dataset.classes, model.classes),
            len(model.classes),
            batch_size=batch_size,
            shown=lambda loader, name=str(sampling): track(  # type: ignore[misc]
                loader, name, total=len(loader), console=Console(stderr=True), transient=True
            ),
        )
        found[str(sampling)] = {
            "accuracy": float(overall_accuracy(confusion)),
            "mean_class_accuracy": float(mean_class_accuracy(confusion)),
            "n": int(confusion.sum()),
            "read": how,
        }
        if folder is not None:
            _store(result, folder)  # after each sampling: what is done is kept, whatever comes
    return result


def _store(result: dict[str, Any], folder: Path) -> None:
    from ccnn_pc._files import write_rows_atomically
    from ccnn_pc.viz import plot_transfer

    common = {key: result[key] for key in ("model", "from", "data", "seed")}
    rows = [
        {**common, "sampling": name, **{key: value for key, value in row.items() if key != "read"}}
        for name, row in result["results"].items()
    ]
    write_rows_atomically(folder / "transfer.csv", rows)
    accuracies = {name: row["accuracy"] for name, row in result["results"].items()}
    plot_transfer(accuracies, result["from"], folder / "transfer.png")
