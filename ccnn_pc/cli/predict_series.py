"""Answers for the series of a table, or of a file of the UEA archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccnn_pc.cli.read_as import Footing

#: Series that a network reads at once.
_BATCH = 64


def predict_series(network: Any, path: Path, footing: Footing) -> list[dict[str, Any]]:
    """Answers for each series of a table, sorted by id, or of a file of the UEA archive: ``{"file", "id", ...}``.

    Args:
        network: in eval mode, trained on series; labels are not read.
        path: a table, or a folder of them; a ``.ts`` or ``.arff``, whose series are called by their number, from 0.
        footing: how its data are brought to those of training.

    Raises:
        FileNotFoundError: no such file.
        ValueError: what the table must not hold; the message names file and line.
    """
    import torch

    from ccnn_pc.cli.answers import answers_of
    from ccnn_pc.cli.open_archive import open_archive
    from ccnn_pc.cli.open_data import open_data
    from ccnn_pc.cli.read_as import tell
    from ccnn_pc.datasets.series.uea_archive import is_archive
    from ccnn_pc.training.loader import ResumableLoader

    used = network.preprocessing
    data: Any = (
        open_archive(path, used, network.data, footing)
        if is_archive(path)
        else open_data(path, used, labelled=False, footing=footing)
    )
    how = tell(network, data)
    with torch.inference_mode():
        loader = ResumableLoader(data, _BATCH, shuffle=False)
        found = [row for batch in loader for row in answers_of(network, network(batch), batch)]
    named = zip(getattr(data, "ids", map(str, range(len(data)))), found, strict=True)
    return [{"file": str(path), "id": name, **row, "read": how} for name, row in named]
