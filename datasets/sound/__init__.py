"""Sound."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.sound.folder import SoundFolder

__all__ = ["SoundFolder"]

lazy(__name__)
