"""A disk that is full, or read only: the file before is kept, none is left, one line names the file."""

import os
import shutil
import subprocess
import sys

import pytest

import progress_measures as pm
from examples.modular_addition import __main__ as measuring, train as training
from tests._full_disk import OF_EACH_KIND, WRITERS, check, limited, refusal
from tests._unchanged import files, same_files

TRAINING = ["--n", "5", "--fraction", "0.5"]


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_loses_nothing(name, tmp_path):
    check(name, tmp_path, limited)


def test_a_disk_that_is_really_full_or_read_only_loses_nothing(tmp_path):
    """A small file system in memory, seen by one process."""
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"']
    if shutil.which("unshare") is None or subprocess.run([*mount, tmp_path, "true"], check=False).returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    command = [*mount, tmp_path, sys.executable, "-W", "error", "-m", "tests._full_disk", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"MPLBACKEND": "agg"})
    assert (done.stdout.splitlines(), done.returncode) == ([*OF_EACH_KIND, *OF_EACH_KIND], 0), done.stderr


def test_training_that_meets_a_full_disk_goes_on_later(tmp_path, capsys):
    training.main(["--output", str(tmp_path), *TRAINING, "--epochs", "10"])
    before = files(tmp_path)
    longer = ["--output", str(tmp_path), *TRAINING, "--epochs", "20", "--checkpoint-epochs", "15"]
    with limited(tmp_path), pytest.raises(SystemExit) as stop:
        training.main(longer)
    assert stop.value.code == f"[Errno 27] File too large: '{tmp_path / 'step_000015.safetensors'}'"
    after = files(tmp_path)
    assert {**after, "config.json": None} == {**before, "config.json": None}  # which knows what was asked for
    training.main(longer)
    assert len(pm.Trajectory.load(tmp_path / "losses.npz")) == 21
    capsys.readouterr()


def test_measuring_that_meets_a_full_disk_says_so(tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "out"
    training.main(["--output", str(run), *TRAINING, "--epochs", "10"])
    out.mkdir()
    (out / "losses.png").write_bytes(b"before")
    capsys.readouterr()
    with same_files(tmp_path), limited(tmp_path):
        message = refusal(measuring.main, ["--run", str(run), "--output", str(out)])
    expected = f"python -m examples.modular_addition: error: [Errno 27] File too large: '{out / 'losses.png'}'"
    assert message.splitlines()[-1] == expected


def test_a_recording_keeps_its_steps(tmp_path):
    path = tmp_path / "run.jsonl"
    recorder = pm.Recorder(lambda _: {"loss": [0.1] * 100}, every=1, path=path)
    recorder(0, None)
    with limited(tmp_path, path.stat().st_size + 100):
        refusal(recorder, 1, None)
    assert pm.load_recording(path).steps.tolist() == recorder.trajectory.steps.tolist() == [0]
    recorder(1, None)
    assert pm.load_recording(path).steps.tolist() == [0, 1]


def test_tracking_keeps_its_steps(tmp_path):
    path = tmp_path / "tracked.jsonl"
    measure = {"loss": lambda _: [0.1] * 100}
    pm.track([(0, None)], measure, resume=path)
    with limited(tmp_path, path.stat().st_size + 100):
        refusal(lambda: pm.track([(0, None), (1, None)], measure, resume=path))
    assert pm.track([(0, None), (1, None)], measure, resume=path)["loss"].tolist() == [[0.1] * 100] * 2
