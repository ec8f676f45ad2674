"""Pictures: curves of a run, confusion matrices, kernels, windows, spectra, fits, clouds and images with predictions.

Every function writes one file (or a folder of them) and returns its path. matplotlib is imported when the
first one runs.
"""

from ccnn_pc.viz.chances import plot_image_prediction
from ccnn_pc.viz.clouds import plot_prediction
from ccnn_pc.viz.confusion import plot_confusion
from ccnn_pc.viz.curves import plot_curves
from ccnn_pc.viz.fits import LineFit, plot_image_fits, plot_line_fits
from ccnn_pc.viz.kernels import plot_kernels
from ccnn_pc.viz.labels import plot_labels
from ccnn_pc.viz.quadrature import plot_quadrature
from ccnn_pc.viz.regression import plot_regression
from ccnn_pc.viz.scene_page import write_scene_page
from ccnn_pc.viz.scenes import SeenScene, plot_scene
from ccnn_pc.viz.sweep import plot_sweep
from ccnn_pc.viz.transfer import plot_transfer

__all__ = [
    "LineFit",
    "SeenScene",
    "plot_confusion",
    "plot_curves",
    "plot_image_fits",
    "plot_image_prediction",
    "plot_kernels",
    "plot_labels",
    "plot_line_fits",
    "plot_prediction",
    "plot_quadrature",
    "plot_regression",
    "plot_scene",
    "plot_sweep",
    "plot_transfer",
    "write_scene_page",
]
