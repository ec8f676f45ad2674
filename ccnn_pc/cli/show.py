"""``ccnn-pc show``: a cloud, a series, an image, a data set, a model or its kernels, in the browser."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ccnn_pc.viz.report import Page

EXAMPLES = """
Look at something in the browser: a file, a data set, a model, a run.

\b
Examples:
  ccnn-pc show chair.off
  ccnn-pc show scan.laz
  ccnn-pc show photo.png
  ccnn-pc show my_shapes/
  ccnn-pc show readings.csv --item patient_7
  ccnn-pc show ccnn_tiny-modelnet10
  ccnn-pc show ccnn_tiny-modelnet10 --layer blocks.1.conv --channels 6
  ccnn-pc show runs/my_experiment/latest

Of a mesh or cloud the points, by height and by every field that the file has; of a scan at most 100 000 of them; of an
image its pixels; of a sound its curve; of a table, a data set or a folder of files items of each class, or the one
called --item. Of a model the kernels and windows of its layers, and what it was trained on. Of a run, or of a page that
evaluate left, that page. The page is one file without a network; it is written to --out, or to a temporary folder, and
its place printed.
"""


def show(
    what: Annotated[str, typer.Argument(help="File, data set, model, run, or a page of ccnn-pc.")],
    out: Annotated[
        Path | None, typer.Option(help="File of the page; default: in a temporary folder.")
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Print the place and open no browser.")] = False,
    item: Annotated[
        str | None, typer.Option(help="Of a data set or a table: the number of an item, or its name.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Of a data set: train, val or test.")] = None,
    layer: Annotated[str | None, typer.Option(help="Of a model: this layer alone, large.")] = None,
    channels: Annotated[int, typer.Option(min=1, help="Of a model: kernel channels per layer.")] = 4,
    seed: Annotated[int, typer.Option(help="Which points are drawn from a mesh.")] = 0,
) -> None:
    """Open a page."""
    place = show_page(what, out, item=item, split=split, layer=layer, channels=channels, seed=seed)
    print(place)
    if not no_open and not webbrowser.open(place.resolve().as_uri()):
        print("No browser was found: open that file in one.", file=sys.stderr)


show.__doc__ = EXAMPLES


def show_page(
    what: str,
    out: Path | None = None,
    *,
    item: str | None = None,
    split: str | None = None,
    layer: str | None = None,
    channels: int = 4,
    seed: int = 0,
) -> Path:
    """The place of a page that shows something; it is written, unless it is there.

    Args:
        what: a file, a data set, a model, a run, or a page.
        out: file to write; None: one in a temporary folder.
        item: of a data set: number or name.
        split: of a data set.
        layer: of a model.
        channels: of each layer.
        seed: which points are drawn.

    Raises:
        FileNotFoundError: there is nothing of this name.
        ValueError: it is nothing that can be shown, or has no such item or layer; ``out`` is a file of another kind.
    """
    from ccnn_pc.cli.report import REPORT
    from ccnn_pc.viz.report import check_place, write_page
    from ccnn_pc.viz.report.page import is_page

    path = Path(what).expanduser()
    there = path / REPORT if (path / REPORT).is_file() else path
    if there.is_file() and there.suffix.lower() in (".html", ".htm"):
        if not is_page(there):
            raise ValueError(
                f"'what' must be a page of ccnn-pc (got {there}, which is another): open it in a browser"
            )
        return there
    if out is not None:
        check_place("out", out)
    page = _page(what, path, item, split, layer, channels, seed)
    stem = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in (path.stem or "page"))
    place = Path(tempfile.mkdtemp(prefix="ccnn-pc-")) / f"{stem}.html" if out is None else out
    return write_page(page, place)


def _page(
    what: str, path: Path, item: str | None, split: str | None, layer: str | None, channels: int, seed: int
) -> Page:
    from ccnn_pc.cli.show_data import data_page
    from ccnn_pc.cli.show_model import is_model, model_page

    if (path / "model" / "config.json").is_file():  # a run that left no page
        what = str(path / "model")
    if is_model(what):
        for name, value in (("item", item), ("split", split)):
            if value is not None:
                raise ValueError(f"'{name}' must be left out for a model (got {value})")
        return model_page(what, layer, channels)
    if layer is not None:
        raise ValueError(f"'layer' must be left out for what is no model (got {layer})")
    found: Any = data_page(what, path, item, split, seed)
    return found  # type: ignore[no-any-return]
