"""What the outputs of a model say, by its task: a class, numbers, or one of these for every sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.models import Model

#: Column of each axis of positions, of the axes of an array, and of the stamps of a series.
_AXES, _CELLS, _TIME = ("x", "y", "z"), ("row", "column"), "time"
Answer = dict[str, Any]
#: Ends of the names of scores that are said in percent.
SHARES = ("accuracy", "iou", "_error", "within_10", "within_30")


def answers_of(network: Model, output: Tensor, data: Any) -> list[Answer]:
    """What a model says of each item of a batch, as plain JSON.

    Args:
        network: the model.
        output: what it returned: ``[B, K]``; sample by sample ``[n, K]``, or ``[B, K, *S]`` of arrays.
        data: the item, or the batch of items, that it read.

    Returns:
        Of classes ``class``, ``probability``, ``probabilities``; of numbers ``numbers`` by name. Where every sample has
        an answer: ``samples``, how many; ``shares`` of the classes, or ``means`` of the numbers; and ``each``, lists
        with one entry per sample: where it lies, and what is said of it.

    Raises:
        ValueError: an output that is not finite, or that does not fit the task.
    """
    import torch

    from ccnn_pc.models import TaskKind

    if not bool(torch.isfinite(output).all()):
        raise ValueError("the model's output is not finite: check the scale of the input, or the weights")
    kind, count = network.answers.kind, number_of_items(data)
    one_each = output.dim() == 2 and len(output) == count and not network.answers.every_sample
    if kind is TaskKind.CLASSIFICATION and not one_each:
        raise ValueError(
            f"'model' must answer once per item for its task, classification (got {list(output.shape)} for {count} "
            "items): save it with task='points' or 'steps' if it answers for every sample"
        )
    numbers = kind is TaskKind.REGRESSION
    if one_each:
        if numbers:
            names = output_names(network, output.shape[1])
            return [{"numbers": dict(zip(names, row, strict=True))} for row in output.double().tolist()]
        return [class_answer(network, row) for row in class_probabilities(output)]
    return [_sample_answer(network, rows, where, numbers) for rows, where in _by_item(output, data, count)]


def class_answer(network: Model, chances: Tensor) -> Answer:
    """The likeliest class, its probability, and those of all classes."""
    names, best = output_names(network, len(chances)), int(chances.argmax())
    return {
        "class": names[best],
        "probability": float(chances[best]),
        "probabilities": dict(zip(names, chances.tolist(), strict=True)),
    }


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


def output_names(network: Any, count: int) -> list[str]:
    """Names of so many outputs: those of the model, or numbers where it has none."""
    names = [str(name) for name in network.classes]
    return names if len(names) == count else [str(i) for i in range(count)]


def number_of_items(data: Any) -> int:
    """Items of a PyG batch; 1 of single data."""
    count = getattr(data, "num_graphs", None)
    if count is not None:
        return int(count)
    if data.get("windows") is not None:
        return len(data.windows)
    return len(data.x) if data.x is not None and data.x.dim() > 2 else 1


def rows_by_item(output: Tensor, data: Any) -> list[Tensor]:
    """Outputs sample by sample, ``[n_i, K]`` of each item."""
    return [rows for rows, _ in _by_item(output, data, number_of_items(data))]


def _by_item(output: Tensor, data: Any, count: int) -> list[tuple[Tensor, dict[str, list[Any]]]]:
    """Outputs of the samples of each item, and where the samples lie."""
    import torch

    if output.dim() > 2:
        shape = output.shape[2:]
        cells = torch.cartesian_prod(*map(torch.arange, shape)).view(-1, len(shape))
        names = ["step"] if len(shape) == 1 else [*_CELLS, "layer"] if len(shape) <= 3 else []
        names = names[: len(shape)] or [f"axis_{d}" for d in range(len(shape))]
        where = {name: cells[:, d].tolist() for d, name in enumerate(names)}
        return [(each.flatten(1).t(), where) for each in output]
    batch = data.get("batch")
    batch = torch.zeros(len(output), dtype=torch.long) if batch is None else batch.cpu()
    found, times = [], data.get("times")
    pos = data.get("given") if data.get("given") is not None else data.get("pos")
    for item in range(count):
        rows = (batch == item).nonzero()[:, 0]
        where = {}
        if times is not None:
            where = {_TIME: times[rows].tolist()}
        elif pos is not None:
            axes = _AXES if pos.shape[1] <= 3 else [f"axis_{d}" for d in range(pos.shape[1])]
            where = {name: pos[rows, d].tolist() for d, name in enumerate(axes[: pos.shape[1]])}
        found.append((output[rows], where))
    return found


def _sample_answer(network: Model, rows: Tensor, where: dict[str, list[Any]], numbers: bool) -> Answer:
    """One item whose samples have answers ``[n, K]``."""
    import torch

    if numbers:
        names = output_names(network, rows.shape[1])
        values = dict(zip(names, rows.double().t().tolist(), strict=True))
        means = {name: sum(each) / max(len(each), 1) for name, each in values.items()}
        return {"samples": len(rows), "means": means, "each": {**where, **values}}
    chances = class_probabilities(rows)
    names, best = output_names(network, chances.shape[1]), chances.argmax(dim=1)
    shares = torch.bincount(best, minlength=len(names)).double() / max(len(best), 1)
    said = {
        "class": [names[i] for i in best.tolist()],
        "probability": chances.amax(dim=1).tolist(),
    }
    return {
        "samples": len(rows),
        "shares": dict(zip(names, shares.tolist(), strict=True)),
        "each": {**where, **said},
    }


def table_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Answers as rows of a table: a column for each class, or a row for each sample.

    Example:
        >>> table_rows([{"file": "a", "numbers": {"mass": 2.0}}, {"file": "b", "each": {"x": [0.0, 1.0]}}])
        [{'file': 'a', 'mass': 2.0}, {'file': 'b', 'x': 0.0}, {'file': 'b', 'x': 1.0}]
    """
    found: list[dict[str, Any]] = []
    for row in rows:
        inner = ("probabilities", "numbers", "each", "shares", "means", "samples", "read")
        plain = {key: value for key, value in row.items() if key not in inner}
        if "each" in row:
            columns = list(row["each"])
            found += [
                {**plain, **dict(zip(columns, values, strict=True))}
                for values in zip(*row["each"].values(), strict=True)
            ]
            continue
        chances = {f"p({name})": chance for name, chance in row.get("probabilities", {}).items()}
        found.append({**plain, **row.get("numbers", {}), **chances})
    return found


