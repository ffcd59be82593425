"""The state that measuring must not change."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from progress_measures.grid import evaluation


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


@contextmanager
def at_rest(model: Any) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every mode of the model, and this thread's grad mode, as it was."""
    with evaluation(model), torch.no_grad():
        yield
