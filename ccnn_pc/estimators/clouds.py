"""Classes and numbers of point clouds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets import CloudPreprocessing
from ccnn_pc.datasets.clouds.stored import CloudPacker, StoredClouds, StoredDataset
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.preprocessing import Preprocessing
from ccnn_pc.datasets.transforms import Jitter, RandomScale, RandomTranslate
from ccnn_pc.datasets.transforms.attach import FEATURE_CHANNELS
from ccnn_pc.datasets.transforms.base import Transform, apply
from ccnn_pc.estimators.answers import ClassifierAnswers, RegressorAnswers
from ccnn_pc.estimators.base import Estimator
from ccnn_pc.estimators.read_clouds import Cloud, read_clouds
from ccnn_pc.estimators.targets import Classes, Targets


class CloudEstimator(Estimator):
    """What both estimators of clouds share.

    X is a list of arrays ``[n, 3 + c]`` (x, y, z and features, which should be of order 1), an array ``[N, n, 3 + c]``
    with rows of NaN as padding, or a list of PyG ``Data`` (pos, normal, x), of clouds or meshes of Open3D or trimesh.
    Each cloud is centred and scaled to a box of side 2: how large it is is not seen. Rows of a matrix are no clouds:
    two-dimensional X is refused.

    Args:
        model: see :class:`~ccnn_pc.estimators.base.Estimator`, as for all others (default ``ccnn_tiny``).
        num_points: points of a cloud that a network reads, drawn anew in every epoch.
        epochs, batch_size, lr, validation, patience, time_budget, random_state, verbose: see there.

    Attributes:
        features_: what the network reads of a point.
    """

    default_model = {"name": "ccnn_tiny"}
    features_: tuple[str, ...]

    def __init__(
        self,
        model: str | Mapping[str, Any] | None = None,
        *,
        num_points: int = 256,
        epochs: int | None = None,
        batch_size: int = 16,
        lr: float = 0.01,
        validation: float = 0.15,
        patience: int | None = 30,
        time_budget: float | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.num_points = num_points
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation = validation
        self.patience = patience
        self.time_budget = time_budget
        self.random_state = random_state
        self.verbose = verbose

    def _augment(self) -> list[Transform]:
        """Transforms of the training that change no answer."""
        return [Jitter(sigma=0.005, clip=0.02)]

    def _read(self, X: Any, *, fitting: bool) -> list[Cloud]:  # noqa: N803
        check_at_least("num_points", self.num_points, 1)
        clouds = read_clouds(X)
        if fitting:
            self.features_ = clouds[0].names
        elif clouds[0].names != self.features_:
            raise ValueError(
                f"'X' must have the features of fit, {', '.join(self.features_)} (got {', '.join(clouds[0].names)})"
            )
        return clouds

    def _dataset(self, items: Sequence[Cloud], targets: Targets, seed: int) -> StoredDataset:
        labels = targets.labels if isinstance(targets, Classes) else np.zeros(len(items), dtype=np.int64)
        classes = targets.names if isinstance(targets, Classes) else ["value"]
        transform = self._reading().transform(self._augment())
        return StoredDataset(_packed(items, labels, classes), transform=transform, seed=seed)

    def _reading(self) -> CloudPreprocessing:
        return CloudPreprocessing(
            num_points=self.num_points,
            normalize="box",
            features=self.features_,
            num_neighbors=self._neighbors(),
            fewest_neighbors=8,
        )

    def _neighbors(self) -> int:
        """A tenth of the points, 16 at least."""
        return min(self.num_points, max(16, 3 * self.num_points // 32))

    def _geometry(self, dataset: Any) -> dict[str, Any]:
        return {
            "dim": 3,
            "in_channels": sum(FEATURE_CHANNELS.get(name, 1) for name in self.features_),
            "num_points": self.num_points,
            "num_neighbors": self._neighbors(),
        }

    def _words(self, dataset: Any) -> dict[str, Any]:
        words = super()._words(dataset)
        own = {"omega_0": 0.5, "pool": "mean+max", "full_stem": True, "reference_count": self.num_points}
        return {**(own if words["name"].startswith("ccnn") else {}), **words}

    def _preprocessing(self, dataset: Any) -> Preprocessing:
        return self._reading()

    def _eval_transform(self, dataset: Any) -> Any:
        return self._reading().transform()

    def _inputs(self, items: Sequence[Cloud]) -> Sequence[Any]:
        """Every cloud with the same random numbers, as ``ccnn-pc predict`` reads files."""
        data = StoredDataset(_packed(items, np.zeros(len(items), dtype=np.int64), ["value"]))
        transform = self.network_.preprocessing.transform()
        return [apply(transform, data[row], seeded_generator(0)) for row in range(len(data))]

    def _restore(self, stored: Mapping[str, Any]) -> None:
        super()._restore(stored)
        self.features_ = tuple(self.network_.preprocessing.features)

    def _check_network(self, folder: Path) -> None:
        super()._check_network(folder)
        used = self.network_.preprocessing
        if not isinstance(used, CloudPreprocessing) or used.features is None:
            raise ValueError(f"'{folder}' must hold a model of clouds whose preprocessing has features")

    def __sklearn_tags__(self) -> Any:
        """A row of a matrix is no cloud; padding is NaN."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags


class CloudClassifier(ClassifierAnswers, CloudEstimator):
    """The class of a point cloud or a mesh.

    See :class:`CloudEstimator` for the forms of X, and the parameters. Shapes of the training are stretched a little,
    anew in every epoch.

    Attributes:
        classes_: the classes, sorted.
    """

    def _augment(self) -> list[Transform]:
        return [
            RandomScale(low=0.8, high=1.25, per_axis=True),
            RandomTranslate(reach=0.1),
            *super()._augment(),
        ]


class CloudRegressor(RegressorAnswers, CloudEstimator):
    """Numbers that belong to a point cloud or a mesh, ``[n]`` or ``[n, K]`` as y.

    See :class:`CloudEstimator` for the forms of X, and the parameters.
    """


def _packed(items: Sequence[Cloud], labels: np.ndarray, classes: Sequence[str]) -> StoredClouds:
    packer = CloudPacker()
    for row, (cloud, label) in enumerate(zip(items, labels.tolist(), strict=True)):
        packer.add(cloud.pos, cloud.normals, label, str(row), cloud.features)
    return packer.finish(classes)
