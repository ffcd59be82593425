"""Checkpoints on their way through an executor, and the rows that come back."""

import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from progress_measures import _checks
from progress_measures.tracking import journal
from progress_measures.tracking.jobs import Job, Numbers, sends_pickles, worker_count
from progress_measures.trajectory import Trajectory

Row = dict[str, Tensor]


@dataclass(eq=False)
class Run:
    """What is to be measured and how, and how far it has come."""

    measure: Callable[[Any], Mapping[str, Any]]
    load: Callable[[Any], Any] | None
    executor: Executor
    workers: int | None
    """Jobs under way at once; the executor's workers, however many there are then, if None."""
    resume: str | os.PathLike[str] | None
    record: bool
    """Whether a checkpoint that fails becomes nan."""
    resumed: dict[int, Row]
    """What the file held."""
    seen: set[int] = field(default_factory=set)
    rows: dict[int, Row] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
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
        steps = sorted([*self.rows, *self.errors])
        _checks.measured(self.rows, self.errors)
        first = self.rows[min(self.rows)]
        nan = {name: torch.full_like(value, torch.nan) for name, value in first.items()}
        rows = [self.rows.get(step, nan) for step in steps]
        return Trajectory(steps, {name: torch.stack([row[name] for row in rows]) for name in first})

    def _start(self, checkpoint: object) -> list[int]:
        """Hands a checkpoint over to the executor, or answers with its step if it is known."""
        step, item = _checks.checkpoint(checkpoint, self.seen)
        self.seen.add(step)
        if step in self.resumed:
            self.rows[step] = self.resumed[step]
            return [step]
        _checks.own_model(item, [job.item for job in self.under_way.values()], step)
        job = Job(step, item, self.load, self.measure, sends_pickles(self.executor))
        self.under_way[self.executor.submit(job)] = job
        return []

    def _room(self) -> int:
        return self.workers or worker_count(self.executor) or 1

    def _finish(self) -> Iterator[int]:
        """Waits for at least one job, and keeps what is done."""
        done, _ = wait(self.under_way, return_when=FIRST_COMPLETED)
        for future in done:
            self._keep(self.under_way[future].step, future)
            job = self.under_way.pop(future)
            job.item = None
            yield job.step

    def _keep(self, step: int, future: Future[Numbers]) -> None:
        error = future.exception()  # if it was raised here, this frame, which has the future, would be a circle
        if self.record and isinstance(error, Exception) and not isinstance(error, BrokenExecutor):
            self._fail(step, f"{type(error).__name__}: {error}")
            return
        try:
            self._add(step, future.result())
        except BrokenExecutor:
            raise
        except Exception as error:
            error.add_note(f"This was at step {step}.")
            raise

    def _add(self, step: int, numbers: Numbers) -> None:
        row = _checks.row(numbers, None)
        _checks.resumed(row, next(iter(self.resumed.values()), None), self.resume)
        _checks.row(row, next(iter(self.rows.values()), None))
        if self.resume is not None:
            journal.add_row(self.resume, step, row)
        self.rows[step] = row

    def _fail(self, step: int, error: str) -> None:
        # The text alone: the exception would keep the model alive, by its frames.
        if self.resume is not None:
            journal.add_error(self.resume, step, error)
        self.errors[step] = error
        warnings.warn(f"Step {step} could not be measured, its columns are nan. {error}", RuntimeWarning, stacklevel=2)

    def _rescue(self) -> None:
        """Writes down what else comes to its end, if there is a file for it."""
        if self.resume is None:
            return
        for future in wait(self.under_way).done:
            if not future.cancelled() and future.exception() is None:
                with suppress(Exception):  # one is being raised already
                    self._keep(self.under_way[future].step, future)
