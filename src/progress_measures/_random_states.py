"""The global random states, which are restored after a measurement."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

# PyTorch reads a random state with its generator locked. If Python collects garbage meanwhile, a finalizer may hand the
# GIL to another thread. If that thread then waits for the generator, it keeps the GIL, and neither continues. So this
# library's threads take turns.
_TURN = threading.RLock()


def _new_turn() -> None:
    global _TURN  # a forked process does not have the thread whose turn it may be
    _TURN = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_turn)


@contextmanager
def torch_states_kept() -> Iterator[None]:
    """Restores PyTorch's random states afterwards: of the CPU, and of every CUDA device in use."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # PyTorch has not annotated it
    devices = range(torch.cuda.device_count()) if in_use else ()
    with ExitStack() as fork:
        with _TURN:
            fork.enter_context(torch.random.fork_rng(devices))
        try:
            yield
        finally:
            with _TURN:
                fork.close()


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Restores every global random state afterwards: those of Python, NumPy and PyTorch."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (restored, not drawn from)
    try:
        with torch_states_kept():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 (restored, not drawn from)
