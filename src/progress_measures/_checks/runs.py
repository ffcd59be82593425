"""Checks of parts of trajectories, of two of one run, and of several runs."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.trajectories import steps, trajectory
from progress_measures._checks.values import kind, real_number


def renamed(columns: object) -> dict[str, str]:
    """The new names of some columns by name, from one name, several, or a mapping to new ones."""
    if isinstance(columns, str):
        columns = [columns]
    if not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a name, several, or a mapping to new names. Got {kind(columns)}.")
    found = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    if len(set(found.values())) < len(found):
        raise ValueError(f"`columns` must have distinct new names. Got {', '.join(map(repr, found.values()))}.")
    return found


def rows(wanted: object, recorded: Tensor) -> Tensor:
    """Where among the recorded steps those are that lie in a range, or that a sequence lists."""
    if isinstance(wanted, range):
        inside = [row for row, step in enumerate(recorded.tolist()) if step in wanted]
        if not inside:
            raise ValueError(
                f"`steps` must hold a recorded step, of {len(recorded)} in {_ends(recorded)}. Got {wanted}."
            )
        return torch.tensor(inside, device="cpu")
    found = steps(wanted)
    unknown = found[~torch.isin(found, recorded)].tolist()
    if unknown:
        near = recorded[(recorded - unknown[0]).abs().argmin()]
        raise ValueError(f"`steps` must have been recorded. Got {unknown[0]}. The nearest that was is {near}.")
    return torch.searchsorted(recorded, found)


def column_names(columns: object) -> list[str]:
    """Names of columns, from one or several."""
    if isinstance(columns, str):
        return [columns]
    if not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a name, or several. Got {kind(columns)}.")
    return list(columns)


def complete_rows(columns: Mapping[str, Tensor], count: int) -> Tensor:
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


def same_numbers(one: Tensor, other: Tensor, name: str, steps: Tensor) -> None:
    """Two columns of the same shape that are equal wherever both are numbers."""
    if one.shape != other.shape:
        raise ValueError(
            f"`other` must have entries of the same shape in {name!r}. "
            f"Got {tuple(other.shape[1:])}, where the trajectory has {tuple(one.shape[1:])}."
        )
    differ = (one != other) & ~one.isnan() & ~other.isnan()
    if differ.any():
        first = tuple(differ.nonzero()[0].tolist())
        entry = "" if one.ndim == 1 else str(list(first[1:]))
        raise ValueError(
            f"`other` must agree with the trajectory wherever both have a number. Got {name}{entry} = "
            f"{float(other[first])!r} at step {steps[first[0]]}, where it has {float(one[first])!r}. "
            "Leave one of them out with select()."
        )


def runs(value: object) -> dict[str, Any]:
    """Trajectories by name, at least one."""
    if not isinstance(value, Mapping):
        raise TypeError(f"`runs` must be a mapping from names to trajectories. Got {kind(value)}.")
    for name, run in value.items():
        if not isinstance(name, str):
            raise TypeError(f"`runs` must have strings as names. Got {name!r} ({kind(name)}).")
        trajectory(run, f"runs[{name!r}]")
    if not value:
        raise ValueError("`runs` must hold at least one trajectory. Got none.")
    return dict(value)


def several(runs: Mapping[str, Any]) -> None:
    """Two runs or more."""
    if len(runs) < 2:
        raise ValueError(f"`runs` must be at least 2 to have a spread. Got {', '.join(runs)} alone.")


def common_steps(common: list[int], runs: Mapping[str, Any]) -> list[int]:
    """At least one step that all runs have."""
    if not common:
        spans = ", ".join(f"{name} with {len(run.steps)} in {_ends(run.steps)}" for name, run in runs.items())
        raise ValueError(f"`runs` must have a step in common. Got {spans}. Nothing is interpolated between steps.")
    return common


def common_columns(common: list[str], runs: Mapping[str, Any]) -> list[str]:
    """At least one column that all runs have."""
    if not common:
        known = "; ".join(f"{name} with {', '.join(run.columns) or 'none'}" for name, run in runs.items())
        raise ValueError(f"`runs` must have a column in common. Got {known}. Rename columns with select().")
    return common


def same_vectors(columns: Iterable[str], runs: Mapping[str, Any]) -> None:
    """Columns whose entries have the same shape in all runs."""
    first, *others = runs
    for name in columns:
        expected = runs[first].columns[name].shape[1:]
        for other in others:
            found = runs[other].columns[name].shape[1:]
            if found != expected:
                raise ValueError(
                    f"`runs` must have entries of the same shape in {name!r}. Got {tuple(expected)} in {first!r} and "
                    f"{tuple(found)} in {other!r}. Leave that column out with select()."
                )


def not_negative(runs: Mapping[str, Any]) -> None:
    """Numbers that have a logarithm, or are zero."""
    for run, each in runs.items():
        for name, values in each.columns.items():
            below = (values < 0).nonzero()
            if len(below):
                first = tuple(below[0].tolist())
                raise ValueError(
                    f"`scale` must be 'linear' where numbers are below zero. Got {float(values[first]):g} in {name!r} "
                    f"of {run!r} at step {each.steps[first[0]]}. Leave that column out with select()."
                )


def on_scale(trajectory: Any, scale: str) -> None:
    """Columns that an axis of that scale can show."""
    for name, values in trajectory.columns.items() if scale == "log" else ():
        below = (values < 0).nonzero()
        if len(below):
            first = tuple(below[0].tolist())
            raise ValueError(
                f"`scale` must be 'linear' where numbers are below zero. Got {float(values[first]):g} in {name!r} "
                f"at step {trajectory.steps[first[0]]}."
            )
        if (values == 0).any() and not (values > 0).any():
            raise ValueError(
                f"`scale` must be 'linear' for a column without a number above zero. Got {name!r}, whose largest is 0."
            )


def quantile(value: object, name: str) -> float:
    """A real number in [0, 1]."""
    share = real_number(value, name)
    if not 0 <= share <= 1:
        raise ValueError(f"`{name}` must lie between 0 and 1. Got {value!r}.")
    return share


def quantiles(values: object) -> list[float]:
    """Several real numbers in [0, 1]."""
    if not isinstance(values, Iterable):
        raise TypeError(f"`at` must be a sequence of numbers between 0 and 1. Got {values!r} ({kind(values)}).")
    return [quantile(value, "at") for value in (values.tolist() if isinstance(values, Tensor) else values)]


def _ends(steps: Tensor) -> str:
    return f"{int(steps[0])}..{int(steps[-1])}"
