"""Kernel networks and windows: position in, value out. Nothing here knows of grids, batches or edges.

Every file of this folder is imported here: a kernel or a window enters by being registered in one.
"""

import importlib
import pkgutil

from ccnn_pc._checks import check_at_least, check_fraction, check_positive
from ccnn_pc.kernels.activations import Activation, ActivationFactory, Sine, activation_factory
from ccnn_pc.kernels.base import AbstractKernel, FactorizedKernel, Init, empty_linear, uniform_
from ccnn_pc.kernels.filter_functions import gabor_filters, multiplicative_chain
from ccnn_pc.kernels.mlp import MLP, KernelNorm
from ccnn_pc.kernels.moving_points import SelfMovingPoints, SelfMovingPointsPerFilter
from ccnn_pc.kernels.multiplicative import (
    FourierNet,
    GaborNet,
    MAGNet,
    MultiplicativeFilterNetwork,
    flexconv_omega_0,
    nyquist_omega_0,
)
from ccnn_pc.kernels.random_fourier import RandomFourierNet
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
    largest_slope,
    linear_frequency,
    median_spacing,
    modulated_frequency,
    nyquist_frequency,
)
from ccnn_pc.kernels.weight_norm import add_weight_norm_, plain_weights
from ccnn_pc.kernels.windows import AbstractWindow, GaussianWindow, NoWindow

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = [
    "AbstractKernel",
    "AbstractWindow",
    "Activation",
    "ActivationFactory",
    "AliasingRule",
    "FactorizedKernel",
    "FourierNet",
    "GaborNet",
    "GaussianWindow",
    "Init",
    "KernelNorm",
    "MAGNet",
    "MLP",
    "MultiplicativeFilterNetwork",
    "NoWindow",
    "RandomFourierNet",
    "SIREN",
    "SelfMovingPoints",
    "SelfMovingPointsPerFilter",
    "Sine",
    "activation_factory",
    "add_weight_norm_",
    "aliasing_penalty",
    "angular_omega_0",
    "check_at_least",
    "check_fraction",
    "check_positive",
    "describe_factory",
    "empty_linear",
    "factory_from_json",
    "factory_options",
    "flexconv_omega_0",
    "gabor_filters",
    "kernel_factory",
    "largest_slope",
    "linear_frequency",
    "list_kernels",
    "list_windows",
    "median_spacing",
    "modulated_frequency",
    "multiplicative_chain",
    "nyquist_frequency",
    "nyquist_omega_0",
    "plain_weights",
    "register_kernel",
    "register_window",
    "scale_readout_",
    "support_points",
    "uniform_",
    "window_factory",
]
