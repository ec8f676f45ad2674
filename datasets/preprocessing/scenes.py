"""Preprocessing of scenes: thinning, tiles, features with fixed scales, classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least, check_metric, check_not_negative
from ccnn_pc._choices import choice
from ccnn_pc.datasets.preprocessing.base import Preprocessing, plain, set_fields
from ccnn_pc.datasets.scenes.computed import computed_features, is_computed
from ccnn_pc.datasets.scenes.targets import ClassTarget, NumberTarget, Scale, SceneTarget, scene_target
from ccnn_pc.datasets.scenes.tiles import Tile
from ccnn_pc.datasets.transforms.attach import KNN
from ccnn_pc.datasets.transforms.base import Compose, TakesFeatures, Transform
from ccnn_pc.datasets.transforms.resample import InverseDensity
from ccnn_pc.ops.points.thinning import Keep

#: Features that follow from where the points of a tile lie, after augmentation, with their channels.
PLACED = {"one": 1, "pos": 3, "height": 1}
#: Scaled values are cut here: one wild number must not drown the others.
MOST = 5.0
#: Points that the density around a point is estimated from.
DENSITY_NEIGHBORS = 8


@dataclass(frozen=True)
class ScenePreprocessing(Preprocessing):
    r"""One point per cell, then tiles, then augmentation, then features, then neighbours.

    Features by name: ``one``; ``pos``, positions relative to the centre of the tile, in radii; ``height``, above the
    5 % quantile of the heights of the tile, in radii; names with a colon, as ``above_opening:8``, are computed from all
    kept points of a scene (:data:`ccnn_pc.datasets.scenes.computed.COMPUTED`); any other name is a field of the file,
    by the file's own name, scaled by fixed numbers, the same for all scenes:

    .. math:: x = \min(\max((v - a) / b, -5), 5)

    Args:
        cell: size of the cells that one point is kept of, in the unit of the positions; None or 0: all points stay.
        keep: which one: NEAREST (default, to the centre of the cell), LOWEST, HIGHEST, or their MEAN.
        tile: shape, radius and points of a tile, a :class:`~ccnn_pc.datasets.scenes.tiles.Tile` or its fields.
        features: names, in the order of the channels of ``x``.
        scales: (a, b) of each column of each field and computed feature among them; None: measured on the training
            scenes, computed ones (0, 1).
        target: what is learned of each point, a :class:`~ccnn_pc.datasets.scenes.targets.ClassTarget` (default: the
            classes in ``classification``), a :class:`~ccnn_pc.datasets.scenes.targets.NumberTarget`, or the fields of
            one of them.
        num_neighbors: k of the neighbours that come with a tile; None: the network searches.
        metric: factors of the axes in that search: (1, 1, 0) takes those nearest horizontally; None: all alike.

    Raises:
        ValueError: an unknown choice, a number out of range, a feature that is there twice.

    Example:
        >>> made = ScenePreprocessing(cell=0.5, tile={"radius": 20.0}, features=("height", "intensity"))
        >>> made.fields, made.channels
        (('intensity',), None)
        >>> ScenePreprocessing.from_json(made.to_json()) == made
        True
    """

    kind: ClassVar[str] = "scene"

    cell: float | None = None
    keep: Keep | str = Keep.NEAREST
    tile: Tile | Mapping[str, Any] = Tile()
    features: Sequence[str] = ("one",)
    scales: Mapping[str, Scale] | None = None
    target: SceneTarget | Mapping[str, Any] = ClassTarget()
    num_neighbors: int | None = None
    metric: Sequence[float] | None = None

    def __post_init__(self) -> None:
        cell = None if self.cell is None else check_not_negative("cell", self.cell) or None
        tile, names = self.tile, self.features
        if isinstance(names, str) or not names or len(set(names)) < len(names):
            raise ValueError(f"'features' must be a list of different names, at least one (got {names!r})")
        if self.num_neighbors is not None:
            check_at_least("num_neighbors", self.num_neighbors, 1)
        set_fields(
            self,
            cell=cell,
            keep=choice("keep", self.keep, Keep),
            tile=tile if isinstance(tile, Tile) else Tile(**tile),
            features=tuple(names),
            metric=None if self.metric is None else check_metric(self.metric, 3),
            target=scene_target(self.target),
        )
        learned = next((name for name in self.wanted.fields if name in self.fields), None)
        if learned is not None:
            raise ValueError(f"'features' must not hold what is learned (got '{learned}', which is a target)")
        if self.scales is not None:
            scales = {
                name: tuple((float(a), float(b)) for a, b in each) for name, each in self.scales.items()
            }
            if set(scales) != set(self.stored):
                raise ValueError(
                    f"'scales' must be those of the features {', '.join(self.stored)} (got {', '.join(scales)})"
                )
            set_fields(self, scales=scales)

    @property
    def wanted(self) -> SceneTarget:
        """What is learned of each point."""
        target: SceneTarget = self.target  # type: ignore[assignment]
        return target

    @property
    def known(self) -> bool:
        """Whether nothing is left to be measured on training scenes."""
        return self.channels is not None and self.wanted.known

    @property
    def stored(self) -> tuple[str, ...]:
        """Features that scenes are stored with."""
        return tuple(name for name in self.features if name not in PLACED)

    @property
    def fields(self) -> tuple[str, ...]:
        """Those of them that are fields of the file."""
        return tuple(name for name in self.stored if not is_computed(name))

    @property
    def channels(self) -> int | None:
        """Channels of ``x``; None before scales have been measured, unless no field is among the features."""
        if self.scales is None and self.stored:
            return None
        scales = self.scales or {}
        return sum(PLACED[name] if name in PLACED else len(scales[name]) for name in self.features)

    def thinning(self) -> dict[str, Any]:
        """What decides about thinned scenes, for the names of their files in a cache."""
        return {"cell": self.cell, "keep": plain(self.keep), "features": list(self.stored)}

    def computed(self, pos: np.ndarray) -> dict[str, np.ndarray]:
        """Features that are computed from all kept positions ``[m, 3]`` of a scene, by name."""
        names = [name for name in self.stored if is_computed(name)]
        return computed_features(pos, names) if names else {}

    def scaled(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Scaled columns of the stored features of some points, in their order, float32 ``[n, C]``."""
        columns = []
        for name in self.stored:
            offset, size = np.array((self.scales or {})[name]).T
            raw = np.asarray(values[name], dtype=np.float64)
            columns.append(np.clip((raw.reshape(len(raw), -1) - offset) / size, -MOST, MOST))
        return np.concatenate(columns, axis=1).astype(np.float32)

    def transform(self, augment: Sequence[Transform] = ()) -> Compose:
        """The steps for a tile: ``augment`` moves points, or leaves some out."""
        steps: list[Transform] = [*augment, SceneFeatures(self)]
        if self.tile.weights:  # type: ignore[union-attr]
            steps.append(InverseDensity(DENSITY_NEIGHBORS, intrinsic_dim=2))
        if self.num_neighbors is not None:
            steps.append(KNN(self.num_neighbors, metric=self.metric))
        return Compose(steps)

    def to_json(self) -> dict[str, Any]:
        """All fields as numbers, strings, lists and mappings, with ``kind`` and ``version``."""
        tile = {name: plain(value) for name, value in asdict(self.tile).items()}  # type: ignore[arg-type]
        return {**super().to_json(), "tile": tile, "target": self.wanted.to_json()}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> ScenePreprocessing:
        """What :meth:`to_json` wrote, also as earlier versions did, who knew classes alone."""
        given = dict(described)
        before = {new: given.pop(old, None) for old, new in (("label", "field"), ("classes", "table"))}
        if any(value is not None for value in before.values()):
            if given.get("target") is not None:
                raise ValueError("'preprocessing' must have 'label' and 'classes', or a 'target' (got both)")
            given["target"] = before
        return super().from_json(given)


