"""Pictures: curves of a run, confusion matrices, kernels, windows, spectra, clouds with predictions.

Every function writes one file (or a folder of them) and returns its path. matplotlib is imported when the
first one runs.
"""

from ccnn_pc.viz.clouds import plot_cloud, plot_prediction
from ccnn_pc.viz.confusion import plot_confusion
from ccnn_pc.viz.curves import plot_curves
from ccnn_pc.viz.kernels import plot_kernels

__all__ = ["plot_cloud", "plot_confusion", "plot_curves", "plot_kernels", "plot_prediction"]
