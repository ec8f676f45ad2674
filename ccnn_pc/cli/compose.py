"""From words on the command line to one configuration: Hydra stays in this file and its caller."""

from __future__ import annotations

import copy
import difflib
import functools
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ccnn_pc.cli.words import (
    UsageError,
    Word,
    as_grammar,
    check_group,
    check_kind,
    check_words,
    has_key,
    read_word,
)

LATEST, CONFIG, OVERRIDES = "latest", "config.yaml", "overrides.yaml"


def config_folder() -> Path:
    """Return the folder of the configuration files that come with the package."""
    return Path(str(files("ccnn_pc"))).resolve().parent.joinpath("ccnn_pc", "configs").resolve()


#: Folders of a user's own files, laid out as that of the package; the last one given counts first.
_OWN: list[Path] = []


def use_config_folder(folder: Path) -> None:
    """Let a folder of a user's own say experiments, data and other choices, before the files of the package.

    Modules beside it can be imported.

    Raises:
        UsageError: no folder, or one without a group (experiment/, data/ …).
    """
    groups = sorted(path.name for path in config_folder().iterdir() if path.is_dir())
    if not folder.is_dir() or not any(folder.joinpath(group).is_dir() for group in groups):
        listing = ", ".join(f"{group}/" for group in groups)
        raise UsageError(f"'--config-dir' must be a folder with some of {listing} (got '{folder}')")
    if folder.resolve() not in _OWN:
        _OWN.insert(0, folder.resolve())
    if (beside := str(folder.resolve().parent)) not in sys.path:
        sys.path.insert(0, beside)


def config_folders() -> list[Path]:
    """The folders of configuration files, a user's own before that of the package."""
    return [*_OWN, config_folder()]


def config_files(group: str) -> dict[str, Path]:
    """The files of a group by the names that choose them."""
    found = [path for folder in reversed(config_folders()) for path in folder.joinpath(group).glob("*.yaml")]
    return {path.stem: path for path in found}


