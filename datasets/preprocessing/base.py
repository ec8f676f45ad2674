"""What a description of preprocessing has in common: plain fields, written as JSON and read again."""

from __future__ import annotations

import abc
import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from ccnn_pc.datasets.transforms.base import Compose, Transform

#: Raised when a field changes its meaning.
VERSION = 1
P = TypeVar("P", bound="Preprocessing")


class Preprocessing(abc.ABC):
    """How data become what a model reads; a frozen dataclass, stored with the model.

    Attributes:
        kind: name of the class in JSON.
        renamed: fields as earlier versions called them.
    """

    kind: ClassVar[str]
    renamed: ClassVar[Mapping[str, str]] = {}

    @abc.abstractmethod
    def transform(self, augment: Sequence[Transform] = ()) -> Compose:
        """The transform of an item, with ``augment`` at the right place; that is only for training."""

    @property
    def channel_names(self) -> tuple[str, ...]:
        """What users call the channels of ``x``, where the data say it; messages then name them."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """All fields as numbers, strings, lists and mappings, with ``kind`` and ``version``."""
        fields = {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {"kind": self.kind, "version": VERSION, **fields}

    @classmethod
    def from_json(cls: type[P], described: Mapping[str, Any]) -> P:
        """What :meth:`to_json` wrote; fields that are missing or None have their defaults.

        Raises:
            ValueError: another kind, a later version, an unknown key, or a value that the class refuses.
        """
        given = {cls.renamed.get(key, key): value for key, value in described.items() if value is not None}
        kind, version = given.pop("kind", cls.kind), given.pop("version", VERSION)
        if kind != cls.kind or version != VERSION:
            raise ValueError(
                f"'preprocessing' must be of kind '{cls.kind}' and version {VERSION} (got {kind!r}, {version!r})"
            )
        known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        unknown = sorted({cls.renamed.get(key, key) for key in described} - {*known, "kind", "version"})
        if unknown:
            raise ValueError(
                f"'preprocessing' must have no other keys than {', '.join(known)} (got {', '.join(unknown)})"
            )
        return cls(**given)


def plain(value: Any) -> Any:
    """Enums by value, sequences as lists, mappings as dictionaries, other things as they are."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    return value


def set_fields(instance: Any, **values: Any) -> None:
    """Set fields of a frozen dataclass, in its ``__post_init__``."""
    for name, value in values.items():
        object.__setattr__(instance, name, value)
