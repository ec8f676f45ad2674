"""Where samples lie, and which operator convolves there."""

from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms
from ccnn_pc.domains.grid import Boundary, Grid
from ccnn_pc.domains.interpolated import Interpolation
from ccnn_pc.domains.point_set import PointSet
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.domains.resampled import resampled
from ccnn_pc.domains.series import IrregularSeries
from ccnn_pc.ops.series_weights import Weights

__all__ = [
    "AbstractDomain",
    "Boundary",
    "ConvolutionTerms",
    "Grid",
    "Interpolation",
    "IrregularSeries",
    "PointSet",
    "Pool",
    "Weights",
    "resampled",
]
