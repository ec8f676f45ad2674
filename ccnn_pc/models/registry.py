"""Networks of fixed sizes under names, and models made from them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

from ccnn_pc._choices import choice
from ccnn_pc.domains.sampling import Interpolation
from ccnn_pc.models.base import Model
from ccnn_pc.models.names import builder, only_dim, register_model
from ccnn_pc.models.options import FactoryLike, Scattered, Words
from ccnn_pc.ops.series.weights import Weights


def register_frozen(
    name: str,
    build: Callable[..., Model],
    defaults: Mapping[str, Any] | None = None,
    *,
    dim: int | None = None,
    **numbers: Any,
) -> None:
    """Enter a network of continuous kernels of fixed size under a name.

    Args:
        name: of the model.
        build: called with the :class:`~ccnn_pc.models.options.Words` of a call, and the numbers.
        defaults: words of the network that are others than those of ``build``.
        dim: the only number of axes that it is made for; None: any.
        numbers: what the name freezes, of ``build`` or its words: these cannot be options.

    Raises:
        ValueError: the name is taken.
    """
    register_model(name, dim=dim)(Frozen(name, build, dict(defaults or {}), numbers))


@dataclass(frozen=True)
class Frozen:
    """A network of continuous kernels whose numbers a name has frozen: makes it from words."""

    name: str
    build: Callable[..., Model]
    defaults: dict[str, Any]
    numbers: dict[str, Any]

    def __call__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        kernel: FactoryLike = None,
        window: FactoryLike = None,
        **given: Any,
    ) -> Model:
        clash = sorted(set(self.numbers) & set(given))
        if clash:
            raise TypeError(
                f"{', '.join(map(repr, clash))} must not be options of '{self.name}': the name freezes them "
                f"(got {', '.join(repr(given[word]) for word in clash)})"
            )
        sizes = {n: value for n, value in self.numbers.items() if n in signature(self.build).parameters}
        fixed = {n: value for n, value in self.numbers.items() if n not in sizes}
        words = Words(
            self.name,
            {**self.defaults, **fixed, **given},
            in_channels=in_channels,
            out_channels=out_channels,
            kernel=kernel,
            window=window,
        )
        model = self.build(words, **sizes)
        words.finish()
        options = {word: value for word, value in words.options.items() if word in given}
        model.config = {**words.made, "options": options}
        return model


def build_model(
    name: str,
    *,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    kernel: FactoryLike = None,
    window: FactoryLike = None,
    **options: Any,
) -> Model:
    """Make a registered model with new weights; see :func:`ccnn_pc.models.create_model`."""
    build = builder(name)
    if only_dim(name) not in (None, dim):
        raise ValueError(f"'dim' must be {only_dim(name)} for '{name}' (got {dim})")
    if isinstance(build, Frozen):
        options = {"kernel": kernel, "window": window, **options}
    else:
        options = _without_kernels(name, kernel, window, options)
    model = build(
        dim=dim, in_channels=in_channels, out_channels=out_channels, shape=shape, spacing=spacing, **options
    )
    model.config = {
        "name": name,
        "dim": dim,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "shape": None if shape is None else list(shape),
        "spacing": spacing,
        "options": dict(options),
        **model.config,
    }
    model.shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    return model


def _called(factory: object) -> str:
    """The name of a factory of kernels or windows."""
    made = getattr(factory, "func", factory)
    return (
        repr(made) if isinstance(made, (str, dict)) else str(getattr(made, "__name__", type(made).__name__))
    )


def _without_kernels(name: str, kernel: object, window: object, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a model without continuous kernels.

    Raises:
        ValueError: some that only continuous kernels have.
    """
    for word, given in (("kernel", kernel), ("window", window)):
        if given is not None:
            raise ValueError(
                f"'{word}' must be None for '{name}', which has no continuous kernels (got {_called(given)})"
            )
    usual: dict[str, enum.Enum] = {
        "series_weights": Weights.CELL,
        "interpolation": Interpolation.LINEAR,
        "series_interpolation": Interpolation.NONE,
        "scattered": Scattered.POINTS,
    }
    for word, default in usual.items():
        given = options.get(word)
        if given is not None and choice(word, given, type(default)) is not default:
            raise ValueError(
                f"'{word}' must be '{default.value}' for '{name}', which has no continuous kernels"
            )
    return {word: value for word, value in options.items() if word not in usual}
