"""Regular grids of any number of axes."""

from ccnn_pc.domains.grid.grid import Boundary, Grid

__all__ = ["Boundary", "Grid"]
