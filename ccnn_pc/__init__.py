"""Continuous-kernel convolutions for point clouds, grids and irregular time series.

A kernel is a small neural network of relative position; a convolution is a quadrature of an integral:
``y(q_i) = sum_j w_j K(p_j - q_i) x(p_j)``. The rooms, from the left of the import arrow to the right:

``ops``, ``kernels`` -> ``domains`` -> ``nn`` -> ``models`` -> ``published``, ``peers``, ``training`` -> ``cli``;
``datasets``, ``studies`` and ``viz`` stand beside them.

The names below are loaded at their first use, so that ``import ccnn_pc`` costs nothing.

Example:
    >>> import ccnn_pc
    >>> ccnn_pc.Grid((4, 6))
    Grid(4x6, batch_size=1)
"""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ccnn_pc.domains import Grid, IrregularSeries, PointSet
    from ccnn_pc.models import create_model, from_pretrained, list_models
    from ccnn_pc.nn import ContinuousConv

__all__ = [
    "ContinuousConv",
    "Grid",
    "IrregularSeries",
    "PointSet",
    "create_model",
    "from_pretrained",
    "list_models",
]

lazy(__name__)
