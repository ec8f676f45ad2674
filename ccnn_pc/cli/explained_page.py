"""The page of an explanation: the item in the colours of its parts, and the output without some of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccnn_pc.explain import Attribution, Deletion
    from ccnn_pc.models import Model


def write_explanation(
    place: Path,
    model: Model,
    data: Any,
    found: Attribution,
    left: Deletion | None,
    title: str,
    explained: str,
    words: Sequence[str],
    of: str,
) -> Path:
    """Write the page of an explanation.

    Args:
        place: file to write.
        model: the model.
        data: the item.
        found: its parts.
        left: outputs without some samples; None: nobody asked.
        title: name of the item.
        explained: name of the output.
        words: the command that repeats it.
        of: what tells it from other explanations.

    Raises:
        ValueError: an item of which there is no picture.
    """
    import numpy as np

    from ccnn_pc.cli.read_file import normals_of
    from ccnn_pc.cli.report import today
    from ccnn_pc.viz.report import Card, Figure, Page, Section, Told, draw_item, repeat_section, write_page
    from ccnn_pc.viz.report.charts import Axis, Line, chart
    from ccnn_pc.viz.report.templates import fill

    values = found.values.double().numpy()
    told = Told(numbers={"±part of the answer": values})
    drawing = draw_item(data, told, normals=normals_of(data, model.preprocessing), large=True)
    if drawing is None:
        raise ValueError(
            "'file' must hold a cloud in two or three axes, a series, an image or a volume to be drawn"
        )
    plain = draw_item(data, normals=normals_of(data, model.preprocessing))
    order = np.sort(np.abs(values))[::-1]
    shares = np.cumsum(order) / max(order.sum(), 1e-30)
    half = float((np.searchsorted(shares, 0.5) + 1) / len(values))
    about = (
        f"Red speaks for {explained}, blue against it. Half of all parts lie on {100 * half:.0f} % of the samples. "
        f"The parts add up to {float(values.sum()):.4g}; output {found.answer:.4g} minus {found.without:.4g} without "
        f"features is {found.answer - found.without:.4g}."
    )
    cards = [Card(drawing, explained, title)]
    sections = [Section("What it rests on", about=about, cards=cards, wide=True)]
    if plain is not None:
        sections.append(Section("As it was read", cards=[Card(plain, title, f"{len(values)} samples")]))
    if left is not None:
        x = 100 * np.array(left.shares)
        lines = [
            Line(x, np.array(left.most), "without the most important", 1),
            Line(x, np.array(left.random), "without random ones", "var(--faint)", dashed=True),
            Line(x, np.array(left.least), "without those that speak against it", 0),
        ]
        drawn = chart(lines, title=f"output of {explained}", x=Axis("samples left out (%)"), size=(640, 280))
        sections.append(
            Section(
                "Without some of them",
                fill('<div class="wide-chart">{{ drawn }}</div>', drawn=drawn),
                "Samples are taken away, neighbours found anew, and the network asked again (of arrays: their values "
                "become 0). If the answer rests on the red ones, the red line falls fastest.",
            )
        )
    sections.append(_chances(model, data))
    sections.append(repeat_section(words, pairs={"output": explained}))
    figures = [Figure("output", f"{found.answer:.4g}"), Figure("without features", f"{found.without:.4g}")]
    figures.append(Figure("not divided", f"{100 * found.gap:.2f} %", "what the parts lack of the difference"))
    page = Page(
        f"{title}: why {explained}?", sections, kind="explanation", figures=figures, date=today(), of=of
    )
    return write_page(page, place)


def _chances(model: Model, data: Any) -> Any:
    """Probabilities of the classes for the item, or its numbers."""
    import torch

    from ccnn_pc.cli.answers import answers_of, in_words
    from ccnn_pc.viz.report import Section
    from ccnn_pc.viz.report.templates import render

    with torch.inference_mode():
        (said,) = answers_of(model, model(data), data)
    chances = said.get("probabilities") or said.get("shares")
    if chances is None:
        return Section("The answer", render("pairs.html", pairs=[("numbers", in_words(said)[0])]))
    ranked = sorted(chances.items(), key=lambda each: -each[1])[:10]
    pairs = [(name, f"{100 * share:.1f} %") for name, share in ranked]
    return Section("The answer", render("pairs.html", pairs=pairs))
