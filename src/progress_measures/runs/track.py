"""The one function of this room."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing
from typing import Any, Literal

from torch import nn

from progress_measures._blocks import Progress
from progress_measures._checks.values import check_callable, check_choice, check_progress
from progress_measures.runs.checks import (
    check_checkpoints,
    check_executor,
    check_finished,
    check_measures,
    check_picklable,
    check_resumed_names,
    check_workers,
)
from progress_measures.runs.dispatcher import Dispatcher
from progress_measures.runs.jobs import SerialExecutor, sends_pickles, worker_count
from progress_measures.runs.journal import Journal
from progress_measures.trajectory.trajectory import Trajectory

Errors = Literal["raise", "record"]


def track(
    checkpoints: Iterable[tuple[int, Any]],
    measures: Callable[[Any], Mapping[str, Any]] | Mapping[str, Callable[[Any], Any]],
    *,
    load: Callable[[Any], nn.Module] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    resume: str | os.PathLike[str] | None = None,
    errors: Errors = "raise",
) -> Trajectory:
    """The measures of every checkpoint of a run.

    A checkpoint is taken when a worker is free for it, so an iterator that loads models keeps no more of them in memory
    than there are workers; without an executor, one. The numbers depend neither on the executor nor on the order in
    which they come.

    As with a :class:`Recorder`, a model is in evaluation mode and gradients are off while it is measured, and then each
    of its submodules is in the mode that it was in, also after an error; a measure that needs gradients turns them on
    with ``torch.enable_grad()``. Without an executor, and in processes, the global random states too are put back after
    each model. Threads share them, so there they are left alone: a measure that draws wants a generator of its own.

    Args:
        checkpoints: Pairs of step and model, or of step and whatever ``load`` makes the model from, such as a path,
            which is what to send to other processes and machines. Each step stands once; they are sorted by step. With
            an executor, each model is an object of its own, and shares no submodule with another.
        measures: From a model to numbers or tensors by name, the same names and shapes at every step, or a mapping from
            names to functions of the model.
        load: From the second of a pair to what is measured, where it is measured; by default it is that itself. With
            threads it has to make a model for each call: one that all share would change while it is measured. To see
            that it does, the first one is measured alone. (In Dask's workers of several threads nobody sees it.)
        executor: Where to measure: threads, processes (``measures`` and ``load`` then stand at the top level of a
            module), Dask's ``client.get_executor()``, or another's. It stays open. In turn, in this thread, if None.
        workers: How many checkpoints may be under way at once; as many as the executor has workers if None.
        progress: Wraps the steps as they are done, such as ``tqdm``; it is told their number if ``checkpoints`` has
            one.
        resume: A file that each step's numbers are appended to, as a line of JSON, as soon as they are there. The steps
            that it holds already are not measured again, nor loaded by ``load``. It may be one that a :class:`Recorder`
            wrote, and :func:`load_recording` reads it. It does not know what else may have changed: another run, or
            another measure by the same names, wants another file.
        errors: What happens where ``load`` or ``measures`` raises an exception, or what is measured does not have the
            names and shapes of the steps before. ``"raise"`` raises it; of what is under
            way, the file still gets what comes to its end. ``"record"`` warns, writes it to the file too, and goes on:
            the step's columns are nan, and it is tried again when the run is resumed.

    Returns:
        The trajectory, with one column per name and the steps of ``checkpoints``.

    Raises:
        TypeError: If an argument, a checkpoint or a measured value is of the wrong kind, or cannot be pickled for the
            processes of an executor.
        ValueError: If there is no checkpoint, or none that can be measured, a step stands twice, names or shapes change
            between steps, or are others than in the file, it is no such file, or one model stands for two steps
            that are measured at once.
        RuntimeError: If ``progress`` stops early.
        OSError: If the file cannot be read or written.
        BrokenExecutor: If a process of the executor dies, with a note that names the steps under way. (Dask gives them
            to other workers.)
        Exception: Whatever ``measures`` or ``load`` raises, with a note that names the step.

    Example:
        >>> checkpoints = ((step, torch.nn.Linear(2, 2)) for step in (0, 100))
        >>> pm.track(checkpoints, {"weights": lambda model: model.weight})["weights"].shape
        torch.Size([2, 2, 2])
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(2) as executor:
        ...     pm.track([(0, 3), (100, 4)], {"root": lambda x: x**0.5}, load=float, executor=executor)["root"]
        tensor([1.7321, 2.0000], dtype=torch.float64)
    """
    numbers_of = check_measures(measures)
    pairs = check_checkpoints(checkpoints)
    if load is not None:
        check_callable(load, "load")
    check_executor(executor)
    at = SerialExecutor() if executor is None else executor
    limit = check_workers(workers, worker_count(at), executor)
    if sends_pickles(at):
        check_picklable(measures, "measures")
        check_picklable(load, "load")
    check_progress(progress)
    check_choice(errors, "errors", Errors)
    journal = Journal(resume, "resume")
    resumed = next(iter(journal.rows.values()), None)
    if resume is not None:
        check_resumed_names(measures, resumed, resume)

    dispatcher = Dispatcher(numbers_of, load, at, limit, journal, resumed, errors == "record")
    with closing(dispatcher.steps(pairs)) as steps:
        bar = _Bar(steps, checkpoints)
        for _ in bar if progress is None else progress(bar):
            pass
    check_finished(bar.finished)
    return dispatcher.trajectory()


class _Bar:
    """What a progress bar wraps: iterated once, and of the length of the checkpoints if they have one."""

    def __init__(self, steps: Iterator[int], checkpoints: Any) -> None:
        self._steps = steps
        self._checkpoints = checkpoints
        self.finished = False

    def __iter__(self) -> Iterator[int]:
        yield from self._steps
        self.finished = True

    def __len__(self) -> int:
        return len(self._checkpoints)
