"""Measuring the checkpoints of a run."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing
from typing import Any

from torch import nn

from progress_measures._blocks import Progress
from progress_measures._checks.measures import check_measures
from progress_measures._checks.values import check_callable, check_choice, check_progress
from progress_measures.runs.about import about_of
from progress_measures.runs.checks import (
    Errors,
    check_checkpoints,
    check_executor,
    check_finished,
    check_picklable,
    check_resumed_names,
    check_workers,
)
from progress_measures.runs.dispatcher import Dispatcher
from progress_measures.runs.jobs import SerialExecutor, sends_pickles, worker_count
from progress_measures.runs.journal import Journal
from progress_measures.trajectory.trajectory import Trajectory


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
    """Measures every checkpoint of a run.

    A checkpoint is taken from the iterable when a worker is free. So an iterator that loads models keeps at most as
    many in memory as there are workers; without an executor, it keeps one. The numbers depend neither on the executor
    nor on the order in which they arrive.

    As with a :class:`Recorder`, models are measured in evaluation mode and without gradients. Afterwards, also after an
    error, each submodule is in its former mode. A measure that needs gradients turns them on with
    ``torch.enable_grad()``.

    Without an executor, and in processes, the global random states are also restored after each model. With threads,
    which share these states, they are not: a measure that draws random numbers then needs its own generator.

    Args:
        checkpoints: Pairs of a step and a model, or of a step and an item from which ``load`` makes the model, such as
            a path. Pass paths to measure in other processes or on other machines. Each step may appear only once; the
            result is sorted by step. With an executor, each model must be its own object and share no submodule with
            another.
        measures: A function ``model -> {name: value}``, or a mapping from names to functions of the model. Values are
            numbers or tensors. Names and shapes must be the same at every step.
        load: A function that makes the model from the item of a pair. It is called where the model is measured. By
            default, the item is the model. With threads, ``load`` must make a new model at each call: a shared model
            would change while it is measured. The first model is measured alone to check this, except inside Dask's
            workers with several threads.
        executor: Where to measure: threads, processes, Dask's ``client.get_executor()``, or any other executor. It
            stays open. For processes, define ``measures`` and ``load`` at the top level of a module, and spawn the
            processes: forked ones may wait forever once PyTorch has computed anything in this process. If None, the
            checkpoints are measured one after the other in this thread.
        workers: The number of checkpoints that may be in progress at once. If None, the executor's number of workers.
        progress: A function that wraps the iterable of finished steps, such as ``tqdm``. The iterable has a length if
            ``checkpoints`` has one.
        resume: A file to which each step's numbers are appended, as a line of JSON, as soon as they are measured. Steps
            that are already in the file are neither loaded by ``load`` nor measured again. :func:`load_recording` reads
            the file. A :class:`Recorder` may have written it. Use a new file for another run, or for other measures.
            The file is compared with the names of a mapping, and with the settings of :func:`grokking_measures`, at
            once. It is compared with the names and shapes that another function returns once a step is measured. If
            the file has every step, nothing is measured, and the result has the columns of the file.
        errors: What to do if ``load`` or ``measures`` raises an exception, or if names or shapes differ from earlier
            steps. ``"raise"`` raises the error; if there is a file, it first waits for the checkpoints in progress and
            writes their numbers. With ``"record"``, tracking continues with a warning: the error is written to the
            file, the step's columns are ``nan``, and the step is measured again when the run is resumed.

    Returns:
        The trajectory, with the steps of ``checkpoints`` and one column per name.

    Raises:
        TypeError: If an argument, a checkpoint or a measured value is of the wrong kind, or cannot be pickled for the
            processes of an executor.
        ValueError: If there is no checkpoint, or none that can be measured; if a step appears twice; if names or shapes
            change between steps, or if a mapping or a newly measured step has others than the file; if the file is
            not a recording; if two steps that are measured at once have the same model; or if ``executor`` forks this
            process.
        RuntimeError: If ``progress`` stops early.
        OSError: If the file cannot be read or written.
        BrokenExecutor: If a process of the executor dies; a note names the steps in progress. (Dask reassigns these
            steps to other workers instead.)
        Exception: Any exception of ``measures`` or ``load``, with a note that names the step.

    See Also:
        :class:`Recorder`: to measure during training.
        :func:`grokking_measures`: to make ``measures`` for an operation.

    Example:
        >>> checkpoints = ((step, torch.nn.Linear(2, 2)) for step in (0, 100))
        >>> pm.track(checkpoints, {"weights": lambda model: model.weight})["weights"].shape
        torch.Size([2, 2, 2])
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(2) as executor:
        ...     pm.track([(0, 3), (100, 4)], {"root": lambda x: x**0.5}, load=float, executor=executor)["root"]
        tensor([1.7321, 2.0000], dtype=torch.float64)
    """
    measure = check_measures(measures)
    pairs = check_checkpoints(checkpoints)
    if load is not None:
        check_callable(load, "load")
    check_executor(executor)
    runner = SerialExecutor() if executor is None else executor
    limit = check_workers(workers, worker_count(runner), executor)
    if sends_pickles(runner):
        check_picklable(measures, "measures")
        check_picklable(load, "load")
    check_progress(progress)
    check_choice(errors, "errors", Errors)
    journal = Journal(resume, "resume", about_of(measures))
    journal.hold()
    resumed = next(iter(journal.rows.values()), None)
    if resume is not None:
        check_resumed_names(measures, resumed, resume)

    dispatcher = Dispatcher(measure, load, runner, limit, journal, resumed, errors == "record")
    with closing(dispatcher.steps(pairs)) as steps:
        sized_steps = _SizedSteps(steps, checkpoints)
        for _ in sized_steps if progress is None else progress(sized_steps):
            pass
    check_finished(sized_steps.finished)
    return dispatcher.trajectory()


class _SizedSteps:
    """The iterable that a progress bar wraps. It has the length of the checkpoints, if they have one."""

    def __init__(self, steps: Iterator[int], checkpoints: Any) -> None:
        self._steps = steps
        self._checkpoints = checkpoints
        self.finished = False

    def __iter__(self) -> Iterator[int]:
        yield from self._steps
        self.finished = True

    def __len__(self) -> int:
        return len(self._checkpoints)
