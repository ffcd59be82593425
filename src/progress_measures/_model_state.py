"""A model's state while it is measured: its device, its modes, and the random states that must not change."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn


def token_device(predict: object) -> torch.device:
    """Where ``predict`` is fed: the first parameter's device if it is a module, else the CPU."""
    parameter = next(predict.parameters(), None) if isinstance(predict, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device


@contextmanager
def evaluation(predict: object) -> Iterator[None]:
    """``predict`` in evaluation mode if it is a module, and each of its submodules in its own mode afterwards."""
    modes = [(module, module.training) for module in predict.modules()] if isinstance(predict, nn.Module) else []
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def at_rest(model: object) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every mode of the model, and this thread's grad mode, as it was."""
    with evaluation(model), torch.no_grad():
        yield


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every mode and every global random state is what it was.

    Random states are those of Python, of NumPy, and of PyTorch on the CPU and on every CUDA device in use. They belong
    to all threads of the process, so this is for where no other one draws: see :func:`at_rest`.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (it is there to be restored, not drawn from)
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices), at_rest(model):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 (the global state is what is looked at)
