"""Names that models can be made by, and what makes them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ccnn_pc._choices import unknown_name

if TYPE_CHECKING:
    from ccnn_pc.models.base import Model


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
    "ccnn_pc.models.ccnn",
    "ccnn_pc.models.ckcnn",
    "ccnn_pc.models.flexnet",
    "ccnn_pc.models.smpconv",
    "ccnn_pc.models.unet",
    "ccnn_pc.models.random_kernels",
    "ccnn_pc.models.series_values",
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


def builder(name: str) -> Builder:
    """What makes a model; a :class:`Frozen` if it is a network of continuous kernels.

    Raises:
        TypeError: no name.
        ValueError: an unknown name (with the nearest one).
    """
    if not isinstance(name, str):
        raise TypeError(f"'name' must be the name of a model (got {name!r})")
    if name not in _builders():
        raise unknown_name("model", name, list_architectures())
    return _BUILDERS[name]


def only_dim(name: str) -> int | None:
    """The only number of axes that a model is made for; None: any.

    Example:
        >>> only_dim("ckcnn_released"), only_dim("ccnn_4_16")
        (1, None)
    """
    _builders()
    return _ONLY_DIM.get(name)


def list_architectures() -> list[str]:
    """Names that models can be made by, sorted."""
    return sorted(_builders())


def entered_names() -> list[str]:
    """Names that were entered so far: those of modules that have been imported."""
    return sorted(_BUILDERS)
