"""Checkpoints in turn and in threads: what is held, shown, kept on disk and reported."""

import itertools
import json
import re
import threading
import time
import weakref
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context

import pytest
import torch
from torch import nn
from tqdm import tqdm

import progress_measures as pm
from progress_measures._formats import jsonl
from tests._asserts import assert_same
from tests._tracked import loaded, model_of, numbers, read, read_or_raise, write

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return write(folder, range(6))


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "run.jsonl"


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def lines(path):
    """What the lines of a file say, without their checks."""
    records = [json.loads(line) for line in path.read_text().splitlines() if line]
    return [{key: value for key, value in record.items() if key not in {"after", "check"}} for record in records]


def picks(step, error):
    """A measure of plain numbers that fails at one of them."""

    def measure(number):
        if number == step:
            raise error
        return {"x": number, "v": [number, -number]}

    return measure


# ---------------------------------------------------------------------------------------------------------------------
# Executors


def test_threads_give_the_same_numbers_in_the_same_order(files, threads):
    serial = pm.track(files, numbers, load=read)
    assert_same(pm.track(reversed(files), numbers, load=read, executor=threads), serial)


def test_load_makes_the_model_of_each_path(files):
    assert_same(pm.track(files, numbers, load=read), pm.track([(s, model_of(s)) for s, _ in files], numbers))


