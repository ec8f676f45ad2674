"""Pictures of the items that a report shows: what a model is surely wrong about, what it is surely right about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from markupsafe import Markup

    from ccnn_pc.cli.gathered import Gathered
    from ccnn_pc.models import Model
    from ccnn_pc.viz.report import Card, Section, Told

_WRONG, _RIGHT, _SAMPLES = 12, 8, 8


def item_sections(model: Model, gathered: Gathered, dataset: Any, names: Sequence[str] = ()) -> list[Section]:
    """The surest mistakes and the surest right answers; or the items with most mistakes; or those farthest off.

    Args:
        model: in eval mode.
        gathered: what is known of each item.
        dataset: the items.
        names: of the items, as files or ids; none: they are numbered.
    """
    from ccnn_pc.models import TaskKind
    from ccnn_pc.viz.report import Section

    if gathered.task.kind is TaskKind.REGRESSION:
        cards = _cards(model, gathered, dataset, names, _farthest(gathered, _SAMPLES))
        return [Section("Farthest off", about="Items with the largest errors.", cards=cards)] if cards else []
    if gathered.task.every_sample or -1 in gathered.said:
        cards = _cards(model, gathered, dataset, names, _farthest(gathered, _SAMPLES))
        about = "Items of which the largest part is mistaken."
        return [Section("Most mistakes", about=about, cards=cards, wide=True)] if cards else []
    found = []
    wrong = _farthest(gathered, _WRONG)
    if wrong:
        found.append(Section("Surest mistakes", cards=_cards(model, gathered, dataset, names, wrong)))
    right = _surest_right(gathered)
    if right:
        about = "Of each class the item that it is surest of, and right about."
        found.append(
            Section("Surest right answers", about=about, cards=_cards(model, gathered, dataset, names, right))
        )
    return found


def _farthest(gathered: Gathered, most: int) -> list[int]:
    """Items that are wrong: the surest of them; those that are partly wrong: the most mistaken ones."""
    wrong = [index for index, off in enumerate(gathered.off) if off > 0]
    return sorted(wrong, key=lambda index: (-gathered.off[index], -gathered.sure[index], index))[:most]


def _surest_right(gathered: Gathered) -> list[int]:
    """Of each class, those of most items first, the right answer that is surest."""
    best: dict[int, int] = {}
    for index, (truth, off, sure) in enumerate(zip(gathered.truth, gathered.off, gathered.sure, strict=True)):
        if truth >= 0 and not off and (truth not in best or sure > gathered.sure[best[truth]]):
            best[truth] = index
    order = sorted(best, key=lambda label: (-gathered.truth.count(label), label))[:_RIGHT]
    return [best[label] for label in sorted(order)]


def _cards(
    model: Model, gathered: Gathered, dataset: Any, names: Sequence[str], chosen: Sequence[int]
) -> list[Card]:
    from ccnn_pc.cli.read_file import normals_of
    from ccnn_pc.viz.report import Card, Told, draw_item

    found = []
    dataset.set_epoch(0)
    for index in chosen:
        data = dataset[index]
        told = Told() if gathered.said[index] >= 0 else told_of(model, data)
        shading = normals_of(data, model.preprocessing) if told is None or told.said is None else None
        drawing: Markup | None = draw_item(data, told or Told(), normals=shading)
        name = str(names[index]) if index < len(names) else str(index)
        name = f"item {name}" if name.isdecimal() else name
        if drawing is not None:
            found.append(Card(drawing, *_words(model, gathered, index, name)))
    return found


def _words(model: Model, gathered: Gathered, index: int, name: str) -> tuple[str, str, str, str, str]:
    """Head, note, tone, true class and answer of an item."""
    from ccnn_pc.models import TaskKind

    task, off = gathered.task, gathered.off[index]
    if task.kind is TaskKind.REGRESSION:
        return error_in_words(model, off), name, "", "", ""
    if gathered.said[index] < 0:
        return f"{100 * off:.1f} % mistaken", name, "", "", ""
    truth, said = (class_name(model, each[index]) for each in (gathered.truth, gathered.said))
    note = f"{100 * gathered.sure[index]:.1f} % sure · {name}"
    if off:
        return f"{truth} taken for {said}", note, "wrong", truth, said
    return said, note, "right", truth, said


def in_units(model: Model, numbers: np.ndarray) -> np.ndarray:
    """Numbers as a network answers them, ``[n, T]``, in the units of the files where it learned scaled ones."""
    target: Any = getattr(model.preprocessing, "wanted", None)
    if getattr(target, "scales", None) is None or getattr(target, "direction", False):
        return numbers
    found: np.ndarray = target.restored(numbers)
    return found


def error_in_words(model: Model, off: float) -> str:
    """The root mean squared error of an item, in the unit of its number where it has one."""
    from ccnn_pc.models import PointError

    if model.answers.error is PointError.NORMALS:
        return f"{off:.1f} degrees off"
    scales = getattr(getattr(model.preprocessing, "wanted", None), "scales", None)
    if scales is not None and len(scales) > 1:
        return f"off by {off:.3g}, each number over its scale"
    return f"off by {off * (1.0 if scales is None else scales[0][1]):.3g}"


def class_name(model: Model, row: int) -> str:
    """Name of a class, or its number."""
    return str(model.classes[row]) if 0 <= row < len(model.classes) else str(row)


def told_of(model: Model, data: Any) -> Told | None:
    """What a model says of the samples of one item, beside their truth; None where it answers once per item."""
    import torch

    from ccnn_pc.cli.answers import class_probabilities, output_names, rows_by_item
    from ccnn_pc.cli.judged import sample_by_sample
    from ccnn_pc.datasets.common.grid_data import collate
    from ccnn_pc.models import TaskKind
    from ccnn_pc.viz.report import Told

    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    batch = collate([data])
    with torch.inference_mode():
        answers = model(batch.to(device)).cpu()
    regression = model.answers.kind is TaskKind.REGRESSION
    if regression and not model.answers.every_sample and answers.dim() == 2 and len(answers) == 1:
        return None
    (rows,) = rows_by_item(answers, batch.cpu())
    truth = data.get("y")
    if not regression:
        chances = class_probabilities(rows)
        names = output_names(model, chances.shape[1])
        true = None if truth is None or truth.numel() != len(rows) else truth.reshape(-1).numpy()
        return Told(names, chances.argmax(dim=1).numpy(), true)
    names = output_names(model, rows.shape[1])
    numbers = in_units(model, rows.double().numpy())
    said = {f"answer {name}": numbers[:, place] for place, name in enumerate(names)}
    if truth is None or truth.numel() != rows.numel():
        return Told(numbers=said)
    true = in_units(model, (truth if truth.dim() == 2 else sample_by_sample(truth)).double().numpy())
    found = {}
    for place, name in enumerate(names[:3]):
        found[f"answer {name}"] = said[f"answer {name}"]
        found[f"true {name}"] = true[:, place]
        found[f"±error {name}"] = said[f"answer {name}"] - true[:, place]
    return Told(numbers=found)
