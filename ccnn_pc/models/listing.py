"""Which networks there are, and which come trained, by patterns."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from ccnn_pc.models.names import list_architectures

Patterns = str | Sequence[str]

#: Files of a trained model's folder.
CONFIG, WEIGHTS = "config.json", "model.safetensors"
#: Trained models that come with the package.
PACKAGED = Path(__file__).parent / "pretrained"


def list_pretrained() -> list[str]:
    """Names of the trained models inside the package.

    Example:
        >>> isinstance(list_pretrained(), list)
        True
    """
    return sorted(p.parent.name for p in PACKAGED.glob(f"*/{CONFIG}"))


def list_models(pattern: Patterns = "*", *, pretrained: bool = False, exclude: Patterns = ()) -> list[str]:
    """Names that :func:`ccnn_pc.models.create_model` knows, sorted.

    Args:
        pattern: like those of file names, or several of them, of which one must match.
        pretrained: those of the trained models inside the package instead, as ``pretrained=True`` takes them.
        exclude: patterns of names that are left out.

    Example:
        >>> from ccnn_pc.models import list_models
        >>> list_models("ccnn_4_??"), list_models(["ccnn_tiny*", "dgcnn"], exclude=["*_features", "*_grid"])
        (['ccnn_4_16', 'ccnn_4_32', 'ccnn_4_48'], ['ccnn_tiny', 'dgcnn'])
        >>> list_models("ccnn_tiny*", pretrained=True)
        ['ccnn_tiny-modelnet10', 'ccnn_tiny-modelnet10-voxels']
    """
    names = list_pretrained() if pretrained else list_architectures()
    return [name for name in names if _matches(name, pattern) and not _matches(name, exclude)]


def _matches(name: str, patterns: Patterns) -> bool:
    several = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in several)
