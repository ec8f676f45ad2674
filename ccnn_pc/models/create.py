"""Models by name: of a published size with new weights, or trained ones for other classes and other channels."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccnn_pc.models.base import Model
from ccnn_pc.models.convolution import TrainingGeometry
from ccnn_pc.models.hub import architecture_of, describe, from_pretrained, restore
from ccnn_pc.models.levels import Levelled
from ccnn_pc.models.listing import list_pretrained
from ccnn_pc.models.names import list_architectures
from ccnn_pc.models.options import FactoryLike
from ccnn_pc.models.registry import build_model
from ccnn_pc.models.state import load_weights

_LOG = logging.getLogger("ccnn_pc")
#: Words of the geometry that trained kernels do not depend on.
_FREE = ("num_neighbors",)
#: Words of timm that have another name here.
_OF_TIMM = {"in_chans": "in_channels", "img_size": "shape", "drop_rate": "dropout", "global_pool": "pool"}


def create_model(
    name: str | os.PathLike[str],
    *,
    pretrained: bool | str | os.PathLike[str] = False,
    num_classes: int | None = None,
    in_channels: int | None = None,
    out_channels: int | None = None,
    dim: int | None = None,
    shape: Sequence[int] | None = None,
    kernel: FactoryLike = None,
    window: FactoryLike = None,
    **options: Any,
) -> Any:
    """Make a model of a published size, or begin with a trained one.

    The name freezes sizes: blocks, channels, kernel width and layers, kind of block. Everything else is an option
    with a sound default; experiment files set the papers' values.

    A trained network brings its geometry, kernel, window and options. Where it is wanted for other channels or classes
    the layers that read the data, or the head, are new; one message, to the logger ``ccnn_pc``, says what was kept and
    what is new.

    Args:
        name: see :func:`list_models`; the name of a trained model, or its folder, means a network like that one.
        pretrained: whether to take trained weights: those of ``name``, or (True) those of the only trained network of
            this size inside the package; or the name or folder of a trained model of this size.
        num_classes: outputs (1: one logit for two classes; 0: no head, features come out). Of a trained network by
            default its own.
        in_channels: channels of the data; of a trained network by default its own.
        out_channels: another name of ``num_classes``, for answers that are numbers; one of the two.
        dim: axes of the positions; of a trained network its own.
        shape: samples per axis in training, for grids and sequences: it fixes the extent of the kernels.
            None: 784 for dim 1, 32 x 32 for dim 2, clouds in [-1, 1]^3 with extent 1 for dim 3.
        kernel: makes kernels in place of the network's own: a class or a ``functools.partial`` of one, or the name of a
            registered one (:func:`ccnn_pc.kernels.list_kernels`). Words that concern kernels (omega_0, init, ...) go to
            it.
        window: makes windows likewise; ``width`` goes to it.
        options: spacing, the distance of samples in training in position units (default 1); words of the model, see its
            builder, e.g. :func:`ccnn_pc.models.ccnn.build_ccnn`; for all networks of continuous kernels,
            series_weights, interpolation and series_interpolation of :class:`ccnn_pc.models.reading.Reading`, and
            scattered: "grid" reads scattered samples on a grid of ``shape``, "points" (default) where they lie; and

            * features_only: (default False) give a :class:`ccnn_pc.models.levels.Levelled`: the features of several
              levels in place of answers.
            * out_indices: which levels; default all.

    Raises:
        ValueError: an unknown name (with the nearest one), another ``dim`` than the model is made for, an option out of
            range, a kernel, window, weights of series or an interpolation where there are no continuous kernels, or no
            trained network of this name.
        TypeError: an option that the model does not have; the message lists those it has. Sizes that are missing or
            are given twice; words that trained weights decide.

    Example:
        >>> from functools import partial
        >>> from ccnn_pc.kernels import SIREN, GaussianWindow
        >>> from ccnn_pc.models import create_model
        >>> model = create_model("ccnn_4_16", dim=3, in_channels=6, num_classes=40)
        >>> sum(p.numel() for p in model.parameters())
        6545
        >>> model = create_model(
        ...     "ccnn_4_48", dim=3, in_channels=6, num_classes=10,
        ...     kernel=partial(SIREN, hidden_channels=16), window=partial(GaussianWindow, width=0.2),
        ... )
        >>> model.stem.kernel.hidden_channels
        16
        >>> model = create_model("ccnn_tiny-modelnet10", pretrained=True)
        >>> model.num_classes, model.classes[2]
        (10, 'chair')
    """
    for word in _OF_TIMM.keys() & options.keys():
        raise TypeError(f"'{word}' of timm is called '{_OF_TIMM[word]}' here (got {word}={options[word]!r})")
    features_only, indices = options.pop("features_only", False), options.pop("out_indices", None)
    if indices is not None and not features_only:
        raise TypeError(f"'out_indices' must be None without features_only=True (got {indices!r})")
    if num_classes is not None and out_channels is not None:
        raise TypeError(
            f"'num_classes' and 'out_channels' must be given once, they are the same (got {num_classes} and "
            f"{out_channels})"
        )
    outputs = out_channels if num_classes is None else num_classes
    if outputs is None and features_only:
        outputs = 0
    sizes: dict[str, Any] = {"dim": dim, "in_channels": in_channels, "out_channels": outputs}
    words = {"shape": shape, "kernel": kernel, "window": window, **options}
    source = _source(name, pretrained)
    if source is None:
        missing = [word for word, value in sizes.items() if value is None]
        if missing:
            raise TypeError(
                f"{', '.join(map(repr, missing))} must be given for a model with new weights (got none)"
            )
        model = build_model(str(name), **sizes, **words)
    else:
        model = _from_trained(source, bool(pretrained), sizes, words)
    if not features_only:
        return model
    return Levelled(model, indices)


def _source(
    name: str | os.PathLike[str], pretrained: bool | str | os.PathLike[str]
) -> str | os.PathLike[str] | None:
    """The trained model that is meant; None: a registered one with new weights."""
    if not isinstance(pretrained, bool):
        made = architecture_of(pretrained)
        if made != name:
            raise ValueError(f"'pretrained' must be a trained '{name}' (got '{pretrained}', a '{made}')")
        return pretrained
    if not isinstance(name, str):
        if isinstance(name, os.PathLike):
            return name
        raise TypeError(f"'name' must be the name of a model (got {name!r})")
    if name not in list_architectures():
        is_stored = name in list_pretrained() or Path(name).is_dir() or name.startswith("hf-hub:")
        return name if is_stored or pretrained else None
    if not pretrained:
        return None
    trained = [each for each in list_pretrained() if architecture_of(each) == name]
    if len(trained) != 1:
        found = ", ".join(trained) or f"none; with weights come {', '.join(list_pretrained())}"
        raise ValueError(
            f"'pretrained' must name one of the trained networks of '{name}' (there are: {found})"
        )
    return trained[0]


def _from_trained(
    source: str | os.PathLike[str], weights: bool, sizes: dict[str, Any], words: dict[str, Any]
) -> Model:
    """A network like a trained one, with its weights where they are wanted and fit."""
    trained = from_pretrained(source)
    described = copy.deepcopy(describe(trained))
    geometry, options, reading = (
        described.setdefault(part, {}) for part in ("geometry", "options", "reading")
    )
    given = {word: value for word, value in {**words, "dim": sizes["dim"]}.items() if value is not None}
    decided = {"kernel", "window", "scattered", "dim"} | {
        field.name for field in dataclasses.fields(TrainingGeometry)
    }
    for word in sorted((decided - {*_FREE}) & {*given}):
        if given[word] != geometry.get(word):
            raise TypeError(
                f"'{word}' must be left out for a trained network, whose weights were made for "
                f"{geometry.get(word)!r} (got {given[word]!r})"
            )
        del given[word]
    if (k := given.pop("num_neighbors", None)) is not None:
        geometry["num_neighbors"] = k
        if reading:
            reading["neighbors"]["k"] = k
    reading.update({word: given[word] for word in {*given} & {*reading}})
    options.update({word: value for word, value in given.items() if word not in reading})
    for word in ("in_channels", "out_channels"):
        if sizes[word] is not None:
            described[word] = sizes[word]
    if reading:
        reading["in_channels"] = described["in_channels"]
    model = restore(described)
    if not weights:
        return model
    kept = load_weights(model, trained)
    if kept.new:
        _LOG.warning("%s: %s", source, kept)
    model.data = dict(trained.data)
    if model.out_channels == trained.out_channels:
        model.classes, model.task = list(trained.classes), trained.task
    if model.in_channels == trained.in_channels:
        model.preprocessing, model.trained_on = trained.preprocessing, trained.trained_on
    return model
