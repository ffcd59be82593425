"""Names of columns at the command line: other common spellings, what is drawn by default, and new names."""

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import progress_measures as pm
from progress_measures import __main__ as command_line
from progress_measures._commands.names import with_names
from tests._pages import Page

LOG = """epoch,loss/train,acc/train,acc/val
0,3.4,0.03,0.03
100,0.4,0.92,0.05
200,0.002,1.0,0.06
2000,0.0001,1.0,0.31
3000,0.0001,1.0,0.995
4000,0.0001,1.0,1.0
"""
POWER = torch.tensor([[1.0, 1.0, 1.0], [0.1, 0.1, 9.0], [0.1, 0.1, 9.0]])


def read(old, new):
    return f"reading {old} as {new}; --rename {new}=… chooses another\n"


@pytest.fixture(autouse=True)
def log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(LOG)


@pytest.fixture
def run(capsys):
    """Runs a command within this process; returns its exit code, what it prints, and its errors."""

    def run(*arguments):
        try:
            command_line.main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def drawn(monkeypatch):
    """The axes of each picture that ``plot`` draws, in order: labels of lines by label of the vertical axis."""
    pictures = []
    saved = plt.Figure.savefig

    def save(figure, *arguments, **options):
        shown = {ax.get_ylabel(): [line.get_label() for line in ax.lines] for ax in figure.axes}
        pictures.append({axis: [label for label in labels if label != "_"] for axis, labels in shown.items()})
        return saved(figure, *arguments, **options)

    monkeypatch.setattr(plt.Figure, "savefig", save)
    return pictures


def test_plot_knows_the_names_that_phases_knows(run, drawn):
    wanted = ["train_accuracy", "test_accuracy"]
    code, _, err = run("plot", "log.csv", "-o", "out.png", "--columns", *wanted)
    assert (code, err) == (0, read("acc/train", wanted[0]) + read("acc/val", wanted[1]))
    assert drawn == [{"accuracy": ["train accuracy", "test accuracy"]}]


def test_a_picture_with_milestones_names_each_column_once(run):
    _, _, err = run("plot", "log.csv", "-o", "out.png", "--columns", "test_accuracy", "--answers", 31)
    assert sorted(err.splitlines(keepends=True)) == [
        read("acc/train", "train_accuracy"),
        read("acc/val", "test_accuracy"),
        read("loss/train", "train_loss"),
    ]


def test_own_names_can_be_drawn_next_to_known_ones(run, drawn):
    assert run("plot", "log.csv", "-o", "out.png", "--columns", "acc/val", "test_accuracy")[0] == 0
    assert drawn == [{"accuracy": ["acc/val", "test accuracy"]}]


def test_runs_that_spell_one_column_otherwise_are_drawn_together(run):
    for name, column in {"a": "val/loss", "b": "test_loss"}.items():
        pm.Trajectory([0, 10], {column: [3.0, 0.1]}).save(f"{name}.npz")
    code, out, err = run("plot", "a.npz", "b.npz", "-o", "out.png", "--columns", "test_loss")
    assert (code, err) == (0, read("val/loss", "test_loss"))
    assert "mean and standard deviation of 2 runs" in out


def test_a_name_that_may_mean_two_columns_is_not_guessed(run):
    pm.Trajectory([0, 10], {"val_loss": [3.0, 0.1], "eval_loss": [3.0, 0.2]}).save("two.npz")
    code, _, err = run("plot", "two.npz", "-o", "out.png", "--columns", "test_loss")
    assert code == 2
    assert err.startswith(
        "val_loss, eval_loss may each be test_loss, so none is read as it; --rename test_loss=val_loss"
    )
    assert not Path("out.png").exists()


@pytest.mark.parametrize("prefix", ["recorder/", "train/recorder/"])
def test_frequencies_reads_the_columns_of_a_recorder(prefix, run):
    keys = [[1, 0, 0]] * 3
    columns = {"logit_power": POWER, "key_frequencies": keys, "sufficient_frequencies": [[0, 0, 1]] * 3}
    pm.Trajectory([0, 10, 20], columns).save("own.npz")
    pm.Trajectory([0, 10, 20], {prefix + name: x for name, x in columns.items()}).save("recorder.npz")
    for rule in ([], ["--rule", "sufficient"], ["--rule", "peaks"], ["--share", "0.5"]):
        code, out, err = run("frequencies", "recorder.npz", *rule)
        assert (code, out.replace("recorder", "own     ").split()) == (
            0,
            run("frequencies", "own.npz", *rule)[1].split(),
        )
        assert f"reading the columns {prefix}… without {prefix};" in err


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        # Without a test loss, losses do not show how the network generalizes: test accuracy does.
        (["loss/train", "acc/train", "acc/val"], ["loss/train", "acc/train", "acc/val"]),
        (["loss", "val_acc"], ["loss", "val_acc"]),
        (["train/loss", "val/loss", "acc/train", "acc/val"], ["train/loss", "val/loss"]),
        (["train_loss", "train_acc"], ["train_loss"]),
        (["acc/train", "acc/val", "other"], ["acc/train", "acc/val"]),
    ],
)
def test_what_is_drawn_by_default_shows_generalization(columns, expected, run, drawn):
    pm.Trajectory([0, 1], {name: [0.5, 0.25] for name in columns}).save("log.npz")
    assert run("plot", "log.npz", "-o", "out.png")[0] == 0
    labels = [label for labels in drawn[0].values() for label in labels]
    assert labels == [name.replace("_", " ") for name in expected]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"acc/train": 1.0, "acc/val": 0.5}, ["accuracy"]),
        ({"acc/train": 100.0, "acc/val": 50.0}, ["accuracy (%)"]),
        ({"loss/train": 1.0, "loss/val": 0.5}, ["loss"]),
        ({"loss/train": 1.0, "acc/val": 50.0}, ["loss/train", "acc/val (%)"]),
        ({"loss/train": 1.0, "weights": 50.0}, [""]),
    ],
)
def test_the_vertical_axes_say_what_they_show(columns, expected, run, drawn):
    pm.Trajectory([0, 1], {name: [value, value / 2] for name, value in columns.items()}).save("log.npz")
    assert run("plot", "log.npz", "-o", "out.png", "--columns", *columns)[0] == 0
    assert [*drawn[0]] == expected


