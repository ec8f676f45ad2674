"""Models on disk: ``config.json`` and safetensors, enough to use them without typing a number again."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ccnn_pc import __version__
from ccnn_pc._choices import unknown_name
from ccnn_pc._files import write_text_atomically, written_whole
from ccnn_pc.kernels.registry import describe_factory
from ccnn_pc.kernels.scaling import unscaled
from ccnn_pc.models.base import Model, Network
from ccnn_pc.models.hugging_face import PREFIX, pull_from_hub
from ccnn_pc.models.listing import CONFIG, PACKAGED, WEIGHTS, list_pretrained
from ccnn_pc.models.reading import Nearest, Reading
from ccnn_pc.models.registry import build_model
from ccnn_pc.models.shift.certainty import Certainty
from ccnn_pc.models.shift.trained_on import TrainedOn, spread_from_json
from ccnn_pc.models.state import differences
from ccnn_pc.models.task import Task, TaskKind, presumed_task

if TYPE_CHECKING:
    from ccnn_pc.datasets.preprocessing import Preprocessing

#: Raised when the layout of saved folders changes; 1: flat words of :func:`create_model`, still read.
FORMAT_VERSION = 2


def save_pretrained(
    model: nn.Module,
    folder: str | os.PathLike[str],
    *,
    classes: Sequence[str] = (),
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    task: Task | TaskKind | str | None = None,
    data: Mapping[str, Any] | None = None,
) -> Path:
    """Write a model made by :func:`create_model` to a folder.

    Files are written beside their final names and then renamed, so that a folder holds the old model or the new one.
    A model in training mode is stored as it would answer in eval mode: its batch norms get the statistics that
    ``eval()`` gives them.

    Args:
        model: the model.
        folder: where to; made if missing.
        classes: names of the classes, in the order of the logits; default those of the model.
        preprocessing: how data become inputs, an object of :mod:`ccnn_pc.datasets.preprocessing` or what describes one;
            default that of the model.
        task: what the model answers: "classification" (a class per item), "steps" (a class per sample), "regression"
            (numbers, whose names are ``classes``), or a :class:`~ccnn_pc.models.Task`; default that of the model.
        data: what it was trained on and how that was divided; default that of the model.

    Returns:
        the folder.

    Raises:
        TypeError: the model was not made by :func:`create_model`, or an option cannot be written as JSON.
        ValueError: a layer was replaced by one with other parameters; a kernel or window that is not registered, so
            that no name says what it is; more or fewer classes than the model tells apart; an unknown key or value of
            ``preprocessing``; an unknown task.
        OSError: the folder cannot be written.
    """
    with _in_eval_mode(model):
        state, text = _saved_form(model, classes, preprocessing, task, data)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    try:
        with written_whole(target / WEIGHTS) as hidden:
            save_file(state, str(hidden))
        write_text_atomically(target / CONFIG, text)
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"'{target}' could not be written ({_reason(error)}); the old files are left"
        ) from error
    return target


@contextlib.contextmanager
def _in_eval_mode(model: nn.Module) -> Iterator[None]:
    """In eval mode, then every module in its own again."""
    modes = [(module, module.training) for module in model.modules()] if isinstance(model, Model) else []
    if modes:
        model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def check_saveable(
    model: nn.Module,
    *,
    classes: Sequence[str] = (),
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
) -> None:
    """Raise what :func:`save_pretrained` would, but for the folder; writes nothing.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> check_saveable(create_model("ccnn_4_16", dim=3, in_channels=6, num_classes=2), classes=["a", "b"])
    """
    _saved_form(model, classes, preprocessing)


def _saved_form(
    model: nn.Module,
    classes: Sequence[str],
    preprocessing: Preprocessing | Mapping[str, Any] | None,
    task: Task | TaskKind | str | None = None,
    data: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Tensor], str]:
    """The parameters, and what the configuration file says."""
    from ccnn_pc.datasets.preprocessing import preprocessing_from_json

    if not isinstance(model, Model) or not model.config:
        raise TypeError(
            f"'model' must come from create_model, which records its sizes (got a {type(model).__name__} without)"
        )
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    changed = sorted(model.shapes.items() ^ {(name, tuple(value.shape)) for name, value in state.items()})
    if changed:
        raise ValueError(
            f"'model' must have the layers that create_model made, which loading makes again (got another "
            f"'{changed[0][0]}'); of a model that was taken apart save the state_dict"
        )
    used = preprocessing_from_json(model.preprocessing if preprocessing is None else preprocessing)
    named = check_classes(model.classes if len(classes) == 0 else classes, model.out_channels)
    answers = presumed_task(model.out_channels, len(named), getattr(model, "pool", True) is not None)
    told = model.task if task is None else Task.of(task)
    answering = told or (answers if model.out_channels else None)
    description = {
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
        "model": describe(model),
        "classes": named,
        "preprocessing": None if used is None else used.to_json(),
        "task": None if answering is None else answering.to_json(),
        "data": dict(model.data if data is None else data),
        "trained_on": None if model.trained_on is None else model.trained_on.to_json(),
        "certainty": None if model.certainty is None else model.certainty.to_json(),
        **({"targets": [list(each) for each in model.targets]} if model.targets else {}),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    return state, as_text(description)


def as_text(description: Mapping[str, Any]) -> str:
    """JSON for people to read: an entry a line, and lists of numbers on one.

    Example:
        >>> print(as_text({"a": [1, 2], "b": None}), end="")
        {
          "a": [1, 2],
          "b": null
        }
    """
    text = json.dumps(description, indent=2)
    numbers = r"\[(\s*\n[\s\d.,eE+-]*)\]"  # no string holds a line break
    return re.sub(numbers, lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


def check_classes(classes: Sequence[str], out_channels: int) -> list[str]:
    """Names of the classes, as many as the model tells apart: one for each logit, two for a single one; or none.

    Raises:
        TypeError: no list of strings.
        ValueError: another number of them, or a name twice.

    Example:
        >>> check_classes(["no", "yes"], 1), check_classes([], 10)
        (['no', 'yes'], [])
    """
    if isinstance(classes, (str, bytes)) or not isinstance(classes, Sequence):
        raise TypeError(f"'classes' must be a list of names (got {classes!r})")
    if not all(isinstance(name, str) for name in classes):
        raise TypeError(f"'classes' must be names (got {list(classes)!r})")
    fitting = (0, 1, 2) if out_channels == 1 else (0, out_channels)
    if len(classes) not in fitting or len(set(classes)) < len(classes):
        raise ValueError(
            f"'classes' must be {max(fitting)} different names for a model of {out_channels} outputs "
            f"(got {len(classes)}: {list(classes)})"
            + (
                "; more than two classes have an output each, task=classification"
                if out_channels == 1
                else ""
            )
        )
    return list(classes)


def from_pretrained(name_or_path: str | os.PathLike[str]) -> Model:
    """Load a trained model by the name of a packaged one, from a folder, or from the Hugging Face Hub.

    Args:
        name_or_path: see :func:`list_pretrained`; a folder written by :func:`save_pretrained`, or that of a run,
            which has one; or ``hf-hub:owner/name``, see :func:`ccnn_pc.models.hugging_face.pull_from_hub`.

    Returns:
        the model in eval mode, with ``.classes``, ``.preprocessing`` and, where they were stored, ``.trained_on`` and
        ``.certainty``.

    Raises:
        FileNotFoundError: the folder lacks a file.
        ValueError: neither a packaged name nor a folder; a format that this version does not read, or a description of
            no network; weights that do not fit the configuration, or are truncated. The message names the file.
    """
    from ccnn_pc.datasets.preprocessing import preprocessing_from_json

    folder = _folder(name_or_path)
    config, weights = folder / CONFIG, folder / WEIGHTS
    description = _read_config(config)
    if not weights.is_file():
        raise FileNotFoundError(f"'{weights}' is missing; a model folder holds {CONFIG} and {WEIGHTS}")
    _check_sizes(description["model"], config, weights.stat().st_size)
    try:
        with unscaled():
            model = restore(description["model"])
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"'model' in '{config}' must describe a network ({_reason(error)}); save it again"
        ) from error
    try:
        state = load_file(weights)
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"'{weights}' is no safetensors file, or is truncated ({_reason(error)}); fetch or save it again"
        ) from error
    wrong = differences(state, model.state_dict())
    if wrong:
        raise ValueError(
            f"'{weights}' does not fit the model of '{config}': {wrong}; it was written by ccnn-pc "
            f"{description.get('library_version')}, this is {__version__}: train it again if its layers have changed"
        )
    model.load_state_dict(state)
    try:
        model.classes = check_classes(description["classes"], model.out_channels)
        used = description["preprocessing"]
        if not (used is None or isinstance(used, dict)):
            raise TypeError(f"'preprocessing' must be a mapping or null (got {used!r})")
        model.preprocessing = preprocessing_from_json(used)
        # models of earlier versions do not say their task
        told = description.get("task")
        if told or model.out_channels:
            model.task = Task.of(told) if told else model.answers
        data = description.get("data") or {}
        if not isinstance(data, dict):
            raise TypeError(f"'data' must be a mapping (got {data!r})")
        model.data = data
        seen = description.get("trained_on")
        model.trained_on = None if seen is None else TrainedOn.from_json(seen)
        certain = description.get("certainty")
        model.certainty = None if certain is None else Certainty.from_json(certain)
        model.targets = tuple(map(spread_from_json, description.get("targets") or ()))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{_reason(error)}, in '{config}'") from error
    return model.eval()


def architecture_of(name_or_path: str | os.PathLike[str]) -> str:
    """Name of the network that a trained model is.

    Raises:
        FileNotFoundError: the folder lacks its description.
        ValueError: neither a packaged name nor a folder, or a description of no network.

    Example:
        >>> architecture_of("ccnn_tiny-modelnet10")
        'ccnn_tiny'
    """
    config = _folder(name_or_path) / CONFIG
    described = _read_config(config)["model"]
    if not (isinstance(described, dict) and isinstance(described.get("name"), str)):
        raise ValueError(f"'model' in '{config}' must describe a network (got no name)")
    return str(described["name"])


def _folder(name_or_path: str | os.PathLike[str]) -> Path:
    """The folder of a packaged model, of one that was saved, of a run's, or of one from the Hub."""
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise TypeError(f"'name_or_path' must be a name or a folder (got {name_or_path!r})")
    if str(name_or_path).startswith(PREFIX):
        return pull_from_hub(str(name_or_path))
    folder = Path(name_or_path)
    if folder.is_dir():
        inside = folder / "model"  # of a run
        return inside if (inside / CONFIG).is_file() and not (folder / CONFIG).is_file() else folder
    if (PACKAGED / str(name_or_path) / CONFIG).is_file():
        return PACKAGED / str(name_or_path)
    if folder.is_file() or len(folder.parts) > 1:
        raise FileNotFoundError(f"'{folder}' must be a folder with {CONFIG} and {WEIGHTS}")
    raise unknown_name("pretrained model", str(name_or_path), list_pretrained())


