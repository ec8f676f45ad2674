"""Networks that our tables compare with; not part of what the library is for."""

from ccnn_pc.peers import neural_cde, ode_rnn, point_networks, recurrent  # these enter their names

__all__ = ["neural_cde", "ode_rnn", "point_networks", "recurrent"]
