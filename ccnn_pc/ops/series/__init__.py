"""Functions of samples along time: weights, lines between stamps, common spacings."""
