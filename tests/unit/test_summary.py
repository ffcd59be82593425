"""One line for each of several runs, and the command that prints it."""

import csv

import pandas as pd
import pytest
import torch

import progress_measures as pm
from examples.modular_addition.bundled import RUNS
from progress_measures import __main__ as command_line

FILES = {name: RUNS / name / "curves.npz" for name in ("mainline", "seed1", "no_weight_decay")}
BUNDLED = pm.Runs({name: pm.Trajectory.load(path) for name, path in FILES.items()})
WITH_KEYS = pm.Trajectory(
    [0, 100, 200],
    {
        "train_accuracy": [0.1, 1.0, 1.0],
        "test_loss": [4.5, 0.5, torch.nan],
        "key_frequencies": [[1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [torch.nan] * 3],
    },
)


def test_each_line_is_what_the_library_finds():
    summary = pm.phases.summary(BUNDLED, answers=113)
    assert [*summary] == [*FILES]
    for name, run in BUNDLED.items():
        reached, ends = pm.milestones(run, answers=113), pm.find_phases(run, answers=113)
        line = summary[name]
        assert line["last_step"] == int(run.steps[-1])
        for field in ("memorized", "generalized", "delay", "relapses"):
            assert line[field] == getattr(reached, field)
        for field in ("memorization_end", "circuit_formation_end", "cleanup_end"):
            assert line[field] == getattr(ends, field)
        for loss in ("train_loss", "test_loss", "restricted_loss", "excluded_loss"):
            assert line[loss] == float(run[loss][-1])
    assert summary["mainline"]["circuit_formation_end"] == 4630


def test_key_frequencies_and_losses_are_those_last_measured():
    none = WITH_KEYS.select(["train_accuracy", "test_loss"])
    empty = pm.Trajectory([0], {"test_loss": [4.5], "key_frequencies": [[0.0, 0.0]]})
    summary = pm.phases.summary({"keys": WITH_KEYS, "without": none, "empty": empty}, answers=113)
    assert [line["key_frequencies"] for line in summary.values()] == [(1, 3), None, ()]
    assert [line["test_loss"] for line in summary.values()] == [0.5, 0.5, 4.5]
    assert [line["excluded_loss"] for line in summary.values()] == [None] * 3
    lines = str(summary).splitlines()
    assert lines[0].split() == ["run", "keys", "without", "empty"]
    assert lines[1].split() == ["last", "step", "200", "200", "0"]
    assert lines[2].split() == ["key", "frequencies", "1", "3", "not", "recorded", "none"]
    assert "excluded" not in str(summary)
    assert len(lines) == 1 + len(summary["keys"]) - 3  # no run has three of the losses


def test_text_html_and_frames():
    summary = pm.phases.summary(pm.Runs({f"<{name}>": run for name, run in BUNDLED.items()}), answers=113)
    head, *lines, legend = str(summary).splitlines()
    assert head.split() == ["run", "<mainline>", "<seed1>", "<no_weight_decay>"]
    assert legend == "? not settled: more training may move it"
    assert len({len(line) for line in (head, *lines)}) == 1
    assert len(head) < 80
    assert sum(line.endswith("not reached") for line in lines) == 5
    assert "8403?" in next(line for line in lines if line.startswith("cleanup ends"))
    html = summary._repr_html_()
    assert html.count("<tr>") == 4
    assert '<th scope="row">&lt;mainline&gt;</th><td>40000</td><td>not recorded</td>' in html
    assert '<th scope="col">circuit formation ends</th>' in html
    assert repr(summary) == "Summary(3 runs; <mainline>, <seed1>, <no_weight_decay>)"
    frame = pd.DataFrame(dict(summary)).T
    assert frame.loc["<mainline>", "circuit_formation_end"] == 4630


def test_a_loss_that_has_no_number_at_the_end_says_the_step_of_its_last():
    losses = torch.linspace(4.7, 0.5, 21)
    lost = losses.where(torch.arange(21) < 15, torch.nan)  # training diverged
    sparse = losses.where(torch.arange(21) % 2 == 1, torch.nan)  # evaluated at every other step
    run = pm.Trajectory(range(0, 2001, 100), {"train_loss": lost, "test_loss": sparse})
    summary = pm.phases.summary({"seed 0": run}, answers=113)
    assert summary.ended == {"seed 0": {"train_loss": 1400}}
    assert [line.rpartition("  ")[2] for line in str(summary).splitlines()[-2:]] == ["1.76 at 1400", "0.71"]
    assert "<td>1.76 at 1400</td><td>0.71</td>" in summary._repr_html_()
    assert summary["seed 0"]["train_loss"] == float(lost[14])


def test_csv(tmp_path):
    file = tmp_path / "runs.csv"
    summary = pm.phases.summary({"a,b": WITH_KEYS}, answers=113)
    summary.to_csv(file)
    with file.open(newline="") as lines:
        (line,) = csv.DictReader(lines)
    assert [line["run"], line["key_frequencies"], line["test_loss"], line["excluded_loss"]] == ["a,b", "1 3", "0.5", ""]
    assert [*line] == ["run", *summary["a,b"]]
    assert int(line["memorized"]) == summary["a,b"]["memorized"]


def test_many_runs_have_a_line_each():
    many = pm.Runs({f"{name} {copy}": run for copy in range(5) for name, run in BUNDLED.items()})
    head, under, *lines, _ = str(pm.phases.summary(many, answers=113)).splitlines()
    assert len({len(line) for line in (head, under, *lines)}) == 1
    assert [line.rpartition(" ")[0][:10].strip() for line in lines[::3]] == [f"mainline {copy}" for copy in range(5)]
    assert head.split()[-4:] == ["train", "test", "restricted", "excluded"]
    assert len(lines) == 15


def test_an_error_names_the_run():
    bad = pm.Trajectory([0], {"loss": [1.0]})
    with pytest.raises(ValueError, match="must have a number in one of the columns") as caught:
        pm.phases.summary({"good": WITH_KEYS, "bad": bad}, answers=113)
    assert caught.value.__notes__ == ["This was the run 'bad'."]


def test_the_command_prints_and_writes_the_same(tmp_path, capsys):
    file = tmp_path / "runs.csv"
    below = tmp_path / ("long" * 30)  # the folders that the runs share are in no name, so they make no table wider
    below.mkdir()
    paths = [below / name / path.name for name, path in FILES.items()]
    for path, original in zip(paths, FILES.values(), strict=True):
        path.parent.mkdir()
        path.write_bytes(original.read_bytes())
    command_line.main(["runs", *map(str, paths), "--answers", "113", "--csv", str(file)])
    summary = pm.phases.summary(pm.Runs({f"{name}/curves.npz": run for name, run in BUNDLED.items()}), answers=113)
    assert capsys.readouterr().out == f"{summary}\n"
    summary.to_csv(tmp_path / "same.csv")
    assert file.read_text() == (tmp_path / "same.csv").read_text()


def test_the_csv_file_replaces_no_run(tmp_path, capsys):
    run = tmp_path / "run.csv"
    run.write_text("step,test_loss\n0,4.7\n100,0.5\n")
    with pytest.raises(SystemExit):
        command_line.main(["runs", str(run), "--answers", "113", "--csv", str(run)])
    assert "argument --csv: must be none of the runs." in capsys.readouterr().err
    assert run.read_text() == "step,test_loss\n0,4.7\n100,0.5\n"
