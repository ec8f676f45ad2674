"""Random numbers that belong to a sample, not to the process that happens to load it."""

from __future__ import annotations

import numpy as np
import torch


def seeded_generator(*key: int) -> torch.Generator:
    """A generator whose stream is a function of the integers in ``key`` alone.

    The key is hashed (``numpy.random.SeedSequence``), so neighbouring keys give unrelated streams. Data sets use
    ``(seed, epoch, index)``: the number of workers, the order of loading and an interruption change nothing.

    Raises:
        ValueError: an entry is negative.

    Example:
        >>> a, b = seeded_generator(0, 3, 17), seeded_generator(0, 3, 17)
        >>> bool((torch.rand(4, generator=a) == torch.rand(4, generator=b)).all())
        True
    """
    if any(part < 0 for part in key):
        raise ValueError(f"'key' must hold integers of at least 0 (got {key})")
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    generator = torch.Generator()
    generator.manual_seed(int(state >> np.uint64(1)))
    return generator