def test_results_that_come_in_another_order_are_sorted():
    late = threading.Event()

    def measure(number):
        if number == 0:
            assert late.wait(10)
        if number == 3:
            late.set()
        return {"x": number}

    with ThreadPoolExecutor(2) as executor:
        assert pm.track([(n, n) for n in range(5)], measure, executor=executor)["x"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("workers", [None, 1, 3])
@pytest.mark.parametrize("errors", ["raise", "record"])
@pytest.mark.filterwarnings("ignore:Step:RuntimeWarning")
def test_no_more_models_live_than_there_are_workers(workers, errors):
    checkpoints, most = counted(12)

    def measure(model):
        if errors == "record" and model.bias[0] < -0.5:
            raise ValueError("too low")
        return numbers(model)

    with ThreadPoolExecutor(2) as executor:
        trajectory = pm.track(checkpoints(), measure, executor=executor, workers=workers, errors=errors)
    assert max(most) == (workers or 2)
    assert len(trajectory) == 12
    assert (trajectory["third"].isnan().any() == (errors == "record")).item()


def counted(steps):
    """Checkpoints of as many steps, and how many of their models live each time that one more is made."""
    living, counts = weakref.WeakSet(), []

    def checkpoints():
        for step in range(steps):
            model = model_of(step)
            living.add(model)
            counts.append(len(living))
            yield step, model
            del model

    return checkpoints, counts


class Hoarder(ThreadPoolExecutor):
    """Keeps all that it was ever given."""

    def submit(self, fn, /, *args, **kwargs):
        self.given = [*getattr(self, "given", []), fn]
        return super().submit(fn, *args, **kwargs)


def test_executor_that_keeps_its_jobs_keeps_no_models():
    checkpoints, most = counted(5)

    with Hoarder(1) as executor:
        pm.track(checkpoints(), numbers, executor=executor)
        assert len(executor.given) == 5
    assert max(most) == 1


@pytest.mark.filterwarnings("ignore:Step:RuntimeWarning")
def test_a_model_that_failed_is_not_held_while_the_next_is_loaded():
    checkpoints, counts = counted(4)

    def measure(model):
        if model.bias[0] < -0.2:
            raise ValueError(model)
        return {"x": 1}

    pm.track(checkpoints(), measure, errors="record")
    assert counts == [1, 1, 1, 1]


def test_checkpoints_are_not_taken_ahead(threads):
    measured, ahead = [], []

    def checkpoints():
        for step in range(10):
            ahead.append(step - len(measured))
            yield step, step

    pm.track(checkpoints(), {"x": lambda step: measured.append(step) or step}, executor=threads)
    assert max(ahead) <= 1  # the other that is under way


def test_model_that_is_still_being_measured_cannot_be_the_next():
    model, go = model_of(0), threading.Event()

    def checkpoints():
        yield 0, model
        yield 1, model

    def measure(model):
        go.wait(10)
        return numbers(model)

    with ThreadPoolExecutor(2) as executor:
        threading.Timer(0.2, go.set).start()
        with pytest.raises(
            ValueError,
            match=r"^`checkpoints` must yield a model of its own for each step where several are measured at once\. "
            r"Got that of another step at step 1\. Yield copies, or paths\.$",
        ):
            pm.track(checkpoints(), measure, executor=executor)


class Mode(nn.Linear):
    """Has a submodule with a mode of its own."""

    def __init__(self):
        super().__init__(2, 2)
        self.inner = nn.Dropout(0.5).eval()


def seen(model):
    return {
        "training": float(any(module.training for module in model.modules())),
        "graph": float((model.weight * 2).requires_grad),
        "draw": torch.rand(()),
    }


@pytest.mark.parametrize("executor", [None, 2])
@pytest.mark.parametrize("fails", [False, True])
def test_models_are_measured_at_rest_and_left_as_they_were(executor, fails):
    def measure(model):
        found = seen(model)
        model.train()
        if fails:
            raise ZeroDivisionError
        return found

    models = [Mode() for _ in range(4)]
    with ThreadPoolExecutor(executor) if executor else nullcontext() as pool:
        if fails:
            with pytest.raises(ZeroDivisionError):
                pm.track(enumerate(models), measure, executor=pool)
        else:
            trajectory = pm.track(enumerate(models), measure, executor=pool)
            assert trajectory["training"].tolist() == trajectory["graph"].tolist() == [0] * 4
    assert all(model.training and not model.inner.training for model in models)


def test_random_states_are_put_back_after_each_model():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = torch.rand(())
        torch.manual_seed(3)
        trajectory = pm.track([(0, 1), (1, 2)], {"x": draw})
        assert trajectory["x"].tolist() == [float(expected)] * 2
        assert torch.rand(()) == expected


def draw(_):
    return torch.rand(())


def test_threads_draw_from_generators_that_all_share():
    with torch.random.fork_rng(), ThreadPoolExecutor(2) as executor:
        torch.manual_seed(3)
        trajectory = pm.track([(n, n) for n in range(4)], {"x": draw}, executor=executor)
        assert len(set(trajectory["x"].tolist())) == 4  # nothing was put back, which others might have drawn from


# ---------------------------------------------------------------------------------------------------------------------
# A model that all steps share


def refill(step, shared):
    shared.load_state_dict(model_of(step).state_dict())
    return shared


@pytest.mark.parametrize("errors", ["raise", "record"])
@pytest.mark.parametrize("count", [2, 6])
def test_load_that_returns_one_model_is_refused_with_threads(journal, errors, count):
    shared = model_of(0)
    with ThreadPoolExecutor(3) as executor, pytest.raises(ValueError, match="`load` must make a model") as caught:
        pm.track(
            [(n, n) for n in range(count)],
            numbers,
            load=lambda step: refill(step, shared),
            executor=executor,
            resume=journal,
            errors=errors,
        )
    assert re.fullmatch(
        r"`load` must make a model of its own for each step where several are measured at once\. "
        r"Got that of another step at step [1-3]\. Make the model inside of it\.",
        str(caught.value),
    )
    assert [line["step"] for line in lines(journal)] == [0]  # measured alone, so it is right
    assert_same(pm.load_recording(journal), pm.track([(0, 0)], numbers, load=model_of))


@pytest.mark.parametrize(("executor", "workers"), [(None, None), (1, None), (3, 1)])
def test_load_may_return_one_model_where_one_is_measured_at_a_time(executor, workers):
    shared = model_of(0)
    with ThreadPoolExecutor(executor) if executor else nullcontext() as pool:
        found = pm.track(
            [(n, n) for n in range(5)], numbers, load=lambda step: refill(step, shared), executor=pool, workers=workers
        )
    assert_same(found, pm.track([(n, n) for n in range(5)], numbers, load=model_of))


def test_only_the_first_is_measured_alone(threads):
    both = threading.Barrier(2, timeout=10)

    def measure(step):
        if step > 0:
            both.wait()
        return {"x": step}

    assert len(pm.track([(n, n) for n in range(5)], measure, load=int, executor=threads)) == 5


def test_executor_stays_open(threads):
    for _ in range(2):
        pm.track([(0, 1)], {"x": float}, executor=threads)


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("executor", [None, 2])
def test_threads_modes_and_seeds_are_left_alone(executor, grad):
    def state():
        return torch.get_num_threads(), torch.is_grad_enabled(), torch.get_rng_state().tolist()

    checkpoints = [(step, model_of(step)) for step in range(3)]
    with torch.set_grad_enabled(grad), ThreadPoolExecutor(executor) if executor else nullcontext() as pool:
        before = state()
        pm.track(checkpoints, numbers, executor=pool)
        assert state() == before


class Unknown(Executor):
    """Does not say how many workers it has."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_executor_that_does_not_count_its_workers_needs_the_number():
    with pytest.raises(
        ValueError, match=r"^`workers` must be given for an executor that does not say how many it has\. Got Unknown\.$"
    ):
        pm.track([(0, 1)], {"x": float}, executor=Unknown())
    assert pm.track([(0, 1)], {"x": float}, executor=Unknown(), workers=1)["x"].tolist() == [1.0]


def test_interrupt_cancels_what_has_not_begun(journal):
    begun, go = [], threading.Event()

    def measure(step):
        begun.append(step)
        assert go.wait(10)
        return {"x": step}

    def checkpoints():
        for step in range(4):
            if step == 3:
                raise KeyboardInterrupt
            yield step, step

    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(KeyboardInterrupt):
            pm.track(checkpoints(), measure, executor=executor, workers=4, resume=journal)
        go.set()
    assert begun == [0]


@pytest.mark.parametrize("executor", [None, 1])
def test_interrupt_while_one_measures_is_not_recorded(journal, executor):
    measure = picks(2, KeyboardInterrupt())
    with ThreadPoolExecutor(executor) if executor else nullcontext() as pool, pytest.raises(KeyboardInterrupt):
        pm.track([(n, n) for n in range(4)], measure, executor=pool, resume=journal, errors="record")
    assert [line["step"] for line in lines(journal)] == [0, 1]


# ---------------------------------------------------------------------------------------------------------------------
# Progress


@pytest.mark.parametrize("executor", [None, 2])
def test_bar_counts_every_step_and_knows_their_number(executor, files, journal, capsys):
    pm.track(files[:2], numbers, load=read, resume=journal)
    bars = []

    def progress(steps):
        bars.append(tqdm(steps))
        return bars[0]

    with ThreadPoolExecutor(executor) if executor else nullcontext() as pool:
        pm.track(files, numbers, load=read, progress=progress, resume=journal, executor=pool)
    assert (bars[0].n, bars[0].total) == (6, 6)
    assert "6/6" in capsys.readouterr().err


def test_bar_works_without_a_known_length(capsys):
    pm.track(((step, step) for step in range(4)), {"x": float}, progress=tqdm)
    assert "4it" in capsys.readouterr().err


def test_bar_may_show_the_steps():
    shown = []

    def progress(steps):
        for step in steps:
            shown.append(step)
            yield step

    pm.track([(5, 1), (3, 1)], {"x": float}, progress=progress)
    assert shown == [5, 3]


def test_bar_that_stops_early_is_an_error():
    measured = []
    with pytest.raises(
        RuntimeError, match=r"^`progress` must pass on each of the steps that it wraps\. It stopped before the last\.$"
    ):
        pm.track(
            [(n, n) for n in range(9)],
            {"x": lambda n: measured.append(n) or n},
            progress=lambda steps: itertools.islice(steps, 2),
        )
    assert len(measured) < 9


# ---------------------------------------------------------------------------------------------------------------------
# Files to resume from


def test_file_has_a_line_for_each_step_when_the_next_begins(journal):
    counts = []

    def measure(number):
        counts.append(len(lines(journal)))
        return {"x": number}

    pm.track([(n, n) for n in range(3)], measure, resume=journal)
    assert counts == [0, 1, 2]
    assert lines(journal) == [{"step": n, "columns": {"x": float(n)}} for n in range(3)]


def test_only_what_is_missing_is_loaded_and_measured(files, journal):
    whole = pm.track(files, numbers, load=read)
    folder = files[0][1].parent
    (folder / "loaded").unlink()
    pm.track(files[:4], numbers, load=read, resume=journal)
    assert_same(pm.track(reversed(files), numbers, load=read, resume=str(journal)), whole)
    assert loaded(folder) == [0, 1, 2, 3, 5, 4]
    assert_same(pm.track(files, numbers, load=read, resume=journal), whole)
    assert len(loaded(folder)) == 6
    assert_same(pm.track(files[1:3], numbers, load=read, resume=journal), pm.track(files[1:3], numbers, load=read))


def test_file_keeps_every_bit(journal):
    def measure(number):
        return {'größe, "a" ∘': [NAN, INF, -INF, -0.0, 1e-300, 5e-324, 0.1 + number], "": torch.rand(2, 3), "e": []}

    first = pm.track([(n, n) for n in range(3)], measure, resume=journal)
    assert_same(pm.track([(n, n) for n in range(3)], measure, resume=journal), first)


def test_file_cut_off_anywhere_is_resumed(journal):
    checkpoints = [(n, n / 7) for n in range(3)]
    whole = pm.track(checkpoints, {"x": float}, resume=journal)
    text = journal.read_bytes()
    for length in range(len(text)):
        journal.write_bytes(text[:length])
        kept = text[:length].count(b'"}')  # without its line feed a record is whole too
        measured = []
        again = pm.track(checkpoints, {"x": lambda x, measured=measured: measured.append(x) or x}, resume=journal)
        assert_same(again, whole)
        assert len(measured) == 3 - kept
        measured.clear()
        assert_same(
            pm.track(checkpoints, {"x": lambda x, measured=measured: measured.append(x)}, resume=journal), whole
        )
        assert measured == []


@pytest.mark.parametrize("seconds", [0, 0.005])
def test_of_several_threads_that_write_at_once_all_but_one_are_refused(seconds, journal, monkeypatch):
    """Also if another thread has time between the check of the file's end and the line that is written there."""
    checkpoints, together = [(n, n) for n in range(30)], threading.Barrier(3)
    check = jsonl.check_one_writer

    def slow(*where):
        check(*where)
        time.sleep(seconds)

    monkeypatch.setattr(jsonl, "check_one_writer", slow)

    def run():
        together.wait()
        return pm.track(checkpoints, lambda number: {"x": [number / 7] * 3000}, resume=journal)

    with ThreadPoolExecutor(3) as executor:
        errors = [run.exception() for run in [executor.submit(run) for _ in range(3)]]
    assert any(error is None for error in errors)
    for error in filter(None, errors):
        assert re.match(f"{str(journal)!r} must have one writer at a time. It has ", str(error))
    assert_same(pm.load_recording(journal), pm.track(checkpoints, lambda number: {"x": [number / 7] * 3000}))


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (
            {"y": float},
            r"`resume` must hold what `measures` names: y\. Got '.*run\.jsonl' with x\. Pass another file\.",
        ),
        (
            lambda x: {"y": x, "v": [x, x]},
            r"`resume` must hold what `measures` returns: y \(\), v \(2,\)\. Got '.*run\.jsonl' with x \(\)\. "
            r"Pass another file\.",
        ),
        (
            lambda x: {"x": [x, x]},
            r"`resume` must hold what `measures` returns: x \(2,\)\. Got '.*run\.jsonl' with x \(\)\. "
            r"Pass another file\.",
        ),
    ],
    ids=["names", "other names", "other shapes"],
)
@pytest.mark.parametrize("errors", ["raise", "record"])
def test_file_of_other_columns_is_refused_and_left_alone(journal, measure, message, errors):
    pm.track([(0, 1)], {"x": float}, resume=journal)
    before = journal.read_bytes()
    for checkpoints in ([(0, 1), (1, 2)], [(1, 2)]):
        with pytest.raises(ValueError, match=f"^{message}(\nThis was at step 1\\.)?$"):
            pm.track(checkpoints, measure, resume=journal, errors=errors)
        assert journal.read_bytes() == before