def write_answers(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write answers as CSV: file, id where there is one, and what :func:`table_rows` makes of the answers.

    Raises:
        OSError: the file cannot be written.
    """
    from ccnn_pc._files import write_rows_atomically

    write_rows_atomically(path, table_rows(rows))


def free_name(stem: str, taken: set[str]) -> str:
    """``stem``, or ``stem_2``, ``stem_3`` … where files of several folders have the same name."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return name


def in_words(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """An answer for people: what, how sure, what else.

    Example:
        >>> in_words({"numbers": {"mass": 2.0, "height": 0.25}})
        ('mass 2, height 0.25', '', '')
        >>> in_words({"samples": 10, "shares": {"leg": 0.8, "seat": 0.2, "back": 0.0}})
        ('leg', '80.0 %', 'seat 20.0 % of 10 samples')
    """
    if "numbers" in row:
        return ", ".join(f"{name} {value:.6g}" for name, value in row["numbers"].items()), "", ""
    if "means" in row:
        means = ", ".join(f"{name} {value:.6g}" for name, value in row["means"].items())
        return means, "", f"means over {row['samples']} samples"
    shares: Mapping[str, float] = row.get("shares") or row["probabilities"]
    ranked = [
        item for item in sorted(shares.items(), key=lambda item: -item[1]) if "shares" not in row or item[1]
    ]
    then = ", ".join(f"{name} {100 * share:.1f} %" for name, share in ranked[1:3])
    if "shares" in row:
        then = f"{then} of {row['samples']} samples".strip()
        return ranked[0][0], f"{100 * ranked[0][1]:.1f} %", then
    return row["class"], f"{100 * row['probability']:.1f} %", then
