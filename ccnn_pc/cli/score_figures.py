"""Scores and counts as a page says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ccnn_pc.cli.answers import SHARES

if TYPE_CHECKING:
    from ccnn_pc.viz.report import Figure

_NUMBERS = ("mse", "rmse", "mae", "r2", "bits_per_character", "kappa", "angle", "auc")
_WORDS = {
    "mean_class_accuracy": "mean over classes",
    "instance_iou": "IoU over shapes",
    "category_iou": "IoU over categories",
    "type_1_error": "omission",
    "type_2_error": "commission",
    "within_10": "within 10°",
    "within_30": "within 30°",
    "bits_per_character": "bits per character",
    **{"auc": "AUC", "r2": "R²", "rmse": "RMSE", "mae": "MAE", "mse": "MSE"},
}


def score_figures(scores: Mapping[str, Any]) -> list[Figure]:
    """Scores as they stand at the head of a page.

    Example:
        >>> [(each.name, each.value) for each in score_figures({"accuracy": 0.875, "auc": 0.9, "seed": 0})]
        [('accuracy', '87.50 %'), ('AUC', '0.9')]
    """
    from ccnn_pc.viz.report import Figure

    found = []
    for name, value in scores.items():
        if not isinstance(value, (int, float)) or not (name.endswith(SHARES) or name in _NUMBERS):
            continue
        said = _WORDS.get(name, name.replace("_", " ").replace("iou", "IoU"))
        found.append(Figure(said, f"{100 * value:.2f} %" if name.endswith(SHARES) else f"{value:.4g}"))
    return found


def whole(count: int) -> str:
    """A count with thin spaces.

    Example:
        >>> whole(12345)
        '12\u2009345'
    """
    return f"{count:,}".replace(",", "\u2009")
