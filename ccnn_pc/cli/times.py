"""Series of tables whose times are not those that an estimator was fitted on."""

from __future__ import annotations

import math
import warnings
from typing import Any


def warn_of_times(model: Any, dataset: Any) -> None:
    """Warn, once per model, of what its estimator would warn of: other lengths, times in another unit, no times.

    Args:
        model: of an estimator; others know no times of ``fit``.
        dataset: series as the model reads them.
    """
    from ccnn_pc.datasets.tables.observations import Layout
    from ccnn_pc.datasets.transforms.resample import TimesIn
    from ccnn_pc.models import SamplingWarning
    from ccnn_pc.models.shift.times_of_fit import TimesOfFit

    known, table = getattr(model.preprocessing, "times", None), getattr(dataset, "table", None)
    if known is None or not hasattr(dataset, "stored") or "times" in model.warned:
        return
    steps = getattr(dataset.transform, "transforms", ())
    factor = math.prod(step.factor for step in steps if isinstance(step, TimesIn))
    stored = dataset.stored
    times = [stored.stamps(row) * factor for row in range(len(stored))]
    lengths = stored.lengths - 1
    without = stored.times is None or (table is not None and table.layout is Layout.FILES and not table.timed)
    counted = (int(lengths.min()), int(lengths.max())) if without else None
    pooled = model.task is None or not model.task.every_sample
    said = TimesOfFit(**known).unlike(times, counted, pooled=pooled, table=True, unit=factor)
    if said is not None:
        model.warned.add("times")
        warnings.warn(said, SamplingWarning, stacklevel=3)
