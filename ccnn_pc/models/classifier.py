"""The last layer of a model, as timm's models give it out: looked at, exchanged, left out."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ccnn_pc._checks import check_at_least
from ccnn_pc._precision import HALF
from ccnn_pc.models.roles import Role, parameter_roles
from ccnn_pc.models.task import Task, TaskKind


class Classifier(nn.Module):
    """A module whose ``head`` makes answers of features, so many as ``out_channels``.

    ``num_classes`` is another name of ``out_channels`` here and in :func:`ccnn_pc.models.create_model`: layers, saved
    models and networks that answer with numbers have the latter, timm's users know the former. Both stay.

    Attributes:
        head: from features to answers.
        num_features: channels that the last layers read, after pooling.
        first_layers: names of the layers whose weights depend on the channels of the data.
    """

    in_channels: int
    out_channels: int
    head: Any
    num_features: int
    config: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    classes: list[str]
    task: Task | None
    first_layers: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """Outputs: ``out_channels``."""
        return self.out_channels

    def get_classifier(self) -> nn.Module:
        """What makes answers of (pooled) features: the linear map of a head, or all of a head without one.

        Raises:
            TypeError: a model without ``head``.
        """
        head = getattr(self, "head", None)
        if not isinstance(head, nn.Module):
            raise TypeError(f"'model' must have a head (got a {type(self).__name__} without)")
        linear = getattr(head, "linear", None)
        return linear if isinstance(linear, nn.Module) else head

    def new_head(self, out_channels: int) -> nn.Module:
        """A head of new weights; 0: none, features come out."""
        return nn.Linear(self.num_features, out_channels) if out_channels else nn.Identity()

    def set_pool(self, pool: Any) -> None:
        """Choose how samples become one answer; None: as they do.

        Raises:
            ValueError: no such choice, or a model without.
        """
        if pool is not None:
            raise ValueError(f"'pool' must be None for a {type(self).__name__} (got {pool!r})")

    def reset_classifier(self, num_classes: int, pool: Any = None) -> None:
        """Exchange the head by one of new weights; names of classes go with the old one.

        Args:
            num_classes: outputs; 0: none, features come out.
            pool: how samples become one answer, see :func:`ccnn_pc.models.create_model`; None: as they do.

        Raises:
            ValueError: a negative number, or no such pool.

        Example:
            >>> import torch
            >>> from ccnn_pc.models import create_model
            >>> model = create_model("ccnn_4_16", dim=1, in_channels=3, num_classes=10, shape=(9,))
            >>> model.reset_classifier(2)
            >>> model(torch.rand(4, 3, 9)).shape, model.get_classifier().out_features
            (torch.Size([4, 2]), 2)
            >>> model.reset_classifier(0)
            >>> model(torch.rand(4, 3, 9)).shape[1] == model.num_features
            True
        """
        check_at_least("num_classes", num_classes, 0)
        like = [*self.head.parameters(), *self.parameters()]
        self.set_pool(pool)
        self.out_channels = num_classes
        head = self.new_head(num_classes)
        if like:
            coarse = [p.dtype for p in like if p.dtype in HALF]
            head = head.to(like[0].device, coarse[0] if coarse else like[0].dtype)
        self.head = head.train(self.training)
        self.classes = []
        if self.task is not None and self.task.kind is TaskKind.REGRESSION:
            self.task = None
        if self.config:
            self.config["out_channels"] = num_classes
            kept = {name: shape for name, shape in self.shapes.items() if not name.startswith("head.")}
            new = {f"head.{name}": tuple(value.shape) for name, value in head.state_dict().items()}
            self.shapes = {**kept, **new}

    def forward_features(self, data: Any) -> Tensor:
        """What the head reads; see the model."""
        raise NotImplementedError(f"'{type(self).__name__}' does not say what its head reads")

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters that weight decay must leave alone: kernels, windows, norms and biases.

        Smaller weights of a kernel network are another kernel, not a smaller one.

        Example:
            >>> from ccnn_pc.models import create_model
            >>> model = create_model("ccnn_4_16", dim=1, in_channels=3, num_classes=2, shape=(9,))
            >>> sorted(set(dict(model.named_parameters())) - model.no_weight_decay())[0]
            'blocks.0.conv.mix.weight'
        """
        return {name for name, role in parameter_roles(self).items() if role is not Role.OTHER}
