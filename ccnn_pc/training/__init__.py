"""Training: Lightning module and data, optimiser groups, schedules, callbacks."""

from __future__ import annotations
