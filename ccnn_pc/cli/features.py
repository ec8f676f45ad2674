"""``ccnn-pc features``: what the last layer of a trained model reads of files, for other tools to go on with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from ccnn_pc.cli.read_as import AS_TRAINED, Interpolate, ReadAs, Size, Spacing, TimeUnit

#: Items of a table or data set that a network reads at once.
_BATCH = 64


class Item(NamedTuple):
    """Features of one item: ``[C]``, or ``[n, C]`` at positions ``[n, D]`` where samples have answers of their own."""

    name: str
    features: Any
    pos: Any = None


def features(
    model: Annotated[str, typer.Argument(help="A pretrained model's name, or the folder of a saved model.")],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES...", help="Files, folders of them, tables, data sets, scenes."),
    ],
    out: Annotated[Path, typer.Option(help="The file of arrays (npz).")],
    seed: Annotated[int, typer.Option(help="Which points are drawn from a mesh or a large cloud.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Sizes as JSON on the last line of stdout.")
    ] = False,
    size: Size = None,
    spacing: Spacing = None,
    time_unit: TimeUnit = None,
    interpolation: Interpolate = None,
) -> None:
    r"""Write what a model's last layer reads: one row for each item, or for each point where points have answers.

    \b
    Examples:
      ccnn-pc features ccnn_tiny-modelnet10 shapes/ --out features.npz
      ccnn-pc features runs/cifar10_tiny/latest/model photos/*.jpg --out features.npz
      ccnn-pc features runs/my_series/latest/model new.csv --out features.npz
      ccnn-pc features runs/my_scenes/latest/model scan.laz --out features.npz

    \b
    Arrays of the file: features [n, C], float32; item [n], to which entry of names each row belongs; names, the
    files (of tables FILE:ID, of data sets what their items are called); and, where points or stamps have answers of
    their own, pos [n, D]: of scenes, the points that were kept, as they lie in the file.
    Models of clouds, images, tables and scenes read files; other models of series read data sets, as evaluate does.
    A file that cannot be read is reported and the others go on; the exit status is 1 only if every file failed.
    """
    import numpy as np

    from ccnn_pc._files import check_writable_folder, written_whole

    if out.suffix != ".npz":
        raise ValueError(f"'out' must be a file of arrays, .npz (got {out})")
    check_writable_folder("out", out.parent)
    found, failed = [], 0
    for item in items_of(model, files, seed=seed, read=ReadAs(size, spacing, time_unit, interpolation)):
        if isinstance(item, Exception):
            failed += 1
        else:
            found.append(item)
    if not found:
        raise typer.Exit(1)
    rows = [np.atleast_2d(item.features) for item in found]
    arrays: dict[str, Any] = {
        "features": np.concatenate(rows),
        "item": np.repeat(np.arange(len(found)), [len(each) for each in rows]),
        "names": np.array([item.name for item in found]),
    }
    if all(item.pos is not None for item in found):
        arrays["pos"] = np.concatenate([item.pos for item in found])
    with written_whole(out) as hidden, open(hidden, "wb") as file:
        np.savez(file, **arrays)
    shape = list(arrays["features"].shape)
    if as_json:
        print(json.dumps({"out": str(out), "items": len(found), "features": shape, "failed": failed}))
    else:
        print(f"{out}: features {shape[0]} x {shape[1]} of {len(found)} items")


def items_of(
    model: str, files: list[Path], *, seed: int = 0, read: ReadAs = AS_TRAINED
) -> Iterator[Item | Exception]:
    """Features of each item, or what was wrong with a file; see the command.

    Raises:
        FileNotFoundError: a folder holds no file that the model reads.
        ValueError: an unknown model.
    """
    import torch

    from ccnn_pc.cli.predict import files_of
    from ccnn_pc.cli.read_as import Footing
    from ccnn_pc.cli.read_file import suffixes_of
    from ccnn_pc.datasets import ScenePreprocessing, SeriesPreprocessing
    from ccnn_pc.datasets.scenes import scene_files
    from ccnn_pc.models import from_pretrained

    network: Any = from_pretrained(model)
    footing = Footing(network, read)
    network.reset_classifier(0)
    used = network.preprocessing
    if isinstance(used, ScenePreprocessing):
        files = [each for given in files for each in (scene_files(given) if given.is_dir() else [given])]
    elif used is not None and not isinstance(used, SeriesPreprocessing):
        files = files_of(files, suffixes_of(used))
    with torch.inference_mode():
        for file in files:
            try:
                yield from _read(network, file, footing, seed)
            except Exception as error:  # readers of broken files raise anything; the other files must go on
                if os.environ.get("CCNN_PC_TRACEBACK"):
                    raise
                print(f"error: {error or type(error).__name__}", file=sys.stderr)
                yield error


def _read(network: Any, file: Path, footing: Any, seed: int) -> Iterator[Item]:
    """The items of one file, of one table, or of one data set."""
    from ccnn_pc.cli.judged import item_names
    from ccnn_pc.cli.open_data import open_data
    from ccnn_pc.cli.read_file import read_input
    from ccnn_pc.datasets import ScenePreprocessing, SeriesPreprocessing
    from ccnn_pc.training.loader import ResumableLoader
    from ccnn_pc.training.predict_scene import scene_features

    used, shape = network.preprocessing, network.config.get("shape")
    if isinstance(used, ScenePreprocessing):
        yield Item(str(file), *scene_features(network, file, used, seed=seed))
        return
    if used is not None and not isinstance(used, SeriesPreprocessing):
        data = read_input(file, used, seed, shape=shape, footing=footing)
        yield _item(network, str(file), data)
        return
    table = getattr(used, "table", None) is not None
    options = {"labelled": False} if table else {"trained": network.data, "seed": seed}
    dataset: Any = open_data(file, used, shape=shape, footing=footing, **options)
    names = list(dataset.ids) if table else item_names(dataset)[1]
    loader = ResumableLoader(dataset, 1 if network.pool is None else _BATCH, shuffle=False)
    number = 0
    for batch in loader:
        if network.pool is None:
            yield _item(network, f"{file}:{names[number]}", batch)
            number += 1
            continue
        for row in network(batch).float().cpu().numpy():
            yield Item(f"{file}:{names[number]}", row)
            number += 1


def _item(network: Any, name: str, data: Any) -> Item:
    """Features of one item, with the positions of its samples where these have answers of their own."""
    y = network(data).float().cpu()
    if getattr(network, "pool", True) is not None:
        return Item(name, y[0].numpy())
    if y.dim() > 2:  # an array [1, C, *S]: cells row by row
        return Item(name, y[0].flatten(1).t().numpy())
    where = next((data[key] for key in ("given", "pos", "times") if data.get(key) is not None), None)
    if where is not None:
        where = where.reshape(len(where), -1).cpu().numpy()
    return Item(name, y.numpy(), where if where is not None and len(where) == len(y) else None)
