"""What an executor is given to do, and how much of it at once."""

import copy
import pickle
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from progress_measures._model_state import at_rest, undisturbed
from progress_measures.runs.checks import check_row

Numbers = dict[str, np.ndarray]


@dataclass(eq=False)
class Job:
    """One checkpoint to measure."""

    step: int
    item: Any
    """The model, or what ``load`` makes it from; None once it is measured, whoever still holds the job."""
    load: Callable[[Any], Any] | None
    measures: Callable[[Any], Mapping[str, Any]]
    pickled: bool
    """Whether what comes back, an error too, has to be pickled."""
    alone: bool
    """Whether no other thread of the process draws random numbers meanwhile, so that their state can be put back."""
    loaded: weakref.ref[nn.Module] | None = None
    """The model that ``load`` has returned, if that was in this process and it is one."""

    def __call__(self) -> Numbers:
        """The numbers of the checkpoint, as arrays: tensors would come from another process by shared memory."""
        try:
            model = self.item if self.load is None else self.load(self.item)
            if self.load is not None and isinstance(model, nn.Module):
                self.loaded = weakref.ref(model)
            with undisturbed(model) if self.alone else at_rest(model):
                return {name: x.numpy() for name, x in check_row(self.measures(model), None).items()}
        except Exception as error:
            if self.pickled and not _survives(error):  # it would be taken for the death of the worker
                raise RuntimeError(f"{type(error).__name__}: {error}") from None
            raise


class SerialExecutor(Executor):
    """Does what it is given at once, in the thread that gives it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that is done."""
        return _done(*_attempt(fn, *args, **kwargs))


def sends_pickles(executor: Executor) -> bool:
    """Whether what an executor is given has to be picklable by the standard library."""
    return isinstance(executor, ProcessPoolExecutor)


def shares_models(executor: Executor) -> bool:
    """Whether jobs may be under way at once in this process, where what ``load`` returns may be one model."""
    return not (isinstance(executor, SerialExecutor) or sends_pickles(executor) or hasattr(executor, "_client"))


def worker_count(executor: Executor) -> int | None:
    """How many workers an executor has now, if that can be told.

    The interface of executors does not say. Those of the standard library, and others after their example, hold the
    number in ``_max_workers``; Dask's asks its scheduler, and the answer changes as workers come and go.
    """
    if isinstance(executor, SerialExecutor):
        return 1
    if hasattr(executor, "_client"):
        return max(1, int(sum(executor._client.nthreads().values())))
    count: int | None = getattr(executor, "_max_workers", None)
    return count


# An exception knows the frames that it came through, and through them their callers. None of them may know the
# exception or its future, or the model in them would live on in a circle.
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


def _survives(error: Exception) -> bool:
    """Whether an error can be pickled, and made again from what it would be pickled as, as a copy is."""
    try:
        pickle.dumps(error)
        copy.deepcopy(error)
    except Exception:
        return False
    return True
