"""CIFAR-10 trained at 16 x 16 and asked at 32 x 32 (FlexConv, section 4.4); ``results/resolutions.csv``.

    python -m scripts.studies.resolutions path/to/cifar10 --runs runs/study_resolutions --seeds 0
    python -m scripts.tables.update

Pictures of 16 x 16 are means over 2 x 2 pixels; both sizes show the same scene, so that their pixels are 2 and 1 apart.
``…_tuned`` goes on at 32 x 32 with the weights of ``…``. Interrupted, the same command goes on; a training that has
finished is not repeated.
"""

from __future__ import annotations

from scripts import RESULTS
from scripts.studies.harness import Setting, Test, main

#: A small ``cifar10_tiny`` at one sampling, kernels of 17 x 17 pixels.
NETWORK = (
    "experiment=cifar10_tiny",
    "model.name=ccnn_4_16",
    "data.batch_size=64",
    "data.samplings=[]",
    "model.extent=8",
    "model.interpolation=none",
)


def pictures(cells: int) -> tuple[str, ...]:
    """Words for pictures of means over ``cells`` x ``cells`` pixels."""
    return ("+data.pre_transform._target_=ccnn_pc.datasets.CellMeans", f"+data.pre_transform.step={cells}")


COARSE = (*pictures(2), "data.shape=[16,16]", "model.spacing=2", "trainer.max_epochs=6")
FINE = (*pictures(1), "model.spacing=1", "trainer.max_epochs=1", "optim.lr=0.002", "optim.warmup_epochs=0")
FULL = Test("32 x 32", ("data.pre_transform.step=1",))
KERNELS = {
    "sine": (),
    "magnet": ("kernel=magnet", "kernel.omega_0=1"),
    "magnet_penalty": ("kernel=magnet", "kernel.omega_0=1", "task.aliasing_penalty=0.1"),
    "gabor": ("kernel=gabor", "kernel.omega_0=1"),
}

SETTINGS = [
    setting
    for name, words in KERNELS.items()
    for setting in (
        Setting(name, (*NETWORK, *COARSE, *words), "16 x 16", (FULL,)),
        Setting(f"{name}_tuned", (*NETWORK, *FINE, *words), "32 x 32", after=name),
    )
]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=RESULTS / "resolutions.csv"))
