"""Networks: published sizes by name, and trained models on disk; names are loaded at their first use."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.models.base import Model
    from ccnn_pc.models.ccnn import CCNN
    from ccnn_pc.models.ckcnn import CKCNN
    from ccnn_pc.models.create import create_model
    from ccnn_pc.models.flexnet import FlexNet
    from ccnn_pc.models.hub import from_pretrained, save_pretrained
    from ccnn_pc.models.hugging_face import push_to_hub
    from ccnn_pc.models.levels import Levelled
    from ccnn_pc.models.listing import list_models, list_pretrained
    from ccnn_pc.models.names import register_model
    from ccnn_pc.models.shift.certainty import Certainty
    from ccnn_pc.models.shift.outside import SamplingWarning
    from ccnn_pc.models.shift.trained_on import TrainedOn, measure
    from ccnn_pc.models.smpconv import SMPConvNet
    from ccnn_pc.models.task import PointError, Task, TaskKind

__all__ = [
    "CCNN",
    "CKCNN",
    "Certainty",
    "FlexNet",
    "Levelled",
    "Model",
    "PointError",
    "SMPConvNet",
    "SamplingWarning",
    "Task",
    "TaskKind",
    "TrainedOn",
    "create_model",
    "from_pretrained",
    "list_models",
    "list_pretrained",
    "measure",
    "push_to_hub",
    "register_model",
    "save_pretrained",
]

lazy(__name__)
