"""What every model of the registry is, and what networks of continuous kernels share."""

from __future__ import annotations

import abc
import dataclasses
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from ccnn_pc._autograd import in_torch_func, is_tracked
from ccnn_pc._checks import check_at_least
from ccnn_pc._values import readable
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.sampling import Interpolation
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.classifier import Classifier
from ccnn_pc.models.options import pool_choice
from ccnn_pc.models.reading import Input, Reading, Spacing
from ccnn_pc.models.shift.certainty import Certainty
from ccnn_pc.models.shift.outside import SamplingWarning, outside
from ccnn_pc.models.shift.outside_answers import of_answers
from ccnn_pc.models.shift.outside_channels import SOME
from ccnn_pc.models.shift.outside_clouds import window_reach
from ccnn_pc.models.shift.seen import read_on_grid, seen
from ccnn_pc.models.shift.trained_on import Spread, TrainedOn, declared
from ccnn_pc.models.task import PointError, Task, TaskKind, presumed_task
from ccnn_pc.nn.apply import Pooling, apply_layer, pooled_channels
from ccnn_pc.nn.conv import KernelConv
from ccnn_pc.nn.heads import head_for
from ccnn_pc.nn.statistics import batch_norms, renew_statistics

N = TypeVar("N", bound="Network")


class Model(Classifier):
    """A network with what is needed to describe, save and use it.

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit for two classes; 0: no classes, features are the answer).
        dim: axes of the positions.

    Attributes:
        config: what :func:`create_model` built this from; empty for a network made by hand.
        shapes: of its parameters and buffers as :func:`create_model` made them; empty likewise.
        classes: names of the classes, in the order of the logits; empty if nobody said.
        preprocessing: how data become inputs, an object of :mod:`ccnn_pc.datasets.preprocessing`; None: not known.
        task: what it was trained to answer; None: nobody said.
        data: the data of its training and how they were divided; empty if nobody said.
        trained_on: how its training data were sampled, which new data are compared with; None: nobody measured it
            (:func:`ccnn_pc.models.shift.trained_on.measure` does).
        certainty: how certain it was of the validation data, and how often right; None: nobody measured it.
        targets: of the training, of each number as it is answered; empty: classes, or nobody measured them.
    """

    def __init__(self, in_channels: int, out_channels: int, dim: int) -> None:
        super().__init__()
        self.in_channels = check_at_least("in_channels", in_channels, 0)
        self.out_channels = check_at_least("out_channels", out_channels, 0)
        self.dim = check_at_least("dim", dim, 1)
        self.config: dict[str, Any] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.classes: list[str] = []
        self.preprocessing: Any = None
        self.task: Task | None = None
        self.data: dict[str, Any] = {}
        self.trained_on: TrainedOn | None = None
        self.certainty: Certainty | None = None
        self.targets: tuple[Spread, ...] = ()
        self.warned: set[str] = set()

    @property
    def answers(self) -> Task:
        """What it answers: :attr:`task`, or what its outputs and names say.

        Raises:
            ValueError: it has no outputs, its answers are features.
        """
        if self.out_channels == 0:
            raise ValueError(
                "'model' must have outputs to answer with (got one of features, num_classes=0): "
                "reset_classifier(num_classes) gives it some"
            )
        pooled = getattr(self, "pool", True) is not None
        return self.task or presumed_task(self.out_channels, len(self.classes), pooled)

    @property
    def default_cfg(self) -> dict[str, Any]:
        """What data it was made for and where its first and last layers are, as timm's models say it.

        ``input_size`` is (channels, samples per axis), of points and series (channels, None); ``preprocessing`` what
        :func:`ccnn_pc.datasets.preprocessing_transform` makes a transform of, or None: nobody said. Names of the
        first and the last layer are prefixes of parameters.

        Example:
            >>> from ccnn_pc.models import create_model
            >>> model = create_model("ccnn_4_16", dim=2, in_channels=3, num_classes=10, shape=(32, 32))
            >>> cfg = model.default_cfg
            >>> cfg["architecture"], cfg["input_size"], cfg["num_classes"], cfg["classifier"], cfg["first_conv"]
            ('ccnn_4_16', (3, 32, 32), 10, 'head.linear', 'stem')
        """
        shape = self.config.get("shape")
        last = self.get_classifier()
        named = (name for name, module in self.named_modules() if module is last)
        first = self.first_layers
        return {
            "architecture": self.config.get("name"),
            "num_classes": self.out_channels,
            "in_channels": self.in_channels,
            "input_size": (self.in_channels, *(shape or (None,))),
            "dim": self.dim,
            "spacing": self.config.get("spacing"),
            "classes": list(self.classes),
            "preprocessing": None if self.preprocessing is None else self.preprocessing.to_json(),
            "first_conv": first[0] if len(first) == 1 else first,
            "classifier": next(named),
        }

    def transform(self, augment: Sequence[Any] = ()) -> Any:
        """What turns an item of a data set into an input: the transform of :attr:`preprocessing`.

        Args:
            augment: transforms of the training, at their right place.

        Raises:
            ValueError: nobody said how data become inputs.
        """
        if self.preprocessing is None:
            raise ValueError("'preprocessing' must be set for a model to have a transform (got None)")
        return self.preprocessing.transform(augment)

    def convolutions(self) -> list[KernelConv]:
        """The continuous convolutions, from input to output."""
        return [m for m in self.modules() if isinstance(m, KernelConv)]

    def reset_parameters(self) -> None:
        """Draw new values for all parameters, those that a new network would draw from the same random state.

        Raises:
            TypeError: a module with parameters that does not know how to draw them.
        """
        if next(self.parameters(recurse=False), None) is not None:
            raise TypeError(f"'{type(self).__name__}' must say how its own parameters are drawn")
        for child in self.children():
            reset_parameters(child)