#: Numbers of a description that say nothing of the size of a network, and how large they may be.
COUNTS = {
    "num_points": 2**31,
    "num_neighbors": 2**31,
    "extent": None,
    "spacing": None,
    "reference_count": None,
    "seed": None,
}
#: Samples of the grid of training, over which initial kernels are scaled; set it higher for larger ones.
MAX_SAMPLES = 2**24


def _check_sizes(described: Any, config: Path, stored: int) -> None:
    """No size of a network may be larger than its weights of ``stored`` bytes can have: checked before it is made.

    A layer between channels has their product of numbers, hence the root.
    """
    widest = max(1024, 4 * math.isqrt(stored))
    for name, key, value in _integers(described):
        limit = COUNTS.get(key, stored if key in ("in_channels", "out_channels") else widest)
        if key != "shape" and limit is not None and abs(value) > limit:
            raise ValueError(
                f"'{name}' in '{config}' must be at most {limit}, of which {WEIGHTS} can hold the weights (got {value})"
            )
    for part in (described, described.get("geometry")) if isinstance(described, dict) else ():
        shape = part.get("shape") if isinstance(part, dict) else None
        sizes = shape if isinstance(shape, list) else [shape]
        count = math.prod(abs(size) for size in sizes if isinstance(size, int))
        if count > MAX_SAMPLES:
            raise ValueError(
                f"'shape' in '{config}' must be of at most {MAX_SAMPLES} samples (got {shape}); "
                "ccnn_pc.models.hub.MAX_SAMPLES is the bound"
            )


