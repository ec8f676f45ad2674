"""Scans with a class for every point."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ccnn_pc.datasets.looking.found import Found, NotTakenError, counted, listed
from ccnn_pc.datasets.looking.peek import Kind
from ccnn_pc.datasets.looking.survey import Survey
from ccnn_pc.datasets.scenes.files import fields_of, read_scene

#: What fields of classes are called, in any case.
LABELS = ("classification", "label", "labels", "class", "scalar_label", "scalar_classification", "scalar_class",
          "semantic", "sem_class")  # fmt: skip
#: Points of a scan whose distances are measured.
_LOOKED_AT = 20_000


def label_field(path: Path) -> str | None:
    """The field of a scan that holds classes; None where there is none, or it cannot be read."""
    try:
        fields = fields_of(path)
    except (OSError, ValueError, ImportError):
        return None
    return next((name for known in LABELS for name in fields if name.lower() == known), None)


def holds_labels(path: Path) -> bool:
    """Whether a file is a scan with a class for every point."""
    return label_field(path) is not None


def look_at_scenes(found: Survey, given: Mapping[str, Any]) -> Found:
    """Scans: the field of their classes, how far apart their points lie.

    Raises:
        NotTakenError: no field of classes.
    """
    paths = found.files.get(Kind.SCENES) or found.files[Kind.CLOUDS]
    field = given.get("data.label") or label_field(paths[0])
    if field is None:
        try:
            fields = fields_of(paths[0])
        except ImportError:
            raise
        except (OSError, ValueError) as error:
            raise NotTakenError(f"{error}") from error
        raise NotTakenError(
            f"'{paths[0]}' must have a class for every point, in a field called {listed(LABELS, 3)} (got "
            f"{listed(fields) or 'no fields'}): data.label=FIELD names another one"
        )
    scene = read_scene(paths[0], fields=[field])
    cell = _cell(scene.pos)
    values = np.unique(scene.fields[field])
    words = {"data.label": field, "data.cell": cell, "data.tile.radius": round(20 * cell, 3)}
    text = (
        f"{counted(len(paths), 'scan')} with a class for every point in '{field}' ({len(values)} in "
        f"'{paths[0].name}'), read in cells of {cell:g}"
    )
    notes = []
    if len(values) < 2:
        notes.append(f"'{paths[0].name}' has one class alone ({values[0]}): is it labelled?")
    return Found("scenes", text, found.root, None, words, notes)


def _cell(pos: np.ndarray) -> float:
    """Twice the usual distance of neighbours, in two digits."""
    middle = pos[len(pos) // 2]
    near = pos[np.argsort(np.square(pos - middle).sum(axis=1))[:_LOOKED_AT]]
    distance = cKDTree(near).query(near[:: max(1, len(near) // 2000)], k=2)[0][:, 1]
    usual = float(np.median(distance[distance > 0])) if (distance > 0).any() else 0.5
    digits = 1 - math.floor(math.log10(2 * usual))
    return round(2 * usual, digits)
