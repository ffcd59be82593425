"""Every code block of docs/logs.md runs on files like those that it names."""

import re
from pathlib import Path

import numpy as np

import progress_measures as pm

PAGE = (Path(__file__).parents[2] / "docs" / "logs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def chart(metric, *numbers):
    """A chart as W&B exports it, of two runs."""
    columns = [f"{run} - {metric}{end}" for run in ("seed 0", "seed 1") for end in ("", "__MIN", "__MAX")]
    rows = [[step, *[number] * 6] for step, number in zip((0, 10), numbers, strict=True)]
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in [["Step", *columns], *rows]) + "\n"


def test_blocks_run_on_files_of_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("metrics.csv").write_text("epoch,val/loss\n0,2.5\n1,0.5\n")
    Path("chart_export.csv").write_text(chart("val/loss", 2, 1))
    Path("chart_train.csv").write_text(chart("train/loss", 2, 0.5))
    Path("chart_val.csv").write_text(chart("val/loss", 4, 3))
    Path("notes.txt").write_text("0 loss 2.5\n100 loss 0.25\n")
    names, found = {}, []
    for block in BLOCKS:
        exec(compile(block, "docs/logs.md", "exec"), names)
        found.append(names.get("runs"))
    assert names["run"].step_name == "epoch"
    assert names["run"]["test_loss"].tolist() == [2.5, 0.5]
    assert {*found[1]} == {*names["runs"]} == {"seed 0", "seed 1"}
    joined = names["runs"]["seed 1"]
    assert [joined[name].tolist() for name in ("train/loss", "val/loss")] == [[2, 0.5], [4, 3]]
    notes = names["read_notes"]("notes.txt")
    np.testing.assert_array_equal(notes["train_loss"], [2.5, 0.25])


def test_accuracies_in_percents_are_recognized():
    shares = [0.02, 0.4, 1.0, 1.0]
    runs = [pm.Trajectory([0, 10, 20, 30], {"train_accuracy": [unit * x for x in shares]}) for unit in (1, 100)]
    assert pm.milestones(runs[0], answers=50).memorized == pm.milestones(runs[1], answers=50).memorized == 20
