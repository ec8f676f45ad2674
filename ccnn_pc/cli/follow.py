"""Settings that follow from others: of the task, the kernel, the features, the data."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, open_dict

from ccnn_pc.cli.words import (
    UsageError,
)

#: Words of classification alone, which experiments set.
CLASSIFICATION_WORDS = ("label_smoothing", "logit_adjustment", "class_weights", "mixup", "cutmix")


def follow_task(config: DictConfig) -> None:
    """Leave out of an experiment what belongs to its own task, where another one was chosen."""
    with open_dict(config):
        if not str(config.task.get("_target_", "")).endswith(".ClassificationTask"):
            for word in CLASSIFICATION_WORDS:
                config.task.pop(word, None)
        elif "_target_" not in config.task.get("objective", {"_target_": None}):
            config.task.pop("objective")
    if "targets" in config.data:
        (_follow_fields if "target" in config.data.preprocessing else _follow_columns)(config)


def _follow_columns(config: DictConfig) -> None:
    """Columns of a table whose numbers are learned need such a task; class folders are then no numbers.

    Raises:
        UsageError: they come with a task of classes.
    """
    if config.data.targets is None:
        return
    if str(config.task.get("_target_", "")).endswith(".ClassificationTask"):
        raise UsageError(
            f"'data.targets' must be null where classes are learned (got {config.data.targets}); numbers need "
            "task=regression"
        )
    with open_dict(config):
        config.data.numbers = False


def _follow_fields(config: DictConfig) -> None:
    """Fields of scenes that are learned must fit the task; of normals they are one direction.

    Tiles are not scaled where numbers are learned, for they would be those of another size; directions stay.

    Raises:
        UsageError: numbers and a task of classes, or the other way round.
    """
    objective, targets = config.task.get("objective") or {}, config.data.targets
    numbers = str(objective.get("_target_", "")).endswith(".PointRegression")
    if numbers != (targets is not None):
        wanted = "name fields, as [height], where numbers are learned" if numbers else (
            "be null where classes are learned; numbers need task=points_regression"
        )  # fmt: skip
        raise UsageError(f"'data.targets' must {wanted} (got {targets})")
    if not numbers:
        return
    direction = str(objective.get("error")) == "normals"
    config.data.preprocessing.target.direction = direction
    if not direction and config.get("augmentation"):
        scaling = "ccnn_pc.datasets.RandomScale"
        config.augmentation = [each for each in config.augmentation if each.get("_target_") != scaling]


#: Words of a model that belong to its own kernel: another one has its own.
KERNEL_WORDS = ("omega_0", "spread", "init", "radius", "coord_std")


def follow_kernel(config: DictConfig) -> None:
    """Give the model the kernel and the window that were chosen by name, in place of its own and of their numbers.

    ``kernel.omega_0`` and ``kernel.width`` of an experiment stay: the one is the frequency of whatever kernel there is,
    the other the width of the window.
    """
    kernel, window = config.get("kernel"), config.get("window")
    with open_dict(config):
        width = config.model.get("width")
        if kernel is not None and "_target_" in kernel:
            kernel.pop("width", None)
            config.model.kernel = "${kernel}"
            for word in KERNEL_WORDS:
                if word in config.model.keys():  # noqa: SIM118  (a number that the kernel does not have is not "in")
                    del config.model[word]
            if "width" in config.model:
                config.model.width = width
        if window is not None and "_target_" in window:
            config.model.window = "${window}"
            config.model.pop("width", None)
            if "width" in window and window.width is None:
                window.pop("width")
                if width is not None:
                    window.width = width


def follow_features(config: DictConfig) -> None:
    """Set what follows from the data alone and is null: ``model.in_channels``, ``model.dim``, ``data.normals``.

    Gridded data say their channels and shape themselves; for clouds the names of the features count. What is known
    only once the data are open stays null, see :func:`follow_data`.

    Raises:
        UsageError: if there are no features, or one is spelt nearly like another.
    """
    if "in_channels" in config.data and config.data.in_channels is None:
        return
    features = [str(name) for name in config.data.get("features") or []]
    if "in_channels" in config.model and config.model.in_channels is None:
        config.model.in_channels = config.data.get("in_channels") or _feature_channels(features)
    if "dim" in config.model and config.model.dim is None:
        shape = config.data.get("shape")
        config.model.dim = 3 if shape is None else len(shape)
    if "normals" in config.data and config.data.normals is None:
        config.data.normals = any(name.endswith("normal") for name in features)


def follow_data(config: DictConfig, measured: Mapping[str, Any]) -> None:
    """Set what only the open data can say: channels, shape and spacing where they are null, and the model with them.

    Args:
        config: of an experiment.
        measured: ``in_channels``, ``shape``, ``spacing``; ``table``, which is stored with the model, and fields of the
            ``preprocessing`` that training scenes say.
    """
    for key in ("in_channels", "shape", "spacing"):
        if key in config.data and config.data[key] is None:
            config.data[key] = measured[key]
    _check_sizes(config.data.get("shape"))
    for name, value in measured.get("preprocessing", {}).items():
        config.data.preprocessing[name] = value
    if "table" in config.data.preprocessing:
        config.data.preprocessing.table = measured["table"]
    follow_features(config)


def _check_sizes(shape: Sequence[int] | None) -> None:
    """Arrays must have neighbours along every axis.

    Raises:
        UsageError: they have one sample along one of them.
    """
    if shape is not None and min(shape) < 2:
        raise UsageError(
            f"'data.root' must hold arrays of two samples at least along each axis (got "
            f"{' x '.join(map(str, shape))}): "
            "are the files right? Take larger pictures, longer recordings"
        )


def _feature_channels(features: list[str]) -> int:
    from ccnn_pc.datasets.transforms.attach import FEATURE_CHANNELS

    if not features:
        raise UsageError(
            "'data.features' must name at least one feature (got []), or 'model.in_channels' be given"
        )
    for name in features:
        close = difflib.get_close_matches(name, FEATURE_CHANNELS, n=1, cutoff=0.8)
        if name not in FEATURE_CHANNELS and close:
            raise UsageError(
                f"Unknown feature '{name}' (got data.features={features}). Did you mean '{close[0]}'?"
            )
    return sum(
        FEATURE_CHANNELS.get(name, 1) for name in features
    )  # columns of files hold one number per point
