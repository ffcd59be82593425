"""Checks of steps and columns, and of parts of trajectories."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import check_finite, check_unmasked
from progress_measures._checks.values import shape_of, type_name


def check_renamed(columns: object) -> dict[str, str]:
    """The new names of some columns by name, from one name, several, or a mapping to new ones."""
    if isinstance(columns, str):
        columns = [columns]
    if not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a name, several, or a mapping to new names. Got {type_name(columns)}.")
    found = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    if len(set(found.values())) < len(found):
        raise ValueError(f"`columns` must have distinct new names. Got {', '.join(map(repr, found.values()))}.")
    return found


def check_rows(wanted: object, recorded: Tensor) -> Tensor:
    """Where among the recorded steps those are that lie in a range, or that a sequence lists."""
    if isinstance(wanted, range):
        inside = [row for row, step in enumerate(recorded.tolist()) if step in wanted]
        if not inside:
            raise ValueError(
                f"`steps` must hold a recorded step, of {len(recorded)} in {span_of(recorded)}. Got {wanted}."
            )
        return torch.tensor(inside, device="cpu")
    found = check_steps(wanted)
    unknown = found[~torch.isin(found, recorded)].tolist()
    if unknown:
        near = recorded[(recorded - unknown[0]).abs().argmin()]
        raise ValueError(f"`steps` must have been recorded. Got {unknown[0]}. The nearest that was is {near}.")
    return torch.searchsorted(recorded, found)


def check_column_names(columns: object) -> list[str]:
    """Names of columns, from one or several."""
    if isinstance(columns, str):
        return [columns]
    if not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a name, or several. Got {type_name(columns)}.")
    return list(columns)


def check_complete_rows(columns: Mapping[str, Tensor], count: int) -> Tensor:
    """Where among so many steps all of the columns are finite; at least once."""
    known = {name: values.reshape(count, -1).isfinite().all(1) for name, values in columns.items()}
    complete = torch.ones(count, dtype=torch.bool, device="cpu")
    for rows in known.values():
        complete = complete & rows
    if not complete.any():
        counts = ", ".join(f"{name} at {int(rows.sum())}" for name, rows in known.items())
        raise ValueError(
            f"`columns` must all be finite at one step at least. Got {counts} of {count} steps, and never together. "
            "Name fewer columns."
        )
    return complete


def below_zero(steps: Tensor, columns: Mapping[str, Tensor]) -> Iterator[tuple[str, float, int]]:
    """Of each column that has numbers below zero, its name, the first of them and its step."""
    for name, values in columns.items():
        for row, *entry in (values < 0).nonzero()[:1].tolist():
            yield name, float(values[(row, *entry)]), int(steps[row])


def span_of(steps: Tensor) -> str:
    """The first and the last step, for a message."""
    return f"{int(steps[0])}..{int(steps[-1])}"


def check_steps(values: object) -> Tensor:
    """Strictly ascending integers, int64, ``(T,)``, at least one."""
    check_unmasked(values, "steps")
    try:
        array = np.asarray(values.tolist() if isinstance(values, Tensor) else values)
    except ValueError:  # of uneven lengths
        array = np.empty(0, dtype=object)
    if array.dtype == object and not (array.size and all(type(step) is int for step in array.flat)):  # or too large
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
    falls = np.flatnonzero(np.diff(array) <= 0)
    if falls.size:
        before, after = array[falls[0]], array[falls[0] + 1]
        raise ValueError(f"`steps` must ascend strictly. Got {after} after {before}.")
    return torch.from_numpy(array)


def check_columns(values: object, count: int) -> dict[str, Tensor]:
    """Float64 tensors by name on the CPU, each with one entry per step along its first axis."""
    if not isinstance(values, Mapping):
        raise TypeError(f"`columns` must be a mapping from names to values. Got {type_name(values)}.")
    found = {}
    for name, column in values.items():
        check_column_name(name, "columns")
        tensor_ = check_numeric(column, f"columns[{name!r}]")
        if tensor_.ndim == 0 or len(tensor_) != count:
            raise ValueError(
                f"`columns[{name!r}]` must have one entry per step ({count}). Got shape {shape_of(tensor_)}."
            )
        found[name] = tensor_
    return found


def check_column_name(name: object, of: str) -> None:
    """A string that is not the name of the steps."""
    if not isinstance(name, str):
        raise TypeError(f"`{of}` must have strings as names. Got {name!r} ({type_name(name)}).")
    if name == "steps":
        raise ValueError(f"`{of}` must not use the name 'steps'. It is taken by the steps themselves.")


def check_numeric(value: object, name: str) -> Tensor:
    """Real numbers of any kind as a float64 tensor on the CPU, a copy without a graph; ``nan`` where masked."""
    if isinstance(value, np.ma.MaskedArray) and value.dtype.kind in "biuf":
        value = np.where(np.ma.getmaskarray(value), np.nan, value.data)
    try:
        array = np.asarray(_without_graph(value))
    except ValueError:
        raise TypeError(f"`{name}` must be numbers. Got {type_name(value)}.") from None
    if array.dtype.kind == "c":
        raise TypeError(f"`{name}` must be real. Got {array.dtype}.")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"`{name}` must be numbers. Got {type_name(value)}.")
    return torch.from_numpy(np.array(array, dtype=np.float64))


def _without_graph(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_without_graph(each) for each in value]
    if not isinstance(value, Tensor):
        return value
    # NumPy has no bfloat16.
    return value.detach().cpu().to(torch.complex128 if value.is_complex() else torch.float64).numpy()


def check_column(name: object, known: Mapping[str, Tensor]) -> str:
    """The name of a column; a wrong name is answered with the nearest one."""
    if not isinstance(name, str):
        raise TypeError(
            f"`name` must be a string. Got {name!r} ({type_name(name)}). Take several columns with select()."
        )
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    hint = f" Did you mean {near[0]!r}?" if near else " The trajectory has no columns."
    raise KeyError(f"`name` must be a column of the trajectory. Got {name!r}.{hint}")


def check_complete(values: Tensor, name: str, axes: str, read: Sequence[str]) -> Tensor:
    """A column that is finite at every step, or how to leave out those where it is not."""
    try:
        return check_finite(values, name, axes)
    except ValueError as error:
        raise ValueError(f"{error} Leave such steps out: pass trajectory.complete({read}).") from None
