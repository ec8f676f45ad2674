"""Layers: features are ``[n, C]``, channels last, on every domain."""

from ccnn_pc.nn.blocks import CCNNBlock, CKCNNBlock, FlexNetBlock, S4Block
from ccnn_pc.nn.branches import BranchedConv, DepthwiseConv, merge_branches
from ccnn_pc.nn.conv import Algorithm, ContinuousConv
from ccnn_pc.nn.dropout import ChannelDropout, DropPath, ElementDropout
from ccnn_pc.nn.heads import PooledHead, SampleHead
from ccnn_pc.nn.norms import BatchNorm, GroupNorm, LayerNorm, NoNorm
from ccnn_pc.nn.penalty import KernelPenalty, kernel_penalty
from ccnn_pc.nn.tap_conv import TapConv

__all__ = [
    "BatchNorm",
    "BranchedConv",
    "CCNNBlock",
    "CKCNNBlock",
    "ChannelDropout",
    "ContinuousConv",
    "DepthwiseConv",
    "DropPath",
    "ElementDropout",
    "FlexNetBlock",
    "GroupNorm",
    "KernelPenalty",
    "LayerNorm",
    "NoNorm",
    "Algorithm",
    "PooledHead",
    "S4Block",
    "SampleHead",
    "TapConv",
    "kernel_penalty",
    "merge_branches",
]
