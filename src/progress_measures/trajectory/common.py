"""Checks of steps and columns that several runs have in common."""

from collections.abc import Iterable, Mapping
from typing import Any

from progress_measures._checks.values import listed
from progress_measures.trajectory.checks import below_zero, span_of


def check_two_or_more(runs: Mapping[str, Any]) -> None:
    """Requires at least two runs."""
    if len(runs) < 2:
        raise ValueError(f"`runs` must be at least 2 to have a spread. Got only {listed(runs)}.")


def check_common_steps(common: list[int], runs: Mapping[str, Any]) -> list[int]:
    """Requires at least one step that all runs have."""
    if not common:
        spans = listed(f"{name} with {len(run.steps)} in {span_of(run.steps)}" for name, run in runs.items())
        raise ValueError(f"`runs` must have a step in common. Got {spans}. Nothing is interpolated between steps.")
    return common


def check_common_columns(common: list[str], runs: Mapping[str, Any]) -> list[str]:
    """Requires at least one column that all runs have."""
    if not common:
        known = listed((f"{name} with {listed(run.columns) or 'none'}" for name, run in runs.items()), "; ")
        raise ValueError(f"`runs` must have a column in common. Got {known}. Rename columns with select().")
    return common


def check_same_vectors(columns: Iterable[str], runs: Mapping[str, Any]) -> None:
    """Requires columns whose entries have the same shape in all runs."""
    first, *others = runs
    for name in columns:
        expected = runs[first].columns[name].shape[1:]
        for other in others:
            shape = runs[other].columns[name].shape[1:]
            if shape != expected:
                raise ValueError(
                    f"`runs` must have entries of the same shape in {name!r}. Got {tuple(expected)} in {first!r} and "
                    f"{tuple(shape)} in {other!r}. Leave that column out with select()."
                )


def check_not_negative(runs: Mapping[str, Any]) -> None:
    """Requires that no number is below zero."""
    for run, trajectory in runs.items():
        for name, value, step in below_zero(trajectory.steps, trajectory.columns):
            raise ValueError(
                f"`scale` must be 'linear' where numbers are below zero. Got {value:g} in {name!r} of {run!r} "
                f"at step {step}. Leave that column out with select()."
            )
