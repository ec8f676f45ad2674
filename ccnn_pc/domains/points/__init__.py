"""Point clouds: samples anywhere, joined to neighbours."""

from ccnn_pc.domains.points.point_set import PointSet

__all__ = ["PointSet"]
