"""From words on the command line to one configuration: Hydra stays in this file and its caller."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

LATEST, CONFIG, OVERRIDES = "latest", "config.yaml", "overrides.yaml"


class UsageError(ValueError):
    """What was asked for cannot be done; the message says what can."""


def config_folder() -> Path:
    """Return the folder of the configuration files that come with the package."""
    return Path(str(files("ccnn_pc"))).resolve().parent.joinpath("ccnn_pc", "configs").resolve()


def list_experiments() -> list[str]:
    """Return the names for ``experiment=``, sorted; what families of them share is in ``experiment/family/``."""
    return sorted(path.stem for path in config_folder().joinpath("experiment").glob("*.yaml"))


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """Return the configuration of ``experiment=<name>`` and further overrides.

    Its run folder is filled in, what follows from a kernel or window that was chosen (:func:`follow_kernel`), and what
    depends on the features (:func:`follow_features`).

    Raises:
        UsageError: if the experiment is missing or unknown, or an override does not fit.
    """
    overrides = with_experiment(overrides)
    experiment = check_experiment(overrides)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            config = compose("train", list(overrides))
        if config.name is None:
            config.name = experiment
        if config.run_dir is None:
            config.run_dir = str(
                Path(config.runs) / config.name / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
            )
        follow_kernel(config)
        follow_features(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(str(error).strip()) from error
    return config


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
        UsageError: if the number of input channels cannot be known from the names of the features.
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
        measured: ``in_channels``, ``shape``, ``spacing``; ``table``, which is stored with the model.
    """
    for key in ("in_channels", "shape", "spacing"):
        if key in config.data and config.data[key] is None:
            config.data[key] = measured[key]
    if "table" in config.data.preprocessing:
        config.data.preprocessing.table = measured["table"]
    follow_features(config)


def _feature_channels(features: list[str]) -> int:
    from ccnn_pc.datasets.transforms.attach import FEATURE_CHANNELS

    unknown = [name for name in features if name not in FEATURE_CHANNELS]
    if unknown or not features:
        raise UsageError(
            "'model.in_channels' must be given for features other than "
            f"{', '.join(FEATURE_CHANNELS)} (got data.features={features})"
        )
    return sum(FEATURE_CHANNELS[name] for name in features)


def with_experiment(overrides: Sequence[str]) -> list[str]:
    """Return the words; ``data=NAME`` without an experiment stands for the experiment NAME, or NAME_tiny.

    Raises:
        UsageError: there is neither; the message lists the experiments that read these data.

    Example:
        >>> with_experiment(["data=long_csv", "seed=1"])
        ['experiment=long_csv_tiny', 'data=long_csv', 'seed=1']
    """
    words = {word.split("=", 1)[0].lstrip("+"): word.partition("=")[2] for word in overrides}
    if "experiment" in words or "data" not in words:
        return list(overrides)
    known, name = list_experiments(), words["data"]
    for experiment in (name, f"{name}_tiny"):
        if experiment in known:
            return [f"experiment={experiment}", *overrides]
    data = sorted(path.stem for path in config_folder().joinpath("data").glob("*.yaml"))
    if name not in data:
        raise UsageError(f"Unknown data '{name}'.{_closest(name, data)}\n" + "\n  ".join(["Data:", *data]))
    readers = [experiment for experiment in known if _data_of(experiment) == name]
    advice = (
        "choose one of those that read these data:\n  " + "\n  ".join(readers)
        if readers
        else f"add that of the network to train on these data, like experiment=chartraj_tiny data={name}"
    )
    raise UsageError(f"'data={name}' needs an experiment (there is no {name} and no {name}_tiny): {advice}")


def _data_of(experiment: str) -> str | None:
    """What an experiment, or a family, reads; None for families that leave it open."""
    row = cast(DictConfig, OmegaConf.load(config_folder() / "experiment" / f"{experiment}.yaml"))
    defaults = row.get("defaults") or []
    for word in defaults:
        if not isinstance(word, str) and "override /data" in word:
            return str(word["override /data"])
    folder = experiment.rpartition("/")[0]
    bases = (f"{folder}/{word}" if folder else word for word in defaults if isinstance(word, str))
    found = (_data_of(base) for base in bases if not base.endswith("_self_"))
    return next((name for name in found if name is not None), None)


