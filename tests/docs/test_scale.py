"""The scripts of docs/scale.md are run as they stand there, beside each other in a folder."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE
from tests._asserts import assert_same
from tests.docs._numbers import assert_has_numbers
from tests.docs._pages import section

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
SCRIPTS = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, flags=re.DOTALL))
JOBS = re.findall(r"```bash\n(#!/bin/bash\n.*?)```", PAGE, flags=re.DOTALL)
OWN = "my_run.py"
WHOLE = [name for name, script in SCRIPTS.items() if "if __name__ ==" in script and name != OWN]  # all checkpoints
STEPS = 4  # of all checkpoints, so that this takes seconds


@pytest.fixture
def folder(tmp_path):
    for name, script in SCRIPTS.items():
        (tmp_path / name).write_text(script, encoding="utf-8")
    with (tmp_path / "tracked.py").open("a") as file:
        file.write(f"\npaths = paths[:: len(paths) // {STEPS}]\n")
    return tmp_path


def run(folder, *command, **variables):
    inherited = os.environ.get("PYTHONPATH", "")
    # One thread everywhere: sums over more of them may differ in their last digits.
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), inherited])} | variables
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def serial():
    """The run measured in this process: one that is started imports PyTorch again, for longer than it measures."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        tracked = {}
        exec(SCRIPTS["tracked.py"], tracked)
        paths = tracked["paths"]
        return pm.track(paths[:: len(paths) // STEPS], tracked["measure"], load=tracked["load"])
    finally:
        torch.set_num_threads(threads)


def test_every_block_is_a_script_of_a_name():
    assert PAGE.count("```python\n") == len(SCRIPTS)  # so that it is run here


def test_the_checkpoints_are_counted():
    assert_has_numbers(section(PAGE, "The bundled checkpoints"), len(checkpoints.steps(MAINLINE)))


@pytest.mark.parametrize("script", WHOLE)
def test_script_gives_the_numbers_of_a_serial_run(folder, serial, script):
    if "distributed" in SCRIPTS[script] and importlib.util.find_spec("distributed") is None:
        pytest.skip("needs dask")
    done = run(folder, sys.executable, script)
    assert_same(pm.Trajectory.load(folder / "run.npz"), serial)
    assert f"{STEPS}/{STEPS}" in done.stderr  # the bar
    assert len((folder / "run.jsonl").read_text().splitlines()) == STEPS


def test_script_of_a_network_of_one_s_own(folder):
    own = {"__name__": "own"}
    exec(SCRIPTS[OWN], own)
    (folder / "checkpoints").mkdir()
    torch.manual_seed(0)
    for step in (0, 50, 1000):
        torch.save(own["Network"]().state_dict(), folder / "checkpoints" / f"{step:04}.pt")
    run(folder, sys.executable, OWN)
    found = pm.Trajectory.from_csv(folder / "run.csv")
    assert found.steps.tolist() == [0, 50, 1000]
    logits = pm.grid_logits(own["load"](folder / "checkpoints" / "1000.pt"), own["op"])
    loss = pm.cross_entropy(logits, own["op"], mask=own["train_mask"])
    assert float(found["train_loss"][-1]) == pytest.approx(float(loss))
    assert {"restricted_loss", "excluded_loss"} <= found.columns.keys()
    (folder / "checkpoints" / "0000.pt").write_bytes(b"")  # not loaded again
    again = run(folder, sys.executable, OWN)
    assert "3/3" in again.stderr


@pytest.mark.parametrize("job", JOBS)
def test_parts_of_an_array_are_merged(folder, serial, job, monkeypatch):
    (folder / "job.sh").write_text(job)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for part in range(2):
        task = {"SLURM_ARRAY_TASK_ID": str(part), "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1"}
        run(folder, "bash", "job.sh", PATH=path, **task)
    parts = [pm.Trajectory.load(folder / f"part_{part}.npz") for part in range(2)]
    assert sorted(step for part in parts for step in part.steps.tolist()) == serial.steps.tolist()
    if not hasattr(pm.Trajectory, "merge"):
        pytest.skip("needs Trajectory.merge")
    monkeypatch.chdir(folder)
    exec(SCRIPTS["merge.py"], {})  # here, where PyTorch is imported
    assert_same(pm.Trajectory.load(folder / "run.npz"), serial)
