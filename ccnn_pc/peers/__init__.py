"""Networks that our tables compare with; not part of what the library is for."""

from ccnn_pc.peers import (  # these enter their names
    dgcnn,
    gru,
    neural_cde,
    ode_rnn,
    pointnet2,
    pointnet2_segmentation,
    s4d,
    transformer,
)

__all__ = [
    "dgcnn",
    "gru",
    "neural_cde",
    "ode_rnn",
    "pointnet2",
    "pointnet2_segmentation",
    "s4d",
    "transformer",
]
