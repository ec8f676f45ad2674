"""Copy memory and the adding problem at 100 to 6000 steps, each until it is solved; ``results/stress_tasks.csv``.

    python scripts/study_stress.py --runs runs/study_stress --only copy_memory_100 adding_100
    python scripts/study_stress.py --runs runs/study_stress --only adding_6000 --limit 600
    python scripts/update_readme.py

Settings are those of the paper, but validation comes every 156 steps, and training ends once it has all symbols right,
or a squared error below 1e-4; the test is read once, afterwards. One seed each, and at most the limit of core minutes;
interrupted, the same command goes on.
"""

from __future__ import annotations

from readme_tables import ROOT  # beside this script, like the next
from studies import Setting, main

LENGTHS = (100, 200, 1000, 3000, 6000)
#: Part of the training data between two validations, of 10 000 and of 50 000 sequences, and the epochs of the paper.
TASKS = {
    "copy_memory": ("ckcnn_2_10", 2, (50, 50, 100, 200, 300), ("mode=max", "stopping_threshold=0.99999")),
    "adding": ("ckcnn_2_25", 10, (20, 20, 30, 50, 50), ("mode=min", "stopping_threshold=1e-4")),
}

SETTINGS = [
    Setting(
        f"{task}_{length}",
        (
            f"experiment={task}_{length}_{network}",
            "trainer.limit_train_batches=156",
            f"trainer.max_epochs={parts * count}",
            "callbacks=solved",
            *(f"callbacks.solved.{word}" for word in solved),
        ),
        "test",
        limited=True,
    )
    for task, (network, parts, epochs, solved) in TASKS.items()
    for length, count in zip(LENGTHS, epochs, strict=True)
]

if __name__ == "__main__":
    raise SystemExit(main(SETTINGS, about=__doc__, results=ROOT / "results" / "stress_tasks.csv", data=False))
