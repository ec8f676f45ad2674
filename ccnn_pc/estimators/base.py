"""What the six estimators share: one network per fit, answers, files; subclasses read X and choose the network."""

from __future__ import annotations

import abc
import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ccnn_pc._files import write_text_atomically
from ccnn_pc.datasets.common.grid_data import collate
from ccnn_pc.datasets.preprocessing import Preprocessing
from ccnn_pc.estimators.targets import Targets
from ccnn_pc.estimators.train import Settings, reproducible, train_network
from ccnn_pc.models import create_model, from_pretrained
from ccnn_pc.models.base import Model
from ccnn_pc.models.hub import save_pretrained

E = TypeVar("E", bound="Estimator")
#: Beside the files of a model: what an estimator knows that a model does not.
DESCRIPTION = "estimator.json"
_BATCH = 64


class Estimator(BaseEstimator, abc.ABC):
    """A network behind ``fit`` and ``predict``.

    ``fit`` keeps a share of the items for validation, trains until the epochs are over or the validation has not
    become better for a while, and takes the weights of the best epoch. The same ``random_state`` on the same machine
    gives the same bits; random numbers of the caller are left alone.

    Args:
        model: a name of :func:`ccnn_pc.models.list_models`, or a mapping of the words of
            :func:`ccnn_pc.models.create_model`, ``name`` among them; None: the default of the kind of data.
        epochs: passes over the training items, at most; None: 100, or 1 for networks whose head is solved,
            which read series with fewer samples from the second on.
        batch_size: items per step.
        lr: largest learning rate.
        validation: share of the items that is kept for validation; 0: none, and the last epoch counts.
        patience: epochs without a lower loss of the validation after which training stops; None: it does not.
        time_budget: minutes that ``fit`` may take, at most; None: as long as it takes. Networks whose head is solved
            read all items once; a warning says where that took longer.
        random_state: seed, or a generator of numpy.
        verbose: 1 shows a bar and a line for each epoch.

    Attributes:
        network_: the trained network, in eval mode.
        n_epochs_: epochs that it was trained for.
    """

    #: The network, and words of it.
    default_model: Mapping[str, Any] = {}

    model: str | Mapping[str, Any] | None
    epochs: int | None
    batch_size: int
    lr: float
    validation: float
    patience: int | None
    time_budget: float | None
    random_state: Any
    verbose: int

    @abc.abstractmethod
    def _read(self, X: Any, *, fitting: bool) -> Sequence[Any]:  # noqa: N803
        """X as a sequence of items of one form."""

    @abc.abstractmethod
    def _targets(self, y: Any, items: Sequence[Any]) -> Targets:
        """What the targets are."""

    @abc.abstractmethod
    def _dataset(self, items: Sequence[Any], targets: Targets, seed: int) -> Any:
        """A data set of the items, with labels, and the transform of the training."""

    @abc.abstractmethod
    def _geometry(self, dataset: Any) -> dict[str, Any]:
        """The words of a network that follow from the data."""

    @abc.abstractmethod
    def _preprocessing(self, dataset: Any) -> Preprocessing | None:
        """How data become inputs, as it is stored with the model."""

    @abc.abstractmethod
    def _inputs(self, items: Sequence[Any]) -> Sequence[Any]:
        """Inputs of the fitted network."""

    def _in_order(self, y: Any, items: Sequence[Any]) -> Any:
        """Targets in the order of the items."""
        return y

    def _asked(self, X: Any, y: Any) -> Any:  # noqa: N803
        """Targets in the order of the answers of a fitted estimator."""
        return y

    def _eval_transform(self, dataset: Any) -> Any:
        """The transform of items that are judged."""
        return None

    def fit(self: E, X: Any, y: Any) -> E:  # noqa: N803
        """Train on items X with targets y.

        Args:
            X: items; see the class.
            y: one target per item.

        Returns:
            The estimator.

        Raises:
            TypeError: X of a kind that is not read.
            ValueError: X or y that do not fit, parameters out of range; the message names them.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        items = self._read(X, fitting=True)
        self._train(items, self._targets(self._in_order(y, items), items))
        return self

    def _train(self, items: Sequence[Any], targets: Targets) -> None:
        """Train a network on items with targets, and keep it."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        how = Settings(
            self.epochs, self.batch_size, self.lr, self.validation, self.patience, self.time_budget,
            self.verbose, seed,
        )  # fmt: skip
        with reproducible(seed):
            dataset = targets.attach(self._dataset(items, targets, seed))
            network = self._network(dataset, targets)
            self.n_epochs_ = train_network(network, dataset, self._eval_transform(dataset), targets, how)
        network.classes = targets.names
        network.preprocessing = self._preprocessing(dataset)
        network.task = targets.objective(max(len(targets.names), 2 if targets.classes else 1)).task
        self.network_ = network

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Answers for items X."""
        return self._said(self._outputs(X))

    @abc.abstractmethod
    def _said(self, outputs: Tensor) -> Any:
        """Answers of outputs ``[n, K]``."""

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the model folder of the command line (``ccnn-pc predict FOLDER ...``), and what :meth:`load` needs.

        Raises:
            OSError: the folder cannot be written.
        """
        check_is_fitted(self)
        target = save_pretrained(self.network_, folder)
        description = {
            "estimator": type(self).__name__,
            "parameters": _as_json(self.get_params()),
            **self._state(),
        }
        write_text_atomically(target / DESCRIPTION, json.dumps(description, indent=2) + "\n")
        return target

    @classmethod
    def load(cls: type[E], folder: str | os.PathLike[str]) -> E:
        """The estimator that :meth:`save` wrote; or one of a model that the command line has trained.

        Raises:
            FileNotFoundError: no model there.
            ValueError: the estimator or the model is of another kind; the message names the file.
        """
        path = Path(folder) / DESCRIPTION
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if stored.get("estimator", cls.__name__) != cls.__name__:
            raise ValueError(f"'{path}' must be of a {cls.__name__} (got {stored['estimator']})")
        made = cls(**stored.get("parameters", {}))
        made.network_ = from_pretrained(folder)
        made._check_network(Path(folder))
        made._restore(stored)
        return made

    def _state(self) -> dict[str, Any]:
        """What else a fitted estimator knows, as JSON."""
        return {"n_features_in": getattr(self, "n_features_in_", None)}

    def _restore(self, stored: Mapping[str, Any]) -> None:
        """The reverse of :meth:`_state`; of a model alone what it says itself."""
        if stored.get("n_features_in") is not None:
            self.n_features_in_ = int(stored["n_features_in"])

    def _check_network(self, folder: Path) -> None:  # noqa: B027
        """A model that was loaded must read X and answer what the estimator says."""

    def _network(self, dataset: Any, targets: Targets) -> Model:
        made = {**self._geometry(dataset), **self._words(dataset)}
        name = made.pop("name")
        if name == "random_kernels":
            made.setdefault("seed", int(torch.randint(2**31 - 1, (1,))))
        return create_model(name, out_channels=len(targets.names), **made)

    def _words(self, dataset: Any) -> dict[str, Any]:
        """Name and words of the network."""
        words = self._given_words() or dict(self.default_model)
        if "name" not in words:
            raise ValueError(f"'model' must have a name, of ccnn_pc.models.list_models (got {sorted(words)})")
        return words

    def _given_words(self) -> dict[str, Any] | None:
        """``model`` as a mapping."""
        if self.model is None:
            return None
        if not isinstance(self.model, (str, Mapping)):
            raise TypeError(
                f"'model' must be a name, a mapping with a name and words of the network, or None (got {self.model!r})"
            )
        return {"name": self.model} if isinstance(self.model, str) else dict(self.model)

    def _outputs(self, X: Any) -> Tensor:  # noqa: N803
        check_is_fitted(self)
        return self._answers(self._read(X, fitting=False))

    def _answers(self, items: Any) -> Tensor:
        """What the network says of items that were read, float64."""
        inputs, found = self._inputs(items), []
        with torch.inference_mode(), comparing_anew(self.network_):
            for first in range(0, len(inputs), _BATCH):
                found.append(
                    self.network_(
                        collate([inputs[i] for i in range(first, min(first + _BATCH, len(inputs)))])
                    )
                )
        return torch.cat(found).double()


@contextlib.contextmanager
def comparing_anew(network: Any) -> Iterator[None]:
    """A network says inside what is otherwise than in training, whatever it said of other data before."""
    said, network.warned, network._compared = network.warned, set(), False
    try:
        yield
    finally:
        network.warned = said


def _as_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that can be written; a generator of random numbers, or a factory, is None in the file."""
    found = {}
    for name, value in parameters.items():
        try:
            found[name] = json.loads(json.dumps(value))
        except TypeError:
            found[name] = None
    return found
