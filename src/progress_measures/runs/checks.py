"""Checks of what is measured along a run: measures, checkpoints, executors, and files to resume from."""

import functools
import inspect
import os
import pickle
from collections.abc import Callable, Container, Iterable, Mapping, Set
from concurrent.futures import Executor
from typing import Any

from torch import Tensor, nn

from progress_measures._checks.values import check_callable, check_integer, check_step, shape_of, type_name
from progress_measures.trajectory.checks import check_column_name, check_numeric


def shapes_of_columns(found: Mapping[str, Tensor]) -> dict[str, str]:
    """The shape of each column."""
    return {name: shape_of(value) for name, value in found.items()}


def listed_columns(found: Mapping[str, Tensor]) -> str:
    """Columns and their shapes, for a message."""
    return ", ".join(f"{name} {size}" for name, size in shapes_of_columns(found).items())


def check_executor(value: object) -> None:
    """An executor, or nothing."""
    if value is not None and not isinstance(value, Executor):
        hint = " Pass its get_executor()." if hasattr(value, "get_executor") else ""
        raise TypeError(f"`executor` must be a concurrent.futures.Executor. Got {type_name(value)}.{hint}")


def check_workers(value: object, of_executor: int | None, executor_: object) -> int | None:
    """How many checkpoints may be under way; None where the executor says it."""
    if value is not None:
        return check_integer(value, "workers", at_least=1)
    if of_executor is None:
        raise ValueError(
            f"`workers` must be given for an executor that does not say how many it has. Got {type_name(executor_)}."
        )
    return None


def check_picklable(value: object, name: str) -> None:
    """Something that can be sent to another process."""
    try:
        pickle.dumps(value)
    except Exception as error:  # pickling raises nearly anything
        raise TypeError(
            f"`{name}` must be picklable to be sent to other processes. Got {value!r}: {error}. "
            "Define it at the top level of a module."
        ) from error


def check_own_model(model: object, others: Iterable[object], step: int, name: str) -> None:
    """A model that stands for no other step that is measured at the same time."""
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
    found: Mapping[str, Tensor], known: Mapping[str, Tensor] | None, path: str | os.PathLike[str] | None
) -> None:
    """A row with the names and shapes of those in the file that is resumed, if there are any."""
    if known is not None and shapes_of_columns(found) != shapes_of_columns(known):
        raise ValueError(
            f"`resume` must hold what `measures` returns: {listed_columns(found)}. "
            f"Got {os.fspath(path or '')!r} with {listed_columns(known)}. Pass another file."
        )


def check_resumed_names(measures: object, known: Mapping[str, Tensor] | None, path: str | os.PathLike[str]) -> None:
    """A measure with names, if it is a mapping, that are those in the file that is resumed."""
    if known is not None and isinstance(measures, Mapping) and set(measures) != set(known):
        raise ValueError(
            f"`resume` must hold what `measures` names: {', '.join(measures)}. "
            f"Got {os.fspath(path)!r} with {', '.join(known)}. Pass another file."
        )


def check_any_measured(rows: Set[int], errors: Mapping[int, str]) -> None:
    """At least one step that was measured."""
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
    """A progress bar that has passed on all there was."""
    if not finished:
        raise RuntimeError("`progress` must pass on each of the steps that it wraps. It stopped before the last.")


def check_measures(value: object) -> Callable[[nn.Module], Any]:
    """A measure as a function of the model, from such a function or from a mapping of names to functions."""
    if isinstance(value, Mapping):
        functions = dict(value)
        for name, each in functions.items():
            check_callable(each, f"measures[{name!r}]")
        return functools.partial(_each, functions)  # which can be pickled if the functions can
    if not callable(value):
        raise TypeError(f"`measures` must be a function of the model, or a mapping of them. Got {type_name(value)}.")
    try:
        inspect.signature(value).bind(None)
    except TypeError:
        raise TypeError(
            '`measures` must take the model alone, as `lambda model: {"loss": …}` does. '
            f"Got a function of {inspect.signature(value)}."
        ) from None
    except ValueError:  # some that are not written in Python do not say what they take
        pass
    return value


def _each(functions: Mapping[str, Callable[[nn.Module], Any]], model: nn.Module) -> dict[str, Any]:
    return {name: function_(model) for name, function_ in functions.items()}


def check_checkpoints(value: object) -> Iterable[Any]:
    """Something to take pairs of step and model from."""
    if isinstance(value, Mapping):
        raise TypeError(f"`checkpoints` must yield pairs (step, model). Got {type_name(value)}. Pass its .items().")
    if not isinstance(value, Iterable):
        raise TypeError(f"`checkpoints` must yield pairs (step, model). Got {type_name(value)}.")
    return value


def check_checkpoint(value: object, seen: Container[int]) -> tuple[int, Any]:
    """A (step, model) whose step is new."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        length = f" of {len(value)}" if isinstance(value, tuple | list) else ""
        raise TypeError(f"`checkpoints` must yield pairs (step, model). Got {type_name(value)}{length}.")
    number = check_step(value[0])
    if number in seen:
        raise ValueError(f"`checkpoints` must hold each step once. Got step {number} twice.")
    return number, value[1]


def check_row(values: object, first: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """The numbers measured at one step, with the names and shapes of the first step's."""
    if not isinstance(values, Mapping):
        raise TypeError(f"`measures` must return a mapping from names to numbers. Got {type_name(values)}.")
    for name in values:
        check_column_name(name, "measures")
    if not values:
        raise ValueError("`measures` must measure something. Got nothing by any name.")
    found = {name: check_numeric(value, name) for name, value in values.items()}
    if first is not None:
        if found.keys() != first.keys():
            odd = sorted(found.keys() ^ first.keys())
            raise ValueError(f"`measures` must return the same names at every step. Got a difference in {odd}.")
        for name, value in found.items():
            if value.shape != first[name].shape:
                raise ValueError(
                    f"`measures` must return the same shapes at every step. "
                    f"Got {shape_of(value)} for {name!r} after {shape_of(first[name])}."
                )
    return found