def test_names_of_a_function_are_not_compared_with_a_file_that_lacks_no_step(journal):
    measured = []
    first = pm.track([(0, 1)], {"x": float}, resume=journal)
    assert_same(pm.track([(0, 1)], lambda x: {"y": measured.append(x) or x}, resume=journal), first)
    assert measured == []


def test_file_that_cannot_be_written_is_an_error_before_anything_is_measured(tmp_path):
    measured = []
    with pytest.raises(FileNotFoundError):
        pm.track([(0, 1)], {"x": measured.append}, resume=tmp_path / "none" / "run.jsonl")
    with pytest.raises(ValueError, match="`resume` must be a file"):
        pm.track([(0, 1)], {"x": measured.append}, resume=tmp_path)
    assert measured == []


# ---------------------------------------------------------------------------------------------------------------------
# Checkpoints that fail


def test_error_names_the_step_once_and_what_was_measured_is_kept(files, journal):
    folder = files[0][1].parent
    with pytest.raises(Exception, match="half and other half") as caught:
        pm.track(files, numbers, load=read_or_raise, resume=journal)
    assert caught.value.__notes__ == ["This was at step 3."]
    assert [line["step"] for line in lines(journal)] == [0, 1, 2]
    assert_same(pm.track(files, numbers, load=read, resume=journal), pm.track(files, numbers, load=read))
    assert loaded(folder)[:6] == list(range(6))


