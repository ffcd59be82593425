"""Checks of trajectories, and of what they are made from."""

import difflib
import functools
import zipfile
from collections.abc import Callable, Container, Iterable, Mapping
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor, nn

from progress_measures._checks.tensors import finite, unmasked
from progress_measures._checks.values import function, integer, kind, shape


def steps(values: object) -> Tensor:
    """Strictly ascending integers, int64, ``(T,)``, at least one."""
    unmasked(values, "steps")
    try:
        array = np.asarray(values.tolist() if isinstance(values, Tensor) else values)
    except ValueError:  # of uneven lengths
        array = np.empty(0, dtype=object)
    if array.dtype == object:
        raise TypeError(f"`steps` must be a sequence of integers. Got {kind(values)}.")
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"`steps` must be a sequence of at least one integer. Got shape {array.shape}.")
    if array.dtype.kind not in "iuf" or not np.array_equal(array, np.round(array)) or not np.isfinite(array).all():
        raise TypeError(f"`steps` must be integers. Got {array.dtype}.")
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
    """Real numbers of any kind as a float64 tensor on the CPU, a copy without a graph."""
    unmasked(value, name)
    if isinstance(value, list | tuple):
        value = [_without_graph(each) for each in value]
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
    if not isinstance(value, Tensor):
        return value
    # NumPy has no bfloat16.
    return value.detach().cpu().to(torch.complex128 if value.is_complex() else torch.float64).numpy()


def column(name: object, known: Mapping[str, Tensor]) -> str:
    """The name of a column; a wrong name is answered with the nearest one."""
    if name in known:
        return str(name)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
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


def csv_names(names: list[str], *, count: int) -> None:
    """Distinct names for the columns of a file, as many as there are columns."""
    if len(set(names)) < max(count, len(names)):
        raise ValueError(
            "`columns` must have distinct names in a file, where 'step' is taken and a vector becomes name[0], "
            f"name[1]. Got {', '.join(sorted(names))}."
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
    step = integer(value[0], "step", at_least=0)
    if step in seen:
        raise ValueError(f"`checkpoints` must hold each step once. Got step {step} twice.")
    return step, value[1]


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


def archive(file: IO[bytes], path: object) -> dict[str, Any]:
    """The arrays of an ``.npz`` file by name, without unpickling anything."""
    try:
        # Not np.load, which finds an array "x" where one is called "x.npy".
        with zipfile.ZipFile(file) as members:
            return {name.removesuffix(".npy"): _array(members, name) for name in members.namelist()}
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise ValueError(f"`path` must be a file that Trajectory.save wrote. Got {str(path)!r}: {error}.") from error


def _array(members: zipfile.ZipFile, name: str) -> Any:
    with members.open(name) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def phase_columns(trajectory: Any, *names: str) -> list[np.ndarray]:
    """Finite columns of one number per step, as arrays."""
    for attribute in ("steps", "columns"):
        if not hasattr(trajectory, attribute):
            raise TypeError(f"`trajectory` must be a Trajectory. Got {kind(trajectory)}.")
    found = []
    for name in names:
        if name not in trajectory.columns:
            raise ValueError(
                f"`trajectory` must have a column {name!r}. Got {', '.join(trajectory.columns) or 'none'}."
            )
        values = trajectory.columns[name]
        if values.ndim != 1:
            raise ValueError(f"`{name}` must be one number per step. Got shape {shape(values)}.")
        found.append(finite(values, name, "step number").numpy())
    return found


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
