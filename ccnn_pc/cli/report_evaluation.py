"""The page that ``ccnn-pc evaluate`` leaves."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccnn_pc.cli.report import check_agrees, counted_of, judged_sections, today
from ccnn_pc.cli.score_figures import score_figures, whole

if TYPE_CHECKING:
    from ccnn_pc.cli.gathered import Gathered
    from ccnn_pc.cli.read_as import ReadAs
    from ccnn_pc.models import Model


def write_evaluation(
    out: Path,
    model: Model,
    gathered: Gathered,
    dataset: Any,
    scores: Any,
    result: Mapping[str, Any],
    *,
    judged: Any = None,
    words: Sequence[str] = (),
) -> Path:
    """Write the page of an evaluation.

    Args:
        out: file to write.
        model: in eval mode.
        gathered: what is known of each item.
        dataset: the items.
        scores: of the evaluation.
        result: what the command returns.
        judged: what else the command keeps of them: their names (``items``), or scenes (``seen``).
        words: the command that repeats it.

    Raises:
        ValueError: there is a file of another kind; items and scores that do not agree.
    """
    from ccnn_pc.viz.report import Figure, Page, identity, kernels_section, repeat_section, write_page

    confusion = scores.confusion()
    counted = counted_of(gathered.task)
    points = counted == "points"
    if not points:
        check_agrees(gathered, result.get("accuracy"))
    names, more = getattr(judged, "items", ()), scores.of_classes()
    sections = judged_sections(
        model, gathered, dataset, confusion=confusion, names=names, counted=counted, more=more, scenes=judged
    )
    kernels = kernels_section(model)
    sections += [kernels] if kernels is not None else []
    facts = {
        "model": result["model"],
        "data": result["data"],
        "read": result["read"],
        "seed": result["seed"],
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    sections.append(repeat_section(words, pairs=facts))
    figures = [
        *score_figures(result),
        Figure("points" if points else "items", whole(result["n"])),
    ]
    return write_page(
        Page(
            f"{_short(result['model'])} on {_short(result['data'])}",
            sections,
            kind="evaluation",
            subtitle=f"{result['model']} on {result['data']}",
            figures=figures,
            date=today(),
            of=identity(*words[1:4:2], dict(itertools.pairwise(words)).get("--split")) if words else "",
        ),
        out,
    )


def command_words(model: str, data: str, options: Mapping[str, Any], read: ReadAs) -> list[str]:
    """The words of the command, those of options that were given.

    Example:
        >>> from ccnn_pc.cli.read_as import ReadAs
        >>> command_words("m", "d", {"split": "val", "batch_size": None}, ReadAs(size=32))
        ['evaluate', 'm', '--data', 'd', '--split', 'val', '--size', '32']
    """
    said = {field.name: getattr(read, field.name) for field in dataclasses.fields(read)}
    words = ["evaluate", model, "--data", data]
    for name, value in {**options, **said}.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def _short(place: str) -> str:
    parts = Path(place).parts
    return "/".join(parts[-3:-1]) if parts[-1:] == ("model",) else (parts[-1] if parts else place)
