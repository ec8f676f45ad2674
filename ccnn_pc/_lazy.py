"""Packages whose names are loaded at their first use (PEP 562)."""

from __future__ import annotations

import ast
import importlib
import sys
from types import ModuleType
from typing import Any


class _LazyPackage(ModuleType):
    """A package that knows the module of each of its names."""

    _module_of: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        if name not in self._module_of:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        value = getattr(importlib.import_module(self._module_of[name]), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # the import system would put the file read_shape.py in the place of the function read_shape
        if not (isinstance(value, ModuleType) and name in self._module_of):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._module_of})


def lazy(name: str) -> None:
    """Have a package do what it imports ``if TYPE_CHECKING`` at the first use of each name; ``__all__`` lists them.

    Args:
        name: the package's ``__name__``; of another lazy package it may import ``*``.

    Example:
        >>> import ccnn_pc
        >>> "Grid" in dir(ccnn_pc), ccnn_pc.Grid.__module__
        (True, 'ccnn_pc.domains.grid.grid')
    """
    package = sys.modules[name]
    loader = package.__spec__.loader if package.__spec__ else None
    tree = ast.parse(loader.get_source(name))  # type: ignore[union-attr]
    module_of: dict[str, str] = {}
    for block in tree.body:
        for node in ast.walk(block) if isinstance(block, ast.If) else ():
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                star = node.names[0].name == "*"
                names = importlib.import_module(node.module).__all__ if star else [a.name for a in node.names]
                module_of |= dict.fromkeys(names, node.module)
    vars(package).update(_module_of=module_of, __all__=sorted(module_of))
    package.__class__ = _LazyPackage
