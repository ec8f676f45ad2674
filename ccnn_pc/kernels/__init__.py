"""Kernel networks and windows: position in, value out. Nothing here knows of grids, batches or edges."""

from ccnn_pc.kernels.base import AbstractKernel, FactorizedKernel, Init, KernelFactory
from ccnn_pc.kernels.mfn import MAGNet, MultiplicativeFilterNetwork, flexconv_omega_0
from ccnn_pc.kernels.scaling import scale_readout_, support_points
from ccnn_pc.kernels.windows import AbstractWindow, GaussianWindow, NoWindow

__all__ = [
    "AbstractKernel",
    "AbstractWindow",
    "FactorizedKernel",
    "GaussianWindow",
    "Init",
    "KernelFactory",
    "MAGNet",
    "MultiplicativeFilterNetwork",
    "NoWindow",
    "flexconv_omega_0",
    "scale_readout_",
    "support_points",
]
