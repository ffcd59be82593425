"""Several runs as one object, with their mean and spread."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Self

import torch
from torch import Tensor

from progress_measures._checks.values import check_choice, check_quantile, listed, type_name
from progress_measures._logs.reading import read_logs, stem_of, warn_of_left_out
from progress_measures.trajectory.common import (
    check_common_columns,
    check_common_steps,
    check_not_negative,
    check_same_vectors,
    check_two_or_more,
)
from progress_measures.trajectory.files import made
from progress_measures.trajectory.keys import runs_without_keys
from progress_measures.trajectory.trajectory import Trajectory, check_trajectory

Scale = Literal["linear", "log"]


@dataclass(frozen=True, eq=False, repr=False)
class Runs(Mapping[str, Trajectory]):
    """Several runs by name, such as one per seed: a read-only mapping of trajectories.

    Each run keeps its own steps. Statistics over the runs use only the steps and columns that all runs have; nothing is
    interpolated. If one run is ``nan`` at a step, so is the statistic.

    Args:
        runs: Trajectories by name.

    Raises:
        TypeError: If ``runs`` is not a mapping, a name is not a string, or a run is not a trajectory.
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

    @classmethod
    def read(
        cls, path: str | os.PathLike[str], *, step: str | None = None, rename: Mapping[str, str] | None = None
    ) -> Self:
        r"""Reads the runs in a log of any program, as :meth:`Trajectory.read` reads one run.

        Three kinds of logs hold several runs: a chart exported from W&B (columns ``NAME - metric``, divided at the last
        ``" - "``, with ``NAME - metric__MIN`` and ``NAME - metric__MAX``); a TensorBoard folder with several runs; and
        a table whose rows of one step differ in a column ``run``, ``run_id``, ``run_name``, ``seed``, ``name``,
        ``trial`` or ``experiment``. Each run has the steps at which it has a number.

        Args:
            path: The same as for :meth:`Trajectory.read`.
            step: The same as for :meth:`Trajectory.read`.
            rename: The same as for :meth:`Trajectory.read`, in every run that has the column.

        Returns:
            The runs by name. A single run without a name in the file is named after the file, without suffix.

        Raises:
            OSError, ImportError, TypeError, ValueError: As in :meth:`Trajectory.read`, except that a file may hold
                several runs.

        Example:
            >>> import tempfile
            >>> with tempfile.NamedTemporaryFile("w") as file:
            ...     _ = file.write("seed,epoch,loss\n0,0,4.75\n0,10,0.5\n1,0,4.5\n1,10,0.25\n")
            ...     file.flush()
            ...     runs = pm.Runs.read(file.name)
            >>> runs
            Runs(2 runs, 2 common steps; seed 0, seed 1)
        """
        logs, name = read_logs(path, step, rename), stem_of(path)
        runs = cls({name if run is None else run: made(Trajectory, log, path) for run, log in logs.runs.items()})
        warn_of_left_out(logs, path, stacklevel=2)
        return runs

    def __getitem__(self, name: str) -> Trajectory:
        return self.runs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self.runs),)  # a read-only mapping can be neither copied nor pickled

    def __repr__(self) -> str:
        runs, steps = len(self), len(self.steps)
        return f"Runs({runs} run{'s'[: runs != 1]}, {steps} common step{'s'[: steps != 1]}; {listed(self)})"

    @property
    def steps(self) -> Tensor:
        """The steps that all runs have, possibly none; ascending, int64."""
        first, *others = (run.steps for run in self.values())
        for steps in others:
            first = first[torch.isin(first, steps)]
        return first

    def select(
        self, columns: str | Iterable[str] | Mapping[str, str] | None = None, *, steps: Iterable[int] | None = None
    ) -> Self:
        """Selects columns, steps, or both, in every run.

        Args:
            columns: The same as for :meth:`Trajectory.select`.
            steps: The same as for :meth:`Trajectory.select`.

        Returns:
            The runs, under the same names.

        Raises:
            KeyError: If a run has no such column.
            ValueError: If a run has no step in the range, or lacks a step of the sequence.
        """
        return type(self)({name: run.select(columns, steps=steps) for name, run in self.items()})

    def common(self) -> Self:
        """Restricts every run to the steps and the columns that all runs have.

        Returns:
            The runs, under the same names, with their columns in the order of the first run.

        Raises:
            ValueError: If the runs have no step or no column in common, or a column's entries differ in shape.
        """
        first, *others = self.values()
        steps = check_common_steps(self.steps.tolist(), self.runs)
        columns = check_common_columns(
            [name for name in first.columns if all(name in run for run in others)], self.runs
        )
        check_same_vectors(columns, self.runs)
        return self.select(columns, steps=steps)

    def mean(self, *, scale: Scale = "linear") -> Trajectory:
        """The mean over the runs at each common step.

        Args:
            scale: ``"linear"`` for the arithmetic mean; ``"log"`` for the geometric mean, the exponential of the mean
                of the logarithms. If losses differ by orders of magnitude, the largest one dominates their arithmetic
                mean, but not their geometric mean.

        Returns:
            A trajectory with the common steps and columns.

        Raises:
            ValueError: If the runs have no step or no column in common, there is no such scale, or a number is below
                zero on the logarithmic scale.
        """
        check_choice(scale, "scale", Scale)
        warn_of_runs_without_keys(self.runs, stacklevel=2)
        return self._over(lambda runs: runs.mean(0)) if scale == "linear" else self._over_logs(lambda x: x.mean(0))

    def std(self, *, scale: Scale = "linear") -> Trajectory:
        """The sample standard deviation (n − 1) over the runs at each common step.

        Args:
            scale: ``"linear"`` for the standard deviation; ``"log"`` for the geometric standard deviation, a factor:
                the exponential of the standard deviation of the logarithms. It is ``nan`` where a run is 0.

        Returns:
            A trajectory with the common steps and columns.

        Raises:
            ValueError: If there is only one run, the runs have no step or no column in common, there is no such scale,
                or a number is below zero on the logarithmic scale.
        """
        check_choice(scale, "scale", Scale)
        check_two_or_more(self.runs)
        warn_of_runs_without_keys(self.runs, stacklevel=2)
        return self._over(lambda runs: runs.std(0)) if scale == "linear" else self._over_logs(lambda x: x.std(0))

    def quantile(self, q: float) -> Trajectory:
        """A quantile over the runs at each common step.

        Args:
            q: Between 0 and 1: 0.5 for the median, 0 for the minimum, 1 for the maximum. Values between two runs are
                interpolated linearly.

        Returns:
            A trajectory with the common steps and columns.

        Raises:
            TypeError: If ``q`` is not a number.
            ValueError: If ``q`` is not between 0 and 1, or the runs have no step or no column in common.
        """
        share = check_quantile(q, "q")
        warn_of_runs_without_keys(self.runs, stacklevel=2)
        return self._over(lambda runs: _quantile(runs, share))

    def _over(self, statistic: Callable[[Tensor], Tensor]) -> Trajectory:
        """Applies a statistic over the first axis of each common column, stacked to shape ``(runs, T, …)``."""
        first, *others = self.common().values()
        columns = {
            name: torch.stack([values, *(run[name] for run in others)]) for name, values in first.columns.items()
        }
        statistics = {name: statistic(values) for name, values in columns.items()}
        return Trajectory(first.steps, statistics, step_name=first.step_name)

    def _over_logs(self, statistic: Callable[[Tensor], Tensor]) -> Trajectory:
        check_not_negative(self.common())
        return self._over(lambda runs: statistic(runs.log()).exp())