def reset_parameters(module: nn.Module) -> None:
    """Call ``reset_parameters`` of a module, or else of those inside of it.

    Raises:
        TypeError: a module with parameters of its own and without that method.
    """
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()
        return
    if next(module.parameters(recurse=False), None) is not None:
        raise TypeError(f"'{type(module).__name__}' must have reset_parameters() to draw its parameters anew")
    for child in module.children():
        reset_parameters(child)


class Network(Model, abc.ABC):
    """Reading, features, head; subclasses write :meth:`features` and assign ``head``.

    Args:
        reading: how data become features on a domain.
        out_channels: classes (1: one logit).
        pool: how samples become one answer; None: one answer per sample.

    A network that goes from training to ``eval()``, or whose ``state_dict()`` is asked for, takes the statistics of its
    batch norms anew, with the weights that it has now, from the last batches that it was trained on (see
    :func:`ccnn_pc.nn.recalibrate`): running ones lag behind weights that change fast, and answers right after an epoch
    would be those of no network. Norms that were in eval mode already stay as they are; so do all where the forward
    pass was compiled, or inputs needed gradients.

    Attributes:
        warned: kinds of :class:`SamplingWarning` that were given; what is among them is not said (again).
        reading: may be set, ``model.reading = dataclasses.replace(model.reading, ...)``, and is saved with the model.
        warned: kinds of :class:`SamplingWarning` that were given, and are not given again.
        recent: how many batches are kept for that (default 4; references to what the network was called with); 0: none,
            and running statistics stay.
    """

    recent: int = 4
    first_layers: tuple[str, ...] = ("stem",)

    def __init__(self, reading: Reading, out_channels: int, pool: Pooling | None) -> None:
        super().__init__(reading.in_channels, out_channels, reading.dim)
        self.reading, self.pool = reading, pool
        self._recent: list[tuple[Input, AbstractDomain | None, Spacing | None]] = []
        self._lags = False  # statistics behind the weights
        self._compared = False
        self._alike = 0  # grey pictures in a row, where some of training were

    @abc.abstractmethod
    def features(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What the head reads, ``[m, C]``."""

    def set_head(self, channels: int) -> None:
        """Give the network a new head for features of so many channels."""
        self.certainty, self.targets = None, ()  # of another head
        self.num_features = channels if self.pool is None else pooled_channels(self.pool, channels)
        self._head_channels = channels
        self.head = self.new_head(self.out_channels)

    def new_head(self, out_channels: int) -> nn.Module:
        return head_for(self._head_channels, out_channels, self.pool)

    def set_pool(self, pool: Pooling | str | None) -> None:
        if pool is None:
            return
        if self.pool is None:
            raise ValueError(f"'pool' must be None for a model with an answer per sample (got {pool!r})")
        self.pool = pool_choice(pool, self.dim)
        self.set_head(self._head_channels)
        if self.config:
            self.config["options"]["pool"] = self.pool

    def logits(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """Answers on a domain."""
        return apply_layer(self.head, self.features(x, domain), domain)

    def forward(
        self, data: Input, domain: AbstractDomain | None = None, *, spacing: Spacing | None = None
    ) -> Tensor:
        """Answers for PyG data, for an array, or for samples on a domain; see the class."""
        x, where = self.read(data, domain, spacing)
        answers = self.logits(x, where)
        self.remember(data, domain, spacing, x, where)
        self._compare_answers(answers)
        return answers if self.pool is not None else self.reading.as_given(answers, where, data)

    def forward_features(
        self, data: Input, domain: AbstractDomain | None = None, *, spacing: Spacing | None = None
    ) -> Tensor:
        """What the head reads, before it is pooled: ``[n, C]`` in the order of the samples, of arrays ``[B, C, *S]``.

        Networks that answer from coarser grids give these. Arguments as those of the model.

        Raises:
            ValueError: series whose stamps lie between those at which they are read.
        """
        x, where = self.read(data, domain, spacing)
        found: Any = self.features(x, where)
        self.remember(data, domain, spacing, x, where)
        if isinstance(found, tuple):
            return found[1].unflatten(found[0])  # type: ignore[no-any-return]
        return self.reading.as_given(found, where, data)

    def read(
        self, data: Input, domain: AbstractDomain | None = None, spacing: Spacing | None = None
    ) -> tuple[Tensor, AbstractDomain]:
        """Data as its layers read them, compared with what it was trained on: ``[n, C]``, and where they lie."""
        told = spacing is not None or domain is not None or (isinstance(data, Data) and "spacing" in data)
        x, where = self.reading.read(data, domain, spacing, functools.partial(self._compare, told))
        self._check_sampling(where)
        return x, where

    def train(self: N, mode: bool = True) -> N:
        """Set the mode; from training to eval, batch norms get statistics that fit the weights."""
        if not mode:
            self._renew()
        super().train(mode)
        if not mode:
            self._recent = []
        return self

    def state_dict(self, *args: Any, **options: Any) -> Any:
        """As of every module, with the statistics that eval mode has: what is stored answers as the model would."""
        self._renew()
        return super().state_dict(*args, **options)

    def _renew(self) -> None:
        """Statistics that fit the weights, unless they are."""
        norms = [norm for norm in batch_norms(self) if norm.training] if self._recent and self._lags else []
        self._lags = False
        if norms:
            calls = [
                functools.partial(self, data, domain, spacing=step) for data, domain, step in self._recent
            ]
            renew_statistics(self, norms, calls)

    def _apply(self: N, fn: Any, recurse: bool = True) -> N:
        self._recent = []  # of another device or type
        super()._apply(fn, recurse)
        return self

    def _load_from_state_dict(self, *args: Any) -> None:
        self._recent = []  # statistics come with the weights
        super()._load_from_state_dict(*args)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and files hold no data of the training, nor whether a batch was looked at."""
        return {**self.__dict__, "_recent": [], "_compared": False, "_alike": 0}

    def remember(
        self,
        data: Input,
        domain: AbstractDomain | None,
        spacing: Spacing | None,
        x: Tensor,
        where: AbstractDomain,
    ) -> None:
        """Keep a batch of the training that was answered, but not what graphs or transforms of torch.func hang on."""
        if not self.training or torch.compiler.is_compiling():
            return
        if self.recent < 1 or in_torch_func() or where.requires_grad or is_tracked(x) or not readable(x):
            return
        self._recent, self._lags = [*self._recent, (data, domain, spacing)][-self.recent :], True

    def _compare(self, told: bool, x: Tensor, where: AbstractDomain) -> None:
        """Warn, once per kind, of data outside of what the model was trained on.

        Left out in training, in graphs and in batches of ``torch.func``. On other devices than CPUs, which would have
        to be waited for, the first batch alone is looked at.
        """
        trained = self.trained_on
        if torch.compiler.is_compiling():
            return
        if isinstance(where, PointSet):  # where neighbours end is judged here, by what was seen in training
            known = trained is not None and trained.neighborhood is not None
            where.neighbors_judged = known or getattr(self.preprocessing, "num_neighbors", None) is not None
        if trained is None and isinstance(where, Grid):
            trained = declared(self.config.get("shape"), self.reading.spacing)
        if trained is None:
            return
        waits = x.device.type != "cpu"
        if self.training or (waits and self._compared) or not _can_be_seen(x, where):
            return
        if x.is_cuda and torch.backends.cuda.is_built() and torch.cuda.is_current_stream_capturing():
            return
        self._compared = True
        x, where = self.compared(x, where)
        if len(trained.channels) > x.shape[1]:  # as earlier versions measured
            trained = dataclasses.replace(trained, channels=trained.channels[-x.shape[1] :])
        found = seen(x, where)
        if self.reading.on_grid:
            found = read_on_grid(found)
        lit = getattr(self.preprocessing, "kind", None) == "image"
        said = list(
            outside(
                trained,
                found,
                self._first,
                told=told,
                pooled=self.pool is not None,
                lit=lit and found.reach is not None,
                sums=self.reading.series_interpolation is Interpolation.NONE,
                names=getattr(self.preprocessing, "channel_names", ())[-x.shape[1] :],
                normalised=getattr(self.preprocessing, "normalises", False),
            )
        )
        self._alike = self._alike + found.items if any(kind == "alike" for kind, _ in said) else 0
        for what, text in said:
            kind = "likeness" if what == "alike" and self._alike >= SOME else what  # one after the other
            if kind not in self.warned and kind != "alike":
                self.warned.add(kind)
                warnings.warn(text, SamplingWarning, stacklevel=2)

    def _compare_answers(self, answers: Tensor) -> None:
        """Warn of numbers far from all targets of the training, where nothing was said of the data."""
        task = self.task
        if torch.compiler.is_compiling() or self.training or self.warned or task is None:
            return
        numbers = task.kind is TaskKind.REGRESSION and task.error is not PointError.NORMALS
        if not (numbers and self.targets and answers.device.type == "cpu" and readable(answers)):
            return
        text = of_answers(answers, self.targets, self.classes)
        if text is not None:
            self.warned.add("answers")
            warnings.warn(text, SamplingWarning, stacklevel=3)

    def compared(self, x: Tensor, where: AbstractDomain) -> tuple[Tensor, AbstractDomain]:
        """Samples and channels that are compared with the training: all."""
        return x, where

    def _first(self) -> KernelConv | None:
        return next((m for m in self.modules() if isinstance(m, KernelConv)), None)

    def _check_sampling(self, where: AbstractDomain) -> None:
        """Kernels that saw the k nearest samples are another function where they see all samples in reach.

        Raises:
            ValueError: an array of more samples than k, for a model whose preprocessing has k neighbours, or whose k
                cut the window in training.
        """
        if not isinstance(where, Grid) or (k := self._nearest()) is None:
            return
        most = where.cells if where.occupied_cells is None else int(torch.bincount(where.segments()[0]).max())
        if most > k:
            raise ValueError(
                f"'data' must be points for this model, whose kernels saw the {k} nearest samples in training (got an "
                f"array, of which they would see all of {most} samples): OccupiedCells() and KNN({k}) of "
                "ccnn_pc.datasets make such points of it"
            )

    def _nearest(self) -> int | None:
        """k, where kernels saw the k nearest samples of a cloud and no others."""
        stored: int | None = getattr(self.preprocessing, "num_neighbors", None)
        near = None if self.trained_on is None else self.trained_on.neighborhood
        first = self._first()
        if stored is not None or near is None or first is None or torch.compiler.is_compiling():
            return stored
        return near.k if near.reach.median < window_reach(first) else None


def _can_be_seen(x: Tensor, where: AbstractDomain) -> bool:
    """Whether features and positions hold numbers that can be read, in a number that fits."""
    if isinstance(where, PointSet):
        return len(x) == where.num_samples and readable(x, where.pos)
    if isinstance(where, IrregularSeries):
        fits = len(x) == where.num_samples if where.mask is None else x.shape == where.mask.shape
        return fits and readable(x, where.times)
    return isinstance(where, Grid) and x.dim() == 2 and readable(x)


def stem_of(conv: Callable[[int, int], nn.Module]) -> Callable[[int, int], nn.Module]:
    """What makes the first convolution of a network: the ``stem`` of the factory of the others, or this factory."""
    return getattr(conv, "stem", conv)


def reading_for(first: nn.Module) -> Reading:
    """How data are read for a first layer that knows axes, channels and the spacing of training.

    Raises:
        TypeError: no such layer.
    """
    for module in first.modules():
        if all(hasattr(module, name) for name in ("dim", "in_channels", "spacing")):
            return Reading(module.dim, module.in_channels, tuple(module.spacing.tolist()))  # type: ignore[union-attr, arg-type, operator]
    raise TypeError(
        f"'reading' must be given for a first layer without dim, in_channels and spacing (got {type(first).__name__})"
    )
