"""Pure functions on tensors, without parameters: coordinates, neighbours, density, convolutions, sampling."""
