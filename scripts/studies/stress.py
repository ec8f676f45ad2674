"""Copy memory and the adding problem at 100 to 6000 steps, each until it is solved; ``results/stress_tasks.csv``.

    python -m scripts.studies.stress --runs runs/study_stress --only copy_memory_100 adding_100
    python -m scripts.studies.stress --runs runs/study_stress --only adding_6000 --limit 600
    python -m scripts.tables.update

Settings are ours, and those of the paper (names that end with ckcnn), with a validation every 156 steps and an end once
it has all symbols right, or a squared error below 1e-4. The test is read once, afterwards. One seed each, and at most
the limit of core minutes; interrupted, the same command goes on.
"""

from __future__ import annotations

from scripts import RESULTS
from scripts.studies.harness import Setting, main

LENGTHS = (100, 200, 1000, 3000, 6000)
#: CKConv's settings: steps between two validations, such parts of an epoch (10 000 and 50 000 sequences), its epochs.
STEPS = 156
CKCNN = {
    "copy_memory": ("ckcnn_2_10", 2, (50, 50, 100, 200, 300), ("mode=max", "stopping_threshold=0.99999")),
    "adding": ("ckcnn_2_25", 10, (20, 20, 30, 50, 50), ("mode=min", "stopping_threshold=1e-4")),
}


def copy_memory(blank: int) -> tuple[str, ...]:
    """Our settings: frequencies in proportion to the pause."""
    shape = f"data.shape=[{blank + 20}]"
    return ("experiment=copy_memory_tiny", f"data.blank={blank}", shape, f"kernel.omega_0={blank / 6:.0f}")


def adding(length: int) -> tuple[str, ...]:
    """Our settings: windows of half a sample, whatever the length; more and smaller steps where marks are rarer."""
    words = ("experiment=adding_tiny", f"data.length={length}", f"kernel.width={0.5 / length:g}")
    return (*words, "trainer.max_epochs=40", "optim.lr=0.005") if length >= 3000 else words


SETTINGS = [
    *(Setting(f"copy_memory_{n}", copy_memory(n), "test", limited=True) for n in LENGTHS),
    *(Setting(f"adding_{n}", adding(n), "test", limited=True) for n in LENGTHS),
    *(
        Setting(
            f"{task}_{length}_ckcnn",
            (
                f"experiment={task}_{length}_{network}",
                f"trainer.limit_train_batches={STEPS}",
                f"trainer.max_epochs={parts * count}",
                "callbacks=solved",
                *(f"callbacks.solved.{word}" for word in solved),
            ),
            "test",
            limited=True,
        )
        for task, (network, parts, epochs, solved) in CKCNN.items()
        for length, count in zip(LENGTHS, epochs, strict=True)
    ),
]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=RESULTS / "stress_tasks.csv", data=False))
