"""Layers: features are ``[n, C]``, channels last, on every domain."""

from ccnn_pc.nn.blocks import CCNNBlock, FlexNetBlock, S4Block
from ccnn_pc.nn.conv import ContinuousConv, Path
from ccnn_pc.nn.dropout import ChannelDropout
from ccnn_pc.nn.heads import PooledHead, SampleHead
from ccnn_pc.nn.norms import BatchNorm, GroupNorm, NoNorm
from ccnn_pc.nn.penalty import KernelPenalty, kernel_penalty

__all__ = [
    "BatchNorm",
    "CCNNBlock",
    "ChannelDropout",
    "ContinuousConv",
    "FlexNetBlock",
    "GroupNorm",
    "KernelPenalty",
    "NoNorm",
    "Path",
    "PooledHead",
    "S4Block",
    "SampleHead",
    "kernel_penalty",
]
