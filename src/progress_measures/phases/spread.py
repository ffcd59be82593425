"""The spread of each boundary over several runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from progress_measures._checks.values import type_name
from progress_measures._tables import html_table, text_table
from progress_measures.phases.boundaries import Phases, find_phases
from progress_measures.trajectory.trajectory import Trajectory


class _Spreads(dict[str, "PhaseSpread"]):
    """The spread of each boundary by its name, which ``print`` and notebooks show as a table."""

    def __str__(self) -> str:
        return text_table([["", *self._heads()], *self._lines()])

    def _repr_html_(self) -> str:
        return html_table("phase spread", ["", *self._heads()], self._lines())

    def _heads(self) -> list[str]:
        return [field.name for field in fields(PhaseSpread)]

    def _lines(self) -> list[list[str]]:
        return [
            [name.replace("_end", "_ends").replace("_", " "), *map(_cell, vars(spread).values())]
            for name, spread in self.items()
        ]


def _cell(value: float | None) -> str:
    return "–" if value is None else str(int(value)) if float(value).is_integer() else str(value)


@dataclass(frozen=True)
class PhaseSpread:
    """The spread of one boundary over several runs, as :func:`phase_spread` returns it.

    Example:
        >>> found = [pm.Phases(1200, 4600, None), pm.Phases(1400, 9300, 14_000)]
        >>> pm.phase_spread(found)["cleanup_end"]
        PhaseSpread(runs=2, reached=1, median=14000.0, earliest=14000, latest=14000)
    """

    runs: int
    """The number of runs whose columns can tell, because they were recorded and are not constant."""
    reached: int
    """The number of these runs that reach the boundary. The other fields describe these, or are None without any."""
    median: float | None
    earliest: int | None
    latest: int | None


def phase_spread(
    runs: Mapping[str, Trajectory | Phases] | Iterable[Trajectory | Phases], *, answers: int | None = None
) -> dict[str, PhaseSpread]:
    r"""The median and the range of each boundary over several runs, such as seeds.

    With the steps :math:`t_i` at which runs reach a boundary, its spread is

    .. math:: \mathrm{median}_i \, t_i, \quad \min_i t_i, \quad \max_i t_i

    over the runs that reach it. Runs that do not reach it are counted, but left out of all three: if there are any, the
    median describes the faster runs. Runs whose columns cannot tell are not counted. The order of the runs does not
    matter, and the spread of a single run is its own step.

    Args:
        runs: Several runs, or a mapping from names to runs. A run is a trajectory or the result of :func:`find_phases`.
        answers: The number of classes that the loss is over; needed if a run is a trajectory.

    Returns:
        The spread of each boundary, in a dictionary by name that ``print`` and notebooks show as a table.

    Raises:
        TypeError: If ``runs`` are not trajectories or phases, or ``answers`` is not an integer where it is needed.
        ValueError: If there is no run, or for the reasons of :func:`find_phases`.

    See Also:
        :func:`summary`: the boundaries of each run in a table.
        :func:`~progress_measures.plotting.plot_phases`: a picture of them.

    Example:
        >>> seeds = {"seed 0": pm.Phases(1200, 4630, 7628), "seed 1": pm.Phases(800, 4180, None)}
        >>> pm.phase_spread(seeds)["cleanup_end"]
        PhaseSpread(runs=2, reached=1, median=7628.0, earliest=7628, latest=7628)
    """
    found_phases = [
        run if isinstance(run, Phases) else find_phases(run, answers=answers)  # type: ignore[arg-type]  # checked there
        for run in _check_some_runs(runs)
    ]
    return _Spreads({field.name: _spread(_told(found_phases, field.name)) for field in fields(Phases)})


def _told(found: list[Phases], boundary: str) -> list[int | None]:
    """The boundary of each run whose columns can tell whether it is reached."""
    events = [phases.events[boundary] for phases in found]
    return [event.step for event in events if event.absent not in ("not recorded", "cannot be told")]


def _spread(steps: list[int | None]) -> PhaseSpread:
    reached = [step for step in steps if step is not None]
    if not reached:
        return PhaseSpread(len(steps), 0, None, None, None)
    return PhaseSpread(len(steps), len(reached), float(np.median(reached)), min(reached), max(reached))


def _check_some_runs(values: object) -> list[Any]:
    """Requires at least one run, in a mapping or another iterable; returns a list."""
    if isinstance(values, Mapping):
        values = values.values()
    if not isinstance(values, Iterable):
        raise TypeError(f"`runs` must be several runs, or a mapping from names to them. Got {type_name(values)}.")
    runs = list(values)
    if not runs:
        raise ValueError("`runs` must hold at least one run. Got none.")
    return runs