def list_experiments() -> list[str]:
    """Return the names for ``experiment=``, sorted; what families of them share is in ``experiment/family/``."""
    return sorted(config_files("experiment"))


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """Return the configuration of ``experiment=<name>`` and further overrides.

    Its run folder is filled in, what follows from a kernel or window that was chosen (:func:`follow_kernel`), and what
    depends on the features (:func:`follow_features`).

    Raises:
        UsageError: if the experiment is missing or unknown, or an override does not fit.
    """
    overrides = with_experiment(overrides)
    experiment = check_experiment(overrides)
    words = [read_word(word) for word in overrides]
    choosing = [word for word in words if is_group(word.key)]
    for word in choosing:
        if isinstance(word.value, str) and word.key != "experiment":
            check_group(word.key, word.value, group_choices(word.key))
    try:
        config = _compose(choosing)
        changing = [word for word in words if word not in choosing]
        if changing:
            check_words(changing, config)
            config = _compose(words)
            for word in changing:
                if isinstance(word.value, str) and "${" in word.value:
                    OmegaConf.select(config, word.key)  # what it refers to must be there
        if config.name is None:
            config.name = experiment
        if config.run_dir is None:
            config.run_dir = str(new_run_folder(Path(config.runs) / config.name))
        follow_kernel(config)
        follow_features(config)
        follow_task(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(
            "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
        ) from error
    return config


def _compose(words: Sequence[Word]) -> DictConfig:
    store_registered()
    overrides = tuple(word.override for word in words)
    if not _OWN:
        return copy.deepcopy(_composed_once(overrides, _registered()))
    own = ",".join(as_grammar(f"file://{folder}") for folder in _OWN)
    return _composed((f"hydra.searchpath=[{own}]", *overrides))


def _composed(overrides: tuple[str, ...]) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose("train", list(overrides))


@functools.lru_cache(maxsize=256)
def _composed_once(overrides: tuple[str, ...], registered: tuple[Any, ...]) -> DictConfig:
    """Files of the package do not change while it runs; what is registered may."""
    return _composed(overrides)


def _registered() -> tuple[Any, ...]:
    from ccnn_pc.kernels.registry import registered_classes

    return tuple(tuple(table.items()) for table in registered_classes().values())


def is_group(key: str) -> bool:
    """Whether a key of the command line chooses a file."""
    return key.isidentifier() and any(folder.joinpath(key).is_dir() for folder in config_folders())


def group_choices(group: str) -> list[str]:
    """What may be chosen in a group: its files, and of kernels and windows those that are registered."""
    from ccnn_pc.kernels import list_kernels, list_windows

    registered = {"kernel": list_kernels, "window": list_windows}.get(group, list)()
    return sorted({*config_files(group), *registered})


def store_registered() -> None:
    """Make a choice of every registered kernel and window that has no file in ``configs/``.

    Its options are keys if they are numbers, strings or null.
    """
    from ccnn_pc.kernels.registry import registered_classes

    for group, table in registered_classes().items():
        for name, entry in table.items():
            if name not in config_files(group):
                node = {"_target_": f"{entry.__module__}.{entry.__qualname__}", "_partial_": True}
                ConfigStore.instance().store(name, {**node, **_plain_options(entry)}, group=group)


def _plain_options(entry: Any) -> dict[str, Any]:
    from ccnn_pc.kernels.registry import factory_options

    return {
        key: value
        for key, value in factory_options(entry).items()
        if value is None or isinstance(value, (bool, int, float, str))
    }


def new_run_folder(runs: Path) -> Path:
    """A folder that does not exist, called after the time in milliseconds: several runs may start in one second."""
    return runs / datetime.now().strftime("%Y-%m-%d_%H-%M-%S-%f")[:-3]


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
    data = sorted(config_files("data"))
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
    files = (folder / "experiment" / f"{experiment}.yaml" for folder in config_folders())
    path = next(path for path in files if path.exists())
    defaults = _defaults_of(path, path.stat().st_mtime_ns)
    for word in defaults:
        if not isinstance(word, str) and "override /data" in word:
            return str(word["override /data"])
    folder = experiment.rpartition("/")[0]
    bases = (f"{folder}/{word}" if folder else word for word in defaults if isinstance(word, str))
    found = (_data_of(base) for base in bases if not base.endswith("_self_"))
    return next((name for name in found if name is not None), None)


@functools.lru_cache(maxsize=1024)
def _defaults_of(path: Path, changed: int) -> list[Any]:
    """The files that an experiment stands on; ``changed`` is when it was written last."""
    return list(cast(DictConfig, OmegaConf.load(path)).get("defaults") or [])


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

    The last run is the one that was started or resumed last, whether or not ``latest`` has moved there.

    Raises:
        UsageError: if a folder is named that holds no run.
    """
    if config.resume in (None, False):
        return None
    if str(config.resume) == "last":
        if Path(config.run_dir, CONFIG).is_file():
            return Path(config.run_dir).resolve()
        runs = Path(config.runs) / str(config.name)
        found = [path.parent for path in runs.glob(f"[!.]*/{CONFIG}") if path.parent.name != LATEST]
        newest = max(found, key=lambda run: (run.joinpath(CONFIG).stat().st_mtime_ns, run.name), default=None)
        return None if newest is None else newest.resolve()
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
        UsageError: if a new word chooses another file of a group, or adds or removes a key; a file that is damaged, or
            names a class that neither this package nor the command line names.
    """
    config = _load_config(folder)
    _target_of_scenes(config)
    before = stored_overrides(folder)
    words = [read_word(word) for word in overrides]
    for word in words:
        if word.key in ("experiment", "resume", "runs", "run_dir"):
            continue
        if word.prefix != "~" and not is_group(word.key) and _is_plain(config, word.key):
            check_kind(word, config)
            OmegaConf.update(config, word.key, word.value, merge=False)
        elif word.typed not in before:
            raise UsageError(f"'{word.typed}' cannot be changed in a run that is resumed ({folder})")
    _check_targets(config, words, folder / CONFIG)
    config.run_dir = str(folder)
    return config


def _target_of_scenes(config: DictConfig) -> None:
    """Bring field and table of classes together, as scenes have them now; earlier runs had them side by side."""
    used = config.data.get("preprocessing")
    if used is not None and "label" in used and str(used.get("_target_", "")).endswith(".ScenePreprocessing"):
        with open_dict(config):
            table = used._get_node("classes")  # a reference stays one
            used.target = {
                "field": used._get_node("label"),
                "table": table,
                "numbers": None,
                "direction": False,
            }
            del used["label"], used["classes"]


def stored_overrides(folder: Path) -> list[str]:
    """Return the words that a run was started and resumed with.

    Raises:
        UsageError: a damaged file.
    """
    path = folder / OVERRIDES
    words = _read_yaml(path) if path.exists() else []
    if not isinstance(words, list):
        raise UsageError(f"'{path}' must be a list of words (got {type(words).__name__})")
    return [str(word) for word in words]


def _load_config(folder: Path) -> DictConfig:
    path = folder / CONFIG
    config = _read_yaml(path)
    parts = ("data", "model", "optim", "trainer", "callbacks", "logger", "task")
    if not isinstance(config, dict) or not all(isinstance(config.get(part), dict) for part in parts):
        raise UsageError(f"'{path}' must be the configuration of a run, with {', '.join(parts)}")
    try:
        return cast(DictConfig, OmegaConf.load(path))
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise UsageError(
            f"'{path}' must be the configuration of a run ({error})".replace("\n", " ")
        ) from error


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"'{path}' is damaged ({reason}); restore it, or start a new run") from error


