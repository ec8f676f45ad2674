"""From the flat words of :func:`ccnn_pc.models.create_model` to the objects that networks are made of."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from torch import nn

from ccnn_pc._checks import check_extent, check_fraction, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import Init, MAGNet, nyquist_omega_0
from ccnn_pc.kernels.registry import factory_from_json, factory_options, kernel_factory, window_factory
from ccnn_pc.models.convolution import Convolution, TrainingGeometry, set_options
from ccnn_pc.models.reading import Nearest, Reading
from ccnn_pc.nn.apply import NormFactory, Pooling, check_pooling
from ccnn_pc.nn.dropout import DropoutKind
from ccnn_pc.nn.norms import GlobalLayerNorm

T = TypeVar("T")
Factory: TypeAlias = "Callable[..., nn.Module]"
#: A factory, the name of a registered class, or what a saved model says of one.
FactoryLike: TypeAlias = "Factory | str | Mapping[str, Any] | None"

#: Share of the half-width of a window within which a MAGNet's filters start (FlexConv's 25/15).
SPREAD_PER_WIDTH = 1.667


class NormKind(enum.Enum):
    """Norms by name: over the batch, over all of a cloud (GROUP), over the channels of a sample (LAYER), none.

    GROUP lets outputs know the future of a series; LAYER does not, nor does BATCH once trained.
    """

    BATCH = "batch"
    GROUP = "group"
    LAYER = "layer"
    NONE = "none"


@dataclass(frozen=True)
class Norm:
    """Which norm stands in a network.

    Attributes:
        norm: batch, group, layer or none; or what makes one, called with ``channels``: ``nn.BatchNorm1d``.
        norm_eps: guard of group and layer norms.

    Raises:
        ValueError: no such norm, or a guard that is not positive.
    """

    norm: NormKind | str | NormFactory = NormKind.BATCH
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        if not callable(self.norm):
            object.__setattr__(self, "norm", choice("norm", self.norm, NormKind))
        check_positive("norm_eps", self.norm_eps)

    @property
    def factory(self) -> NormFactory:
        """What makes the norm: called with ``channels``."""
        if self.norm is NormKind.GROUP:
            return functools.partial(GlobalLayerNorm, eps=self.norm_eps)
        if self.norm is NormKind.LAYER:
            return functools.partial(nn.LayerNorm, eps=self.norm_eps)
        if callable(self.norm):
            return self.norm
        return nn.BatchNorm1d if self.norm is NormKind.BATCH else nn.Identity


@dataclass(frozen=True)
class Dropout:
    """What is dropped in training.

    Attributes:
        dropout: share in blocks.
        dropout_in: share of the data.
        dropout_kind: whole channels (channel) or single numbers (element).

    Raises:
        TypeError: a share that is no number.
        ValueError: no such kind, or a share outside of [0, 1).
    """

    dropout: float = 0.0
    dropout_in: float = 0.0
    dropout_kind: DropoutKind | str = DropoutKind.CHANNEL

    def __post_init__(self) -> None:
        check_fraction("dropout", self.dropout)
        check_fraction("dropout_in", self.dropout_in)
        object.__setattr__(self, "dropout_kind", choice("dropout_kind", self.dropout_kind, DropoutKind))

    @property
    def layer(self) -> Callable[[float], nn.Module]:
        """What makes a layer that drops: called with the share."""
        return choice("dropout_kind", self.dropout_kind, DropoutKind).layer


def pool_choice(pool: Pooling | str | None, dim: int) -> Pooling | None:
    """How samples become one answer; "auto" is the newest sample of a series, else the mean; PyG's pools as they are.

    Raises:
        ValueError: no such choice, or the last sample of data with several axes.
    """
    if pool is None:
        return None
    if pool == "auto":
        return Pool.LAST if dim == 1 else Pool.MEAN
    reduce = check_pooling("pool", pool)
    if reduce is Pool.LAST and dim != 1:
        raise ValueError(f"'pool' must not be 'last' where samples have no order (got dim={dim})")
    return reduce


class Scattered(enum.Enum):
    """How networks read scattered samples: as points where they lie, or on a grid like that of training."""

    POINTS = "points"
    GRID = "grid"


class Words:
    """The words of one call of :func:`ccnn_pc.models.create_model`, sorted into objects; what is left over is unknown.

    Args:
        name: of the model.
        words: what was given.
        in_channels: channels of the data.
        out_channels: classes.
        kernel: what makes kernels, a name or a description; None: the network's own.
        window: what makes windows, likewise.

    Attributes:
        given_kernel: the factory of kernels that was given, or None.
        given_window: likewise.
        made: what a saved model describes by itself: geometry, kernel, window.
        options: words that are none of these, as they were given.

    Raises:
        ValueError: an unknown name of a kernel or window.
        TypeError: no factory, name or description.

    Example:
        >>> words = Words("mine", {"norm": "layer", "dropuot": 0.1}, in_channels=3, out_channels=2)
        >>> words.take(Norm).norm
        <NormKind.LAYER: 'layer'>
        >>> words.finish()
        Traceback (most recent call last):
        TypeError: 'dropuot' must be an option of 'mine': kernel, window, norm, norm_eps
    """

    def __init__(
        self,
        name: str,
        words: Mapping[str, Any],
        *,
        in_channels: int,
        out_channels: int,
        kernel: FactoryLike = None,
        window: FactoryLike = None,
    ) -> None:
        self.name, self.in_channels, self.out_channels = name, in_channels, out_channels
        self._given, self._known = dict(words), ["kernel", "window"]
        self.given_kernel = as_factory("kernel", kernel, kernel_factory)
        self.given_window = as_factory("window", window, window_factory)
        self.made: dict[str, Any] = {}
        self.options: dict[str, Any] = {}

    def pop(self, word: str, default: Any = None) -> Any:
        """The value of a word."""
        self._known.append(word)
        if word in self._given:
            self.options[word] = default = self._given.pop(word)
        return default

    def take(self, kind: type[T], words: Sequence[str] | None = None, **defaults: Any) -> T:
        """An object of the words that are its fields.

        Args:
            kind: its frozen dataclass.
            words: the fields that may be given; None: all.
            defaults: of fields, where they are others than those of the class.
        """
        names = [field.name for field in dataclasses.fields(kind)] if words is None else words  # type: ignore[arg-type]
        self._known += names
        given = {name: self._given.pop(name) for name in names if name in self._given}
        if kind not in (TrainingGeometry, Reading):
            self.options.update(given)
        return kind(**{**defaults, **given})

    def geometry(self, words: Sequence[str] | None = None) -> TrainingGeometry:
        """What the data of training look like; ``words`` as in :meth:`take`."""
        geometry = self.take(TrainingGeometry, words)
        fields = [field.name for field in dataclasses.fields(geometry)]
        self.made["geometry"] = {name: getattr(geometry, name) for name in words or fields}
        return geometry

    def reading(self, geometry: TrainingGeometry) -> Reading:
        """How data become features; answers per sample of causal kernels do not know later ones."""
        on_grid = choice("scattered", self.pop("scattered", Scattered.POINTS), Scattered) is Scattered.GRID
        support = geometry.reach[0] * (1 if geometry.causal else 2) if geometry.dim == 1 else None
        return self.take(
            Reading,
            ("series_weights", "interpolation", "series_interpolation"),
            dim=geometry.dim,
            in_channels=self.in_channels,
            spacing=geometry.spacing,
            neighbors=Nearest(geometry.num_neighbors, geometry.metric),
            shape=geometry.grid if on_grid else None,
            support=support,
            causal=geometry.causal and self.options.get("pool", "mean") is None,
        )

    def window(self, own: Factory) -> Factory:
        """What makes windows: that which was given, or the network's ``own``; with ``width``, if that was given."""
        sized = "width" in factory_options(self.given_window or own)
        made = self._with_words("window", self.given_window, own, ("width",) if sized else ())
        self.made["window"] = made
        return made

    def kernel(
        self,
        own: Factory,
        geometry: TrainingGeometry,
        window: Factory | None = None,
        words: Sequence[str] = ("omega_0", "spread", "init"),
    ) -> Factory:
        """What makes kernels: that which was given, or the network's ``own``; with those of ``words`` that were given.

        Filters of a network's own MAGNet start within 1.667 widths of the ``window``, unless ``spread`` is given. An
        ``omega_0`` of None is the frequency that samples on a grid can show (MAGNet; others keep their own).

        Raises:
            ValueError: ``omega_0`` of None for clouds.
            TypeError: a word that the given kernel does not have, or has been given already.
        """
        if isinstance(self._given.get("init"), str):
            self._given["init"] = choice("init", self._given["init"], Init)
        shown = "omega_0" in words and self._given.get("omega_0", 0.0) is None
        if "spread" in words and "spread" in factory_options(own):
            own = functools.partial(own, spread=_spread(window))
        made = self._with_words("kernel", self.given_kernel, own, words)
        if shown and self.given_kernel is None and geometry.grid is None:
            raise ValueError("'omega_0' must be given for clouds, whose spacing is not known (got None)")
        options = factory_options(made)
        if (
            shown
            and _class(made) is MAGNet
            and (self.given_kernel is None or "omega_0" not in set_options(made))
        ):
            omega_0 = nyquist_omega_0(
                geometry.spacing,
                geometry.reach,
                dim=geometry.dim,
                hidden_channels=options["hidden_channels"],
                num_layers=options["num_layers"],
                causal=geometry.causal,
            )
            made = functools.partial(made, omega_0=omega_0)
        self.made["kernel"] = made
        return made

    def convolution(
        self,
        geometry: TrainingGeometry,
        kernel: Factory,
        window: Factory,
        kernel_words: Sequence[str] = ("omega_0", "spread", "init"),
        **fixed: Any,
    ) -> Convolution:
        """What makes the convolutions, of the network's own kernel and window where none are given.

        Args:
            geometry: of the data of training.
            kernel: see :meth:`kernel`, like its words.
            window: see :meth:`window`.
            kernel_words: words that concern the kernel.
            fixed: of :class:`Convolution`: what is no word of this network.
        """
        chosen = self.window(window)
        words = [
            word for word in ("threshold", "endpoint", "full_stem", "bias", "layer") if word not in fixed
        ]
        return self.take(
            Convolution,
            words,
            geometry=geometry,
            kernel=self.kernel(kernel, geometry, chosen, kernel_words),
            window=chosen,
            **fixed,
        )

    def _with_words(self, kind: str, given: Factory | None, own: Factory, words: Sequence[str]) -> Factory:
        """A factory with those of ``words`` that were given and are not None, which leaves the choice."""
        self._known += words
        found = {word: self._given.pop(word) for word in words if word in self._given}
        found = {word: value for word, value in found.items() if value is not None}
        if given is None:
            return functools.partial(own, **found)
        known, name = factory_options(given), getattr(_class(given), "__name__", repr(given))
        for word in found:
            if word in set_options(given):
                raise TypeError(f"'{word}' must be given once: by '{kind}' or beside it (got both)")
            if word not in known:
                raise TypeError(
                    f"'{word}' must be an option of the {kind} {name}: {', '.join(known) or 'it has none'}"
                )
        return functools.partial(given, **found)

    def finish(self) -> None:
        """Every word must have been used.

        Raises:
            TypeError: words that are no options of this model; the message lists those there are.
        """
        if self._given:
            unknown = ", ".join(f"'{word}'" for word in sorted(self._given))
            known = ", ".join(dict.fromkeys(self._known))
            raise TypeError(f"{unknown} must be an option of '{self.name}': {known}")


