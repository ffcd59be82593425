"""What docs/recording.md shows is run as it stands there, and prints what stands beside it."""

import contextlib
import csv
import io
import re
from pathlib import Path

import pytest
import torch

PAGE = (Path(__file__).parents[2] / "docs" / "recording.md").read_text(encoding="utf-8")
SECTIONS = {
    section.partition("\n")[0]: blocks
    for section in PAGE.split("\n## ")
    if (blocks := re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL))
}
FIRST = next(iter(SECTIONS))  # whose names all others use
NEEDS = {
    "torch.utils.tensorboard": "tensorboard", "callbacks.lightning": "lightning",
    "callbacks.transformers": "transformers",
}  # fmt: skip


@pytest.mark.parametrize("heading", SECTIONS)
@pytest.mark.filterwarnings("ignore")
def test_blocks_run_and_print_what_they_say(heading, tmp_path, monkeypatch):
    for module, package in NEEDS.items():
        if module in "".join(SECTIONS[heading]):
            pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = [*SECTIONS[FIRST], *(SECTIONS[heading] if heading != FIRST else [])]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for block in blocks:
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(block, f"docs/recording.md, {heading}", "exec"), names)
            said = re.findall(r"^ *print\(.*\)  # (.*)$", block, flags=re.MULTILINE)
            printed = output.getvalue().splitlines()
            assert printed[len(printed) - len(said) :] == said
    if '"run.csv"' in "".join(blocks):
        steps = [int(row["step"]) for row in csv.DictReader((tmp_path / "run.csv").open())]
        assert steps == sorted(set(steps)) != []
    if 'SummaryWriter("runs")' in "".join(blocks):
        assert list((tmp_path / "runs").iterdir())
