"""From words on the command line to one configuration: Hydra stays in this file and its caller."""

from __future__ import annotations

import copy
import difflib
import functools
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ccnn_pc.cli.follow import follow_features, follow_kernel, follow_task
from ccnn_pc.cli.words import (
    UsageError,
    Word,
    as_grammar,
    check_group,
    check_words,
    read_word,
)


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
            config = _changed(config, changing) or _compose(words)
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


def _changed(config: DictConfig, words: Sequence[Word]) -> DictConfig | None:
    """Set values as Hydra does when it has read all files; None where it does so itself, or says what is wrong."""
    try:
        for word in words:
            override = OverridesParser.create().parse_override(word.override)
            key, value = override.key_or_group, override.value()
            new = word.prefix == "+" and not isinstance(value, (dict, list))
            if word.prefix == "~" or {"/", "@"} & set(word.key):
                return None
            if new and OmegaConf.select(config, key, throw_on_missing=False) is not None:
                return None
            OmegaConf.update(config, key, value, merge=True, force_add=word.prefix != "")
    except OmegaConfBaseException:
        return None
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


@functools.lru_cache(maxsize=512)
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
