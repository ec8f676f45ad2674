"""Functions of samples on regular grids: direct and Fourier convolution, and which of them is faster."""
