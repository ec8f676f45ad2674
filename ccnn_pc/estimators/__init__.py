"""Estimators with the interface of scikit-learn, for clouds, series and grids (extra ``estimators``)."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.estimators.clouds import CloudClassifier, CloudRegressor
    from ccnn_pc.estimators.grids import GridClassifier, GridRegressor
    from ccnn_pc.estimators.series import SeriesClassifier, SeriesRegressor

__all__ = [
    "CloudClassifier",
    "CloudRegressor",
    "GridClassifier",
    "GridRegressor",
    "SeriesClassifier",
    "SeriesRegressor",
]

lazy(__name__)
