"""Kernel networks and windows: position in, value out. Nothing here knows of grids, batches or edges."""

from ccnn_pc.kernels.activations import Activation, Sine
from ccnn_pc.kernels.base import AbstractKernel, FactorizedKernel, Init
from ccnn_pc.kernels.fourier_features import RandomFourierNet
from ccnn_pc.kernels.fourier_gabor import FourierNet, GaborNet
from ccnn_pc.kernels.gabor import gabor_filters
from ccnn_pc.kernels.mfn import MAGNet, MultiplicativeFilterNetwork, flexconv_omega_0
from ccnn_pc.kernels.mlp import MLP, KernelNorm
from ccnn_pc.kernels.moving_points import SelfMovingPoints
from ccnn_pc.kernels.moving_points_per_filter import SelfMovingPointsPerFilter
from ccnn_pc.kernels.registry import (
    describe_factory,
    factory_from_json,
    factory_options,
    kernel_factory,
    list_kernels,
    list_windows,
    register_kernel,
    register_window,
    window_factory,
)
from ccnn_pc.kernels.scaling import scale_readout_, support_points
from ccnn_pc.kernels.siren import SIREN, angular_omega_0
from ccnn_pc.kernels.spectrum import (
    AliasingRule,
    aliasing_penalty,
    median_spacing,
    nyquist_frequency,
    nyquist_omega_0,
)
from ccnn_pc.kernels.windows import AbstractWindow, GaussianWindow, NoWindow

__all__ = [
    "describe_factory",
    "factory_from_json",
    "factory_options",
    "kernel_factory",
    "list_kernels",
    "list_windows",
    "register_kernel",
    "register_window",
    "window_factory",
    "MLP",
    "SIREN",
    "AbstractKernel",
    "AbstractWindow",
    "Activation",
    "AliasingRule",
    "FactorizedKernel",
    "FourierNet",
    "GaborNet",
    "GaussianWindow",
    "Init",
    "KernelNorm",
    "MAGNet",
    "MultiplicativeFilterNetwork",
    "NoWindow",
    "RandomFourierNet",
    "SelfMovingPoints",
    "SelfMovingPointsPerFilter",
    "Sine",
    "aliasing_penalty",
    "angular_omega_0",
    "flexconv_omega_0",
    "gabor_filters",
    "median_spacing",
    "nyquist_frequency",
    "nyquist_omega_0",
    "scale_readout_",
    "support_points",
]