def as_factory(kind: str, given: FactoryLike, by_name: Callable[..., Factory]) -> Factory | None:
    """A factory from itself, from the name of a registered class, or from what a saved model says of it.

    Raises:
        ValueError: an unknown name.
        TypeError: something else.

    Example:
        >>> from ccnn_pc.kernels import SIREN
        >>> as_factory("kernel", "siren", kernel_factory).func is SIREN
        True
    """
    if isinstance(given, str):
        return by_name(given)
    if isinstance(given, Mapping):
        return factory_from_json(given)
    if given is not None and not callable(given):
        raise TypeError(
            f"'{kind}' must be a class, a functools.partial of one, or a name (got {type(given).__name__})"
        )
    made: Any = given
    keywords: dict[str, Any] = {}
    while isinstance(made, functools.partial) and not made.args:  # a partial of partials becomes one
        made, keywords = made.func, {**made.keywords, **keywords}
    if made is None:
        return None
    _check_factory(kind, made, keywords)
    return functools.partial(made, **keywords)


def _check_factory(kind: str, made: Factory, keywords: Mapping[str, Any]) -> None:
    """What makes kernels or windows must take what layers give it, and the options that are set.

    Raises:
        TypeError: it does not.
    """
    name, given = (
        getattr(made, "__name__", repr(made)),
        {"kernel": ("dim", "out_channels"), "window": ("dim",)}[kind],
    )
    try:
        parameters = inspect.signature(made).parameters
    except ValueError:  # built in
        parameters = MappingProxyType({})
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    if not all(word in parameters for word in given):
        raise TypeError(f"'{kind}' must be a class of {kind}s, called with {', '.join(given)} (got {name})")
    for word in keywords:
        if word not in parameters:
            known = ", ".join(factory_options(made)) or "it has none"
            raise TypeError(f"'{word}' must be an option of the {kind} {name}: {known}")


def _class(factory: Factory) -> Any:
    return factory.func if isinstance(factory, functools.partial) else factory


def _spread(window: Factory | None) -> float:
    """Where the filters of a MAGNet start: within 1.667 widths of the window, at most 1."""
    width = None if window is None else factory_options(window).get("width")
    if width is None:
        return 1.0
    widest = check_extent("width", width, 1 if isinstance(width, (int, float, str)) else len(width)).max()
    return min(1.0, SPREAD_PER_WIDTH * float(widest))
