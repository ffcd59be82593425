"""The turns that threads take, in a process that was forked while another thread had its turn."""

import os
import threading

import pytest
import torch

from progress_measures import _random_states
from progress_measures._random_states import torch_states_kept
from progress_measures.runs import holding


def draw(_folder):
    with torch_states_kept():
        torch.rand(1)


def hold_a_file(folder):
    holding.hold(folder / "run.jsonl", "run.jsonl", draw)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # from Python 3.12 on
@pytest.mark.parametrize(
    ("module", "name", "act"), [(_random_states, "_TURN", draw), (holding, "_one_thread", hold_a_file)]
)
def test_a_forked_process_does_not_wait_for_a_thread_that_it_does_not_have(module, name, act, tmp_path):
    held, done = threading.Event(), threading.Event()

    def hold():
        with getattr(module, name):
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
        act(tmp_path)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
