"""Answers for every series of a table, and answers as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: Series that a network reads at once.
BATCH = 64


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

    from ccnn_pc.cli.predict import answer, class_probabilities
    from ccnn_pc.datasets import LongCSV, preprocessing_transform
    from ccnn_pc.training.loader import ResumableLoader

    preprocessing = network.preprocessing
    prepare = preprocessing_transform(preprocessing)
    data = LongCSV.as_trained(path, preprocessing["table"], labelled=False, transform=prepare)
    with torch.inference_mode():
        loader = ResumableLoader(data, BATCH, shuffle=False)
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
