"""What all data sets share: items on grids, labels, splits, seeds, caches, downloads."""
