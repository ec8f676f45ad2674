"""Experiments that the documentation shows: what kernel networks can express, how sums converge to integrals."""
