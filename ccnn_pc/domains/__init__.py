"""Where samples lie, and which operator convolves there."""

from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms
from ccnn_pc.domains.grid.grid import Boundary, Grid
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.points.pyramid import Levels, PointPyramid
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.domains.sampling import Interpolation, Sampling
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.ops.series.weights import Weights

__all__ = [
    "AbstractDomain",
    "Boundary",
    "ConvolutionTerms",
    "Grid",
    "Interpolation",
    "IrregularSeries",
    "Levels",
    "PointPyramid",
    "PointSet",
    "Pool",
    "Weights",
    "Sampling",
]
