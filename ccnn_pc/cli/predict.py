"""``ccnn-pc predict``: what a trained model takes meshes, clouds, images and series for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Series of a table that a network reads at once, and whose answers are printed for people.
_BATCH, _SHOWN = 64, 100

EXAMPLES = """
Classes and probabilities of meshes, clouds or images, and a picture of each; of the series of a table.

\b
Examples:
  ccnn-pc predict ccnn_tiny-modelnet10 chair.off
  ccnn-pc predict ccnn_tiny-modelnet10 scans/*.ply --json --no-picture
  ccnn-pc predict runs/my_experiment/model part.stl cloud.xyz --out pictures
  ccnn-pc predict runs/cifar10_tiny/latest/model photos/*.jpg
  ccnn-pc predict runs/my_series/latest/model new.csv --csv answers.csv

\b
Reads off, obj, ply, stl, glb, pcd, xyz, txt, npy and npz; models of images and of their pixels as a sequence
read png, jpg, bmp, ppm, pgm, webp and tif: the square in the middle, resized to what they were trained on.
Models of tables read tables (id, time, variable, value): one answer for each id, and no picture.
A file that cannot be read is reported and the others go on.
The exit status is 1 only if every file failed.
"""


def predict(
    model: Annotated[str, typer.Argument(help="A pretrained model's name, or the folder of a saved model.")],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Meshes, clouds, images or tables.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on the last line of stdout.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("plots"),
    picture: Annotated[bool, typer.Option(help="Draw each file with its probabilities.")] = True,
    seed: Annotated[int, typer.Option(help="Which points are drawn from a mesh or a large cloud.")] = 0,
    csv: Annotated[Path | None, typer.Option(help="Also write all answers to this table.")] = None,
) -> None:
    """Classify files."""
    from ccnn_pc._files import check_writable_folder

    if csv is not None:
        check_writable_folder("csv", csv.parent)
    rows = predict_files(model, files, out=out if picture else None, seed=seed)
    if csv is not None:
        write_answers(rows, csv)
    if as_json:
        print(json.dumps(rows))
    else:
        _print_table(rows)
    if all("error" in row for row in rows):
        raise typer.Exit(1)


predict.__doc__ = EXAMPLES


def predict_files(
    model: str, files: Sequence[Path], *, out: Path | None = None, seed: int = 0
) -> list[dict[str, Any]]:
    """Classify each file: ``{"file", "class", "probability", "probabilities"}``, or ``{"file", "error"}``.

    Args:
        model: a pretrained model's name or a folder.
        files: meshes, clouds or images, one row of the result each; tables, with a row for each series and its ``id``.
        out: folder of the pictures, ``<file's stem>.png``; None draws none.
        seed: which points are drawn.

    Raises:
        ImportError: pictures are wanted and matplotlib is missing.
        OSError: ``out`` cannot be written.
        ValueError: an unknown model.
    """
    import torch

    from ccnn_pc._optional import require
    from ccnn_pc.cli.inputs import read_input
    from ccnn_pc.models import from_pretrained

    network = from_pretrained(model)
    preprocessing = network.preprocessing
    shape = network.config.get("shape")
    tables = getattr(preprocessing, "table", None) is not None
    if out is not None and not tables:
        require("matplotlib", extra="train", purpose="to draw pictures (or use --no-picture)")
        _check_folder(out)
    rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    for number, file in enumerate(files, start=1):
        if len(files) > 1:
            print(f"[{number}/{len(files)}] {file}", file=sys.stderr)
        try:
            if tables:
                rows += predict_table(network, file)
                continue
            data = read_input(file, preprocessing, seed, shape=shape)
            with torch.inference_mode():
                chances = class_probabilities(network(data))[0]
            if out is not None:
                target = out / f"{_free_name(file.stem, taken)}.png"
                _draw(data, preprocessing, _classes(network, len(chances)), chances, target, file.name)
                print(f"picture: {target}", file=sys.stderr)
        except Exception as error:  # readers of broken files raise anything; the other files must go on
            if os.environ.get("CCNN_PC_TRACEBACK"):
                raise
            rows.append({"file": str(file), "error": str(error) or type(error).__name__})
            print(f"error: {rows[-1]['error']}", file=sys.stderr)
            continue
        rows.append({"file": str(file), **answer(network, chances)})
    return rows


def predict_table(network: Any, path: Path) -> list[dict[str, Any]]:
    """Classify each series of a table: ``{"file", "id", "class", "probability", "probabilities"}``, sorted by id.

    Args:
        network: in eval mode, trained on a table; labels are not read.
        path: a table, or a folder of them.

    Raises:
        FileNotFoundError: no such file.
        ValueError: what the table must not hold; the message names file and line.
    """
    import torch

    from ccnn_pc.datasets import LongCSV
    from ccnn_pc.training.loader import ResumableLoader

    used = network.preprocessing
    data = LongCSV.as_trained(path, used.table, labelled=False, transform=used.transform())
    with torch.inference_mode():
        loader = ResumableLoader(data, _BATCH, shuffle=False)
        chances = torch.cat([class_probabilities(network(batch)) for batch in loader])
    return [
        {"file": str(path), "id": name, **answer(network, row)}
        for name, row in zip(data.ids, chances, strict=True)
    ]


def write_answers(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write answers as CSV: file, id where there is one, class, probability, and a column for each class.

    Raises:
        OSError: the file cannot be written.
    """
    from ccnn_pc._files import write_rows_atomically

    found = []
    for row in rows:
        plain = {key: value for key, value in row.items() if key != "probabilities"}
        found.append(plain | {f"p({name})": chance for name, chance in row.get("probabilities", {}).items()})
    write_rows_atomically(path, found)


def answer(network: nn.Module, chances: Tensor) -> dict[str, Any]:
    """The likeliest class, its probability, and those of all classes."""
    classes, best = _classes(network, len(chances)), int(chances.argmax())
    return {
        "class": classes[best],
        "probability": float(chances[best]),
        "probabilities": {name: float(p) for name, p in zip(classes, chances, strict=True)},
    }


def _draw(
    data: Any, preprocessing: Any, classes: list[str], chances: Tensor, target: Path, title: str
) -> None:
    from ccnn_pc.cli.inputs import normals_of
    from ccnn_pc.viz import plot_image_prediction, plot_prediction

    if "picture" in data:
        plot_image_prediction(data.picture[0], classes, chances, target, title=title)
        return
    shading = normals_of(data, preprocessing)
    plot_prediction(data.pos, classes, chances, target, normals=shading, title=title)


def class_probabilities(logits: Tensor) -> Tensor:
    """Probabilities ``[B, K]`` of logits ``[B, K]``; ``[B, 2]`` of the single logit of a two-class model.

    Raises:
        ValueError: a logit is not finite.

    Example:
        >>> import torch
        >>> class_probabilities(torch.zeros(1, 1)).tolist()
        [[0.5, 0.5]]
    """
    import torch

    logits = logits.double()
    if not bool(torch.isfinite(logits).all()):
        raise ValueError("the model's output is not finite: check the scale of the input, or the weights")
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    return logits.softmax(dim=1)


def _classes(network: nn.Module, count: int) -> list[str]:
    names = [str(name) for name in network.classes]  # type: ignore[union-attr]
    return names if len(names) == count else [str(i) for i in range(count)]


def _free_name(stem: str, taken: set[str]) -> str:
    """``stem``, or ``stem_2``, ``stem_3`` … where files of several folders have the same name."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return name


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"'out' must be a folder that can be written (got {folder}: {error.strerror})"
        ) from error
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"'out' must be a folder that can be written (got {folder}: it is read-only)")


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    series = any("id" in row for row in rows)
    table = Table("file", *(["id"] if series else []), "class", box=None, header_style="bold", pad_edge=False)
    table.add_column("probability", justify="right")
    table.add_column("then")
    shown = rows[:_SHOWN] if series else rows
    for row in shown:
        first = [escape(row["file"]), *([escape(row.get("id", ""))] if series else [])]
        if "error" in row:
            table.add_row(*first, "[red]error[/red]", "", f"[red]{escape(row['error'])}[/red]")
            continue
        ranked = sorted(row["probabilities"].items(), key=lambda item: -item[1])[1:3]
        then = ", ".join(f"{name} {100 * chance:.1f} %" for name, chance in ranked)
        best, chance = f"[bold]{escape(row['class'])}[/bold]", f"{100 * row['probability']:.1f} %"
        table.add_row(*first, best, chance, escape(then))
    Console().print(table)
    if len(shown) < len(rows):
        print(f"and {len(rows) - len(shown)} more: --csv and --json write all")
    failed = sum("error" in row for row in rows)
    if failed:
        Console(stderr=True).print(f"{failed} of {len(rows)} files could not be read")
