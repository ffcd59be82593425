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
    section.partition("\n")[0]: re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}
NEEDS = {"Loggers": ["tensorboard"], "Lightning and Hugging Face": ["lightning", "transformers"]}


@pytest.mark.parametrize("heading", SECTIONS)
@pytest.mark.filterwarnings("ignore")
def test_blocks_run_and_print_what_they_say(heading, tmp_path, monkeypatch):
    for package in NEEDS.get(heading, []):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = [*SECTIONS["A plain loop"], *(SECTIONS[heading] if heading != "A plain loop" else [])]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for block in blocks:
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(block, f"docs/recording.md, {heading}", "exec"), names)
            said = re.findall(r"^print\(.*\)  # (.*)$", block, flags=re.MULTILINE)
            printed = output.getvalue().splitlines()
            assert printed[len(printed) - len(said) :] == said
    if heading == "Loggers":
        rows = list(csv.DictReader((tmp_path / "run.csv").open()))
        assert [row["step"] for row in rows] == ["0", "10", "20", "30"]
        assert list((tmp_path / "runs").iterdir())


def test_every_part_is_there():
    assert {heading for heading, blocks in SECTIONS.items() if blocks} == {
        "A plain loop", "Killed, and resumed", "Several processes", "Loggers",
        "Lightning and Hugging Face", "Which frequencies",
    }  # fmt: skip
