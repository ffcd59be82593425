"""The functions that the tests of ``track`` send to other processes, which import this file."""

import os
import signal
import time
from pathlib import Path

import torch
from torch import nn


def model_of(step):
    """A small model that differs from step to step."""
    model = nn.Linear(3, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter) * (step + 1) / 7)
    return model


def numbers(model):
    """A number, a vector, and a number that is no decimal fraction."""
    return {"weights": model.weight.square().sum(), "bias": model.bias, "third": 1 / 3}


def draw(_model):
    """A random number."""
    return {"drawn": torch.rand(())}


def write(folder, steps):
    """Checkpoints on disk as (step, path)."""
    for step in steps:
        torch.save(model_of(step).state_dict(), folder / f"{step}.pt")
    return [(step, folder / f"{step}.pt") for step in steps]


def read(path):
    """Reads the model in a file, and adds a line to the file ``loaded`` next to it."""
    with (Path(path).parent / "loaded").open("a") as file:
        file.write(f"{Path(path).stem}\n")
    model = nn.Linear(3, 2)
    model.load_state_dict(torch.load(path, weights_only=True))
    return model


def loaded(folder):
    """The steps that have been loaded, in order."""
    file = folder / "loaded"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def read_slowly(path):
    """The same, after some time."""
    time.sleep(0.1)
    return read(path)


def read_or_die(path):
    """The same, but the first process that reaches step 3 is killed there."""
    if Path(path).stem == "3" and not _first(Path(path).parent / "died"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path)


def read_or_raise(path):
    """The same, but step 3 cannot be read."""
    if Path(path).stem == "3":
        raise TwoPartError("half", "other half")
    return read(path)


def _first(marker):
    if marker.exists():
        return True
    marker.touch()
    return False


class TwoPartError(Exception):
    """Unpickling this raises a TypeError, as it does with many exceptions of libraries."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")
