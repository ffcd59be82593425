"""A model's state while it is measured: its device, its modes, and the random states that must not change."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn


def token_device(predict: object) -> torch.device:
    """The device for the tokens of ``predict``: if it is a module, the device of its first parameter, else the CPU."""
    parameter = next(predict.parameters(), None) if isinstance(predict, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device


@contextmanager
def evaluation(predict: object) -> Iterator[None]:
    """Puts ``predict``, if it is a module, into evaluation mode, and restores the mode of each submodule afterwards."""
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
    """Turns evaluation mode on and gradients off; afterwards restores the model's modes and this thread's grad mode."""
    with evaluation(model), torch.no_grad():
        yield


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Turns evaluation mode on and gradients off; afterwards restores every mode and every global random state.

    These are the random states of Python, of NumPy, and of PyTorch on the CPU and on every CUDA device in use. All
    threads of the process share them. Where another thread may draw random numbers, use :func:`at_rest` instead.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (restored, not drawn from)
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices), at_rest(model):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 (restored, not drawn from)
