"""Many files to stored clouds; broken ones are counted and do not lose the others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

from ccnn_pc.datasets.clouds.read_shape import Sampling, to_points
from ccnn_pc.datasets.clouds.stored import CloudPacker, StoredClouds
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.formats import RawShape

Source = tuple[str, int, Callable[[], RawShape]]
"""Name of a shape, its label, and how to read it."""


def collect_clouds(
    sources: Sequence[Source],
    classes: Sequence[str],
    num_points: int,
    sampling: Sampling = Sampling.UNIFORM,
    shape_seed: int = 0,
    normals: bool = True,
) -> StoredClouds:
    """Read every source; those that raise ValueError or OSError go to ``broken`` with the reason.

    Raises:
        ImportError: a needed package is missing (that is no fault of the files).
        ValueError: every single file is broken.
    """
    packer, broken, dropped = CloudPacker(), [], {}
    for number, (name, label, read) in enumerate(sources):
        try:
            cloud, lost = to_points(
                read(), name, num_points, seeded_generator(shape_seed, number), sampling, normals
            )
        except (ValueError, OSError) as error:
            broken.append((name, str(error)))
        else:
            packer.add(cloud.vertices, cloud.normals, label, name, cloud.attributes)
            if lost:
                dropped[name] = lost
    if sources and len(broken) == len(sources):
        raise ValueError(f"none of the {len(sources)} files can be read; the first: {broken[0][1]}")
    clouds = packer.finish(classes, broken)
    clouds.attributes.dropped = dropped
    return clouds


def warn_broken(clouds: StoredClouds, where: object, what: str = "files") -> None:
    """One warning for all broken files, one for lost points, one for attributes that only some of the clouds have."""
    if clouds.broken:
        total = len(clouds) + len(clouds.broken)
        warnings.warn(
            f"{len(clouds.broken)} of {total} files in '{where}' could not be read and are left out "
            f"(see .broken); the first: {clouds.broken[0][1]}",
            DataWarning,
            stacklevel=3,
        )
    if dropped := clouds.attributes.dropped:
        name, most = max(dropped.items(), key=lambda item: item[1])
        warnings.warn(
            f"{sum(dropped.values())} points in {len(dropped)} of {len(clouds)} {what} in '{where}' are NaN or "
            "infinite, copies of a mark (0, 0, 0), or one point again and again at the end, and are left out; the "
            f"most, {most}, in '{name}'",
            DataWarning,
            stacklevel=3,
        )
    if clouds.attributes.partial:
        named = ", ".join(
            f"'{name}' ({count} of {len(clouds)})" for name, count in clouds.attributes.partial.items()
        )
        warnings.warn(
            f"attributes that not all files in '{where}' have alike are left out: {named}",
            DataWarning,
            stacklevel=3,
        )
