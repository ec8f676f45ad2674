"""Packages that are not base dependencies, and the message when one is missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType


def available(module: str) -> bool:
    """Whether ``module`` can be found, without importing it.

    Example:
        >>> available("math"), available("no_such_package")
        (True, False)
    """
    return importlib.util.find_spec(module) is not None


def require(module: str, *, extra: str, purpose: str | None = None) -> ModuleType:
    """Import ``module`` or say which extra of ccnn-pc brings it.

    Args:
        module: name of the package, e.g. ``"trimesh"``.
        extra: the extra of ccnn-pc that installs it, e.g. ``"mesh"``.
        purpose: what it is needed for, as the end of a sentence ("to read meshes").

    Raises:
        ImportError: the package is missing, or is there and fails to load (a system library is missing, say);
            the message tells the two apart.

    Example:
        >>> require("math", extra="mesh").sqrt(4.0)
        2.0
    """
    needed = f"'{module}' is needed" + (f" {purpose}" if purpose else "")
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise ImportError(f"{needed}, but it misses a package of its own: {error}") from error
        raise ImportError(f"{needed}: pip install 'ccnn-pc[{extra}]'") from error
    except (ImportError, OSError) as error:
        raise ImportError(
            f"{needed}; it is installed but does not load ({error}). `ccnn-pc doctor` says more."
        ) from error
