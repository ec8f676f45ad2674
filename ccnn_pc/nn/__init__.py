"""Layers: features are ``[n, C]``, channels last, on every domain."""

from ccnn_pc.nn.apply import apply_layer, apply_pool
from ccnn_pc.nn.blocks import CCNNBlock, CKCNNBlock, FlexNetBlock, S4Block
from ccnn_pc.nn.branches import BranchedConv, merge_branches
from ccnn_pc.nn.conv import Algorithm, ContinuousConv, DepthwiseConv, KernelConv
from ccnn_pc.nn.dropout import ChannelDropout, DropPath
from ccnn_pc.nn.fan import CloudReference, Reference
from ccnn_pc.nn.heads import PooledHead, SampleHead
from ccnn_pc.nn.norms import GlobalLayerNorm
from ccnn_pc.nn.penalty import KernelPenalty, kernel_penalty
from ccnn_pc.nn.quadrature import Quadrature
from ccnn_pc.nn.statistics import recalibrate
from ccnn_pc.nn.tap_conv import TapConv

__all__ = [
    "Algorithm",
    "BranchedConv",
    "CCNNBlock",
    "CKCNNBlock",
    "ChannelDropout",
    "CloudReference",
    "ContinuousConv",
    "DepthwiseConv",
    "DropPath",
    "FlexNetBlock",
    "GlobalLayerNorm",
    "KernelConv",
    "KernelPenalty",
    "PooledHead",
    "Quadrature",
    "Reference",
    "S4Block",
    "SampleHead",
    "TapConv",
    "apply_layer",
    "apply_pool",
    "kernel_penalty",
    "merge_branches",
    "recalibrate",
]
