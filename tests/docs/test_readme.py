"""What the README shows is run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import progress_measures as pm

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_example_runs_by_itself():
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("()\n")
    assert len(done.stdout.splitlines()) == 4


def test_every_function_that_is_named_exists():
    table = README[README.index("| what | functions |") : README.index("Losses are float64")]
    named = {name.removeprefix("pm.") for name in re.findall(r"`([\w.]+)`", table)}
    plotting = {"progress_measures.plotting"}
    assert named - plotting <= set(pm.__all__)
    # Types that only functions return need no row of their own.
    types = {"Activations", "Control", "Controls", "Irrep", "LeadTimes", "Measures", "PhaseSpread", "Phases", "Site"}
    assert set(pm.__all__) - named == types | {"WaveFit"}


def test_files_that_are_linked_exist():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).is_file(), target
