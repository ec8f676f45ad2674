"""Kernels and windows by name: what configurations, the command line and saved models call them."""

from __future__ import annotations

import enum
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import nn

from ccnn_pc._choices import choice, unknown_name
from ccnn_pc.kernels.activations import ACTIVATION_CLASSES

K = TypeVar("K", bound=type[nn.Module])

#: What layers give every kernel and window themselves.
GIVEN_BY_LAYERS = ("dim", "out_channels", "fan", "causal")

_KERNELS: dict[str, type[nn.Module]] = {}
_WINDOWS: dict[str, type[nn.Module]] = {}


def register_kernel(name: str) -> Callable[[K], K]:
    """Enter a class of kernels under a name; named models, ``ccnn-pc`` and the conformance tests then know it.

    Layers call the class with ``dim, out_channels, fan, causal``; its other arguments are its options.

    Args:
        name: new among kernels and windows.

    Raises:
        ValueError: the name is taken.
        TypeError: no class of modules.

    Example:
        >>> from ccnn_pc.kernels import SIREN, register_kernel
        >>> register_kernel("siren")(SIREN)
        Traceback (most recent call last):
        ValueError: 'name' must be new (got 'siren', which is SIREN already)
    """
    return functools.partial(_enter, _KERNELS, name)


def register_window(name: str) -> Callable[[K], K]:
    """Enter a class of windows under a name; layers call it with ``dim, causal``.

    Args:
        name: new among kernels and windows.

    Raises:
        ValueError: the name is taken.
        TypeError: no class of modules.
    """
    return functools.partial(_enter, _WINDOWS, name)


def _enter(table: dict[str, type[nn.Module]], name: str, entry: K) -> K:
    if not (inspect.isclass(entry) and issubclass(entry, nn.Module)):
        raise TypeError(f"what is registered as '{name}' must be a class of modules (got {entry!r})")
    for known in (_KERNELS, _WINDOWS):
        if name in known:
            raise ValueError(f"'name' must be new (got '{name}', which is {known[name].__name__} already)")
    table[name] = entry
    return entry


def list_kernels() -> list[str]:
    """Names of all kernels, sorted.

    Example:
        >>> "siren" in list_kernels()
        True
    """
    return sorted(_KERNELS)


def list_windows() -> list[str]:
    """Names of all windows, sorted.

    Example:
        >>> {"gaussian", "none"} <= set(list_windows())
        True
    """
    return sorted(_WINDOWS)


def registered_classes() -> dict[str, dict[str, type[nn.Module]]]:
    """The classes by name: those of kernels, and those of windows.

    Example:
        >>> sorted(registered_classes())
        ['kernel', 'window']
    """
    return {"kernel": dict(_KERNELS), "window": dict(_WINDOWS)}


def kernel_factory(name: str, **options: Any) -> functools.partial[Any]:
    """What makes the kernels of a layer, from the name of their class and its options.

    Args:
        name: see :func:`list_kernels`.
        options: arguments of the class but those that layers give; enums also by their value.

    Raises:
        ValueError: an unknown name, or no such choice of an enum; the message lists those there are.
        TypeError: an option that the class does not have.

    Example:
        >>> kernel_factory("siren", hidden_channels=16, init="ccnn")(dim=2, out_channels=3).init
        <Init.CCNN: 'ccnn'>
    """
    return _factory("kernel", _KERNELS, name, options)


def window_factory(name: str, **options: Any) -> functools.partial[Any]:
    """What makes the window of a layer, from the name of its class and its options.

    Args:
        name: see :func:`list_windows`.
        options: arguments of the class but those that layers give.

    Raises:
        ValueError: an unknown name; the message lists those there are.
        TypeError: an option that the class does not have.

    Example:
        >>> window_factory("gaussian", width=0.2)(dim=1).width.item()
        0.20000000298023224
    """
    return _factory("window", _WINDOWS, name, options)


