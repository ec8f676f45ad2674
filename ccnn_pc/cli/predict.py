"""``ccnn-pc predict``: what a trained model takes meshes, clouds, images and series for."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ccnn_pc.cli.predict_points import answers_points, predict_points, targets_of, write_points
from ccnn_pc.cli.predict_scenes import (
    Written,
    ended_by_sigterm,
    is_file_name,
    predict_scenes,
    print_scenes,
)
from ccnn_pc.cli.read_as import AS_TRAINED, Axes, Interpolate, ReadAs, Size, Spacing, TimeUnit, Windows

#: Series of a table whose answers are printed for people.
_SHOWN = 100

EXAMPLES = """
What a model says of meshes, clouds or images, with a picture of each; of the series of a table; whole scenes labelled.

\b
Examples:
  ccnn-pc predict ccnn_tiny-modelnet10 chair.off
  ccnn-pc predict ccnn_tiny-modelnet10 scans/ --json --no-picture
  ccnn-pc predict runs/my_experiment/model part.stl cloud.xyz --out pictures
  ccnn-pc predict runs/cifar10_tiny/latest/model photos/*.jpg --csv answers.csv
  ccnn-pc predict runs/my_series/latest/model new.csv --csv answers.csv
  ccnn-pc predict runs/my_parts/model chair.ply --out labelled.ply
  ccnn-pc predict runs/my_scenes/latest/model scan.laz --out labelled.laz --html scan.html
  ccnn-pc predict runs/my_scenes/latest/model "flights/*.laz" --out labelled/ --probabilities

\b
Reads off, obj, ply, stl, glb, pcd, xyz, txt, npy and npz; models of images and of their pixels as a sequence
read png, jpg, bmp, ppm, pgm, webp and tif: the square in the middle, resized to what they were trained on.
Of a folder all such files are read. Models of tables read tables (id, time, variable, value): one answer for each
id, and no picture. Models of series read .ts and .arff as well, an answer for each series, labels or none; those of
other series are used on data sets: ccnn-pc evaluate. Pictures show one class per item, or clouds coloured by the class
of each point.
The answer is what the model was trained to give: a class with its probability, numbers, or one of these for every
point, pixel or stamp; then the table shows how many of each, and --csv and --json have all of them.
Models with an answer for every point answer for all points of a cloud, and with --out FILE, or of several files
--out FOLDER, write it again with a field label, the row of each point's class, or with its numbers.
Models of scenes write each file again with its classes set and nothing else changed: --out FILE, or of several
files, a folder or a pattern --out FOLDER; with --probabilities as further fields. Beside each lies a picture, with
the truth and the errors where the file has classes of its own.
A file that cannot be read is reported and the others go on.
The exit status is 1 only if every file failed.
"""


def predict(
    model: Annotated[str, typer.Argument(help="A pretrained model's name, or the folder of a saved model.")],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES...", help="Meshes, clouds, images, folders of them, or tables."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on the last line of stdout.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the pictures (default: plots). Of scenes: the labelled file, or their folder."
        ),
    ] = None,
    picture: Annotated[bool, typer.Option(help="Draw each file with its probabilities.")] = True,
    seed: Annotated[int, typer.Option(help="Which points are drawn from a mesh or a large cloud.")] = 0,
    csv: Annotated[Path | None, typer.Option(help="Also write all answers to this table.")] = None,
    probabilities: Annotated[
        bool, typer.Option(help="Write those of each class into labelled scenes.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Of scenes: a page in which the scene can be turned, or a folder of pages."),
    ] = None,
    size: Size = None,
    spacing: Spacing = None,
    time_unit: TimeUnit = None,
    interpolation: Interpolate = None,
    axes: Axes = None,
    windows: Windows = None,
) -> None:
    """Use a model on files."""
    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.cli.answers import write_answers
    from ccnn_pc.datasets import ScenePreprocessing
    from ccnn_pc.models import from_pretrained

    if csv is not None:
        check_writable_folder("csv", csv.parent)
    read = ReadAs(size, spacing, time_unit, interpolation, axes, windows)
    network = from_pretrained(model)
    scenes = isinstance(network.preprocessing, ScenePreprocessing)
    points = not scenes and answers_points(network)
    for name, given, fits in (("probabilities", probabilities, scenes or points), ("html", html, scenes)):
        if given and not fits:
            raise ValueError(f"'{name}' must be left out for a model that labels no scenes (got {given})")
    if probabilities and out is None:
        raise ValueError("'out' must be the labelled file, or their folder, for it to get probabilities")
    if scenes:
        rows = _label_scenes(
            network, files, (out, csv), Written(Path(), probabilities, picture, html), read, seed
        )
    else:
        with ended_by_sigterm():
            rows = predict_files(
                model,
                files,
                out=(out or Path("plots")) if picture else None,
                labelled=Written(out, probabilities) if points and out is not None else None,
                seed=seed,
                read=read,
                network=network,
            )
    if csv is not None:
        write_answers(rows, csv)
    if as_json:
        print(json.dumps(rows))
    elif scenes:
        print_scenes(rows, model, html is not None)
    else:
        _print_table(rows)
    if all("error" in row for row in rows):
        raise typer.Exit(1)


predict.__doc__ = EXAMPLES


def _label_scenes(
    network: Any,
    files: Sequence[Path],
    out: tuple[Path | None, Path | None],
    written: Written,
    read: ReadAs,
    seed: int,
) -> list[dict[str, Any]]:
    import torch

    from ccnn_pc.cli.read_as import Footing

    target, csv = out
    if target is None:
        raise ValueError(
            "'out' must be the labelled file, or their folder, for a model of scenes: --out labelled.laz"
        )
    if csv is not None:
        raise ValueError(
            f"'csv' must be left out for a model of scenes, which labels files: see --out (got {csv})"
        )
    Footing(network, read)
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    written = dataclasses.replace(written, out=target)
    return predict_scenes(network, files, written, positive=network.answers.positive, seed=seed)


def predict_files(
    model: str,
    files: Sequence[Path],
    *,
    out: Path | None = None,
    labelled: Written | None = None,
    seed: int = 0,
    read: ReadAs = AS_TRAINED,
    network: Any = None,
) -> list[dict[str, Any]]:
    """Answers for each file: ``{"file", ...}`` with :func:`ccnn_pc.cli.answers.answers_of`, or ``{"file", "error"}``.

    Args:
        model: a pretrained model's name or a folder.
        files: meshes, clouds or images, and folders of them, one row of the result each; tables, with a row for each
            series and its ``id``.
        out: folder of the pictures, ``<file's stem>.png``, or a file beside which there is one; None draws none.
        labelled: where clouds go whose every point is answered; None: they are not written.
        seed: which points are drawn.
        read: how data are read, where not as in training.
        network: the model, where it is loaded already.

    Raises:
        FileNotFoundError: a folder holds no file that the model reads.
        ImportError: pictures are wanted and matplotlib is missing.
        OSError: ``out`` cannot be written.
        ValueError: an unknown model, or one that reads no files.
    """
    import torch

    from ccnn_pc._optional import require
    from ccnn_pc.cli.answers import answers_of, free_name
    from ccnn_pc.cli.compared_files import ComparedFiles
    from ccnn_pc.cli.predict_series import predict_series
    from ccnn_pc.cli.read_as import Footing, how_read, say
    from ccnn_pc.cli.read_file import check_reads_files, read_input, suffixes_of
    from ccnn_pc.datasets import SeriesPreprocessing
    from ccnn_pc.datasets.series.uea_archive import is_archive
    from ccnn_pc.models import TaskKind, from_pretrained
    from ccnn_pc.models.shift.expected import Expected
    from ccnn_pc.models.windows import answer

    network = from_pretrained(model) if network is None else network
    footing, how, compared = Footing(network, read), "", ComparedFiles(network)
    preprocessing, numbers = network.preprocessing, network.answers.kind is TaskKind.REGRESSION
    shape = network.config.get("shape")
    tables = getattr(preprocessing, "table", None) is not None
    series = isinstance(preprocessing, SeriesPreprocessing)
    if not tables:
        files = files_of(files, suffixes_of(preprocessing))
    targets = {} if labelled is None else targets_of(files, labelled.out)
    if labelled is not None:
        _check_folder(labelled.out.parent if is_file_name(labelled.out) else labelled.out)
    if out is not None and not series:
        require("matplotlib", extra="train", purpose="to draw pictures (or use --no-picture)")
        out, stem = (out.parent, out.stem) if targets and is_file_name(out) else (out, "")
        _check_folder(out)
    rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    said_before = set(getattr(network, "warned", ()))
    for number, file in enumerate(files, start=1):
        if len(files) > 1:
            print(f"[{number}/{len(files)}] {file}", file=sys.stderr)
        try:
            if tables or (series and is_archive(file)):  # each is compared with the training anew
                network.warned = set(said_before)
                rows += predict_series(network, file, footing)
                continue
            check_reads_files(network, model)
            if answers_points(network):
                data, first, answers = predict_points(network, file, seed)
            else:
                first = data = read_input(
                    file, preprocessing, seed, shape=shape, footing=footing, longest=footing.longest
                )
                with torch.inference_mode(), compared.asked(data, file):
                    answers = answer(network, data, numbers=numbers)
            if (here := how_read(network, first)) != how:
                how = say(here)  # again where another file is read otherwise
            (said,) = answers_of(network, answers, data)
            if labelled is not None and file in targets:
                write_points(network, file, targets[file], data, answers, labelled.probabilities)
                said["written"] = str(targets[file])
            if out is not None:
                target = out / f"{free_name(stem or file.stem, taken)}.png"
                if _draw(data, network, said, target, file.name):
                    print(f"picture: {target}", file=sys.stderr)
        except Exception as error:  # readers of broken files raise anything; the other files must go on
            if os.environ.get("CCNN_PC_TRACEBACK"):
                raise
            rows.append({"file": str(file), "error": str(error) or type(error).__name__})
            print(f"error: {rows[-1]['error']}", file=sys.stderr)
            continue
        rows.append({"file": str(file), **said, "read": how})
    compared.warn()
    expected = Expected(network).of_rows(rows)
    expected.warn()
    if (sentence := expected.sentence()) is not None:
        print(sentence, file=sys.stderr)
    return rows


def files_of(paths: Sequence[Path], suffixes: Sequence[str]) -> list[Path]:
    """The files, and those of the folders among them, below folders too, that have one of the suffixes.

    Raises:
        FileNotFoundError: a folder holds no such file.

    Example:
        >>> files_of([Path("chair.off"), Path("none.off")], [".off"])
        [PosixPath('chair.off'), PosixPath('none.off')]
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = [
            file
            for file in sorted(path.rglob("*"))
            if file.name.lower().endswith(tuple(suffixes))
            and file.is_file()
            and not _is_hidden(file.relative_to(path))
        ]
        if not inside:
            raise FileNotFoundError(
                f"'{path}' must hold files of the formats {', '.join(suffixes)} (found none)"
            )
        found += inside
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts)


def _draw(data: Any, network: Any, said: dict[str, Any], target: Path, title: str) -> bool:
    """Draw an item with what the model says of it; False where there is no picture for such an answer."""
    from ccnn_pc.cli.read_file import behind, normals_of
    from ccnn_pc.viz import plot_image_prediction, plot_labels, plot_prediction

    if "shares" in said and data.get("pos") is not None and data.pos.shape[1] in (2, 3):
        classes = list(said["shares"])
        plot_labels(
            data.pos, [classes.index(name) for name in said["each"]["class"]], classes, target, title=title
        )
        return True
    if "probabilities" not in said:
        return False
    names, chances = list(said["probabilities"]), list(said["probabilities"].values())
    if "picture" in data:
        plot_image_prediction(data.picture[0], names, chances, target, title=title)
        return True
    if data.get("pos") is None:
        return False
    shading = normals_of(data, network.preprocessing)
    plot_prediction(data.pos, names, chances, target, normals=shading, title=title, stored=behind(data))
    return True


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"'out' must be a folder that can be written (got {folder}: {error.strerror})"
        ) from error
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"'out' must be a folder that can be written (got {folder}: it is read-only)")


def keeping_end(text: str, room: int) -> str:
    """At most so many characters of a text, the last ones: a path says most at its end.

    Example:
        >>> keeping_end("scans/monday/chair.off", 12), keeping_end("chair.off", 12)
        ('…y/chair.off', 'chair.off')
    """
    return text if len(text) <= room else "…" + text[-(room - 1) :]


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ccnn_pc.cli.answers import in_words

    series = any("id" in row for row in rows)
    numbers = any("numbers" in row or "means" in row for row in rows)
    heads = ("answer", "", "") if numbers else ("class", "share", "then") if any("shares" in row for row in rows) else (
        "class", "probability", "then"
    )  # fmt: skip
    table = Table(
        "file", *(["id"] if series else []), heads[0], box=None, header_style="bold", pad_edge=False
    )
    table.add_column(heads[1], justify="right")
    table.add_column(heads[2])
    console = Console()
    if not console.is_terminal:
        console.width = 10_000  # nothing is cut or broken where a file or a program reads
    room = max(20, console.width // 2)
    shown = rows[:_SHOWN] if series else rows
    for row in shown:
        first = [escape(keeping_end(row["file"], room)), *([escape(row.get("id", ""))] if series else [])]
        if "error" in row:
            table.add_row(*first, "[red]error[/red]", "", f"[red]{escape(row['error'])}[/red]")
            continue
        what, how_sure, then = in_words(row)
        table.add_row(*first, f"[bold]{escape(what)}[/bold]", how_sure, escape(then))
    console.print(table)
    if len(shown) < len(rows):
        print(f"and {len(rows) - len(shown)} more: --csv and --json write all")
    failed = sum("error" in row for row in rows)
    if failed:
        Console(stderr=True).print(f"{failed} of {len(rows)} files could not be read")
