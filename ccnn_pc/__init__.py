"""Continuous-kernel convolutions for point clouds, grids and irregular time series.

A kernel is a small neural network of relative position; a convolution is a quadrature of an integral:
``y(q_i) = sum_j w_j K(p_j - q_i) x(p_j)``. The rooms, from the left of the import arrow to the right:

``ops``, ``kernels`` -> ``domains`` -> ``nn`` -> ``models`` -> ``training`` -> ``cli``; ``datasets`` and ``viz`` stand
beside them.
"""

__version__ = "0.1.0"