def factory_options(entry: Callable[..., Any]) -> dict[str, Any]:
    """The options of a class of kernels or windows, or of a ``partial`` of one, with their default values.

    Example:
        >>> from ccnn_pc.kernels import NoWindow, SIREN
        >>> sorted(factory_options(SIREN))
        ['hidden_channels', 'init', 'num_layers', 'omega_0', 'weight_norm']
        >>> factory_options(NoWindow)
        {}
    """
    parameters = inspect.signature(entry).parameters.items()
    return {name: parameter.default for name, parameter in parameters if name not in GIVEN_BY_LAYERS}


def _factory(
    kind: str, table: dict[str, type[nn.Module]], name: str, options: dict[str, Any]
) -> functools.partial[Any]:
    if name not in table:
        raise unknown_name(kind, name, sorted(table))
    known = factory_options(table[name])
    wrong = sorted(set(options) - set(known))
    if wrong:
        raise TypeError(
            f"'{wrong[0]}' must be an option of the {kind} '{name}': {', '.join(known) or 'it has none'}"
        )
    return functools.partial(table[name], **{key: _object(key, v, known[key]) for key, v in options.items()})


def _object(name: str, value: Any, default: Any) -> Any:
    """An enum's member from its value; sequences, which JSON makes lists of, as tuples."""
    if isinstance(default, enum.Enum) and isinstance(value, str):
        return choice(name, value, type(default))
    return tuple(value) if isinstance(value, list) else value


def describe_factory(factory: Callable[..., Any]) -> dict[str, Any]:
    """A factory of kernels or windows in plain JSON: its name, and the options that it sets.

    Args:
        factory: a registered class, or a ``functools.partial`` of one.

    Raises:
        ValueError: a class that is not registered.
        TypeError: no class and no ``partial`` of one, or an option that JSON cannot hold.

    Example:
        >>> from functools import partial
        >>> from ccnn_pc.kernels import GaussianWindow, Init, SIREN
        >>> describe_factory(partial(SIREN, hidden_channels=16, init=Init.CCNN))
        {'name': 'siren', 'hidden_channels': 16, 'init': 'ccnn'}
        >>> describe_factory(GaussianWindow)
        {'name': 'gaussian'}
    """
    entry, options = factory, {}
    if isinstance(factory, functools.partial) and not factory.args:
        entry, options = factory.func, factory.keywords
    if not inspect.isclass(entry):
        raise TypeError(f"'factory' must be a class, or a partial of one with keywords (got {factory!r})")
    names = [name for table in (_KERNELS, _WINDOWS) for name, known in table.items() if known is entry]
    if not names:
        raise ValueError(
            f"'factory' must make a registered kernel or window (got {entry.__name__}: enter it with "
            "@register_kernel or @register_window of ccnn_pc.kernels)"
        )
    return {"name": names[0], **{key: _plain(key, value) for key, value in options.items()}}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    for member, made in ACTIVATION_CLASSES.items():
        if value is made:
            return member.value
    if isinstance(value, (tuple, list)):
        return [_plain(name, part) for part in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"'{name}' must be a number, a string, an enum or several of them (got {value!r})")


def factory_from_json(description: Mapping[str, Any]) -> functools.partial[Any]:
    """The factory that :func:`describe_factory` described.

    Raises:
        ValueError: no name, an unknown name, or no such choice of an enum; the message lists those there are.
        TypeError: an option that the class does not have.

    Example:
        >>> factory_from_json({"name": "siren", "hidden_channels": 16})(dim=1, out_channels=2).hidden_channels
        16
    """
    options = dict(description)
    if "name" not in options:
        raise ValueError(f"'description' must have a name (got {options})")
    name = options.pop("name")
    if name in _WINDOWS:
        return window_factory(name, **options)
    if name not in _KERNELS:
        unknown = unknown_name("kernel or window", name, [*list_kernels(), *list_windows()])
        raise ValueError(f"{unknown}; import the module that registers it first (ccnn-pc: --import MODULE)")
    return kernel_factory(name, **options)
