"""What the released code computes where it is not what the papers say: for comparison, never the default."""

from ccnn_pc.published.ckconv import Anchor, ReleasedCKConv
from ccnn_pc.published.convert_ckconv import convert_ckconv
from ccnn_pc.published.grids import Crop, ReleasedGridConv, correlate_as_released, cropped_taps
from ccnn_pc.published.kernels import JointNormMLP, SteerableMAGNet
from ccnn_pc.published.points import ReleasedPointBlock, ReleasedPointConv
from ccnn_pc.published.query_features import QueryFeatureConv

__all__ = [
    "Anchor",
    "Crop",
    "JointNormMLP",
    "QueryFeatureConv",
    "ReleasedCKConv",
    "ReleasedGridConv",
    "ReleasedPointBlock",
    "ReleasedPointConv",
    "SteerableMAGNet",
    "convert_ckconv",
    "correlate_as_released",
    "cropped_taps",
]
