"""The folder of a run: what it stores of its configuration, and how a run goes on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ccnn_pc.cli.compose import config_folders, is_group
from ccnn_pc.cli.words import (
    UsageError,
    Word,
    check_kind,
    has_key,
    read_word,
)

LATEST, CONFIG, OVERRIDES = "latest", "config.yaml", "overrides.yaml"


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
