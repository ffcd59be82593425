"""Checks of measures, checkpoints, executors, and files to resume from."""

import os
import pickle
from collections.abc import Container, Iterable, Mapping, Set
from concurrent.futures import Executor
from typing import Any, Literal

from torch import Tensor, nn

from progress_measures._checks.values import (
    check_integer,
    check_path,
    check_step,
    listed,
    type_name,
)
from progress_measures._formats.recording import listed_columns, shapes_of_columns

Errors = Literal["raise", "record"]


def check_executor(value: object) -> None:
    """Requires an executor whose processes are not forks of this one, or None."""
    if value is not None and not isinstance(value, Executor):
        hint = " Pass its get_executor()." if hasattr(value, "get_executor") else ""
        raise TypeError(f"`executor` must be a concurrent.futures.Executor. Got {type_name(value)}.{hint}")
    # A fork has the locks and pools of this process but not its threads, so computations in it may wait forever. Using
    # one thread (torch.set_num_threads) does not prevent this: TorchScript's fork, and JAX, have their own pools.
    if start_method(value) == "fork":
        raise ValueError(
            f"`executor` must not fork this process. Got a {type(value).__name__} that does: its workers may wait for "
            "ever for threads that they do not have. "
            'Pass ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")), define `measures` and '
            '`load` at the top level of a module, and call `track` under `if __name__ == "__main__":`.'
        )


def start_method(executor: object) -> str | None:
    """How an executor starts its processes, if known: executors of the standard library and loky hold their context."""
    context: Any = getattr(executor, "_mp_context", getattr(executor, "_context", None))
    return context.get_start_method() if hasattr(context, "get_start_method") else None


def check_workers(value: object, executor_workers: int | None, executor: object) -> int | None:
    """Returns how many checkpoints may be in progress at once; None means the executor's number of workers."""
    if value is not None:
        return check_integer(value, "workers", at_least=1)
    if executor_workers is None:
        raise ValueError(
            f"`workers` must be given for an executor that does not say how many it has. Got {type_name(executor)}."
        )
    return None


def check_picklable(value: object, name: str) -> None:
    """Requires a value that can be pickled, so that it can be sent to another process."""
    try:
        pickle.dumps(value)
    except Exception as error:  # pickling raises nearly anything
        raise TypeError(
            f"`{name}` must be picklable to be sent to other processes. Got {value!r}: {error}. "
            "Define it at the top level of a module."
        ) from error


def check_loaded(model: object) -> None:
    """Requires that ``load`` returned something other than what a forgotten ``return model`` leaves."""
    if hasattr(model, "missing_keys"):
        raise TypeError(
            "`load` must return the model. Got the result of load_state_dict. Return the model after this call."
        )
    if model is None:
        raise TypeError("`load` must return the model. Got None.")


def check_own_model(model: object, others: Iterable[object], step: int, name: str) -> None:
    """Requires a model other than those of the steps that are measured at the same time."""
    if isinstance(model, nn.Module) and any(model is other for other in others):
        verb, remedy = {
            "checkpoints": ("yield", "Yield copies, or paths."),
            "load": ("make", "Make the model inside of it."),
        }[name]
        raise ValueError(
            f"`{name}` must {verb} a model of its own for each step where several are measured at once. "
            f"Got that of another step at step {step}. {remedy}"
        )


def check_resumed(
    row: Mapping[str, Tensor], resumed: Mapping[str, Tensor] | None, path: str | os.PathLike[str] | None
) -> None:
    """Requires a row with the names and shapes of a row in the resumed file, if the file has one."""
    if resumed is not None and shapes_of_columns(row) != shapes_of_columns(resumed):
        raise ValueError(
            f"`resume` must hold what `measures` returns: {listed_columns(row)}. "
            f"Got {os.fspath(path or '')!r} with {listed_columns(resumed)}. Pass another file."
        )


def check_resumed_names(measures: object, resumed: Mapping[str, Tensor] | None, path: str | os.PathLike[str]) -> None:
    """Requires that a mapping of measures has the names of a row in the resumed file, if the file has one."""
    if resumed is not None and isinstance(measures, Mapping) and set(measures) != set(resumed):
        raise ValueError(
            f"`resume` must hold what `measures` names: {listed(measures)}. "
            f"Got {os.fspath(path)!r} with {listed(resumed)}. Pass another file."
        )


def check_any_measured(rows: Set[int], errors: Mapping[int, str]) -> None:
    """Requires that at least one step was measured."""
    if rows:
        return
    if not errors:
        raise ValueError("`checkpoints` must hold at least one (step, model). Got none.")
    step = min(errors)
    raise ValueError(
        f"`measures` must succeed at one step at least. It failed at each of {len(errors)}, at step {step} with "
        f"{errors[step]}"
    )


def check_finished(finished: bool) -> None:
    """Requires that the progress bar has yielded every step."""
    if not finished:
        raise RuntimeError("`progress` must pass on each of the steps that it wraps. It stopped before the last.")


def check_checkpoints(value: object) -> Iterable[Any]:
    """Requires an iterable that is not a mapping, and returns it."""
    if isinstance(value, Mapping):
        raise TypeError(f"`checkpoints` must yield pairs (step, model). Got {type_name(value)}. Pass its .items().")
    if not isinstance(value, Iterable):
        raise TypeError(f"`checkpoints` must yield pairs (step, model). Got {type_name(value)}.")
    return value


def check_checkpoint(value: object, seen: Container[int]) -> tuple[int, Any]:
    """Requires a pair (step, model) whose step is new, and returns it."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        length = f" of {len(value)}" if isinstance(value, tuple | list) else ""
        raise TypeError(f"`checkpoints` must yield pairs (step, model). Got {type_name(value)}{length}.")
    number = check_step(value[0])
    if number in seen:
        raise ValueError(f"`checkpoints` must hold each step once. Got step {number} twice.")
    return number, value[1]


def check_copy(path: Any) -> None:
    """Requires None, or the path of a file that does not exist."""
    if path is None:
        return
    check_path(path, "copy")
    if os.path.lexists(path):
        raise ValueError(f"`copy` must be a new file. Got {os.fspath(path)!r}, which exists.")
