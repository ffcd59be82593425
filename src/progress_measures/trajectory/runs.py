"""Several runs as one object: their mean and their spread."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Self

import torch
from torch import Tensor

from progress_measures._checks.values import check_choice, check_quantile, type_name
from progress_measures.trajectory.checks import below_zero, span_of
from progress_measures.trajectory.trajectory import Trajectory, check_trajectory

Scale = Literal["linear", "log"]


@dataclass(frozen=True, eq=False, repr=False)
class Runs(Mapping[str, Trajectory]):
    """Runs that differ in their seed, say, by name: a read-only mapping of trajectories.

    Each run keeps its own steps. What is said of all of them is said of the steps and the columns that every run has:
    nothing is interpolated, and where one of them holds ``nan`` so does the result.

    Args:
        runs: Trajectories by name.

    Raises:
        TypeError: If that is not a mapping, a name not a string, or a run not a trajectory.
        ValueError: If there is no run.

    Example:
        >>> runs = pm.Runs({
        ...     "seed 0": pm.Trajectory([0, 100, 200], {"test_loss": [4.0, 1e-2, 1e-6]}),
        ...     "seed 1": pm.Trajectory([0, 200, 400], {"test_loss": [6.0, 1e-8, 1e-9]})})
        >>> runs
        Runs(2 runs, 2 common steps; seed 0, seed 1)
        >>> runs.mean()["test_loss"]
        tensor([5.0000e+00, 5.0500e-07], dtype=torch.float64)
        >>> runs.mean(scale="log")["test_loss"]
        tensor([4.8990e+00, 1.0000e-07], dtype=torch.float64)
        >>> {name: int(run.steps[-1]) for name, run in runs.items()}
        {'seed 0': 200, 'seed 1': 400}
    """

    runs: Mapping[str, Trajectory]

    def __init__(self, runs: Mapping[str, Trajectory]) -> None:
        object.__setattr__(self, "runs", MappingProxyType(_check_runs(runs)))

    def __getitem__(self, name: str) -> Trajectory:
        return self.runs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self.runs),)  # a read-only mapping cannot be copied or sent by itself

    def __repr__(self) -> str:
        runs, steps = len(self), len(self.steps)
        return f"Runs({runs} run{'s'[: runs != 1]}, {steps} common step{'s'[: steps != 1]}; {', '.join(self)})"

    @property
    def steps(self) -> Tensor:
        """The steps that all runs have, ascending, int64; there may be none."""
        first, *others = (run.steps for run in self.values())
        for steps in others:
            first = first[torch.isin(first, steps)]
        return first

    def select(
        self, columns: str | Iterable[str] | Mapping[str, str] | None = None, *, steps: Iterable[int] | None = None
    ) -> Self:
        """The runs with some of their columns, or at some of their steps.

        Args:
            columns: As :meth:`Trajectory.select` takes them.
            steps: As :meth:`Trajectory.select` takes them.

        Returns:
            The runs, under the same names.

        Raises:
            KeyError: If a run has no such column.
            ValueError: If a run has none of the steps of a range, or not all of those listed.
        """
        return type(self)({name: run.select(columns, steps=steps) for name, run in self.items()})

    def common(self) -> Self:
        """The runs with no more than the steps and the columns that every one of them has.

        Returns:
            The runs, under the same names, their columns in the order of the first run.

        Raises:
            ValueError: If they have no step or no column in common, or a column does not have the same shape in all.
        """
        first, *others = self.values()
        steps = _check_common_steps(self.steps.tolist(), self.runs)
        columns = _check_common_columns(
            [name for name in first.columns if all(name in run for run in others)], self.runs
        )
        _check_same_vectors(columns, self.runs)
        return self.select(columns, steps=steps)

    def mean(self, *, scale: Scale = "linear") -> Trajectory:
        """The mean over the runs, at each common step.

        Args:
            scale: ``"linear"`` for the arithmetic mean; ``"log"`` for the geometric one, the exponential of the mean of
                the logarithms, which for losses that differ by orders of magnitude is not that of the largest alone.

        Returns:
            A trajectory with the common steps and columns.

        Raises:
            ValueError: If there is no common step or column, no such scale, or a number below zero on the logarithmic
                one.
        """
        check_choice(scale, "scale", Scale)
        return self._over(lambda runs: runs.mean(0)) if scale == "linear" else self._over_logs(lambda x: x.mean(0))

    def std(self, *, scale: Scale = "linear") -> Trajectory:
        """The standard deviation over the runs, at each common step, as estimated from a sample (n − 1).

        Args:
            scale: ``"linear"`` for the standard deviation; ``"log"`` for the geometric one, a factor: the exponential
                of that of the logarithms. It is ``nan`` where a run has 0.

        Returns:
            A trajectory with the common steps and columns.

        Raises:
            ValueError: If there is one run alone, no common step or column, no such scale, or a number below zero on
                the logarithmic one.
        """
        check_choice(scale, "scale", Scale)
        _check_two_or_more(self.runs)
        return self._over(lambda runs: runs.std(0)) if scale == "linear" else self._over_logs(lambda x: x.std(0))

    def quantile(self, q: float) -> Trajectory:
        """A quantile over the runs, at each common step: 0.5 for the median, 0 and 1 for the range.

        Args:
            q: Between 0 and 1. Quantiles between two runs are interpolated linearly.

        Returns:
            A trajectory with the common steps and columns.

        Raises:
            TypeError: If ``q`` is no number.
            ValueError: If it does not lie between 0 and 1, or there is no common step or column.
        """
        share = check_quantile(q, "q")
        return self._over(lambda runs: _quantile(runs, share))

    def _over(self, statistic: Callable[[Tensor], Tensor]) -> Trajectory:
        """A statistic over the first axis of each column of all runs, shape ``(runs, T, …)``."""
        first, *others = self.common().values()
        columns = {
            name: torch.stack([values, *(run[name] for run in others)]) for name, values in first.columns.items()
        }
        return Trajectory(first.steps, {name: statistic(values) for name, values in columns.items()})

    def _over_logs(self, statistic: Callable[[Tensor], Tensor]) -> Trajectory:
        _check_not_negative(self.common())
        return self._over(lambda runs: statistic(runs.log()).exp())


def _quantile(runs: Tensor, q: float) -> Tensor:
    """Over the first axis, also where a run is infinite: a line between a number and infinity is ``nan`` everywhere."""
    below, above = (runs.quantile(q, dim=0, interpolation=end) for end in ("lower", "higher"))
    return torch.where(below == above, below, runs.quantile(q, dim=0))


def _check_runs(value: object) -> dict[str, Any]:
    """Trajectories by name, at least one."""
    if not isinstance(value, Mapping):
        raise TypeError(f"`runs` must be a mapping from names to trajectories. Got {type_name(value)}.")
    for name, run in value.items():
        if not isinstance(name, str):
            raise TypeError(f"`runs` must have strings as names. Got {name!r} ({type_name(name)}).")
        check_trajectory(run, f"runs[{name!r}]")
    if not value:
        raise ValueError("`runs` must hold at least one trajectory. Got none.")
    return dict(value)


def _check_two_or_more(runs: Mapping[str, Any]) -> None:
    """Two runs or more."""
    if len(runs) < 2:
        raise ValueError(f"`runs` must be at least 2 to have a spread. Got {', '.join(runs)} alone.")


def _check_common_steps(common: list[int], runs: Mapping[str, Any]) -> list[int]:
    """At least one step that all runs have."""
    if not common:
        spans = ", ".join(f"{name} with {len(run.steps)} in {span_of(run.steps)}" for name, run in runs.items())
        raise ValueError(f"`runs` must have a step in common. Got {spans}. Nothing is interpolated between steps.")
    return common


def _check_common_columns(common: list[str], runs: Mapping[str, Any]) -> list[str]:
    """At least one column that all runs have."""
    if not common:
        known = "; ".join(f"{name} with {', '.join(run.columns) or 'none'}" for name, run in runs.items())
        raise ValueError(f"`runs` must have a column in common. Got {known}. Rename columns with select().")
    return common


def _check_same_vectors(columns: Iterable[str], runs: Mapping[str, Any]) -> None:
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


def _check_not_negative(runs: Mapping[str, Any]) -> None:
    """Numbers that have a logarithm, or are zero."""
    for run, each in runs.items():
        for name, value, step in below_zero(each.steps, each.columns):
            raise ValueError(
                f"`scale` must be 'linear' where numbers are below zero. Got {value:g} in {name!r} of {run!r} "
                f"at step {step}. Leave that column out with select()."
            )
