"""The turns that threads take with PyTorch's random states, in a process that was forked from one of them."""

import os
import threading

import pytest
import torch

from progress_measures import _random_states
from progress_measures._random_states import torch_states_kept


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # from Python 3.12 on
def test_a_forked_process_does_not_wait_for_a_thread_that_it_does_not_have():
    held, done = threading.Event(), threading.Event()

    def hold():
        with _random_states._TURN:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    child = os.fork()  # as the workers of a DataLoader, while another thread measures
    if child == 0:
        late = threading.Timer(20, os._exit, [1])
        late.daemon = True
        late.start()
        with torch_states_kept():
            torch.rand(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