class SceneFeatures(BaseTransform, TakesFeatures):
    """Make ``x`` of a tile: of its scaled columns ``stored`` and of where its points lie.

    Args:
        preprocessing: which features.
    """

    def __init__(self, preprocessing: ScenePreprocessing) -> None:
        self.preprocessing = preprocessing

    def forward(self, data: Any) -> Any:
        """Set ``x``; ``stored`` goes, and a direction that is learned becomes ``y``."""
        used, pos, parts, first = self.preprocessing, data.pos, [], 0
        radius = used.tile.radius  # type: ignore[union-attr]
        for name in used.features:
            if name == "one":
                parts.append(torch.ones_like(pos[:, :1]))
            elif name == "pos":
                parts.append(pos / radius)
            elif name == "height":
                parts.append((pos[:, 2:] - _low(pos[:, 2])) / radius)
            else:
                width = len((used.scales or {})[name])
                parts.append(data.stored[:, first : first + width])
                first += width
        data.x = torch.cat(parts, dim=1)
        if "stored" in data:
            del data["stored"]
        if isinstance(used.wanted, NumberTarget) and used.wanted.direction and "normal" in data:
            data.y = data.normal  # which augmentation has turned with the points
            del data["normal"]
        return data

    def __repr__(self) -> str:
        return f"SceneFeatures({list(self.preprocessing.features)})"


def _low(height: torch.Tensor) -> torch.Tensor:
    """The 5 % quantile of heights, one of them."""
    return height.kthvalue(max(1, math.ceil(0.05 * len(height)))).values
