"""A run that is recorded while it trains, killed for real, and resumed."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import progress_measures as pm
from tests.unit.test_recording import same

pytest.importorskip("tensorboard")
ENVIRONMENT = os.environ | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
OPTIONS = ["--n", "7", "--epochs", "620", "--every", "20"]


def command(folder):
    return [sys.executable, "-W", "error", "-m", "examples.recording", "--output", str(folder), *OPTIONS]


def lines(folder):
    path = folder / "recording.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def finished(folder):
    """What the command prints that runs to its end, within this process, which is quicker."""
    from examples.recording.__main__ import main

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the process that is killed: sums over more differ in their last digits
    try:
        with contextlib.redirect_stdout(io.StringIO()) as output, torch.random.fork_rng():
            main(["--output", str(folder), *OPTIONS])
    finally:
        torch.set_num_threads(threads)
    return output.getvalue()


def killed(folder, at_line):
    """Runs the command until so many steps are recorded, and kills it as a machine does that runs out of memory."""
    with subprocess.Popen(
        command(folder), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder.parent
    ) as process:
        deadline = time.monotonic() + 120
        while lines(folder) < at_line:
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def scalars(folder):
    """What TensorBoard reads: by name, steps and values."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    found.Reload()
    return {name: [(event.step, event.value) for event in found.Scalars(name)] for name in found.Tags()["scalars"]}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    return folder, finished(folder)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Killed after steps were recorded that the last state, of epoch 500, does not know of."""
    folder = tmp_path_factory.mktemp("broken") / "run"
    killed(folder, 28)  # of epoch 540
    return folder, finished(folder)


def test_a_killed_run_ends_with_the_trajectory_of_an_unbroken_one(unbroken, broken):
    trajectories = [pm.load_recording(folder / "recording.jsonl") for folder, _ in (unbroken, broken)]
    assert trajectories[0].steps.tolist() == list(range(0, 621, 20))
    assert same(*trajectories)
    assert lines(broken[0]) > lines(unbroken[0])  # it had gone back
    assert unbroken[1] == broken[1]  # what they print


def test_tensorboard_shows_what_was_recorded(unbroken, broken):
    trajectory = pm.load_recording(unbroken[0] / "recording.jsonl")
    for folder, _ in (unbroken, broken):
        shown = scalars(folder)
        assert {"test_loss", "gini_W_E", "excluded_loss_per_frequency/3", "key_frequencies/1"} <= set(shown)
        steps, values = zip(*shown["test_loss"], strict=True)
        assert list(steps) == trajectory.steps.tolist()  # none of them twice
        losses = torch.tensor(values, dtype=torch.float64)
        torch.testing.assert_close(losses, trajectory["test_loss"], rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--every", "0", "must be at least 1, got 0"),
        ("--every", "x", "invalid integer value: 'x'"),
        ("--epochs", "0", "must be at least 1, got 0"),
        ("--n", "1", "must be at least 2, got 1"),
        ("--seed", "-1", "must be at least 0, got -1"),
        ("--weight-decay", "nan", "must be a finite number of at least 0, got nan"),
        ("--weight-decay", "-1", "must be a finite number of at least 0, got -1.0"),
    ],
)
def test_odd_options_are_answered_in_a_line(option, value, message, tmp_path, capsys):
    from examples.recording.__main__ import main

    with pytest.raises(SystemExit) as caught:
        main(["--output", str(tmp_path / "run"), option, value])
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"python -m examples.recording: error: argument {option}: {message}"
    )
    assert not (tmp_path / "run").exists()


def test_a_file_of_another_kind_is_answered_in_a_line(tmp_path, capsys):
    from examples.recording.__main__ import main

    (tmp_path / "recording.jsonl").write_text("step,test_loss\n")
    with pytest.raises(SystemExit) as caught:
        main(["--output", str(tmp_path), "--n", "5", "--epochs", "2"])
    assert caught.value.code == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith("python -m examples.recording: error: `path` must be a file that a Recorder or track wrote. Got ")
    )


def test_an_interruption_is_answered_with_how_to_continue(tmp_path, monkeypatch, capsys):
    from examples.recording import __main__ as command

    def interrupted(*_, **__):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(command, "train", interrupted)
    with pytest.raises(
        SystemExit, match=f"^Stopped. Run the same command again to continue from .* {tmp_path}"
    ) as stop:
        command.main(["--output", str(tmp_path), *OPTIONS])
    assert "\n" not in str(stop.value)
    assert "Traceback" not in capsys.readouterr().err
    assert pm.load_recording(tmp_path / "recording.jsonl").steps.tolist() == [0]


@pytest.mark.filterwarnings("ignore:.key_frequencies. are none")  # in so short a run
def test_axes_are_labelled(unbroken, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    from examples.recording.__main__ import draw

    drawn = []
    monkeypatch.setattr(plt, "close", drawn.append)
    draw(pm.load_recording(unbroken[0] / "recording.jsonl"), tmp_path / "progress.png")
    monkeypatch.undo()
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["loss (nats)", "Gini coefficient"]
    plt.close(drawn[0])


def test_the_picture_is_there(broken):
    assert (broken[0] / "progress.png").read_bytes().startswith(b"\x89PNG")


def test_training_is_not_disturbed(unbroken, tmp_path):
    from examples.modular_addition.training import Config, Run, open_run, train

    config = Config.load(unbroken[0])
    recorded = Run.load(config, unbroken[0] / "state.safetensors")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in train(run := open_run(config, tmp_path), (), tmp_path, test_every=config.epochs):
            pass
    finally:
        torch.set_num_threads(threads)
    for (name, weight), other in zip(run.model.named_parameters(), recorded.model.parameters(), strict=True):
        assert torch.equal(weight, other), name
