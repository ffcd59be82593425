"""Checks of how checkpoints are tracked: executors, and files to resume from."""

import os
import pickle
from collections.abc import Iterable, Mapping, Set
from concurrent.futures import Executor

from torch import Tensor, nn

from progress_measures._checks.journals import listed, shapes
from progress_measures._checks.values import integer, kind


def executor(value: object) -> None:
    """An executor, or nothing."""
    if value is not None and not isinstance(value, Executor):
        hint = " Pass its get_executor()." if hasattr(value, "get_executor") else ""
        raise TypeError(f"`executor` must be a concurrent.futures.Executor. Got {kind(value)}.{hint}")


def workers(value: object, of_executor: int | None, executor_: object) -> int | None:
    """How many checkpoints may be under way; None where the executor says it."""
    if value is not None:
        return integer(value, "workers", at_least=1)
    if of_executor is None:
        raise ValueError(
            f"`workers` must be given for an executor that does not say how many it has. Got {kind(executor_)}."
        )
    return None


def picklable(value: object, name: str) -> None:
    """Something that can be sent to another process."""
    try:
        pickle.dumps(value)
    except Exception as error:  # pickling raises nearly anything
        raise TypeError(
            f"`{name}` must be picklable to be sent to other processes. Got {value!r}: {error}. "
            "Define it at the top level of a module."
        ) from error


def own_model(model: object, others: Iterable[object], step: int, name: str) -> None:
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


def resumed(
    found: Mapping[str, Tensor], known: Mapping[str, Tensor] | None, path: str | os.PathLike[str] | None
) -> None:
    """A row with the names and shapes of those in the file that is resumed, if there are any."""
    if known is not None and shapes(found) != shapes(known):
        raise ValueError(
            f"`resume` must hold what `measure` returns: {listed(found)}. "
            f"Got {os.fspath(path or '')!r} with {listed(known)}. Pass another file."
        )


def resumed_names(measure: object, known: Mapping[str, Tensor] | None, path: str | os.PathLike[str]) -> None:
    """A measure with names, if it is a mapping, that are those in the file that is resumed."""
    if known is not None and isinstance(measure, Mapping) and set(measure) != set(known):
        raise ValueError(
            f"`resume` must hold what `measure` names: {', '.join(measure)}. "
            f"Got {os.fspath(path)!r} with {', '.join(known)}. Pass another file."
        )


def measured(rows: Set[int], errors: Mapping[int, str]) -> None:
    """At least one step that was measured."""
    if rows:
        return
    if not errors:
        raise ValueError("`checkpoints` must hold at least one (step, model). Got none.")
    step = min(errors)
    raise ValueError(
        f"`measure` must succeed at one step at least. It failed at each of {len(errors)}, at step {step} with "
        f"{errors[step]}"
    )


def every_step(finished: bool) -> None:
    """A progress bar that has passed on all there was."""
    if not finished:
        raise RuntimeError("`progress` must pass on each of the steps that it wraps. It stopped before the last.")
