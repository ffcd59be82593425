"""The loop that sends checkpoints to an executor and collects the rows that come back."""

import warnings
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from progress_measures._checks.values import listed
from progress_measures._formats.recording import Row, check_row
from progress_measures.runs.checks import (
    check_any_measured,
    check_checkpoint,
    check_own_model,
    check_resumed,
)
from progress_measures.runs.jobs import Job, Numbers, SerialExecutor, has_processes, shares_models, worker_count
from progress_measures.runs.journal import Journal
from progress_measures.trajectory.trajectory import Trajectory


@dataclass(eq=False)
class Dispatcher:
    """Submits checkpoints to an executor and collects their rows; holds the state of this loop."""

    measures: Callable[[Any], Mapping[str, Any]]
    load: Callable[[Any], Any] | None
    executor: Executor
    workers: int | None
    """The number of jobs that may be unfinished at once. If None, the executor's current number of workers."""
    journal: Journal
    """All rows and errors, from the resumed file, if there is one, and new ones."""
    resumed: Row | None
    """A row of the resumed file, if it has one."""
    record: bool
    """Whether the columns of a checkpoint that fails become ``nan``. Otherwise its error is raised."""
    seen: set[int] = field(default_factory=set)
    loaded: weakref.WeakValueDictionary[int, nn.Module] = field(default_factory=weakref.WeakValueDictionary)
    """The models that ``load`` has returned, by step, as long as they exist."""
    has_loaded: bool = False
    """Whether ``load`` has returned at least once."""
    unfinished: dict[Future[Numbers], Job] = field(default_factory=dict)

    def steps(self, pairs: Iterable[Any]) -> Generator[int]:
        """Yields each step once it is measured or has failed; takes the next checkpoint when there is room for it."""
        try:
            for already_measured in map(self._start, pairs):  # a loop over pairs would keep the last model alive
                yield from already_measured
                while len(self.unfinished) >= self._limit():
                    yield from self._finish()
            while self.unfinished:
                yield from self._finish()
        except (BrokenExecutor, CancelledError) as error:
            steps = sorted(job.step for job in self.unfinished.values())
            error.add_note(f"Under way when the workers stopped: steps {listed(map(str, steps)) or 'none'}.")
            self._rescue()
            raise
        except Exception:
            self._rescue()
            raise
        finally:
            for future, job in self.unfinished.items():
                future.cancel()
                job.item = None

    def trajectory(self) -> Trajectory:
        """All steps in ascending order with their rows; ``nan`` if a step has no row."""
        errors = {step: error for step, error in self.journal.errors.items() if step in self.seen}
        check_any_measured(self.seen & self.journal.rows.keys(), errors)
        return self.journal.trajectory(self.seen)

    def _start(self, checkpoint: object) -> list[int]:
        """Submits a checkpoint to the executor. If its step is measured already, returns that step instead."""
        step, item = check_checkpoint(checkpoint, self.seen)
        self.seen.add(step)
        if step in self.journal.rows:
            return [step]
        check_own_model(item, [job.item for job in self.unfinished.values()], step, "checkpoints")
        pickled = has_processes(self.executor)
        job = Job(
            step, item, self.load, self.measures, pickled, alone=pickled or isinstance(self.executor, SerialExecutor)
        )
        self.unfinished[self.executor.submit(job)] = job
        return []

    def _limit(self) -> int:
        """How many jobs may be unfinished. Only one until ``load`` has returned, if jobs could get the same model."""
        return 1 if self._may_share_models() and not self.has_loaded else self._workers()

    def _workers(self) -> int:
        return self.workers or worker_count(self.executor) or 1

    def _may_share_models(self) -> bool:
        return self.load is not None and shares_models(self.executor) and self._workers() > 1

    def _finish(self) -> Iterator[int]:
        """Waits until at least one job is done; stores what is done and yields its steps."""
        done, _ = wait(self.unfinished, return_when=FIRST_COMPLETED)
        for future in done:
            self._store(self.unfinished[future], future)
            job = self.unfinished.pop(future)
            job.item = None
            yield job.step

    def _store(self, job: Job, future: Future[Numbers]) -> None:
        # A recorded error is not raised here: it would refer to this frame, the frame to the future, and the future to
        # the error. This cycle would keep the model alive.
        error = future.exception()
        try:
            if self._may_share_models():
                self._check_model(job)
            if self.record and isinstance(error, Exception) and not isinstance(error, BrokenExecutor):
                self._fail(job.step, f"{type(error).__name__}: {error}")
            else:
                self._add(job.step, future.result())
        except BrokenExecutor:
            raise
        except Exception as error:
            error.add_note(f"This was at step {job.step}.")
            raise
        self.has_loaded = self.has_loaded or error is None or job.loaded is not None

    def _check_model(self, job: Job) -> None:
        """Requires that ``load`` returned a new model: a model of another step could change while it is measured."""
        model = None if job.loaded is None else job.loaded()
        if model is not None:
            check_own_model(model, self.loaded.values(), job.step, "load")
            self.loaded[job.step] = model

    def _add(self, step: int, numbers: Numbers) -> None:
        row = check_row(numbers, None)
        check_resumed(row, self.resumed, self.journal.path)
        try:
            check_row(row, self.journal.other_row(step))
        except ValueError as error:
            if not self.record:
                raise
            self._fail(step, f"{type(error).__name__}: {error}")
        else:
            self.journal.add(step, row)

    def _fail(self, step: int, error: str) -> None:
        # Only the text is kept: the frames of the exception would keep the model alive.
        self.journal.fail(step, error)
        warnings.warn(f"Step {step} could not be measured: its columns are nan. {error}", RuntimeWarning, stacklevel=2)

    def _rescue(self) -> None:
        """Waits for the unfinished jobs and stores their rows, if there is a file to write them to."""
        if self.journal.path is None:
            return
        for future in wait(self.unfinished).done:
            if not future.cancelled() and future.exception() is None:
                with suppress(Exception):  # another error is being raised already
                    self._store(self.unfinished[future], future)
