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
#: Samplings that the mixture of ``cifar10_tiny`` does not hold, but for every third pixel.
OTHERS = (
    *(
        "pixels:1.3333333",
        "pixels:3",
        "scattered:0.75",
        "scattered:0.5",
        "scattered:0.25",
        "jittered",
        "uneven:0.3",
    ),
)
#: Samplings that networks of their own are trained at.
TRAINED_THERE = ("pixels:2", *OTHERS)


def trained_at(sampling: str) -> Setting:
    """A network that trains, validates and is tested at one sampling."""
    validation = f"{{_target_:ccnn_pc.datasets.samplings.mixed_augmentation,samplings:[{sampling}]}}"
    words = (
        "experiment=cifar10_tiny",
        f"data.samplings=[{sampling}]",
        f"data.module.eval_transform={validation}",
    )
    return Setting(f"cifar10_at_{sampling}", words, "pixels", (Test(sampling, sampling=sampling),))


SETTINGS = [
    Setting("smnist", ("experiment=smnist_tiny",), "pixels", (HALF,)),
    Setting(
        "cifar10",
        ("experiment=cifar10_tiny",),
        "pixels",
        (HALF, *(Test(each, sampling=each) for each in OTHERS)),
    ),
    Setting("cifar10_alone", ("experiment=cifar10_tiny", "data.samplings=[]"), "pixels"),
    *(trained_at(sampling) for sampling in TRAINED_THERE),
]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=RESULTS / "images.csv"))
