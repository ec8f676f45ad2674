"""Sequential MNIST and CIFAR-10 on one core, also at other samplings than in training; ``results/images.csv``.

    python scripts/study_images.py path/to/mnist --runs runs/study_images --only smnist --seeds 0
    python scripts/study_images.py path/to/cifar10 --runs runs/study_images --only cifar10 --seeds 0
    python scripts/update_readme.py

Half rate is every second sample of a sequence, or every second pixel along both axes of an image, with the weights of
the training. Interrupted, the same command goes on; a training that has finished is not repeated.
"""

from __future__ import annotations

from readme_tables import ROOT  # beside this script, like the next
from studies import Setting, Test, main

HALF = Test("pixels:2", sampling="pixels:2")
SCATTERED = Test("scattered:0.5", sampling="scattered:0.5")
SETTINGS = [
    Setting("smnist", ("experiment=smnist_tiny",), "pixels", (HALF,)),
    Setting("cifar10", ("experiment=cifar10_tiny",), "pixels", (HALF, SCATTERED)),
]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=ROOT / "results" / "images.csv"))
