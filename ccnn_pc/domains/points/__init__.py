"""Point clouds: samples anywhere, joined to neighbours; with coarser clouds of themselves."""

from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.points.pyramid import Levels, PointPyramid

__all__ = ["Levels", "PointPyramid", "PointSet"]
