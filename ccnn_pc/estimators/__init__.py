"""Estimators with the interface of scikit-learn, for clouds, series and grids (extra ``estimators``)."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy
from ccnn_pc._optional import available, require

if TYPE_CHECKING:
    from ccnn_pc.estimators.clouds import CloudClassifier, CloudRegressor
    from ccnn_pc.estimators.grids import GridClassifier, GridRegressor
    from ccnn_pc.estimators.series import SeriesClassifier, SeriesRegressor
    from ccnn_pc.estimators.steps import SeriesStepClassifier
    from ccnn_pc.estimators.values import SeriesForecaster, SeriesImputer

__all__ = [
    "CloudClassifier",
    "CloudRegressor",
    "GridClassifier",
    "GridRegressor",
    "SeriesClassifier",
    "SeriesForecaster",
    "SeriesImputer",
    "SeriesRegressor",
    "SeriesStepClassifier",
]

for _package in ("sklearn", "lightning"):
    if not available(_package):
        require(_package, extra="estimators", purpose="for estimators")
lazy(__name__)