def test_what_is_under_way_beside_an_error_is_kept(journal):
    failed = threading.Event()

    def measure(number):
        if number == 1:
            failed.set()
            raise ValueError("one")
        assert failed.wait(10)
        return {"x": number}

    with ThreadPoolExecutor(3) as executor, pytest.raises(ValueError, match="one") as caught:
        pm.track([(n, n) for n in range(9)], measure, executor=executor, resume=journal)
    assert caught.value.__notes__ == ["This was at step 1."]
    assert {0, 2} <= {line["step"] for line in lines(journal)}


def test_what_is_under_way_is_kept_where_the_checkpoints_end_in_an_error(journal):
    def checkpoints():
        yield 0, 0
        yield 1, 1
        raise OSError("disk gone")

    with ThreadPoolExecutor(3) as executor, pytest.raises(OSError, match="disk gone"):
        pm.track(checkpoints(), {"x": float}, executor=executor, resume=journal)
    assert {line["step"] for line in lines(journal)} == {0, 1}


@pytest.mark.parametrize("threads", [None, 2])
def test_recorded_error_is_a_warning_a_line_and_nan(journal, threads):
    checkpoints, measure = [(n, n) for n in range(4)], picks(2, ValueError("odd"))
    with ThreadPoolExecutor(threads) if threads else nullcontext() as pool, pytest.warns(RuntimeWarning) as caught:
        trajectory = pm.track(checkpoints, measure, errors="record", resume=journal, executor=pool)
    assert [str(each.message) for each in caught] == [
        "Step 2 could not be measured: its columns are nan. ValueError: odd"
    ]
    assert trajectory.steps.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(trajectory["x"], torch.tensor([0, 1, NAN, 3]).double(), equal_nan=True)
    assert trajectory["v"].isnan().tolist() == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    assert {"step": 2, "error": "ValueError: odd"} in lines(journal)
    again = pm.track(checkpoints, picks(None, None), resume=journal)
    assert again["x"].tolist() == [0, 1, 2, 3]


