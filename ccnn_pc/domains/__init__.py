"""Where samples lie, and which operator convolves there."""

from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms
from ccnn_pc.domains.grid import Boundary, Grid
from ccnn_pc.domains.point_set import PointSet
from ccnn_pc.domains.pooling import Pool

__all__ = ["AbstractDomain", "Boundary", "ConvolutionTerms", "Grid", "PointSet", "Pool"]
