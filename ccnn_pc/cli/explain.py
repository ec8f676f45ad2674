"""``ccnn-pc explain``: which points, stamps or pixels an answer rests on, as a picture."""

from __future__ import annotations

import json
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ccnn_pc.explain import Attribution

EXAMPLES = """
What an answer rests on: how much of it each point, stamp or pixel stands for, and what is left of it without them.

\b
Examples:
  ccnn-pc explain ccnn_tiny-modelnet10 chair.off
  ccnn-pc explain ccnn_tiny-modelnet10 chair.off --class sofa --out parts.npz
  ccnn-pc explain runs/my_images/latest/model photo.png --html photo.html
  ccnn-pc explain runs/my_series/latest/model readings.csv --item patient_7
  ccnn-pc explain runs/my_experiment/latest/model data/ --item 3

Integrated gradients (extra `explain`, Captum) divide the output of a class, before the softmax, among the samples: from
an item without features to the item as it is. Their sum is the difference of the two outputs, and the page says how
well. Red speaks for the class, blue against it. A second chart leaves samples out, those with the largest parts first:
if the answer rests on them, its probability falls faster than without random ones.
Models of files (meshes, clouds, images) read a file; of tables, data sets and scenes an item of them (--item: its
number, of scenes that of a tile, or its name). Where every sample has an answer, the mean output of the class over the
samples that are taken for it is divided.
"""


def explain(
    model: Annotated[str, typer.Argument(help="A pretrained model's name, or the folder of a saved model.")],
    file: Annotated[str, typer.Argument(help="A file as predict reads it, or data as evaluate reads them.")],
    wanted: Annotated[
        str | None, typer.Option("--class", help="Class, or number, that is explained; default: the answer.")
    ] = None,
    item: Annotated[
        str | None, typer.Option(help="Of a table or a data set: number or name; default 0.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Of a data set: train, val or test.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the parts of all samples to this npz.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="File of the page; default: reports/explain_FILE.html.")
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Points of the integral.")] = 64,
    seed: Annotated[int, typer.Option(help="Which points are drawn from a mesh or a large cloud.")] = 0,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on the last line of stdout.")] = False,
) -> None:
    """Explain an answer."""
    result = explain_item(
        model, file, wanted, item=item, split=split, out=out, html=html, steps=steps, seed=seed
    )
    print(f"page: {result['page']}", file=sys.stderr)
    if open_page:
        webbrowser.open(Path(result["page"]).resolve().as_uri())
    if as_json:
        print(json.dumps(result))
        return
    print(
        f"{result['explained']}: output {result['output']:.4g}, without features {result['without']:.4g}; "
        f"the {result['samples']} samples stand for {result['sum']:.4g} of the difference"
    )


explain.__doc__ = EXAMPLES


def explain_item(
    name: str,
    file: str,
    wanted: str | None = None,
    *,
    item: str | None = None,
    split: str | None = None,
    out: Path | None = None,
    html: Path | None = None,
    steps: int = 64,
    seed: int = 0,
) -> dict[str, Any]:
    """Explain the answer for an item, and write a page.

    Args:
        name: of the model, or its folder.
        file: a file, or data.
        wanted: class, or number; None: the likeliest class, the first number.
        item: of data.
        split: of data.
        out: npz with ``values [n]``, ``channels [n, C]``, and where the samples lie.
        html: the page.
        steps: of the integral.
        seed: which points are drawn.

    Returns:
        ``explained``, ``output``, ``without``, ``sum``, ``gap``, ``samples``, ``page``.

    Raises:
        ImportError: Captum is not installed.
        ValueError: no such class or item, an answer that is not finite, a page that cannot be written there.
    """
    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.cli.explained_input import ask, explained_input, without_some
    from ccnn_pc.cli.explained_page import write_explanation
    from ccnn_pc.cli.report import explained_place
    from ccnn_pc.explain import integrated_gradients
    from ccnn_pc.models import from_pretrained
    from ccnn_pc.viz.report import check_place, identity

    for option, path in (("out", out), ("html", html)):
        if path is not None:
            check_writable_folder(option, path.parent)
    if out is not None and out.suffix.lower() != ".npz":
        raise ValueError(f"'out' must be a file that ends in .npz (got {out}); the page goes to --html")
    of = identity(name, file, wanted, item, split, steps, seed)
    place = explained_place(file, item, of) if html is None else check_place("html", html)
    model = from_pretrained(name)
    data, title = explained_input(model, name, file, item, split, seed)
    asked, explained = ask(model, data, wanted)
    found = integrated_gradients(model, data, asked, steps=steps)
    if found.gap > 0.05:
        lack = f"the parts lack {100 * found.gap:.1f} % of the difference that they divide"
        print(f"warning: {lack}: take more --steps (got {steps})", file=sys.stderr)
    left = without_some(model, data, asked, found)
    if out is not None:
        _store(out, data, found, explained)
    options = {
        "--item": item,
        "--split": split,
        "--steps": steps if steps != 64 else None,
        "--seed": seed or None,
    }
    words = ["explain", name, file, "--class", explained]
    words += [word for option, value in options.items() if value is not None for word in (option, str(value))]
    page = write_explanation(place, model, data, found, left, title, explained, words, of)
    return {
        **{"explained": explained, "output": found.answer, "without": found.without},
        **{"sum": float(found.values.double().sum()), "gap": found.gap, "samples": len(found.values)},
        "page": str(page),
    }


def _store(out: Path, data: Any, found: Attribution, explained: str) -> None:
    import numpy as np

    from ccnn_pc._files import written_whole

    where = {
        key: data[key].numpy()
        for key in ("pos", "given", "times")
        if data.get(key) is not None and data[key].dim()
    }
    with written_whole(out) as hidden, hidden.open("wb") as target:
        np.savez(
            target,
            values=found.values.numpy(),
            channels=found.channels.numpy(),
            output=found.answer,
            without=found.without,
            explained=explained,
            **where,
        )
