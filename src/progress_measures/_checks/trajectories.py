"""Checks of trajectories, and of what they are made from."""

import difflib
import functools
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from progress_measures._checks.tensors import finite, unmasked
from progress_measures._checks.values import function, kind, shape, step


def steps(values: object) -> Tensor:
    """Strictly ascending integers, int64, ``(T,)``, at least one."""
    unmasked(values, "steps")
    try:
        array = np.asarray(values.tolist() if isinstance(values, Tensor) else values)
    except ValueError:  # of uneven lengths
        array = np.empty(0, dtype=object)
    if array.dtype == object and not (array.size and all(type(step) is int for step in array.flat)):  # or too large
        raise TypeError(f"`steps` must be a sequence of integers. Got {kind(values)}.")
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"`steps` must be a sequence of at least one integer. Got shape {array.shape}.")
    if array.dtype.kind not in "iufO":
        raise TypeError(f"`steps` must be integers. Got {array.dtype}.")
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and np.array_equal(array, np.round(array))):
        raise TypeError(f"`steps` must be integers. Got {array.dtype}.")
    beyond = next((int(step) for step in (array.min(), array.max()) if not -(2**63) <= int(step) < 2**63), None)
    if beyond is not None:
        raise ValueError(f"`steps` must lie in -2^63..2^63 - 1. Got {beyond}.")
    array = array.astype(np.int64)
    falls = np.flatnonzero(np.diff(array) <= 0)
    if falls.size:
        before, after = array[falls[0]], array[falls[0] + 1]
        raise ValueError(f"`steps` must ascend strictly. Got {after} after {before}.")
    return torch.from_numpy(array)


def columns(values: object, count: int) -> dict[str, Tensor]:
    """Float64 tensors by name on the CPU, each with one entry per step along its first axis."""
    if not isinstance(values, Mapping):
        raise TypeError(f"`columns` must be a mapping from names to values. Got {kind(values)}.")
    found = {}
    for name, column in values.items():
        _column_name(name, "columns")
        tensor_ = numeric(column, f"columns[{name!r}]")
        if tensor_.ndim == 0 or len(tensor_) != count:
            raise ValueError(f"`columns[{name!r}]` must have one entry per step ({count}). Got shape {shape(tensor_)}.")
        found[name] = tensor_
    return found


def _column_name(name: object, of: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"`{of}` must have strings as names. Got {name!r} ({kind(name)}).")
    if name == "steps":
        raise ValueError(f"`{of}` must not use the name 'steps'. It is taken by the steps themselves.")


def numeric(value: object, name: str) -> Tensor:
    """Real numbers of any kind as a float64 tensor on the CPU, a copy without a graph; ``nan`` where masked."""
    if isinstance(value, np.ma.MaskedArray) and value.dtype.kind in "biuf":
        value = np.where(np.ma.getmaskarray(value), np.nan, value.data)
    try:
        array = np.asarray(_without_graph(value))
    except ValueError:
        raise TypeError(f"`{name}` must be numbers. Got {kind(value)}.") from None
    if array.dtype.kind == "c":
        raise TypeError(f"`{name}` must be real. Got {array.dtype}.")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"`{name}` must be numbers. Got {kind(value)}.")
    return torch.from_numpy(np.array(array, dtype=np.float64))


def _without_graph(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_without_graph(each) for each in value]
    if not isinstance(value, Tensor):
        return value
    # NumPy has no bfloat16.
    return value.detach().cpu().to(torch.complex128 if value.is_complex() else torch.float64).numpy()


def column(name: object, known: Mapping[str, Tensor]) -> str:
    """The name of a column; a wrong name is answered with the nearest one."""
    if not isinstance(name, str):
        raise TypeError(f"`name` must be a string. Got {name!r} ({kind(name)}). Take several columns with select().")
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    hint = f" Did you mean {near[0]!r}?" if near else " The trajectory has no columns."
    raise KeyError(f"`name` must be a column of the trajectory. Got {name!r}.{hint}")


def labels(columns: object) -> dict[str, str]:
    """Labels by name of the columns to draw, from one name, several, or a mapping to labels."""
    if isinstance(columns, str):
        columns = [columns]
    if not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a name, several, or a mapping to labels. Got {kind(columns)}.")
    found = dict(columns) if isinstance(columns, Mapping) else {name: str(name).replace("_", " ") for name in columns}
    if not found:
        raise ValueError("`columns` must name at least one column. Got none.")
    return found


