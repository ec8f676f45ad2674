"""Sequential MNIST and CIFAR-10 on one core, also at other samplings than in training; ``results/images.csv``.

    python -m scripts.studies.images path/to/mnist --runs runs/study_images --only smnist --seeds 0
    python -m scripts.studies.images path/to/cifar10 --runs runs/study_images --only cifar10 --seeds 0
    python -m scripts.tables.update

Half rate is every second sample of a sequence, or every second pixel along both axes of an image, with the weights of
the training. Interrupted, the same command goes on; a training that has finished is not repeated.
"""

from __future__ import annotations

from scripts import RESULTS
from scripts.studies.harness import Setting, Test, main

HALF = Test("pixels:2", sampling="pixels:2")
SCATTERED = Test("scattered:0.5", sampling="scattered:0.5")
SETTINGS = [
    Setting("smnist", ("experiment=smnist_tiny",), "pixels", (HALF,)),
    Setting("cifar10", ("experiment=cifar10_tiny",), "pixels", (HALF, SCATTERED)),
    Setting("cifar10_alone", ("experiment=cifar10_tiny", "data.samplings=[]"), "pixels"),
]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=RESULTS / "images.csv"))
