"""Functions of points anywhere: the fused convolution, densities, sampling of surfaces, voxels."""