def warn_of_runs_without_keys(runs: Mapping[str, Any], *, stacklevel: int) -> None:
    """Warns of runs whose filtered losses have no key frequency, if other runs have some."""
    none = runs_without_keys({name: run.columns for name, run in runs.items()})
    if none:
        warnings.warn(
            f"`runs` are {len(runs)}, of which {len(none)} have no key frequency at their last step: {listed(none)}. "
            "Their restricted loss is about chance and their excluded loss the training loss, whether or not they have "
            "a circuit. Leave these runs out.",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def _quantile(runs: Tensor, q: float) -> Tensor:
    """The quantile over the first axis, also if a run is infinite.

    A quantile that is the value of a run is not interpolated: 0 times an infinite neighbour would be ``nan``.
    """
    below, above = (runs.quantile(q, dim=0, interpolation=end) for end in ("lower", "higher"))
    return torch.where(below == above, below, runs.quantile(q, dim=0))


def _check_runs(value: object) -> dict[str, Any]:
    """Requires a mapping from names to trajectories, at least one, and returns a copy."""
    if not isinstance(value, Mapping):
        raise TypeError(f"`runs` must be a mapping from names to trajectories. Got {type_name(value)}.")
    for name, run in value.items():
        if not isinstance(name, str):
            raise TypeError(f"`runs` must have strings as names. Got {name!r} ({type_name(name)}).")
        check_trajectory(run, f"runs[{name!r}]")
    if not value:
        raise ValueError("`runs` must hold at least one trajectory. Got none.")
    return dict(value)
