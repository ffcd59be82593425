"""Every writer of the library and the examples, on a disk that is full or read-only.

``python -m tests._full_disk FOLDER`` tries one writer of each kind on a real disk. The folder must be a small file
system of its own, which is first filled almost completely, and then made read-only.
"""

import contextlib
import io
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import progress_measures as pm
from examples import files, report
from examples.modular_addition import checkpoints, training
from progress_measures import __main__ as command_line
from progress_measures._formats.jsonl import write
from tests._unchanged import same_files

SAID = ("File too large", "No space left on device", "Read-only file system")
LEFT = 6000  # bytes that can still be written: fewer than any of these files has
LONG = pm.Trajectory(range(2000), {"test_loss": np.random.default_rng(0).random(2000)})


def noise():
    figure = Figure()
    figure.subplots().plot(LONG["test_loss"])
    return figure


def a_run():
    return training.Run.start(training.Config(n=5, fraction=0.5, epochs=5))


def grid(path, batch_size):
    pm.grid_logits(lambda pairs: torch.zeros(len(pairs), 20), pm.addition(20), batch_size, out=path)


def plot(path):
    command_line.main(["plot", str(path.parent / "source.npz"), "-o", str(path)])


def draw_recording(path):
    from examples.recording import __main__ as recording  # which needs tensorboard

    names = (*recording.CURVES, "gini_logits", "gini_W_E", "gini_W_U")
    recording.draw(pm.Trajectory(LONG.steps, dict.fromkeys(names, LONG["test_loss"] + 0.1)), path)


def script(path):
    with contextlib.chdir(path.parents[1]):
        report.save(noise(), path.stem)


WRITERS = {
    "Trajectory.save": ("run.npz", LONG.save),
    "Trajectory.to_csv": ("run.csv", LONG.to_csv),
    "a recording anew": ("run.jsonl", lambda path: write(path, [(0, "columns", {"x": LONG["test_loss"].tolist()})])),
    "grid_logits at once": ("logits.npy", lambda path: grid(path, None)),
    "grid_logits by batches": ("logits.npy", lambda path: grid(path, 30)),
    "plot, png": ("picture.png", plot),
    "plot, pdf": ("picture.pdf", plot),
    "plot, svg": ("picture.svg", plot),
    "checkpoints.save": ("step_000005.safetensors", lambda path: checkpoints.save(path.parent, 5, a_run().model)),
    "Run.save": ("state.safetensors", lambda path: a_run().save(path)),
    "write_text": ("report.txt", lambda path: files.write_text(path, 1000 * "step 100\n")),
    "write_picture, png": ("losses.png", lambda path: files.write_picture(path, noise())),
    "write_picture, pdf": ("losses.pdf", lambda path: files.write_picture(path, noise())),
    "a script's picture": ("picture.png", script),
    "the recording's picture": ("progress.png", draw_recording),
}

OF_EACH_KIND = ("Trajectory.save", "grid_logits by batches", "plot, pdf", "Run.save")


def check(name, folder, full):
    """A writer on a full disk raises one line that names the file, and changes nothing."""
    folder = folder / "out"
    folder.mkdir()
    file, write = WRITERS[name]
    (folder / file).write_bytes(b"before")
    LONG.save(folder / "source.npz")
    with same_files(folder), full(folder):
        message = refusal(write, folder / file)
    assert file in message, message
    assert "\n" not in message, message
    assert any(said in message for said in SAID), message


def refusal(write, *arguments):
    """The message if a file cannot be written: of an ``OSError``, or on a command's stderr."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), pytest.raises((OSError, SystemExit)) as caught:
        write(*arguments)
    if isinstance(caught.value, OSError):
        return str(caught.value)
    assert caught.value.code not in (0, None)
    return caught.value.code if isinstance(caught.value.code, str) else said.getvalue().removesuffix("\n")


@contextmanager
def limited(_folder, size=LEFT):
    """Limits the length of files; the system then fails as on a full disk, with a short write and an error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def filled(folder):
    """An almost full file system."""
    filler = folder.parent / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        os.truncate(filler, filler.stat().st_size - LEFT)
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(_folder):
    """A read-only file system for this process."""
    subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", sys.argv[1]], check=True)


if __name__ == "__main__":
    for full in (filled, read_only):
        for name in OF_EACH_KIND:
            place = Path(sys.argv[1], f"{full.__name__} {name}")
            place.mkdir()
            check(name, place, full)
            print(name)
