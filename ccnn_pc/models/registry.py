"""Names of published sizes, and models made from them."""

from __future__ import annotations

import enum
import fnmatch
import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ccnn_pc._choices import choice, unknown_name
from ccnn_pc.domains.sampling import Interpolation
from ccnn_pc.models.base import Model
from ccnn_pc.models.network import Network
from ccnn_pc.ops.series.weights import Weights


class Builder(Protocol):
    """Makes a model of one size for given data."""

    def __call__(
        self,
        *,
        dim: int,
        in_channels: int,
        out_channels: int,
        shape: Sequence[int] | None = None,
        spacing: float = 1.0,
        **options: Any,
    ) -> Model: ...


#: Modules that enter names, imported at the first look-up, so that rooms to the right of this one may enter theirs.
MODULES = (
    "ccnn_pc.models.sizes",
    "ccnn_pc.models.ckcnn",
    "ccnn_pc.models.flexnet",
    "ccnn_pc.models.smpnet",
    "ccnn_pc.models.smpconv",
    "ccnn_pc.published",
    "ccnn_pc.peers",
)

_BUILDERS: dict[str, Builder] = {}
_ONLY_DIM: dict[str, int] = {}


def register_model(name: str, *, dim: int | None = None) -> Callable[[Builder], Builder]:
    """Enter a builder under a name.

    Args:
        name: of the model.
        dim: the only number of axes that it is made for; None: any.

    Raises:
        ValueError: the name is taken.
    """

    def enter(builder: Builder) -> Builder:
        if name in _BUILDERS:
            raise ValueError(f"'name' must be new (got '{name}', which is registered already)")
        _BUILDERS[name] = builder
        if dim is not None:
            _ONLY_DIM[name] = dim
        return builder

    return enter


def _builders() -> dict[str, Builder]:
    """All builders by name."""
    for module in MODULES:
        importlib.import_module(module)
    return _BUILDERS


def only_dim(name: str) -> int | None:
    """The only number of axes that a model is made for; None: any.

    Example:
        >>> from ccnn_pc.models.registry import only_dim
        >>> only_dim("ckcnn_released"), only_dim("ccnn_4_16")
        (1, None)
    """
    _builders()
    return _ONLY_DIM.get(name)


def list_models(pattern: str = "*") -> list[str]:
    """Names that :func:`create_model` knows, sorted; ``pattern`` filters them like file names.

    Example:
        >>> from ccnn_pc.models import list_models
        >>> list_models("ccnn_4_??")
        ['ccnn_4_16', 'ccnn_4_32', 'ccnn_4_48']
    """
    return sorted(fnmatch.filter(_builders(), pattern))


def create_model(
    name: str,
    *,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    series_weights: Weights | str = Weights.CELL,
    interpolation: Interpolation | str = Interpolation.LINEAR,
    series_interpolation: Interpolation | str = Interpolation.NONE,
    **options: Any,
) -> Model:
    """Make a model of a published size.

    The name freezes sizes: blocks, channels, kernel width and layers, kind of block. Everything else is an option
    with a sound default; experiment files set the papers' values.

    Args:
        name: see :func:`list_models`.
        dim: axes of the positions.
        in_channels: channels of the data.
        out_channels: classes (1: one logit for two classes).
        shape: samples per axis in training, for grids and sequences: it fixes the extent of the kernels.
            None: 784 for dim 1, 32 x 32 for dim 2, clouds in [-1, 1]^3 with extent 1 for dim 3.
        spacing: distance of these samples, in position units.
        series_weights: what samples of irregular series stand for that come as PyG data (default: the width of their
            cell; see :class:`ccnn_pc.domains.Weights`). Grids are weighted by their spacing.
        interpolation: what samples of arrays stand for between them that are farther apart than in training (default:
            straight lines; see :class:`ccnn_pc.domains.Interpolation`). The papers' networks have "none".
        series_interpolation: what samples of irregular series stand for between them: "none" (default) sums over
            samples; "linear" reads straight lines at the spacing of training (:func:`ccnn_pc.domains.resampled`).
        options: see the builder of the model, e.g. :func:`ccnn_pc.models.sizes.build_ccnn`.

    Raises:
        ValueError: an unknown name (with the nearest one), another ``dim`` than the model is made for, an option out of
            range, or other ``series_weights`` or interpolations where there are no series or no convolutions, or
            weights where straight lines are read.
        TypeError: an option that the model does not have.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=40)
        >>> sum(p.numel() for p in model.parameters())
        6545
    """
    if name not in _builders():
        raise unknown_name("model", name, list_models())
    if _ONLY_DIM.get(name, dim) != dim:
        raise ValueError(f"'dim' must be {_ONLY_DIM[name]} for '{name}' (got {dim})")
    weights = choice("series_weights", series_weights, Weights)
    lines = choice("series_interpolation", series_interpolation, Interpolation)
    reading: dict[str, tuple[enum.Enum, enum.Enum]] = {
        "series_weights": (weights, Weights.CELL),
        "interpolation": (choice("interpolation", interpolation, Interpolation), Interpolation.LINEAR),
        "series_interpolation": (lines, Interpolation.NONE),
    }
    for key, (value, default) in reading.items():
        if key != "interpolation" and value is not default and dim != 1:
            raise ValueError(f"'{key}' must be '{default.value}' for {dim} axes (got '{value.value}')")
    if lines is Interpolation.LINEAR and weights is not Weights.CELL:
        raise ValueError(
            f"'series_weights' must be 'cell' where straight lines are read, for they need none (got '{weights.value}')"
        )
    model = _BUILDERS[name](
        dim=dim, in_channels=in_channels, out_channels=out_channels, shape=shape, spacing=spacing, **options
    )
    for key, (value, default) in reading.items():
        if value is default:
            continue
        if not isinstance(model, Network):
            raise ValueError(
                f"'{key}' must be '{default.value}' for '{name}', which has no continuous kernels"
            )
        setattr(model.door, key, value)
        options[key] = value
    model.config = {
        "name": name,
        "dim": dim,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "shape": None if shape is None else list(shape),
        "spacing": spacing,
        "options": dict(options),
    }
    return model
