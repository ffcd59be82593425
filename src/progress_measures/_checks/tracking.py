"""Checks of how checkpoints are tracked: executors, and files to resume from."""

import json
import os
import pickle
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

from torch import Tensor, nn

from progress_measures._checks.trajectories import row
from progress_measures._checks.values import integer, kind, shape

_LINE = b'{"step": '  # how each line of a file to resume from begins


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


def own_model(item: object, others: Iterable[object], step: int) -> None:
    """A model that is not being measured already, for another step."""
    if isinstance(item, nn.Module) and any(item is other for other in others):
        raise ValueError(
            "`checkpoints` must yield a model of its own for each step where several are measured at once. "
            f"Got that of another step at step {step}. Yield copies, or paths."
        )


def journal_line(line: bytes, first: Mapping[str, Tensor] | None, where: str) -> dict[int, dict[str, Tensor]]:
    """The row by its step in a line of a file to resume from; nothing if it was cut off or tells of an error."""
    try:
        record = _record(line)
        return {record["step"]: row(record["columns"], first)} if "columns" in record else {}
    except Exception as error:  # a file of another kind can raise nearly anything
        raise ValueError(f"`resume` must be a file that track wrote, or a new one. Got {where}: {error}.") from error


def _record(line: bytes) -> dict[str, Any]:
    text = line.strip()
    try:
        record = json.loads(text)
    except ValueError:
        if text.startswith(_LINE) or _LINE.startswith(text):
            return {}
        raise
    integer(record["step"], "step", at_least=0)
    if set(record) not in ({"step", "columns"}, {"step", "error"}):
        raise ValueError(f"a line with {', '.join(record)} is none of track's")
    return dict(record)


def resumed(
    found: Mapping[str, Tensor], known: Mapping[str, Tensor] | None, path: str | os.PathLike[str] | None
) -> None:
    """A row with the names and shapes of those in the file that is resumed, if there are any."""
    if known is not None and _columns(found) != _columns(known):
        raise ValueError(
            f"`resume` must hold what `measure` returns: {_listed(found)}. "
            f"Got {os.fspath(path or '')!r} with {_listed(known)}. Pass another file."
        )


def resumed_names(measure: object, known: Mapping[str, Tensor] | None, path: str | os.PathLike[str]) -> None:
    """A measure with names, if it is a mapping, that are those in the file that is resumed."""
    if known is not None and isinstance(measure, Mapping) and set(measure) != set(known):
        raise ValueError(
            f"`resume` must hold what `measure` names: {', '.join(measure)}. "
            f"Got {os.fspath(path)!r} with {', '.join(known)}. Pass another file."
        )


def _columns(found: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: shape(value) for name, value in found.items()}


def _listed(found: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {size}" for name, size in _columns(found).items())


def measured(rows: Mapping[int, object], errors: Mapping[int, str]) -> None:
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
