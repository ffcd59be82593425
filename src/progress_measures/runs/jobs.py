"""The jobs that an executor runs, and the number that it runs at once."""

import copy
import pickle
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from progress_measures._formats.recording import check_row
from progress_measures._model_state import at_rest, undisturbed
from progress_measures.runs.checks import check_loaded, start_method

Numbers = dict[str, np.ndarray]


@dataclass(eq=False)
class Job:
    """One checkpoint to measure."""

    step: int
    item: Any
    """The model, or the item for ``load``. None once it is measured, because others may still hold the job."""
    load: Callable[[Any], Any] | None
    measures: Callable[[Any], Mapping[str, Any]]
    pickled: bool
    """Whether the result or the error must be pickled."""
    alone: bool
    """Whether the job is the only one in its process, so that the global random states can be restored after it."""
    loaded: weakref.ref[nn.Module] | None = None
    """The model that ``load`` returned, if it is a module and was loaded in this process."""

    def __call__(self) -> Numbers:
        """Measures the checkpoint. Returns arrays, because processes would send tensors through shared memory."""
        try:
            model = self.item if self.load is None else self.load(self.item)
            if self.load is not None:
                check_loaded(model)
                if isinstance(model, nn.Module):
                    self.loaded = weakref.ref(model)
            with undisturbed(model) if self.alone else at_rest(model):
                return {name: x.numpy() for name, x in check_row(self.measures(model), None).items()}
        except Exception as error:
            if self.pickled and not _can_be_pickled(error):  # the executor would report it as a dead worker
                raise RuntimeError(f"{type(error).__name__}: {error}") from None
            raise


class SerialExecutor(Executor):
    """Runs each job at once, in the thread that submits it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Runs the job and returns a future that is done."""
        return _done(*_attempt(fn, *args, **kwargs))


def sends_pickles(executor: Executor) -> bool:
    """Whether an executor pickles its jobs with the standard library."""
    return isinstance(executor, ProcessPoolExecutor)


def has_processes(executor: Executor) -> bool:
    """Whether each worker of an executor is a process that does one job at a time, as with loky.

    Dask's workers do not count: they may have several threads without saying so.
    """
    return sends_pickles(executor) or start_method(executor) is not None


def shares_models(executor: Executor) -> bool:
    """Whether several jobs may run at once in this process, where ``load`` could return the same model to them."""
    return not (isinstance(executor, SerialExecutor) or has_processes(executor) or hasattr(executor, "_client"))


def worker_count(executor: Executor) -> int | None:
    """The number of workers that an executor has now, or None if it is unknown.

    The interface of executors does not include this number. Executors of the standard library, and others that follow
    them, hold it in ``_max_workers``. Dask's executor asks its scheduler, because its workers come and go.
    """
    if isinstance(executor, SerialExecutor):
        return 1
    if hasattr(executor, "_client"):
        return max(1, int(sum(executor._client.nthreads().values())))
    count: int | None = getattr(executor, "_max_workers", None)
    return count


# An exception refers to the frames that it passed through, and these refer to their callers. If one of these frames
# referred to the exception or its future, the cycle would keep the model alive. So the future is made elsewhere, in
# `_done`.
def _attempt(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Exception | None]:
    try:
        return fn(*args, **kwargs), None
    except Exception as error:
        return None, error


def _done(result: Any, error: Exception | None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
    return future


def _can_be_pickled(error: Exception) -> bool:
    """Whether an error can be pickled and restored; a deep copy restores it as unpickling would."""
    try:
        pickle.dumps(error)
        copy.deepcopy(error)
    except Exception:
        return False
    return True