def entry_names(names: Iterable[str], *, count: int, of: str) -> None:
    """Distinct names for numbers, as many as there are, none of which is that of the steps."""
    if len({"step", *names}) <= count:
        raise ValueError(
            f"`{of}` must have distinct names where each number has its own: 'step' is taken, and a vector becomes "
            f"name/1, name/2. Got {', '.join(sorted(names))}."
        )


def measure(value: object) -> Callable[[nn.Module], Any]:
    """A measure as a function of the model, from such a function or from a mapping of names to functions."""
    if isinstance(value, Mapping):
        functions = dict(value)
        for name, each in functions.items():
            function(each, f"measure[{name!r}]")
        return functools.partial(_each, functions)  # which can be pickled if the functions can
    if not callable(value):
        raise TypeError(f"`measure` must be a function of the model, or a mapping of them. Got {kind(value)}.")
    return value


def _each(functions: Mapping[str, Callable[[nn.Module], Any]], model: nn.Module) -> dict[str, Any]:
    return {name: function_(model) for name, function_ in functions.items()}


def checkpoint_pairs(value: object) -> Iterable[Any]:
    """Something to take pairs of step and model from."""
    if isinstance(value, Mapping):
        raise TypeError(f"`checkpoints` must yield pairs (step, model). Got {kind(value)}. Pass its .items().")
    if not isinstance(value, Iterable):
        raise TypeError(f"`checkpoints` must yield pairs (step, model). Got {kind(value)}.")
    return value


def checkpoint(value: object, seen: Container[int]) -> tuple[int, Any]:
    """A (step, model) whose step is new."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        length = f" of {len(value)}" if isinstance(value, tuple | list) else ""
        raise TypeError(f"`checkpoints` must yield pairs (step, model). Got {kind(value)}{length}.")
    number = step(value[0])
    if number in seen:
        raise ValueError(f"`checkpoints` must hold each step once. Got step {number} twice.")
    return number, value[1]


def row(values: object, first: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """The numbers measured at one step, with the names and shapes of the first step's."""
    if not isinstance(values, Mapping):
        raise TypeError(f"`measure` must return a mapping from names to numbers. Got {kind(values)}.")
    for name in values:
        _column_name(name, "measure")
    if not values:
        raise ValueError("`measure` must measure something. Got nothing by any name.")
    found = {name: numeric(value, name) for name, value in values.items()}
    if first is not None:
        if found.keys() != first.keys():
            odd = sorted(found.keys() ^ first.keys())
            raise ValueError(f"`measure` must return the same names at every step. Got a difference in {odd}.")
        for name, value in found.items():
            if value.shape != first[name].shape:
                raise ValueError(
                    f"`measure` must return the same shapes at every step. "
                    f"Got {shape(value)} for {name!r} after {shape(first[name])}."
                )
    return found


def trajectory(value: Any, name: str = "trajectory") -> Any:
    """Something with steps and columns."""
    if not (hasattr(value, "steps") and hasattr(value, "columns")):
        raise TypeError(f"`{name}` must be a Trajectory. Got {kind(value)}.")
    return value


def phase_columns(run: Any, *names: str, optional: Sequence[str] = ()) -> list[np.ndarray]:
    """Finite columns of one number per step, and the optional ones among them that there are, as arrays."""
    columns = trajectory(run).columns
    read, found = [*names, *(name for name in optional if name in columns)], []
    for name in read:
        if name not in columns:
            known = ", ".join(dict.fromkeys(column.partition("/")[0] for column in columns))  # vectors by one name
            raise ValueError(
                f"`trajectory` must have a column {name!r}. Got {known or 'none'}. Record it, with `measure` and "
                "`sum_squared_weights`, or rename the column that holds it: with select(), or in the CSV file."
            )
        values = columns[name]
        if values.ndim != 1:
            raise ValueError(f"`{name}` must be one number per step. Got shape {shape(values)}.")
        found.append(complete(values, name, "step number", read).numpy())
    return found


def complete(values: Tensor, name: str, axes: str, read: Sequence[str]) -> Tensor:
    """A column that is finite at every step, or how to leave out those where it is not."""
    try:
        return finite(values, name, axes)
    except ValueError as error:
        raise ValueError(f"{error} Leave such steps out: pass trajectory.complete({read}).") from None


def some_runs(values: object) -> list[Any]:
    """Several runs, at least one, from a mapping or an iterable."""
    if isinstance(values, Mapping):
        values = values.values()
    if not isinstance(values, Iterable):
        raise TypeError(f"`runs` must be several runs, or a mapping from names to them. Got {kind(values)}.")
    found = list(values)
    if not found:
        raise ValueError("`runs` must hold at least one run. Got none.")
    return found
