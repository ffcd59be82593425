"""What docs/command_line.md shows of the commands runs as it stands there, and prints the same."""

import glob
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from progress_measures.__main__ import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8"), re.DOTALL)
ENVIRONMENT = {**os.environ, "COLUMNS": "100", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def said(capsys, monkeypatch):
    """What a command of the library prints in a folder, as ``typed``, but within this process, which is quicker."""
    monkeypatch.setenv("COLUMNS", ENVIRONMENT["COLUMNS"])

    def run(line, folder):
        monkeypatch.chdir(folder)
        program, *words = shlex.split(line)
        assert program == "progress-measures"
        try:
            main([found for word in words for found in sorted(glob.glob(word)) or [word]])  # noqa: PTH207 (as a shell)
            code = 0
        except SystemExit as stop:
            code = stop.code
        return code, "".join(capsys.readouterr())

    return run


@pytest.fixture
def clone(tmp_path):
    """A folder with the bundled runs where a clone has them, for the pictures to go to."""
    runs = Path("examples", "modular_addition", "runs")
    for curves in (ROOT / runs).glob("*/curves.npz"):
        copy = tmp_path / curves.relative_to(ROOT)
        copy.parent.mkdir(parents=True)
        shutil.copy(curves, copy)
    return tmp_path


def typed(line, folder):
    done = subprocess.run(line, shell=True, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def drawn(line):
    """The picture that a command writes."""
    return re.findall(r" -o (\S+)", line)


def test_the_page_prints_what_it_shows(clone, said):
    folder = clone
    for block in BLOCKS:
        for shown in block.removeprefix("$ ").split("\n$ "):
            line, _, output = shown.partition("\n")
            if line.startswith("cd "):
                folder /= line.removeprefix("cd ")
                continue
            if line.startswith("progress-measures report") and importlib.util.find_spec("bokeh") is None:
                continue  # it needs the extra `report`
            code, printed = said(line, folder)
            assert printed.rstrip("\n") == output.rstrip("\n"), line
            assert code == (2 if "error: " in output else 0), line
            assert code or all((folder / picture).is_file() for picture in drawn(line)), line


@pytest.mark.parametrize("name", ["examples.modular_addition", "examples.modular_addition.train", "examples.recording"])
def test_the_examples_commands_have_help(name):
    code, printed = typed(f"{shlex.quote(sys.executable)} -W error -m {name} --help", ROOT)
    assert code == 0, printed
    assert printed.startswith(f"usage: python -m {name}")
