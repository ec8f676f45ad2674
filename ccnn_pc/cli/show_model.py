"""The page of a model: its kernels and windows, and what it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccnn_pc.models import Model
    from ccnn_pc.viz.report import Page


def is_model(what: str) -> bool:
    """Whether something is a packaged model, the folder of a saved one, or one of the Hub."""
    from ccnn_pc.models import list_pretrained

    path = Path(what).expanduser()
    return (path / "config.json").is_file() or what in list_pretrained() or what.startswith("hf-hub:")


def model_page(what: str, layer: str | None = None, channels: int = 4) -> Page:
    """Kernels, windows, training footing and facts of a model; or one of its layers, large.

    Args:
        what: name or folder.
        layer: name of a layer; None: all.
        channels: kernel channels of each.

    Raises:
        ValueError: an unknown model or layer, or one without continuous kernels.
    """
    from ccnn_pc.cli.score_figures import whole
    from ccnn_pc.models import from_pretrained
    from ccnn_pc.viz.layers import layers
    from ccnn_pc.viz.report import Card, Figure, Page, Section, kernels_section
    from ccnn_pc.viz.report.kernels import describe, draw_kernel

    model = from_pretrained(what)
    if layer is not None:
        found = {each.name: each for each in layers(model)}
        if layer not in found:
            raise ValueError(f"'layer' must be one of {', '.join(found)} (got {layer})")
        drawing = draw_kernel(found[layer], channels, large=True)
        card = Card(drawing, layer, describe(found[layer]))
        about = (
            "Kernel times window against the offset of a sample from the query: red adds, blue takes away."
        )
        return Page(
            f"{what}: {layer}", [Section("Kernel", about=about, cards=[card], wide=True)], kind="kernel"
        )
    kernels = kernels_section(model, channels=channels)
    sections = [] if kernels is None else [kernels]
    sections += [_trained_on(model), _facts(model)]
    figures = [
        Figure("parameters", whole(sum(p.numel() for p in model.parameters()))),
        Figure(
            "layers with kernels", str(len(model.convolutions()) if hasattr(model, "convolutions") else 0)
        ),
        Figure("axes", str(model.dim)),
        Figure("answers", model.answers.to_json()["kind"] if model.out_channels else "features"),
    ]
    return Page(what, sections, kind="model", figures=figures, subtitle=", ".join(model.classes[:40]))


def _trained_on(model: Model) -> Any:
    from ccnn_pc.models.shift.outside_channels import called
    from ccnn_pc.viz.report import Section
    from ccnn_pc.viz.report.templates import render

    seen = model.trained_on
    if seen is None:
        return Section("What it was trained on", about="Nobody measured it.")
    kind = {"grid": "cells of arrays", "points": "points of clouds", "series": "stamps of series"}[
        seen.kind.value
    ]
    pairs = [("samples are", kind), ("samples of an item", _spread(seen.samples))]
    axes = ("x", "y", "z") if len(seen.spacing) > 1 else ("time",)
    for name, spreads in (("distance of samples", seen.spacing), ("span of an item", seen.span)):
        for axis, spread in zip(axes, spreads, strict=False):
            pairs.append((f"{name}, {axis}", _spread(spread)))
    if seen.neighborhood is not None:
        near = seen.neighborhood
        pairs.append(("neighbours", f"{near.k}, the furthest of them {_spread(near.reach)} away"))
    names = getattr(model.preprocessing, "channel_names", ())
    for number, channel in enumerate(seen.channels[:16]):
        pairs.append((f"values of {called(number, len(seen.channels), names)}", _spread(channel.values)))
    about = "Over its training items: the median, in brackets 5 to 95 %. New data are compared with it."
    return Section("What it was trained on", render("pairs.html", pairs=pairs), about)


def _spread(spread: Any) -> str:
    if spread.low == spread.high:
        return f"{spread.median:.4g}"
    return f"{spread.median:.4g} ({spread.low:.4g} to {spread.high:.4g})"


def _facts(model: Model) -> Any:
    import json

    from ccnn_pc.viz.report import Section
    from ccnn_pc.viz.report.templates import fill

    preprocessing = None if model.preprocessing is None else model.preprocessing.to_json()
    told = {"config": model.config, "preprocessing": preprocessing, "data": model.data}
    text = json.dumps(told, indent=2, default=str)
    html = fill(
        "<details open><summary>config.json</summary><pre>{{ text }}</pre></details>", text=text[:100_000]
    )
    return Section("How it was made", html)
