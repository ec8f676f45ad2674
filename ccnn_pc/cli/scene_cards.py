"""Pictures of the scenes that a report shows: those with the largest errors, whole, as clouds that turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ccnn_pc.viz.report import Section, Told

_SHOWN = 6


def scene_section(seen: Sequence[tuple[dict[str, Any], np.ndarray, Told]]) -> Section:
    """The scenes with the largest errors, at most six.

    Args:
        seen: of each scene its scores, positions ``[n, 3]``, and what is told of its points.
    """
    from ccnn_pc.viz.report import Card, Section
    from ccnn_pc.viz.report.items import draw_cloud

    worst = sorted(range(len(seen)), key=lambda index: -_badness(seen[index][0]))[:_SHOWN]
    cards = []
    for index in worst:
        row, pos, told = seen[index]
        area = f" ({row['area']})" if "area" in row else ""
        cards.append(Card(draw_cloud(pos, told), f"{Path(row['file']).name}{area}", _scores(row)))
    few = "" if len(worst) == len(seen) else f" The {len(worst)} with the largest errors of {len(seen)}."
    return Section("Scenes", about=f"Kept points, at most 20 000 of each scene.{few}", cards=cards, wide=True)


def scene_pairs(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray] | None:
    """True and predicted numbers of some points of all scenes, ``[n, K]``; None where none are known."""
    import numpy as np

    if not pairs:
        return None
    true, said = (np.concatenate([each[side] for each in pairs]) for side in (0, 1))
    return (true, said) if (~np.isnan(true).any(axis=1)).any() else None


def _badness(row: dict[str, Any]) -> float:
    for name, sign in (("accuracy", -1.0), ("rmse", 1.0), ("angle", 1.0)):
        if row.get(name) is not None:
            return sign * float(row[name])
    return 0.0


def _scores(row: dict[str, Any]) -> str:
    from ccnn_pc.cli.score_figures import score_figures

    said = ", ".join(f"{each.name} {each.value}" for each in score_figures(row)[:3])
    return f"{said}, {row['n']} points"
