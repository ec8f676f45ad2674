"""Regular grids of any number of axes."""

from ccnn_pc.domains.grid.grid import Boundary, Grid
from ccnn_pc.domains.grid.interpolated import Interpolation

__all__ = ["Boundary", "Grid", "Interpolation"]
