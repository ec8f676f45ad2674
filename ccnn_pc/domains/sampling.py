"""How a network wants its data sampled: at which spacing, and what is between samples that are farther apart."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Interpolation(enum.Enum):
    """Data between samples that are farther apart than in training: not asked for (NONE), or LINEAR, or CUBIC.

    NONE is the sum over samples, weighted by their spacing (CKConv, arXiv 2102.02611, eq. 5): it needs samples as dense
    as kernels are fine. LINEAR reads the straight lines between samples at the spacing of training, once, before the
    first layer; CUBIC the piecewise cubic curves through them, which look one sample ahead.
    """

    NONE = "none"
    LINEAR = "linear"
    CUBIC = "cubic"


@dataclass(frozen=True)
class Sampling:
    """What :meth:`ccnn_pc.domains.AbstractDomain.as_input` needs to know of a network.

    Attributes:
        spacing: distance of samples in training, per axis.
        grids: how grids are read whose samples are farther apart.
        series: how irregular series are read; None: on straight lines where they can be.
        shape: samples per axis in training, where scattered samples are read on such a grid; None: where they lie.
        support: how much time the kernels see at once (the reach of causal ones, twice that of others): a longer pause
            between the samples of a series counts as so long. None: pauses are as long as they are.
        causal: whether answers per sample of a series must not know later samples.
    """

    spacing: tuple[float, ...]
    grids: Interpolation = Interpolation.LINEAR
    series: Interpolation | None = None
    shape: tuple[int, ...] | None = None
    support: float | None = None
    causal: bool = False
