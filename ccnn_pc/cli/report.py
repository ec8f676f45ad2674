"""The page of a run or of an evaluation: what is on it, and where it lies."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.cli.gathered import Gathered
    from ccnn_pc.models import Model, Task
    from ccnn_pc.viz.report import Section

#: Name of the page in the folder of a run.
REPORT = "report.html"
#: Where pages of evaluations and explanations lie that nobody gave a place.
REPORTS = Path("reports")


def judged_sections(
    model: Model,
    gathered: Gathered,
    dataset: Any,
    *,
    confusion: Tensor | None,
    names: Sequence[str] = (),
    counted: str = "items",
    more: Mapping[str, Tensor] | None = None,
    scenes: Any = None,
) -> list[Section]:
    """What a model got right and wrong.

    Args:
        model: in eval mode.
        gathered: what is known of each item.
        dataset: the items.
        confusion: counts ``[K, K]``, true classes in rows; None: there are no classes.
        names: of the items.
        counted: what the confusions count.
        more: other scores of the classes.
        scenes: what was kept of scenes, which are shown in place of their tiles; other things are not looked at.
    """
    from ccnn_pc.cli.answers import output_names
    from ccnn_pc.cli.item_cards import in_units, item_sections
    from ccnn_pc.cli.judged import class_report
    from ccnn_pc.cli.scene_cards import scene_pairs, scene_section
    from ccnn_pc.viz.report import calibration_section, classes_section, confusion_section, numbers_section

    found = []
    each = any(row >= 0 for row in gathered.said)  # item has a class
    if confusion is not None:
        classes = output_names(model, len(confusion))
        found.append(confusion_section(confusion.cpu().numpy(), classes, counted, chooses=each))
    seen = getattr(scenes, "seen", None)
    pairs = gathered.numbers if seen is None else scene_pairs(scenes.pairs)
    if confusion is None and pairs is not None:
        true, said = pairs if seen is not None else [in_units(model, each) for each in pairs]
        found.append(numbers_section(true, said, output_names(model, true.shape[1]), counted))
    if seen is None:
        found += item_sections(model, gathered, dataset, names)
    else:
        found.append(scene_section(seen))
    if confusion is not None:
        found.append(classes_section(class_report(confusion.cpu(), classes, more or {}), counted))
    if gathered.calibration.count:
        found.append(calibration_section(gathered.calibration, counted))
    return found


def counted_of(task: Task) -> str:
    """What scores and confusions count."""
    from ccnn_pc.models import TaskKind

    if task.kind is TaskKind.POINTS or task.error is not None:
        return "points"
    return "samples" if task.kind is TaskKind.STEPS else "items"


def check_agrees(gathered: Gathered, accuracy: float | None) -> None:
    """What is drawn must be what was scored.

    Raises:
        ValueError: another accuracy, or an answer that could not be taken in.
    """
    if gathered.failed:
        raise ValueError(gathered.failed)
    found = gathered.calibration
    if accuracy is None or not found.count:
        return
    own = float(found.hits.sum() / found.count)
    if abs(own - accuracy) > 1e-5:
        raise ValueError(f"the items of the page have accuracy {own:.6f}, the scores {accuracy:.6f}")


def default_place(model: str, data: str, split: str | None) -> Path:
    """Where the page of an evaluation lies: ``reports/MODEL_on_DATA.html``; over its own page, never over another file.

    Example:
        >>> default_place("runs/shapes/latest/model", "data/my shapes/", "val").name
        'shapes_latest_on_my_shapes_val.html'
    """
    from ccnn_pc.viz.report import free_place, identity

    parts = [part for part in Path(model).parts if part not in (".", "..", "runs", "/")]
    parts = parts[:-1] if parts[-1:] == ["model"] and len(parts) > 1 else parts
    words = [*parts[-2:], "on", Path(data).stem or "data", *([split] if split else [])]
    name = re.sub(r"[^\w.+-]+", "_", "_".join(words)).strip("_")
    return free_place(REPORTS / f"{name}.html", identity(model, data, split))


def explained_place(file: str, item: str | None, of: str) -> Path:
    """Where the page of an explanation lies: ``reports/explain_FILE.html``; over its own page, never over another file.

    Example:
        >>> explained_place("scans/chair 2.off", None, "0").name
        'explain_chair_2.html'
    """
    from ccnn_pc.viz.report import free_place

    words = "_".join(["explain", Path(file).stem, *([item] if item else [])])
    return free_place(REPORTS / f"{re.sub(r'[^0-9A-Za-z.+-]+', '_', words)}.html", of)


def today() -> str:
    """Date and time, to the minute."""
    return f"{datetime.datetime.now():%Y-%m-%d %H:%M}"


def write_or_warn(write: Callable[[], Path | None]) -> Path | None:
    """Write a page; a failure is one line on stderr, for a picture must not cost what was computed."""
    try:
        return write()
    except Exception as error:
        print(f"warning: no report ({type(error).__name__}: {error})", file=sys.stderr)
        return None
