"""Networks that our tables compare with; not part of what the library is for."""

from ccnn_pc.peers import dgcnn, gru, neural_cde, ode_rnn, pointnet2  # these enter their names

__all__ = ["dgcnn", "gru", "neural_cde", "ode_rnn", "pointnet2"]