def _check_targets(config: DictConfig, words: Sequence[Word], path: Path) -> None:
    """A stored configuration names classes, and a run folder may be anybody's."""
    from ccnn_pc.kernels.registry import registered_classes

    trusted = {str(word.value) for word in words if word.key.endswith("_target_")}
    for table in registered_classes().values():
        trusted |= {f"{entry.__module__}.{entry.__qualname__}" for entry in table.values()}
    for file in (path for folder in config_folders() for path in folder.rglob("*.yaml")):
        trusted.update(re.findall(r"_target_: *([\w.]+)", file.read_text(encoding="utf-8")))
    for key, target in _targets(OmegaConf.to_container(config, resolve=False)):
        if target not in trusted:
            raise UsageError(
                f"'{path}' names '{target}' as {key}, which is not of this package; if you trust it give the word "
                f"again: {key}={target}"
            )


def _targets(node: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """The keys of all ``_target_``, and what they name."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if key == "_target_":
            yield f"{above}{key}", str(value)
        yield from _targets(value, f"{above}{key}.")


def _is_plain(config: DictConfig, key: str) -> bool:
    """Whether ``key`` is there and holds a value, not a group of keys."""
    if not has_key(config, key):
        return False
    above, _, last = key.rpartition(".")
    parent = OmegaConf.select(config, above) if above else config
    return not isinstance(parent, DictConfig) or not isinstance(parent._get_node(last), DictConfig)


#: Words that say where things lie and what is shown, not what is computed.
_PLACES = (
    "experiment",
    "data.root",
    "run_dir",
    "runs",
    "resume",
    "results_csv",
    "report",
    "threads",
    "test",
    "logger",
    "callbacks",
)


def changed_settings(overrides: Sequence[str]) -> list[str]:
    """Return the words that make a run differ from its experiment as it stands, sorted.

    Of a model's folder the last three names: where it lies on a machine is nobody's business.

    Example:
        >>> changed_settings(["experiment=folder", "data.root=my_shapes", "seed=1", "+optim.lr=0.1"])
        ['optim.lr=0.1', 'seed=1']
    """
    words = {word.lstrip("+").split("=", 1)[0]: word.lstrip("+") for word in overrides}
    if len(place := Path(words.get("init_from", "").partition("=")[2]).parts) > 3:
        words["init_from"] = f"init_from={Path(*place[-3:])}"
    return sorted(
        word for key, word in words.items() if key not in _PLACES and key.split(".")[0] not in _PLACES
    )


def create_run(config: DictConfig, overrides: Sequence[str], folder: Path) -> None:
    """Make the folder of a new run, with its configuration in it from the start.

    Raises:
        OSError: another run has taken the name meanwhile, or the place cannot be written.
    """
    from ccnn_pc._files import written_whole

    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir() and any(folder.iterdir()):  # the user's own, with something else in it
        store_config(config, overrides, folder)
        return
    with written_whole(folder, folder=True) as hidden:
        store_config(config, overrides, hidden)


def store_config(config: DictConfig, overrides: Sequence[str], folder: Path) -> None:
    """Write the configuration and the words that it comes from; of several words for a key the last."""
    from ccnn_pc._files import write_text_atomically

    words = {word.lstrip("+").partition("=")[0]: word for word in (*stored_overrides(folder), *overrides)}
    write_text_atomically(folder / OVERRIDES, yaml.safe_dump(list(words.values()), allow_unicode=True))
    write_text_atomically(folder / CONFIG, OmegaConf.to_yaml(config))


def point_latest(config: DictConfig, folder: Path) -> None:
    """Let ``latest`` beside a run point to it, where runs of the experiment lie; a folder of that name stays."""
    link = folder.parent / LATEST
    if folder.resolve().parent != (Path(config.runs) / config.name).resolve():
        return
    if link.exists() and not link.is_symlink():
        return
    hidden = folder.parent / f".{LATEST}.{os.getpid()}"
    hidden.unlink(missing_ok=True)
    hidden.symlink_to(folder.name, target_is_directory=True)
    hidden.replace(link)
