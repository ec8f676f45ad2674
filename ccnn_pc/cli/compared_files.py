"""Files that a model is asked, beside those of its training: sound and volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


class ComparedFiles:
    """Compares files, one by one or many at once, with those of a model's training.

    Args:
        model: of any data; others than files that become arrays are not looked at.
    """

    def __init__(self, model: Any) -> None:
        from ccnn_pc.datasets.preprocessing.files import FilePreprocessing

        self.model = model
        self.used = model.preprocessing if isinstance(model.preprocessing, FilePreprocessing) else None
        self.heard: list[np.ndarray] = []

    def of_file(self, item: Any, path: Path) -> set[str]:
        """Compare the file of an item; which faults of its values follow from what was found."""
        facts = item.get("facts") if self.used is not None else None
        if facts is None:
            return set()
        return self._compare({name: np.asarray([each]) for name, each in facts.items()}, [path.name])

    @contextmanager
    def asked(self, item: Any, path: Path) -> Iterator[None]:
        """The same; the model does not say what follows from it while it is asked inside."""
        explained = self.of_file(item, path) - self.model.warned
        self.model.warned |= explained
        try:
            yield
        finally:
            self.model.warned -= explained

    def of_data(self, dataset: Any) -> None:
        """The same of the items of a data set."""
        if self.used is None or not hasattr(dataset, "facts"):
            return
        names = [Path(dataset.files[dataset.row_of(index)]).name for index in range(len(dataset))]
        self.model.warned |= self._compare(dataset.facts, names)
        self.warn()

    def warn(self) -> None:
        """What only many files tell."""
        from ccnn_pc.cli.pitch import warn_of_pitch

        if self.heard:
            warn_of_pitch(self.model, self.heard)

    def _compare(self, facts: Mapping[str, np.ndarray], names: Sequence[str]) -> set[str]:
        from ccnn_pc.cli.unlike import warn_once
        from ccnn_pc.cli.unlike_sound import unlike_sound
        from ccnn_pc.cli.unlike_volumes import unlike_volumes

        known: Any = self.used
        unlike = unlike_sound if known.kind == "sound" else unlike_volumes
        explained: set[str] = set()
        sound = np.full(len(names), True)
        for found in unlike(known, facts, names) if known.files else ():
            explained |= found.explains
            sound &= ~(found.rows & ("pitch" in found.explains))
            warn_once(self.model, found)
        self.heard += [each for each, used in zip(facts.get("pitch", ()), sound, strict=False) if used]
        return explained
