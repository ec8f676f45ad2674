"""Solvers of torchdiffeq for equations along series."""

from __future__ import annotations

import enum
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least


class Solver(enum.Enum):
    """The first four take fixed steps, the others choose their steps by the error.

    Fixed steps leave the series of a batch independent of each other; chosen ones are the same for all of a batch.
    """

    EULER = "euler"
    MIDPOINT = "midpoint"
    HEUN3 = "heun3"
    RK4 = "rk4"
    DOPRI5 = "dopri5"
    DOPRI8 = "dopri8"
    BOSH3 = "bosh3"
    ADAPTIVE_HEUN = "adaptive_heun"

    @property
    def is_fixed(self) -> bool:
        """Whether steps are fixed."""
        return self in (Solver.EULER, Solver.MIDPOINT, Solver.HEUN3, Solver.RK4)

    def options(self, num_steps: int, jumps: Tensor | None = None) -> dict[str, Any]:
        """What torchdiffeq is told besides the method.

        Args:
            num_steps: fixed steps between two times of output.
            jumps: times at which the right-hand side jumps; fixed steps must begin and end there. None: nowhere.

        Raises:
            ValueError: no step.
        """
        check_at_least("num_steps", num_steps, 1)
        if not self.is_fixed:
            return {} if jumps is None else {"jump_t": jumps}
        share = torch.arange(num_steps) / num_steps

        def grid(func: Any, y0: Tensor, t: Tensor) -> Tensor:
            """Times of output with ``num_steps`` steps between them."""
            inner = t[:-1, None] + share.to(t) * t.diff()[:, None]
            return torch.cat([inner.flatten(), t[-1:]])

        return {"grid_constructor": grid, "perturb": jumps is not None}
