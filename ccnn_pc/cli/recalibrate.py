"""``ccnn-pc recalibrate``: a trained model whose batch norms fit other data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ccnn_pc.cli.read_as import AS_TRAINED, Axes, Interpolate, ReadAs, Size, Spacing, TimeUnit


def recalibrate(
    model: Annotated[str, typer.Argument(help="Name of a packaged model, or the folder of a trained one.")],
    data: Annotated[str, typer.Option(help="What ccnn-pc evaluate reads; labels are not looked at.")],
    out: Annotated[Path, typer.Option(help="Folder of the new model.")],
    split: Annotated[
        str | None,
        typer.Option(help="train, val or test; default: test where there is one, else everything."),
    ] = None,
    items: Annotated[
        int, typer.Option(min=0, help="Items that statistics are taken from, spread over all; 0: all.")
    ] = 512,
    batch_size: Annotated[int, typer.Option(min=1, help="Items per batch; best as in training.")] = 16,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the points that are drawn from each shape; default: as in training."),
    ] = None,
    sampling: Annotated[
        str | None,
        typer.Option(help="Sampling of the data, as ccnn-pc transfer has them; default: as in training."),
    ] = None,
    size: Size = None,
    spacing: Spacing = None,
    time_unit: TimeUnit = None,
    interpolation: Interpolate = None,
    axes: Axes = None,
) -> None:
    """Take the statistics of a model's batch norms anew, from data as they will come; no weight changes.

    \b
    Examples:
      ccnn-pc recalibrate runs/my_series/latest/model --data new.csv --out my_series_recalibrated
      ccnn-pc recalibrate ccnn_tiny-modelnet10 --data path/to/test.npz --items 200 --out my_model_recalibrated
      ccnn-pc recalibrate runs/cifar10_tiny/latest/model --data data/cifar10 --split train --sampling pixels:2 --out new

    Batch norms remember means and variances of the training data. Data that are sampled more sparsely, or come from
    another device, have others in deeper layers; a few hundred of them, without labels, are enough to mend that.
    --sampling takes them from data that are sampled as ccnn-pc transfer does it: the new model is one for that
    sampling, and ccnn-pc evaluate --sampling says what it is worth there.
    """  # noqa: D301
    found = recalibrate_model(
        model, data, out, split=split, items=items, batch_size=batch_size, seed=seed,
        sampling=sampling, read=ReadAs(size, spacing, time_unit, interpolation, axes),
    )  # fmt: skip
    at = "" if sampling is None else f" at {sampling}"
    print(f"{found['norms']} batch norms, statistics of {found['items']} items of {data}{at}")
    print(f"model: {out}")
    words = "" if sampling is None else f" --sampling {sampling}"
    print(f"  ccnn-pc evaluate {out} --data {data}{words}      how much it helps")


def recalibrate_model(
    name_or_path: str,
    data: str | Path,
    out: Path,
    *,
    split: str | None = None,
    items: int = 512,
    batch_size: int = 16,
    seed: int | None = None,
    sampling: str | None = None,
    read: ReadAs = AS_TRAINED,
) -> dict[str, int]:
    """Write the model with statistics of ``data`` to ``out``; return numbers of norms and of items read.

    Args:
        name_or_path: the model.
        data: name, file or folder.
        out: folder of the new model.
        split: part; None: the default one.
        items: that statistics are taken from, spread over all; 0: all.
        batch_size: items per batch.
        seed: of the points that are drawn; None: that of the training.
        sampling: of clouds, images, series (:class:`ccnn_pc.datasets.samplings.Sampling`); None: as in training.
        read: how data are read, where not as in training.

    Raises:
        FileNotFoundError: if the model or the data do not exist.
        ValueError: a model without batch norms, data that it does not read, or a sampling that does not suit it.
    """
    import torch
    from rich.console import Console
    from rich.progress import track

    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.cli.open_data import check_data, open_data
    from ccnn_pc.cli.read_as import Footing, tell
    from ccnn_pc.cli.sampled import Sampler
    from ccnn_pc.datasets.samplings import Sampling
    from ccnn_pc.models import TaskKind, from_pretrained, save_pretrained
    from ccnn_pc.nn import recalibrate
    from ccnn_pc.nn.statistics import batch_norms
    from ccnn_pc.training.loader import ResumableLoader

    check_data(data)
    check_writable_folder("out", out)
    model: Any = from_pretrained(name_or_path)
    norms = batch_norms(model)
    if not norms:
        raise ValueError(
            f"'{name_or_path}' must have batch norms (got none): its answers depend on no statistics"
        )
    footing = Footing(model, read)
    drawn = [] if sampling is None else [Sampling.parse(sampling)]
    sampler = Sampler(model, drawn) if drawn else None
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    dataset: Any = open_data(
        data,
        model.preprocessing,
        split,
        seed=int(model.data.get("seed", 0)) if seed is None else seed,
        shape=model.config.get("shape"),
        classes=model.classes,
        numbers=model.answers.kind is TaskKind.REGRESSION,
        trained=model.data,
        labelled=False,
        footing=footing,
    )
    if sampler is not None:
        dataset = sampler(dataset, drawn[0], footing)
    tell(model, dataset)
    count = min(items or len(dataset), len(dataset))
    dataset = dataset.subset([i * len(dataset) // count for i in range(count)])
    loader = ResumableLoader(dataset, batch_size, seed=0)
    shown = track(loader, "statistics", total=len(loader), console=Console(stderr=True), transient=True)
    save_pretrained(recalibrate(model, shown), out)
    return {"norms": len(norms), "items": count}
