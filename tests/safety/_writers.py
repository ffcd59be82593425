"""All writers of files, in loops for processes that are killed."""

import csv
import functools
import itertools
import json
import os
import time

import matplotlib as mpl
import numpy as np
import torch

import progress_measures as pm
from examples.files import write_text
from examples.modular_addition import checkpoints
from examples.modular_addition.model import Transformer
from examples.modular_addition.training import Config, Run
from examples.report import save as save_figure
from progress_measures.__main__ import main
from progress_measures._formats.jsonl import write

RUN = Run.start(Config(n=5, epochs=10))  # here, so that what an optimizer imports is imported before the fork
SIZE = 4_000  # values of one content


class Content:
    """Files with a single repeated number, which reveals a mixture of two files."""

    def __init__(self, write, read):
        self.write, self.read = write, read

    def begin(self, path):
        """Writes the first file."""
        self.write(path, 0)

    def again(self, path, started):
        """Writes the file again and again, each time with another number."""
        for number in itertools.count(1):
            self.write(path, number)
            started.set()

    def is_whole(self, path):
        """Whether the file is the result of a single call."""
        values = np.asarray(self.read(path)).ravel()
        return len(values) > 0 and bool((values == values[0]).all())


class Lines:
    """Files to which lines are added: whole, except for the end of the last one."""

    def __init__(self, write, read):
        self.write, self.read = write, read

    def begin(self, path):
        self.write(path, range(3))

    def again(self, path, started):
        def steps():
            for step in itertools.count(3):
                yield step
                started.set()

        self.write(path, steps())

    def is_whole(self, path):
        steps, values = self.read(path)
        return steps == list(range(len(steps))) and len(steps) >= 3 and bool((values == values[0]).all())


def curves(number):
    return pm.Trajectory(range(SIZE), {"loss": np.full(SIZE, number, dtype=float)})


@functools.cache
def summary(level):
    """One line for each of many runs, all with the same losses."""
    runs = {f"run {i}": pm.Trajectory(range(3), {"test_loss": [5.0, 5.0, 1.0 + level]}) for i in range(300)}
    return pm.phases.summary(runs, answers=113)


def losses_of_summary(path):
    return [float(line["test_loss"]) for line in csv.DictReader(path.read_text(encoding="utf-8").splitlines())]


def logits(path, number):
    pm.grid_logits(lambda pairs: torch.full((len(pairs), 31), float(number)), pm.addition(31), 31, out=path)


def weights(path, number):
    checkpoints.write(path, {"x": torch.full((100, SIZE), float(number))}, {})


def model_of(number):
    model = Transformer(5, d_model=64, d_mlp=512)
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, number)
    return model


def of_model(model):
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in model.parameters()])


def checkpoint(path, number):
    checkpoints.save(path.parent, 7, model_of(number))
    os.replace(checkpoints.path_of(path.parent, 7), path)


def state(path, number):
    for parameter in RUN.model.parameters():
        torch.nn.init.constant_(parameter, number)
    RUN.save(path)


def text(path, number):
    write_text(path, f"{number}\n" * SIZE)


def picture(path, number):
    figure = mpl.figure.Figure(figsize=(3, 2))
    figure.add_subplot().plot([0, number])
    os.chdir(path.parent)
    save_figure(figure, path.stem)


def plot(path, _number):
    run = path.parent / "run.csv"
    if not run.exists():
        pm.Trajectory(range(50), {"loss": np.arange(50.0)}).to_csv(run)
    main(["plot", str(run), "-o", str(path)])


def report(path, _number):
    run = path.parent / "run.csv"
    if not run.exists():
        pm.Trajectory(range(50), {"loss": np.arange(50.0)}).to_csv(run)
    main(["report", str(run), "-o", str(path.with_suffix(".html"))])


def is_page(path):
    """One number, if the page is whole."""
    assert path.with_suffix(".html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    return [1.0]


def picture_at(path):
    """The path at which examples write a picture."""
    return path.parent / "out" / f"{path.stem}.png"


def is_png(path):
    """One number, if the picture is whole."""
    mpl.image.imread(path)
    assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
    return [1.0]


def measure(_model):
    return {"loss": torch.full((2000,), 1 / 3)}


def recorded(path, steps):
    recorder = pm.Recorder(measure, every=1, path=path)
    for step in steps:
        recorder(step, None)


def recording(path):
    trajectory = pm.load_recording(path)
    return trajectory.steps.tolist(), trajectory["loss"].ravel()


def recorded_anew(path, number):
    write(path, [(step, "columns", {"loss": [number] * SIZE}) for step in range(20)])


def tracked(path, steps):
    pm.track(((step, model_of(0)) for step in steps), measure, resume=path)


def tracking(path):
    whole = path.read_bytes().count(b"\n")
    steps = [json.loads(line)["step"] for line in path.read_bytes().splitlines()[:whole]]

    def unmeasured(_model):
        raise AssertionError("It was measured already.")

    return steps, pm.track([(step, model_of(0)) for step in steps], unmeasured, resume=path)["loss"].ravel()


WRITERS = {
    "Trajectory.save": Content(lambda path, i: curves(i).save(path), lambda path: pm.Trajectory.load(path)["loss"]),
    "Trajectory.to_csv": Content(
        lambda path, i: curves(i).to_csv(path), lambda path: pm.Trajectory.from_csv(path)["loss"]
    ),
    "Summary.to_csv": Content(lambda path, i: summary(i % 2).to_csv(path), losses_of_summary),
    "grid_logits": Content(logits, np.load),
    "checkpoints.write": Content(weights, lambda path: checkpoints.read(path)[0]["x"]),
    "checkpoints.save": Content(checkpoint, lambda path: of_model(checkpoints.load(path))),
    "Run.save": Content(state, lambda path: of_model(Run.load(Config(n=5, epochs=10), path).model)),
    "write_text": Content(text, lambda path: [int(line) for line in path.read_text().splitlines()]),
    "report.save": Content(picture, lambda path: is_png(picture_at(path))),
    "plot": Content(plot, is_png),
    "report": Content(report, is_page),
    "Recorder": Lines(recorded, recording),
    "a recording anew": Content(recorded_anew, lambda path: pm.load_recording(path)["loss"]),
    "track": Lines(tracked, tracking),
}


def again(name, path, started):
    """Writes until the process is killed."""
    torch.set_num_threads(1)
    replace = os.replace

    def slow(source, target):
        started.set()
        time.sleep(0.05)
        replace(source, target)

    os.replace = slow  # so that kills come between the last byte and the move too, and often
    WRITERS[name].again(path, started)
