"""Parts of series by what a table says of them: a column of parts, groups that stay together."""

from __future__ import annotations

import numpy as np

from ccnn_pc.datasets.common.items import Division, Items, rows_of_part
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.series.stored import StoredSeries

#: Shares of what is drawn, as where nothing is said: 70 / 15 / 15.
_DRAWN = Division(test_fraction=0.15, val_fraction=0.15 / 0.85)


def part_of_facts(stored: StoredSeries, split: Split, seed: int = 0) -> np.ndarray | None:
    """Rows of a part, by ``static``: number of the part, number of the group; None: they say nothing.

    Args:
        stored: the series.
        split: the part.
        seed: of what is drawn.
    """
    if stored.static is None or not np.isfinite(np.asarray(stored.static)[:, :2]).any():
        return None
    facts = np.asarray(stored.static)
    parts = [None if np.isnan(number) else list(Split)[int(number)] for number in facts[:, 0]]
    groups = None if np.isnan(facts[:, 1]).all() else [str(number) for number in facts[:, 1]]
    items = Items(stored.classes, [], stored.label, parts, groups)
    chosen = Division(_DRAWN.test_fraction, _DRAWN.val_fraction, seed)
    return rows_of_part(items, split, chosen, "the table")