def test_first_step_may_fail():
    with pytest.warns(RuntimeWarning, match="Step 0 could not"):
        trajectory = pm.track([(0, 0), (1, 1)], picks(0, ValueError()), errors="record")
    assert trajectory["x"].isnan().tolist() == [True, False]


@pytest.mark.filterwarnings("ignore:Step:RuntimeWarning")
def test_step_that_failed_may_not_stand_twice():
    with pytest.raises(ValueError, match=r"Got step 0 twice\."):
        pm.track([(0, 0), (0, 1)], picks(0, ValueError()), errors="record")


@pytest.mark.filterwarnings("ignore:Step:RuntimeWarning")
def test_one_step_at_least_has_to_be_measured():
    with pytest.raises(
        ValueError,
        match=r"^`measures` must succeed at one step at least\. It failed at each of 2, at step 5 with "
        r"ValueError: low$",
    ):
        pm.track([(7, 1), (5, 1)], picks(1, ValueError("low")), errors="record")


@pytest.mark.parametrize("odd", [{"y": 1.0}, {"x": [1.0, 2.0]}], ids=["name", "shape"])
def test_names_and_shapes_that_change_are_an_error_of_their_step(journal, odd):
    checkpoints = [(0, {"x": 0.0}), (1, odd), (2, {"x": 2.0})]
    with pytest.raises(ValueError, match=r"`measures` must return the same \w+ at every step") as caught:
        pm.track(checkpoints, dict)
    assert caught.value.__notes__ == ["This was at step 1."]
    with pytest.warns(RuntimeWarning, match=r"^Step 1 could not be measured: .* ValueError: `measures`"):
        trajectory = pm.track(checkpoints, dict, errors="record", resume=journal)
    assert trajectory["x"].nan_to_num(-1).tolist() == [0, -1, 2]
    assert_same(pm.load_recording(journal), trajectory)


