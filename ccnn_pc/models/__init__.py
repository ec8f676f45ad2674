"""Networks: published sizes by name, and trained models on disk."""

from ccnn_pc.models import baselines as _baselines  # these enter their names
from ccnn_pc.models import neural_cde as _neural_cde
from ccnn_pc.models import ode_rnn as _ode_rnn
from ccnn_pc.models import published as _published
from ccnn_pc.models import recurrent as _recurrent
from ccnn_pc.models import sizes as _sizes
from ccnn_pc.models import smpnet as _smpnet
from ccnn_pc.models.base import Model
from ccnn_pc.models.ccnn import CCNN
from ccnn_pc.models.ckcnn import CKCNN
from ccnn_pc.models.convert_ckconv import convert_ckconv
from ccnn_pc.models.flexnet import FlexNet
from ccnn_pc.models.hub import from_pretrained, list_pretrained, save_pretrained
from ccnn_pc.models.registry import create_model, list_models, register_model
from ccnn_pc.models.smpconv import SMPConvNet

__all__ = [
    "CCNN",
    "CKCNN",
    "FlexNet",
    "Model",
    "SMPConvNet",
    "convert_ckconv",
    "create_model",
    "from_pretrained",
    "list_models",
    "list_pretrained",
    "register_model",
    "save_pretrained",
]

del _baselines, _neural_cde, _ode_rnn, _published, _recurrent, _sizes, _smpnet