def _closest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def check_experiment(overrides: Sequence[str]) -> str:
    """Return the name after ``experiment=``.

    Raises:
        UsageError: if there is none, or no such experiment; the message lists those there are.
    """
    named = [word.partition("=")[2] for word in overrides if word.startswith(("experiment=", "+experiment="))]
    known = list_experiments()
    listing = "\n  ".join(["Experiments:", *known])
    if not named:
        raise UsageError(f"'experiment=<name>' must be given.\n{listing}")
    if named[-1] not in known:
        raise UsageError(f"Unknown experiment '{named[-1]}'.{_closest(named[-1], known)}\n{listing}")
    return named[-1]


def resumable_run(config: DictConfig) -> Path | None:
    """Return the folder of the run that ``resume=`` names; None if ``last`` finds no run of this experiment.

    Raises:
        UsageError: if a folder is named that holds no run.
    """
    if config.resume in (None, False):
        return None
    if str(config.resume) == "last":
        latest = Path(config.runs) / config.name / LATEST
        return latest.resolve() if latest.joinpath(CONFIG).exists() else None
    folder = Path(str(config.resume))
    folder = folder.parent.parent if folder.suffix == ".ckpt" else folder
    if not folder.joinpath(CONFIG).exists():
        raise UsageError(
            f"'resume' must be 'last' or the folder of a run (got {folder}, which has no {CONFIG})"
        )
    return folder.resolve()


def resumed_config(folder: Path, overrides: Sequence[str]) -> DictConfig:
    """Return the stored configuration of a run, with what the command line changes now.

    Plain ``key=value`` words of existing keys are applied (a longer ``trainer.max_epochs``, another
    ``data.root``); other words must be those that the run was started with.

    Raises:
        UsageError: if a new word chooses another file of a group, or adds or removes a key.
    """
    config = _load_config(folder)
    before = stored_overrides(folder)
    for word in overrides:
        key = word.split("=", 1)[0]
        if key in ("experiment", "resume", "runs", "run_dir"):
            continue
        if "=" in word and _is_plain(config, key):
            config = cast(DictConfig, OmegaConf.merge(config, OmegaConf.from_dotlist([word])))
        elif word not in before:
            raise UsageError(f"'{word}' cannot be changed in a run that is resumed ({folder})")
    config.run_dir = str(folder)
    return config


def stored_overrides(folder: Path) -> list[str]:
    """Return the words that a run was started and resumed with."""
    path = folder / OVERRIDES
    return [str(word) for word in OmegaConf.load(path)] if path.exists() else []


def _load_config(folder: Path) -> DictConfig:
    return cast(DictConfig, OmegaConf.load(folder / CONFIG))


def _is_plain(config: DictConfig, key: str) -> bool:
    """Whether ``key`` is there and holds a value, not a group of keys."""
    *path, last = key.split(".")
    parent = OmegaConf.select(config, ".".join(path)) if path else config
    return isinstance(parent, DictConfig) and last in parent and not isinstance(parent.get(last), DictConfig)


#: Words that say where things lie and what is shown, not what is computed.
_PLACES = (
    "experiment",
    "data.root",
    "run_dir",
    "runs",
    "resume",
    "results_csv",
    "threads",
    "logger",
    "callbacks",
)


def changed_settings(overrides: Sequence[str]) -> list[str]:
    """Return the words that make a run differ from its experiment as it stands, sorted.

    Example:
        >>> changed_settings(["experiment=folder", "data.root=my_shapes", "seed=1", "+optim.lr=0.1"])
        ['optim.lr=0.1', 'seed=1']
    """
    words = {word.lstrip("+").split("=", 1)[0]: word.lstrip("+") for word in overrides}
    return sorted(
        word for key, word in words.items() if key not in _PLACES and key.split(".")[0] not in _PLACES
    )


def store_config(config: DictConfig, overrides: Sequence[str], folder: Path) -> None:
    """Write the configuration into the run folder, and let ``latest`` beside it point there."""
    from ccnn_pc._files import write_text_atomically

    words = list(dict.fromkeys([*stored_overrides(folder), *overrides]))
    write_text_atomically(folder / OVERRIDES, OmegaConf.to_yaml(OmegaConf.create(words)))
    write_text_atomically(folder / CONFIG, OmegaConf.to_yaml(config))
    if folder.resolve().parent != (Path(config.runs) / config.name).resolve():
        return
    hidden = folder.parent / f".{LATEST}"
    hidden.unlink(missing_ok=True)
    hidden.symlink_to(folder.name, target_is_directory=True)
    hidden.replace(folder.parent / LATEST)
