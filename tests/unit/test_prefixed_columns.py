"""A recorder's columns under the prefix of a callback, in the commands that read spectra."""

import pytest
import torch

import progress_measures as pm
from progress_measures import __main__ as command_line

COLUMNS = {
    "logit_power": torch.tensor([[1.0, 1.0, 9.0, 1.0]] * 3),
    "key_frequencies": torch.tensor([[0.0, 1.0, 0.0, 0.0]] * 3),
    "sufficient_frequencies": torch.tensor([[0.0, 0.0, 0.0, 1.0]] * 3),
}


def run_of(tmp_path, prefix):
    path = tmp_path / "run.npz"
    pm.Trajectory([0, 1, 2], {prefix + name: values for name, values in COLUMNS.items()}).save(path)
    return str(path)


@pytest.mark.parametrize("prefix", ["", "recorder/", "train/recorder/"])
def test_frequencies_of_a_recorder_are_found_under_its_prefix(prefix, tmp_path, capsys):
    path = run_of(tmp_path, prefix)
    command_line.main(["frequencies", path])
    said = capsys.readouterr()
    assert said.out.splitlines()[1].split() == ["run", "2", "8.3", "%", "0"]
    assert (f"reading the columns {prefix}… without {prefix};" in said.err) == bool(prefix)
    command_line.main(["frequencies", path, "--rule", "sufficient"])
    assert capsys.readouterr().out.splitlines()[1].split()[1] == "4"


def test_a_spectrum_under_another_prefix_has_its_key_frequencies(tmp_path, capsys):
    command_line.main(["frequencies", run_of(tmp_path, "mine/"), "--column", "mine/logit_power"])
    assert capsys.readouterr().out.splitlines()[1].split()[1] == "2"


def test_the_page_of_a_run_colours_the_recorded_key_frequencies(tmp_path):
    report = pytest.importorskip("progress_measures.report")
    page = report.html_page({"run": pm.Trajectory.load(run_of(tmp_path, "train/recorder/"))})
    assert "Key frequencies, as recorded: 2." in page
    assert "<h3>logit_power</h3>" in page
    assert "key_frequencies</h3>" not in page


@pytest.mark.parametrize("prefix", ["recorder/", "train/recorder/"])
def test_a_recorder_is_read_in_place_of_columns_that_a_module_logs_by_the_same_name(prefix, tmp_path, capsys):
    path = tmp_path / "metrics.csv"
    path.write_text(f"step,train_loss,{prefix}train_loss,{prefix}test_loss\n0,4.0,4.5,4.7\n100,0.5,0.25,0.75\n")
    command_line.main(["runs", str(path), "--answers", "113"])
    said = capsys.readouterr()
    assert [line.split()[-1] for line in said.out.splitlines()[-2:]] == ["0.25", "0.75"]
    other, note = said.err.splitlines()
    assert other.startswith(f"reading the columns {prefix}… without {prefix};")
    assert note.startswith(f"reading {prefix}train_loss as train_loss, not the column train_loss;")
    remedy = note.partition("--rename ")[2].split()[0]
    command_line.main(["runs", str(path), "--answers", "113", "--rename", remedy])
    assert capsys.readouterr().out.splitlines()[-2].split() == ["train", "loss", "0.5"]
