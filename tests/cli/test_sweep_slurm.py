"""SLURM's commands, as far as submitit calls them, on one machine: what a cluster is given runs, and is read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Words

pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="the extra `sweep` is not installed")

#: Runs the tasks of an array one after the other, with the variables that SLURM sets.
SBATCH = """
import os, re, subprocess, sys
script, here = sys.argv[-1], os.path.dirname(os.path.abspath(__file__))
text = open(script).read()
open(os.path.join(here, "given.sh"), "w").write(text)
found = re.search(r"--array=0-(\\d+)", text)
print("Submitted batch job 17", flush=True)
if os.fork():
    os._exit(0)
os.setsid()
for stream in (0, 1, 2):
    os.close(stream)
    os.open(os.devnull, os.O_RDWR)
for task in range(int(found[1]) + 1 if found else 1):
    given = {
        "JOB_ID": "17", "ARRAY_JOB_ID": "17", "ARRAY_TASK_ID": task, "JOB_NAME": "ccnn-pc", "NTASKS": 1, "PROCID": 0,
        "LOCALID": 0, "NODEID": 0, "NNODES": 1, "JOB_NUM_NODES": 1, "JOB_NODELIST": "here", "NODELIST": "here",
    }
    given = {"SLURM_" + name: str(value) for name, value in given.items()}
    rc = subprocess.run(["bash", script], env={**os.environ, **given}).returncode
    open(os.path.join(here, f"state_17_{task}"), "w").write("FAILED" if rc else "COMPLETED")
"""
SRUN = """
import os, re, subprocess, sys
words, streams = sys.argv[1:], {}
while words[0].startswith("--"):
    word = words.pop(0)
    if word in ("--output", "--error"):
        name = words.pop(0)
        for letter, key in (("A", "ARRAY_JOB_ID"), ("a", "ARRAY_TASK_ID"), ("t", "PROCID"), ("j", "JOB_ID")):
            name = name.replace("%" + letter, os.environ["SLURM_" + key])
        streams[{"--output": "stdout", "--error": "stderr"}[word]] = open(name, "w")
sys.exit(subprocess.run(words, **streams).returncode)
"""
SACCT = """
import os
here = os.path.dirname(os.path.abspath(__file__))
print("JobID|State|NodeList")
for name in os.listdir(here):
    if name.startswith("state_"):
        print(f"{name[6:]}|{open(os.path.join(here, name)).read()}|here")
"""


@pytest.mark.slow
def test_slurm_is_given_an_array_of_runs(words: Words, tmp_path: Path) -> None:
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT)):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable}{text}")
        path.chmod(0o755)
    more = [
        "seed=0,1", "trainer.max_epochs=1", "hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu",
        "hydra.launcher.gpus_per_node=1", "hydra.launcher.cpus_per_task=4", "hydra.launcher.timeout_min=240",
        "hydra.launcher.setup=['echo one, two',date]", "+hydra.launcher.additional_parameters.mail-type=END",
        "hydra.launcher.max_num_timeout=3",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "ccnn_pc.cli.app", "train", "-m", "--json", *words(*more)],
        capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert len(found["runs"]) == 2 and all("val_accuracy" in row for row in found["runs"])
    given = (tmp_path / "bin" / "given.sh").read_text()
    for line in (
        "#SBATCH --array=0-1", "#SBATCH --partition=gpu", "#SBATCH --gpus-per-node=1", "#SBATCH --time=240",
        "#SBATCH --cpus-per-task=4", "#SBATCH --mail-type=END", "\necho one, two\ndate\n",
    ):  # fmt: skip
        assert line in given
