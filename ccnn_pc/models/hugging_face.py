"""Model folders to and from the Hugging Face Hub, with a card that says what they are."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccnn_pc._optional import require

#: What a name begins with that means a repository of the Hub, as timm has it.
PREFIX = "hf-hub:"
#: Files of a model folder; nothing else travels.
FILES = ("config.json", "model.safetensors", "README.md")


def pull_from_hub(name: str) -> Path:
    """Fetch a model folder from the Hub into its cache; :func:`ccnn_pc.models.from_pretrained` does so by itself.

    Args:
        name: ``owner/name``, with ``@revision`` where it is not the newest; may begin with ``hf-hub:``.

    Returns:
        the folder.

    Raises:
        ImportError: huggingface_hub is missing.
        ValueError: no such name.
        OSError: the repository, or the network, is not there; the message is that of huggingface_hub.
    """
    repo, _, revision = name.removeprefix(PREFIX).partition("@")
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise ValueError(f"'name' must be owner/name of a repository of the Hub (got {name!r})")
    hub = _library()
    first = Path(hub.hf_hub_download(repo, FILES[0], revision=revision or None))
    commit = first.parent.name  # of the cache: all files are of one commit
    hub.hf_hub_download(repo, FILES[1], revision=commit)
    with contextlib.suppress(importlib.import_module("huggingface_hub.errors").EntryNotFoundError):
        hub.hf_hub_download(repo, FILES[2], revision=commit)
    return first.parent


def push_to_hub(
    folder: str | os.PathLike[str],
    repo: str,
    *,
    private: bool = False,
    message: str = "A model of ccnn_pc",
) -> str:
    """Put a model folder into a repository of the Hub, which is made where there is none, in one commit.

    Args:
        folder: written by :func:`ccnn_pc.models.save_pretrained`; its README.md is the card, or else one is written.
        repo: ``owner/name``; who may write there is known to huggingface_hub (``hf auth login``).
        private: whether a new repository is.
        message: of the commit.

    Returns:
        where it lies.

    Raises:
        FileNotFoundError: no model folder.
        ImportError: huggingface_hub is missing.
        OSError: the repository cannot be written; the message is that of huggingface_hub.
    """
    place = Path(folder)
    for name in FILES[:2]:
        if not (place / name).is_file():
            raise FileNotFoundError(
                f"'{place / name}' is missing; a model folder holds {' and '.join(FILES[:2])}"
            )
    hub = _library()
    card = hub.CommitOperationAdd(FILES[2], model_card(place, repo).encode())
    files = [hub.CommitOperationAdd(name, str(place / name)) for name in FILES[:2]]
    api = hub.HfApi()
    api.create_repo(repo, private=private, exist_ok=True)
    done = api.create_commit(repo, [card, *files], commit_message=message)
    return str(done.repo_url)


def model_card(folder: str | os.PathLike[str], repo: str | None = None) -> str:
    """The card of a model folder: its README.md, or what its configuration says, under the Hub's metadata.

    Args:
        folder: written by :func:`ccnn_pc.models.save_pretrained`.
        repo: ``owner/name``, for the lines that tell how to use it; None: the folder.

    Example:
        >>> from ccnn_pc.models.listing import PACKAGED
        >>> print(model_card(PACKAGED / "ccnn_tiny-modelnet10")[:52])
        ---
        library_name: ccnn_pc
        tags:
        - continuous-kernels
    """
    place = Path(folder)
    described = json.loads((place / FILES[0]).read_text(encoding="utf-8"))
    own = place / FILES[2]
    text = own.read_text(encoding="utf-8") if own.is_file() else _described(described, repo or str(folder))
    return text if text.startswith("---\n") else f"{_metadata(described)}\n{text}"


def _metadata(described: Mapping[str, Any]) -> str:
    kind = (described.get("preprocessing") or {}).get("kind")
    task = (described.get("task") or {}).get("kind")
    lines = ["library_name: ccnn_pc", "tags:", "- continuous-kernels", f"- {described['model']['name']}"]
    if kind is not None:
        lines.append(f"- {kind}")
    if kind == "image" and task == "classification":
        lines.append("pipeline_tag: image-classification")
    return "\n".join(["---", *lines, "---", ""])


def _described(described: Mapping[str, Any], source: str) -> str:
    """A card of what a configuration says, when nobody wrote one."""
    model = described["model"]
    task = (described.get("task") or {}).get("kind", "features")
    classes = described["classes"]
    answers = f"{task}: {', '.join(classes)}" if classes else f"{task}, {model['out_channels']} outputs"
    reading = described.get("preprocessing") or {}
    rows = {
        "network": model["name"],
        "channels of the data": model["in_channels"],
        "answers": answers,
        "input": ", ".join(f"{key}: {value}" for key, value in reading.items() if value is not None)
        or "not said",
        "made with": f"ccnn-pc {described.get('library_version', '')}".strip(),
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    name = f"{PREFIX}{source}" if source.count("/") == 1 else source
    use = (
        "from ccnn_pc.models import from_pretrained\n\n"
        f'model = from_pretrained("{name}")\n'
        "answers = model(model.transform()(data))"
    )
    return f"# {source.split('/')[-1]}\n\n| | |\n| --- | --- |\n{table}\n\n```python\n{use}\n```\n"


def _library() -> Any:
    return require("huggingface_hub", extra="hub", purpose="for models of the Hugging Face Hub")