def test_a_mean_of_percents_says_both(run, drawn):
    for name in "ab":
        pm.Trajectory([0, 1], {"test_accuracy": [1.0, 99.0]}).save(f"{name}.npz")
    assert run("plot", "a.npz", "b.npz", "-o", "out.png")[0] == 0
    assert [*drawn[0]] == ["test accuracy (%, mean of 2 runs, ± 1 sd)"]


@pytest.mark.parametrize(("share", "expected"), [(1.0, "accuracies"), (100.0, "accuracies (%)")])
def test_a_page_says_which_accuracies_are_percents(share, expected, run):
    pytest.importorskip("bokeh", reason="bokeh is not installed: it is in the extra `report`")
    pm.Trajectory([0, 1], {"loss": [3.0, 2.0], "train_acc": [0.0, share], "val_acc": [0.0, 0.0]}).save("log.npz")
    assert run("report", "log.npz", "-o", "out.html")[0] == 0
    figures = Page(Path("out.html").read_text(encoding="utf-8")).figures
    labels = {part["attributes"]["text"] for figure in figures for part in figure if part["name"] == "PlainText"}
    assert {label for label in labels if label.startswith("acc")} == {expected}


def test_milestones_of_percents_are_said_in_percents(run):
    rows = [line.split(",") for line in LOG.splitlines()[1:]]
    accuracies = {name: [100 * float(row[k]) for row in rows] for name, k in {"train_acc": 2, "val_acc": 3}.items()}
    pm.Trajectory([int(row[0]) for row in rows], accuracies).to_csv("percent.csv")
    _, out, _ = run("phases", "percent.csv", "--answers", 31)
    assert "train_accuracy is 99 %\n" in out
    assert "test_accuracy is 99 %, 2805 after" in out
    short = {"train_acc": accuracies["train_acc"][:4], "val_acc": accuracies["val_acc"][:4]}
    pm.Trajectory([0, 100, 200, 2000], short).to_csv("short.csv")
    assert "test_accuracy is 31 % at most\n" in run("phases", "short.csv", "--answers", 31)[1]


def test_new_names_the_wrong_way_round_are_turned(run):
    wrong = "`rename` must name columns of the file. Got 'test_accuracy', where "
    right = " The new name comes first: pass rename={'test_accuracy': 'acc/val'} or --rename test_accuracy=acc/val."
    code, _, err = run("phases", "log.csv", "--answers", 31, "--rename", "acc/val=test_accuracy")
    assert (code, err.startswith(f"progress-measures: error: {wrong}"), err.endswith(f"{right}\n")) == (2, True, True)
    with pytest.raises(ValueError, match=r"^`rename` must name columns") as caught:
        pm.Trajectory.read("log.csv", rename={"acc/val": "test_accuracy"})
    assert str(caught.value).endswith(right)


MISSING = {
    "matplotlib": "import progress_measures.plotting",
    "bokeh": "import progress_measures.report",
    "lightning": "import progress_measures.callbacks.lightning",
    "transformers": "import progress_measures.callbacks.transformers",
    "pyarrow": "import progress_measures as pm; pm.Trajectory([0], {'x': [1.0]}).__arrow_c_stream__()",
}


@pytest.mark.parametrize("package", MISSING)
def test_a_missing_package_is_named_as_pip_knows_it(package):
    """The extras of this library install nothing unless the library itself comes from where pip looks."""
    code = f"import sys; sys.modules[{package!r}] = None\ntry: {MISSING[package]}\nexcept ImportError as e: print(e)"
    code = code.replace("try: ", "try:\n  ")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    needed, _, packages = done.stdout.partition(": pip install ")
    assert package in needed
    assert package in packages.split()
    assert "progress_measures" not in packages


def test_known_names_are_added_to_those_of_the_log():
    log = pm.Trajectory.read("log.csv")
    (known,) = with_names(pm.Runs({"log": log}), ["test_accuracy"]).values()
    assert known.step_name == "epoch"
    assert {*known.columns} - {*log.columns} == {"test_accuracy"}
    for name, values in log.columns.items():
        np.testing.assert_array_equal(known[name], values)
