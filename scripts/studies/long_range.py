"""ListOps and contours, small: ours beside a Transformer and a state space model; ``results/long_range.csv``.

    python -m scripts.studies.long_range --runs runs/study_long_range
    python -m scripts.tables.update

All have about as many parameters, and the peers as many core minutes as ours on images. Contours come as images, as
sequences and as clouds of their lit pixels; the networks of images and clouds are asked for scattered pixels too.
Interrupted, the same command goes on; a training that has finished is not repeated.
"""

from __future__ import annotations

from scripts import RESULTS
from scripts.studies.harness import Setting, Test, main

#: Of the contours: shares of the pixels, as points, and the pixels that are lit.
SAMPLINGS = ("scattered:0.75", "scattered:0.5", "scattered:0.25", "lit")

SETTINGS = [
    Setting("listops_tiny", ("experiment=listops_tiny",), "test"),
    Setting(
        "contours_tiny",
        ("experiment=contours_tiny",),
        "test",
        tuple(Test(each, sampling=each) for each in SAMPLINGS),
    ),
    Setting("contours_tiny_sequence", ("experiment=contours_tiny_sequence",), "test"),
    Setting(
        "contours_tiny_points",
        ("experiment=contours_tiny_points",),
        "test",
        tuple(Test(each, sampling=each) for each in SAMPLINGS),
    ),
    *(
        Setting(name, (f"experiment={name}",), "test")
        for peer in ("s4d", "transformer")
        for name in (f"listops_tiny_{peer}", f"contours_tiny_{peer}")
    ),
]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=RESULTS / "long_range.csv", data=False))
