"""Checks of steps, of columns, and of selections from a trajectory."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.columns import check_column_name, check_numeric
from progress_measures._checks.tensors import check_finite, check_unmasked
from progress_measures._checks.values import listed, shape_of, type_name


def check_renamed(columns: object) -> dict[str, str]:
    """Maps each selected column to its new name, given one name, several names, or a mapping to new names."""
    if isinstance(columns, str):
        columns = [columns]
    if not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a name, several, or a mapping to new names. Got {type_name(columns)}.")
    new_names = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    if len(set(new_names.values())) < len(new_names):
        raise ValueError(f"`columns` must have distinct new names. Got {listed(map(repr, new_names.values()))}.")
    return new_names


def check_rows(wanted: object, recorded: Tensor) -> Tensor:
    """Returns the indices of the selected steps among the recorded ones.

    A range selects the recorded steps in it. A sequence lists steps, all of which must have been recorded.
    """
    if isinstance(wanted, range):
        inside = [row for row, step in enumerate(recorded.tolist()) if step in wanted]
        if not inside:
            raise ValueError(
                f"`steps` must hold a recorded step, of {len(recorded)} in {span_of(recorded)}. Got {wanted}."
            )
        return torch.tensor(inside, device="cpu")
    listed = check_steps(wanted)
    unknown = listed[~torch.isin(listed, recorded)].tolist()
    if unknown:
        near = recorded[(recorded - unknown[0]).abs().argmin()]
        raise ValueError(f"`steps` must have been recorded. Got {unknown[0]}. The nearest that was is {near}.")
    return torch.searchsorted(recorded, listed)


def check_column_names(columns: object) -> list[str]:
    """Returns a list of column names, given one name or several."""
    if isinstance(columns, str):
        return [columns]
    if not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a name, or several. Got {type_name(columns)}.")
    return list(columns)


def check_complete_rows(columns: Mapping[str, Tensor], count: int) -> Tensor:
    """Marks the steps, ``count`` in all, at which every column is finite; requires at least one such step."""
    finite = {name: values.reshape(count, -1).isfinite().all(1) for name, values in columns.items()}
    all_finite = torch.ones(count, dtype=torch.bool, device="cpu")
    for rows in finite.values():
        all_finite = all_finite & rows
    if not all_finite.any():
        counts = listed(f"{name} at {int(rows.sum())}" for name, rows in finite.items())
        raise ValueError(
            f"`columns` must all be finite at one step at least. Got {counts} of {count} steps, and never together. "
            "Name fewer columns."
        )
    return all_finite


def below_zero(steps: Tensor, columns: Mapping[str, Tensor]) -> Iterator[tuple[str, float, int]]:
    """Yields the name, the first negative number and its step, for each column that has negative numbers."""
    for name, values in columns.items():
        for row, *entry in (values < 0).nonzero()[:1].tolist():
            yield name, float(values[(row, *entry)]), int(steps[row])


def span_of(steps: Tensor) -> str:
    """Formats the first and the last step for a message."""
    return f"{int(steps[0])}..{int(steps[-1])}"


def check_steps(values: object) -> Tensor:
    """Requires one or more strictly ascending integers; returns them as int64, shape ``(T,)``."""
    check_unmasked(values, "steps")
    try:
        array = np.asarray(values.tolist() if isinstance(values, Tensor) else values)
    except ValueError:  # nested sequences of uneven lengths
        array = np.empty(0, dtype=object)
    # Integers that are too large for NumPy are objects, too; the check of their range, below, refuses them.
    if array.dtype == object and not (array.size and all(type(step) is int for step in array.flat)):
        raise TypeError(f"`steps` must be a sequence of integers. Got {type_name(values)}.")
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
    falls = np.flatnonzero(array[1:] <= array[:-1])  # their difference may be too large for int64
    if falls.size:
        before, after = array[falls[0]], array[falls[0] + 1]
        raise ValueError(f"`steps` must ascend strictly. Got {after} after {before}.")
    return torch.from_numpy(array)


def check_columns(values: object, count: int) -> dict[str, Tensor]:
    """Requires columns by name with one entry per step along their first axis; returns float64 tensors on the CPU."""
    if not isinstance(values, Mapping):
        raise TypeError(f"`columns` must be a mapping from names to values. Got {type_name(values)}.")
    columns = {}
    for name, value in values.items():
        check_column_name(name, "columns")
        column = check_numeric(value, f"columns[{name!r}]")
        if column.ndim == 0 or len(column) != count:
            raise ValueError(
                f"`columns[{name!r}]` must have one entry per step ({count}). Got shape {shape_of(column)}."
            )
        columns[name] = column
    return columns


def check_column(name: object, columns: Mapping[str, Tensor]) -> str:
    """Requires the name of a column, and returns it; the message for a wrong name suggests the nearest one."""
    if not isinstance(name, str):
        raise TypeError(
            f"`name` must be a string. Got {name!r} ({type_name(name)}). Take several columns with select()."
        )
    if name in columns:
        return name
    near = difflib.get_close_matches(name, columns, n=1, cutoff=0.0)
    hint = f" Did you mean {near[0]!r}?" if near else " The trajectory has no columns."
    raise KeyError(f"`name` must be a column of the trajectory. Got {name!r}.{hint}")


def check_complete(values: Tensor, name: str, axes: str, read: Sequence[str]) -> Tensor:
    """Requires a column that is finite at every step; the message says how to leave out the other steps."""
    try:
        return check_finite(values, name, axes)
    except ValueError as error:
        raise ValueError(f"{error} Leave such steps out: pass trajectory.complete({read}).") from None