def _integers(node: Any, above: str = "model", key: str = "") -> Iterator[tuple[str, str, int]]:
    """All integers of a description: where they are, the last key on the way, the number."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _integers(value, f"{above}.{name}", str(name))
    elif isinstance(node, list):
        for value in node:
            yield from _integers(value, above, key)
    elif isinstance(node, int) and not isinstance(node, bool):
        yield above, key, node


def describe(model: Model) -> dict[str, Any]:
    """What a model is made of, in plain JSON: sizes, geometry of training, kernel, window, reading, options.

    Raises:
        TypeError: an option cannot be written as JSON.
        ValueError: a kernel or window that is not registered.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> describe(create_model("ccnn_4_16", dim=3, in_channels=6, num_classes=5, width=0.25))["window"]
        {'name': 'gaussian', 'width': 0.25}
    """
    config = model.config
    geometry = config.get("geometry", {key: config[key] for key in ("dim", "shape", "spacing")})
    described: dict[str, Any] = {
        **{key: config[key] for key in ("name", "in_channels", "out_channels")},
        "geometry": geometry,
        **{part: describe_factory(config[part]) for part in ("kernel", "window") if part in config},
        "options": config["options"],
    }
    if isinstance(model, Network):
        described["reading"] = dataclasses.asdict(model.reading)
    return {key: _plain(key, value) for key, value in described.items()}


def restore(described: Mapping[str, Any]) -> Model:
    """A new model of what :func:`describe` says, or of what version 1 wrote: flat words."""
    if not isinstance(described, Mapping):
        raise TypeError(f"it must be a mapping, got {type(described).__name__}")
    words = dict(described)
    geometry, options, reading = (words.pop(part, {}) for part in ("geometry", "options", "reading"))
    model = build_model(**words, **geometry, **options)
    if reading and isinstance(model, Network):
        reading = dict(reading)
        nearest = reading.pop("neighbors", None) or {
            "k": reading.pop("num_neighbors")
        }  # as earlier versions wrote
        model.reading = Reading(**reading, neighbors=Nearest(**nearest))
    return model


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' is missing; a model folder holds {CONFIG} and {WEIGHTS}")
    try:
        description = json.loads(
            path.read_bytes().decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"'{path}' is not valid JSON ({_reason(error)}); fetch or save it again") from error
    version = description.get("format_version") if isinstance(description, dict) else None
    if isinstance(version, bool) or version not in range(1, FORMAT_VERSION + 1):
        raise ValueError(
            f"'{path}' must have format_version 1 to {FORMAT_VERSION} (got {version!r}); is it a ccnn_pc model?"
        )
    missing = [key for key in ("model", "classes", "preprocessing") if key not in description]
    if missing:
        raise ValueError(f"'{path}' lacks {', '.join(missing)}")
    return description


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a key twice among {', '.join(key for key, _ in pairs)}")
    return found


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _plain(name: str, value: Any) -> Any:
    """Enums by their value; numbers, strings, lists and dictionaries as they are."""
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(name, v) for v in value]
    if isinstance(value, dict):
        return {key: _plain(key, v) for key, v in value.items()}
    raise TypeError(
        f"option '{name}' must be a number, string, enum or list to be saved (got {type(value).__name__})"
    )