# ---------------------------------------------------------------------------------------------------------------------
# Arguments


class Client:
    """Has an executor and is none."""

    def get_executor(self):
        raise AssertionError


class ForkingPool(ProcessPoolExecutor):
    """Forks, as a pool does by default on Linux up to Python 3.13."""

    def __init__(self, workers):
        super().__init__(workers, mp_context=get_context("fork"))


class OtherPool(Executor):
    """Holds its context as loky's executor does."""

    def __init__(self, context):
        self._context = context


FORKS = (
    "`executor` must not fork this process. Got a {} that does: its workers may wait for ever for threads that they do "
    "not have. "
    'Pass ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")), define `measures` and `load` at the '
    'top level of a module, and call `track` under `if __name__ == "__main__":`.'
)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"executor": 2}, TypeError, "`executor` must be a concurrent.futures.Executor. Got int."),
        (
            {"executor": Client()},
            TypeError,
            "`executor` must be a concurrent.futures.Executor. Got Client. Pass its get_executor().",
        ),
        ({"executor": ForkingPool(2)}, ValueError, FORKS.format("ForkingPool")),
        ({"executor": ProcessPoolExecutor(2, get_context("fork"))}, ValueError, FORKS.format("ProcessPoolExecutor")),
        ({"executor": OtherPool(get_context("fork"))}, ValueError, FORKS.format("OtherPool")),
        ({"workers": 0}, ValueError, "`workers` must be at least 1. Got 0."),
        ({"workers": 1.5}, TypeError, "`workers` must be an integer. Got 1.5 (float)."),
        ({"load": "x"}, TypeError, "`load` must be callable. Got str."),
        ({"progress": 1}, TypeError, "`progress` must be a function of an iterable, such as tqdm. Got int."),
        ({"resume": 1}, TypeError, "`resume` must be a path. Got 1 (int)."),
        ({"errors": "ignore"}, ValueError, "`errors` must be one of 'raise', 'record'. Got 'ignore'."),
    ],
)
def test_arguments_are_checked_before_a_checkpoint_is_taken(options, error, message):
    taken = []
    with pytest.raises(error) as caught:
        pm.track(map(taken.append, range(3)), {"x": nn.Identity()}, **options)
    assert str(caught.value) == message
    assert taken == []
