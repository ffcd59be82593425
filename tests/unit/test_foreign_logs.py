"""Logs of other programs that looked like another kind of log, or gave numbers that nobody had written."""

import json
import warnings
from pathlib import Path

import pytest

import progress_measures as pm
from progress_measures import __main__ as command_line

WHOLE_RUN = {"step": 10, "train_loss": 0.9, "train_runtime": 7.0, "total_flos": 1e9}
STEPS = [{"step": 0, "loss": 1.5}, {"step": 10, "loss": 0.25}]


@pytest.mark.parametrize("text", [json.dumps([*STEPS, WHOLE_RUN]), "\n".join(map(json.dumps, [*STEPS, WHOLE_RUN]))])
def test_the_mean_loss_of_a_whole_run_is_of_no_step_in_a_list_either(tmp_path, text):
    path = tmp_path / "log_history.json"
    path.write_text(text)
    with pytest.warns(UserWarning, match="without its summary of the whole run"):
        run = pm.Trajectory.read(path)
    assert {name: values.tolist() for name, values in run.columns.items()} == {"loss": [1.5, 0.25]}


def test_rows_with_a_time_that_are_no_summary_stay(tmp_path):
    path = tmp_path / "log.jsonl"
    rows = [{"step": step, "train_loss": 1.0 / (1 + step), "train_runtime": 7.0} for step in range(3)]
    path.write_text("\n".join(map(json.dumps, [*rows, {"step": 2, "test_loss": 0.5}])))
    assert pm.Trajectory.read(path)["train_loss"].tolist() == [1.0, 1 / 2, 1 / 3]


@pytest.mark.parametrize(
    "line",
    [
        "Epoch {0}: train loss 0.{0}, test loss 0.5",
        "epoch={0} train_loss=0.{0} test_loss=0.5",
        "Epoch {0}, Train Loss: 0.{0}, Test Loss: 0.5",
        "({0}/3000) loss: 0.{0} | acc: 0.5",
    ],
)
def test_printed_lines_are_no_table(tmp_path, line):
    path = tmp_path / "log.txt"
    path.write_text("\n".join(line.format(step) for step in range(100, 1000, 100)))
    for step in (None, "index"):
        with pytest.raises(ValueError, match=r"must be a table, or lines of JSON. Got lines of words and numbers"):
            pm.Trajectory.read(path, step=step)


def test_names_with_signs_of_equality_stay_names(tmp_path):
    path = tmp_path / "chart.csv"
    path.write_text("step,lr=0.1: 5,note\n0,1.5,a: 3\n1,0.5,b: 3\n")
    with pytest.warns(UserWarning, match="without 'note'"):
        assert pm.Trajectory.read(path)["lr=0.1: 5"].tolist() == [1.5, 0.5]


def test_a_seed_is_no_step(tmp_path):
    path = tmp_path / "runs.json"
    path.write_text(json.dumps([{"seed": 0, "loss": [1.5, 0.5]}, {"seed": 1, "loss": [1.5, 0.25]}]))
    with pytest.raises(ValueError, match="must have a column of steps") as caught:
        pm.Trajectory.read(path)
    assert "step='seed'" not in str(caught.value)


def test_entries_that_begin_at_0_are_no_vector(tmp_path):
    path = tmp_path / "layers.csv"
    path.write_text("step,layer/0,layer/1,layer/2,power/1,power/2\n0,0.5,1.5,2.5,3,4\n")
    run = pm.Trajectory.read(path)
    assert [*run.columns] == ["layer/0", "layer/1", "layer/2", "power"]


def test_folders_of_hyperparameters_are_no_runs(tmp_path, capsys):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    for seed in range(2):
        writer = tensorboard.SummaryWriter(tmp_path / f"seed{seed}")
        for step in range(0, 60, 10):
            writer.add_scalar("train_loss", 1 / (1 + step), step)
        writer.add_hparams({"lr": 0.1}, {"hparam/accuracy": 0.5})  # writes a folder of its own below
        writer.close()
    with pytest.warns(UserWarning, match="without 2 folders of add_hparams below their run's"):
        runs = pm.Runs.read(tmp_path)
    assert {name: [*run.columns] for name, run in runs.items()} == {
        "seed0": ["train_loss"],
        "seed1": ["train_loss"],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        command_line.main(["runs", str(tmp_path), "--answers", "113"])
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split() == ["run", "seed0", "seed1"]
    assert "without 2 folders of add_hparams" in said.err
    only = tmp_path / "seed0"
    with pytest.warns(UserWarning, match="without 1 folder of add_hparams"):
        assert pm.Trajectory.read(only)["train_loss"].tolist()[0] == 1.0


def test_hyperparameters_next_to_the_scalars_of_a_run_hide_nothing(tmp_path: Path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    writer = tensorboard.SummaryWriter(tmp_path)
    writer.add_scalar("train_loss", 0.5, 3)
    writer.add_hparams({"lr": 0.1}, {"accuracy": 0.5}, run_name=".", global_step=3)
    writer.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {*pm.Trajectory.read(tmp_path).columns} == {"train_loss", "accuracy"}


def test_the_mean_loss_of_a_whole_run_is_of_no_step_in_event_files_either(tmp_path: Path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    writer = tensorboard.SummaryWriter(tmp_path)
    for step in range(3):
        writer.add_scalar("train/train_loss", 1 / (1 + step), step)  # of a recorder without a prefix
    for tag in ("train/train_runtime", "train/total_flos", "train/train_loss"):
        writer.add_scalar(tag, 0.625, 2)  # in this order, as Hugging Face's trainer ends
    writer.close()
    with pytest.warns(UserWarning, match="without the mean of the whole run, train/train_loss at step 2"):
        run = pm.Trajectory.read(tmp_path)
    assert run["train/train_loss"].tolist() == pytest.approx([1.0, 1 / 2, 1 / 3])


@pytest.mark.parametrize("cell", ["{}k", "Epoch {}", "{}/300"])
def test_a_column_of_steps_without_a_whole_number_is_named(tmp_path, cell):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n" + "".join(f"{cell.format(step)},0.5\n" for step in range(3)))
    with pytest.raises(ValueError, match="Got 'epoch', 'loss', where 'epoch' has no whole number, in "):
        pm.Trajectory.read(path)
