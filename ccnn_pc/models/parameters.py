"""How many parameters registered models have, without making them."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from ccnn_pc.models.names import entered_names, only_dim

#: Name -> axes -> numbers a, b, c of the count a + b in_channels + c out_channels; a test makes the models and counts.
TABLE = Path(__file__).with_name("parameters.json")

#: Series, images, volumes and clouds.
MOST_AXES = 3


def count_parameters(name: str, dim: int, in_channels: int, out_channels: int) -> int:
    """Parameters of a model with its own kernel and default options.

    Layers are linear in their channels, so three numbers say it for all data; they are stored for the models of this
    package, since making all of them takes a minute. Others are made and counted.

    Args:
        name: see :func:`ccnn_pc.models.list_models`.
        dim: axes of the positions.
        in_channels: channels of the data.
        out_channels: classes.

    Raises:
        ValueError: a model that is made for another number of axes.

    Example:
        >>> count_parameters("ccnn_4_16", 3, 6, 40), count_parameters("smpconv_t", 2, 3, 1000)
        (6545, 26705248)
    """
    stored = _table().get(name, {}).get(str(dim))
    if stored is not None:
        constant, per_input, per_output = stored
        return int(constant + per_input * in_channels + per_output * out_channels)
    from ccnn_pc.kernels.scaling import unscaled
    from ccnn_pc.models.registry import build_model

    with unscaled():
        model = build_model(name, dim=dim, in_channels=in_channels, out_channels=out_channels)
    return sum(p.numel() for p in model.parameters())


def countable_names() -> list[str]:
    """Names of the models of this package, and of those that were entered so far; nothing is loaded.

    Example:
        >>> "ccnn_4_16" in countable_names()
        True
    """
    return sorted({*_table(), *entered_names()})


def nearest_dim(name: str, dim: int) -> int:
    """The number of axes to count a model with: ``dim``, or the nearest that it is made for.

    Kernels of the largest networks are not made for volumes.

    Raises:
        ValueError: more axes than there are counts for.

    Example:
        >>> nearest_dim("ccnn_4_16", 3), nearest_dim("smpconv_t", 3), nearest_dim("gru_d", 3)
        (3, 2, 1)
    """
    if dim > MOST_AXES:
        raise ValueError(f"'dim' must be 1 to {MOST_AXES} (got {dim}); create_model makes networks of more")
    known = [int(key) for key in _table().get(name, {})]
    return min(known, key=lambda axes: abs(axes - dim)) if known else only_dim(name) or dim


@functools.cache
def _table() -> dict[str, dict[str, list[int]]]:
    table: dict[str, dict[str, list[int]]] = json.loads(TABLE.read_text())
    return table
