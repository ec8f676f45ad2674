"""Thinner and turned copies of a scene for training, whose features are computed anew."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.datasets.scenes.scene import Scene

#: Side of the squares that count as covered, position units.
SQUARE = 5.0


@dataclass(frozen=True)
class SceneCopy:
    """One copy: a random share of the points, seen at an angle where features are computed.

    Positions stay as they are: augmentation turns tiles, and areas of a scene are those of its copies.

    Args:
        share: of the points that stay.
        angle: about z, radians, at which features are computed.
        seed: of which points stay.

    Example:
        >>> scene = Scene(np.random.default_rng(0).random((1000, 3)))
        >>> len(SceneCopy(0.25, 0.0, seed=1).of(scene))
        250
    """

    share: float
    angle: float
    seed: int = 0

    def of(self, scene: Scene) -> Scene:
        """The points that stay, in their order; at least one."""
        count = max(1, round(self.share * len(scene)))
        rows = np.sort(np.random.default_rng(self.seed).permutation(len(scene))[:count])
        fields = {name: values[rows] for name, values in scene.fields.items()}
        return dataclasses.replace(scene, pos=scene.pos[rows], fields=fields)

    def turned(self, pos: np.ndarray) -> np.ndarray:
        """Positions turned about the vertical axis through their middle."""
        middle = pos.mean(axis=0)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        found: np.ndarray = (pos - middle) @ turn.T + middle
        return found


@dataclass(frozen=True)
class Copies:
    """How many copies of each training scene there are beside it, and how thin they get.

    Args:
        number: of copies (default 0).
        density: points per square unit that the thinnest may have, where the scene has more (default 0.15, per square
            metre); shares are drawn evenly on a logarithmic scale.
        seed: of shares, angles and points.

    Raises:
        ValueError: a number below 0, a density that is not positive.
    """

    number: int = 0
    density: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        check_at_least("copies", self.number, 0)
        check_positive("density", self.density)

    def drawn(self, pos: np.ndarray, scene: int) -> Iterator[SceneCopy]:
        """The copies of a scene.

        Args:
            pos: its points ``[n, 3]``.
            scene: its number, so that scenes have different ones.
        """
        generator = np.random.default_rng([self.seed, scene])
        covered = len(np.unique(np.floor(pos[:, :2] / SQUARE), axis=0)) * SQUARE**2
        least = min(1.0, self.density * covered / len(pos))
        for _ in range(self.number):
            share = math.exp(generator.uniform(math.log(least), 0.0))
            angle = generator.uniform(0.0, 2 * math.pi)
            yield SceneCopy(share, angle, seed=int(generator.integers(2**32)))
