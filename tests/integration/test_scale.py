"""``track`` on real processes, which are really killed, and on a Dask cluster of processes."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

import progress_measures as pm
from tests._asserts import assert_same
from tests._tracked import draw, loaded, model_of, numbers, read, read_or_die, read_or_raise, read_slowly, write

ROOT = Path(__file__).parents[2]
STEPS = range(8)


@pytest.fixture
def files(tmp_path):
    return write(tmp_path, STEPS)


@pytest.fixture
def serial(files, tmp_path):
    trajectory = pm.track(files, numbers, load=read)
    (tmp_path / "loaded").unlink()
    return trajectory


def processes():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@pytest.fixture(scope="module")
def pool():
    with processes() as executor:
        yield executor


# ---------------------------------------------------------------------------------------------------------------------
# Processes


def test_processes_give_the_same_numbers_in_the_same_order(files, serial, pool):
    assert_same(pm.track(reversed(files), numbers, load=read, executor=pool), serial)


def test_processes_take_models_and_mappings_too(pool):
    checkpoints = [(step, model_of(step)) for step in STEPS]
    measure = {"norm": pm.sum_squared_weights}
    assert_same(pm.track(checkpoints, measure, executor=pool), pm.track(checkpoints, measure))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measures": lambda _: {"x": 1}}, r"`measures` must be picklable to be sent to other processes\. Got <func"),
        ({"measures": {"x": lambda _: 1}}, r"`measures` must be picklable to be sent to other processes\. Got \{'x'"),
        ({"measures": numbers, "load": lambda path: path}, r"`load` must be picklable to be sent to other processes\."),
    ],
)
def test_what_cannot_be_sent_to_processes_is_refused_on_entry(pool, options, message):
    taken = []
    with pytest.raises(TypeError, match=rf"^{message}.*: .*\. Define it at the top level of a module\.$"):
        pm.track(map(taken.append, STEPS), executor=pool, **options)
    assert taken == []


def test_error_that_does_not_unpickle_names_its_step_and_loses_no_other(files, serial, pool, tmp_path):
    with pytest.warns(RuntimeWarning, match=r"^Step 3 .* TwoPartError: half and other half$"):
        trajectory = pm.track(files, numbers, load=read_or_raise, executor=pool, errors="record")
    assert trajectory["third"].isnan().tolist() == [step == 3 for step in STEPS]
    with pytest.raises(RuntimeError, match="TwoPartError: half and other half") as caught:
        pm.track(files, numbers, load=read_or_raise, executor=pool, resume=tmp_path / "run.jsonl")
    assert caught.value.__notes__ == ["This was at step 3."]
    assert_same(pm.track(files, numbers, load=read, executor=pool, resume=tmp_path / "run.jsonl"), serial)


class OtherProcesses(Executor):
    """Processes that are no ``ProcessPoolExecutor``, as loky's: known by their context."""

    def __init__(self, pool):
        self._pool, self._context, self._max_workers = pool, multiprocessing.get_context("spawn"), 2

    def submit(self, *arguments):
        return self._pool.submit(*arguments)


def test_other_processes_are_processes_too(files, serial, pool):
    others = OtherProcesses(pool)
    assert_same(pm.track(files, numbers, load=read, executor=others), serial)
    with pytest.warns(RuntimeWarning, match=r"^Step 3 .* TwoPartError: half and other half$"):
        pm.track(files, numbers, load=read_or_raise, executor=others, errors="record")
    drawn = pm.track([(step, model_of(step)) for step in STEPS], draw, executor=others)["drawn"]
    assert len({*drawn.tolist()}) <= 2  # one of each process, where the random state is what it was


@pytest.mark.parametrize("errors", ["raise", "record"])
def test_process_that_is_killed_is_an_error_with_the_steps_and_the_rest_is_kept(files, serial, pool, tmp_path, errors):
    with processes() as executor, pytest.raises(BrokenProcessPool) as caught:
        pm.track(files, numbers, load=read_or_die, executor=executor, resume=tmp_path / "run.jsonl", errors=errors)
    (note,) = caught.value.__notes__
    assert note.startswith("Under way when the workers stopped: steps ")
    assert "3" in note
    kept = {json.loads(line)["step"] for line in (tmp_path / "run.jsonl").read_text().splitlines()}
    assert len(kept) >= 2
    (tmp_path / "loaded").unlink()
    assert_same(pm.track(files, numbers, load=read_or_die, executor=pool, resume=tmp_path / "run.jsonl"), serial)
    assert set(loaded(tmp_path)) == set(STEPS) - kept


