"""Checkpoints on their way through an executor, and the rows that come back."""

import warnings
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from progress_measures.runs.checks import (
    check_any_measured,
    check_checkpoint,
    check_own_model,
    check_resumed,
    check_row,
)
from progress_measures.runs.jobs import Job, Numbers, SerialExecutor, sends_pickles, shares_models, worker_count
from progress_measures.runs.journal import Journal, Row
from progress_measures.trajectory.trajectory import Trajectory


@dataclass(eq=False)
class Dispatcher:
    """Hands checkpoints to an executor, and collects what is measured; it holds how far that has come."""

    measures: Callable[[Any], Mapping[str, Any]]
    load: Callable[[Any], Any] | None
    executor: Executor
    workers: int | None
    """Jobs under way at once; the executor's workers, however many there are then, if None."""
    journal: Journal
    """What the file held that is resumed, if there is one, and what is measured now."""
    resumed: Row | None
    """A row that the file held."""
    record: bool
    """Whether a checkpoint that fails becomes nan."""
    seen: set[int] = field(default_factory=set)
    loaded: weakref.WeakValueDictionary[int, nn.Module] = field(default_factory=weakref.WeakValueDictionary)
    """The models by step that ``load`` has returned and that are still there."""
    has_loaded: bool = False
    """Whether ``load`` has returned a model."""
    under_way: dict[Future[Numbers], Job] = field(default_factory=dict)

    def steps(self, pairs: Iterable[Any]) -> Generator[int]:
        """Each step, once it is measured or has failed; the next checkpoint is taken when there is room for it."""
        try:
            for known in map(self._start, pairs):  # a loop over the pairs would hold on to the last one
                yield from known
                while len(self.under_way) >= self._room():
                    yield from self._finish()
            while self.under_way:
                yield from self._finish()
        except (BrokenExecutor, CancelledError) as error:
            steps = sorted(job.step for job in self.under_way.values())
            error.add_note(f"Under way when the workers stopped: steps {', '.join(map(str, steps)) or 'none'}.")
            self._rescue()
            raise
        except Exception:
            self._rescue()
            raise
        finally:
            for future, job in self.under_way.items():
                future.cancel()
                job.item = None

    def trajectory(self) -> Trajectory:
        """All rows in the order of their steps, nan where there is none."""
        errors = {step: error for step, error in self.journal.errors.items() if step in self.seen}
        check_any_measured(self.seen & self.journal.rows.keys(), errors)
        return self.journal.trajectory(self.seen)

    def _start(self, checkpoint: object) -> list[int]:
        """Hands a checkpoint over to the executor, or answers with its step if it is known."""
        step, item = check_checkpoint(checkpoint, self.seen)
        self.seen.add(step)
        if step in self.journal.rows:
            return [step]
        check_own_model(item, [job.item for job in self.under_way.values()], step, "checkpoints")
        pickled = sends_pickles(self.executor)
        job = Job(
            step, item, self.load, self.measures, pickled, alone=pickled or isinstance(self.executor, SerialExecutor)
        )
        self.under_way[self.executor.submit(job)] = job
        return []

    def _room(self) -> int:
        """How many jobs may be under way; a second one once it is known what ``load`` has returned to the first."""
        return 1 if self._shares() and not self.has_loaded else self._workers()

    def _workers(self) -> int:
        return self.workers or worker_count(self.executor) or 1

    def _shares(self) -> bool:
        return self.load is not None and shares_models(self.executor) and self._workers() > 1

    def _finish(self) -> Iterator[int]:
        """Waits for at least one job, and keeps what is done."""
        done, _ = wait(self.under_way, return_when=FIRST_COMPLETED)
        for future in done:
            self._keep(self.under_way[future], future)
            job = self.under_way.pop(future)
            job.item = None
            yield job.step

    def _keep(self, job: Job, future: Future[Numbers]) -> None:
        error = future.exception()  # if it was raised here, this frame, which has the future, would be a circle
        try:
            if self._shares():
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
        """Raises if ``load`` has returned the model of another step, which it may change while it is measured."""
        model = None if job.loaded is None else job.loaded()
        if model is not None:
            check_own_model(model, self.loaded.values(), job.step, "load")
            self.loaded[job.step] = model

    def _add(self, step: int, numbers: Numbers) -> None:
        row = check_row(numbers, None)
        check_resumed(row, self.resumed, self.journal.path)
        try:
            check_row(row, self.journal.others(step))
        except ValueError as error:
            if not self.record:
                raise
            self._fail(step, f"{type(error).__name__}: {error}")
        else:
            self.journal.add(step, row)

    def _fail(self, step: int, error: str) -> None:
        # The text alone: the exception would keep the model alive, by its frames.
        self.journal.fail(step, error)
        warnings.warn(f"Step {step} could not be measured, its columns are nan. {error}", RuntimeWarning, stacklevel=2)

    def _rescue(self) -> None:
        """Writes down what else comes to its end, if there is a file for it."""
        if self.journal.path is None:
            return
        for future in wait(self.under_way).done:
            if not future.cancelled() and future.exception() is None:
                with suppress(Exception):  # one is being raised already
                    self._keep(self.under_way[future], future)
