"""Estimators with the interface of scikit-learn, for clouds, series and grids (extra ``estimators``)."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

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

lazy(__name__)
