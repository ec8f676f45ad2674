"""How a layer's integral becomes a sum over samples, and what samples looked like in training."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ccnn_pc._checks import check_positive
from ccnn_pc.nn.fan import CloudReference, Reference


@dataclass(frozen=True)
class Quadrature:
    r"""The rule by which a layer sums over samples.

    .. math:: \int K(p - q)\, x(p)\, dp \approx \sum_j w_j\, m(u_j)\, K(u_j)\, x_j

    Attributes:
        spacing: distance of samples in training on grids and series, in position units, one number or one per axis;
            weights of other spacings refer to it (CKConv eq. 5).
        reference_count: points per cloud in training, which the weights of clouds refer to: clouds with more points
            are then the same function, sampled more finely. None: each cloud's own count.
        fan: :math:`\sum_j w_j^2 m_j^2` that initial kernels are scaled for, so that unit noise comes out with unit
            variance: a number, or what to count it on. None: the grid of the layer's extent and ``spacing``; where the
            extent holds no more than one spacing (clouds), ``reference_count`` (512) points on the unit sphere with
            their 256 nearest.
        endpoint: where a causal kernel ends, at the present sample: 1.0 counts all of its weight (as published; sums
            converge to the integral with first order), 0.5 what lies before the query alone (the trapezoidal rule,
            second order); in between, :math:`1 - 2 (1 - e)\, a_j` of it with the fraction :math:`a_j` that lies after
            it, which is half on grids.
        threshold: leave out samples where the window is below it, at an error of at most
            ``threshold * sum_j |w_j K_j x_j|``; None: 1e-7 in float32, 1e-16 in float64; 0: leave out nothing.

    Raises:
        TypeError: an endpoint that is not a number.
        ValueError: an endpoint outside of [0.5, 1], a threshold outside of [0, 1), a count or fan that is not positive.

    Example:
        >>> Quadrature(spacing=0.5, endpoint=0.5)
        Quadrature(spacing=0.5, endpoint=0.5)
    """

    spacing: float | Sequence[float] = 1.0
    reference_count: float | None = None
    fan: float | CloudReference | Reference | None = None
    endpoint: float = 1.0
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.reference_count is not None:
            check_positive("reference_count", self.reference_count)
        if self.fan is not None and not isinstance(self.fan, (CloudReference, Reference)):
            check_positive("fan", self.fan)
        if isinstance(self.endpoint, bool) or not isinstance(self.endpoint, (int, float)):
            raise TypeError(f"'endpoint' must be a number (got {self.endpoint!r})")
        if not math.isfinite(self.endpoint) or not 0.5 <= self.endpoint <= 1.0:
            raise ValueError(
                "'endpoint' must be between 0.5 (trapezoidal rule) and 1.0 (as published) "
                f"(got {self.endpoint})"
            )
        if self.threshold is not None and not 0 <= self.threshold < 1:
            raise ValueError(f"'threshold' must be in [0, 1) (got {self.threshold})")

    def __repr__(self) -> str:
        fields = [(f.name, getattr(self, f.name), f.default) for f in dataclasses.fields(self)]
        changed = ", ".join(f"{name}={value!r}" for name, value, default in fields if value != default)
        return f"Quadrature({changed})"