SCRIPT = """
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import progress_measures as pm
from tests._tracked import numbers, read_slowly

if __name__ == "__main__":
    folder, workers = Path(sys.argv[1]), int(sys.argv[2])
    files = [(step, folder / f"{step}.pt") for step in range(8)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) if workers else nullcontext() as executor:
        pm.track(files, numbers, load=read_slowly, executor=executor, resume=folder / "run.jsonl")
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_run_that_is_killed_resumes_and_ends_like_one_that_is_not(files, serial, pool, tmp_path, workers):
    script, journal = tmp_path / "script.py", tmp_path / "run.jsonl"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path), str(workers)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    run = subprocess.Popen(command, env=environment, start_new_session=True)  # its workers are killed with it
    try:
        wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 3)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
    kept, before = journal.read_bytes(), loaded(tmp_path)
    assert kept.count(b"\n") < len(STEPS)
    resumed = pm.track(files, numbers, load=read, executor=pool if workers else None, resume=journal)
    assert journal.read_bytes().startswith(kept)
    assert_same(resumed, serial)
    assert len(loaded(tmp_path)) == len(before) + len(STEPS) - kept.count(b"\n")


@pytest.mark.parametrize("workers", [0, 2])
def test_run_that_is_interrupted_stops_at_once_and_is_resumed(files, serial, pool, tmp_path, workers):
    script, journal = tmp_path / "script.py", tmp_path / "run.jsonl"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path), str(workers)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    run = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 2)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the run and to its workers
        errors = run.communicate(timeout=60)[1]
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    assert run.returncode == -signal.SIGINT, errors
    assert errors.rstrip().endswith("KeyboardInterrupt")
    kept = pm.load_recording(journal)
    assert 2 <= len(kept) < len(STEPS)
    assert_same(kept, serial.select(steps=kept.steps))
    assert_same(pm.track(files, numbers, load=read, executor=pool if workers else None, resume=journal), serial)
    assert_same(pm.load_recording(journal), serial)


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---------------------------------------------------------------------------------------------------------------------
# Dask


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    options = {"processes": True, "n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def test_dask_gives_the_same_numbers_in_the_same_order(files, serial, client):
    assert_same(pm.track(reversed(files), numbers, load=read, executor=client.get_executor()), serial)


def test_dask_takes_models_and_functions_without_a_name(client):
    checkpoints = [(step, model_of(step)) for step in STEPS]
    measure = {"norm": lambda model: pm.sum_squared_weights(model)}
    assert_same(pm.track(checkpoints, measure, executor=client.get_executor()), pm.track(checkpoints, measure))


def test_dask_is_given_as_much_at_once_as_it_has_threads(files, client):
    ahead = []

    def checkpoints():
        for step, path in files:
            ahead.append(step - len(loaded(path.parent)))
            yield step, path

    pm.track(checkpoints(), numbers, load=read_slowly, executor=client.get_executor())
    assert max(ahead) == 1  # the other that is under way


def test_dask_gives_what_a_killed_worker_had_to_another(files, serial, tmp_path, client):
    executor = client.get_executor()
    journal = tmp_path / "run.jsonl"
    trajectory = pm.track(files, numbers, load=read_or_die, executor=executor, resume=journal)
    assert (tmp_path / "died").exists()
    assert_same(trajectory, serial)
    assert len(journal.read_text().splitlines()) == len(STEPS)


def test_dask_records_an_error_and_goes_on(files, client):
    with pytest.warns(RuntimeWarning, match=r"^Step 3 .*half and other half"):
        trajectory = pm.track(files, numbers, load=read_or_raise, executor=client.get_executor(), errors="record")
    assert trajectory["third"].isnan().tolist() == [step == 3 for step in STEPS]


def test_dask_client_itself_is_refused(client):
    with pytest.raises(TypeError, match=r"Pass its get_executor\(\)\."):
        pm.track([(0, 1)], {"x": float}, executor=client)
