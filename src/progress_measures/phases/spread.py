"""How far the boundaries of several runs lie apart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from progress_measures._checks.values import type_name
from progress_measures.phases.boundaries import Phases, find_phases
from progress_measures.trajectory.trajectory import Trajectory


@dataclass(frozen=True)
class PhaseSpread:
    """One boundary in several runs; what :func:`phase_spread` returns for each.

    Example:
        >>> found = [pm.Phases(1200, 4600, None), pm.Phases(1400, 9300, 14_000)]
        >>> pm.phase_spread(found)["cleanup_end"]
        PhaseSpread(runs=2, reached=1, median=14000.0, earliest=14000, latest=14000)
    """

    runs: int
    """How many runs there are."""
    reached: int
    """How many of them have the boundary; the rest of the numbers is of these, and None if there is none."""
    median: float | None
    earliest: int | None
    latest: int | None


def phase_spread(
    runs: Mapping[str, Trajectory | Phases] | Iterable[Trajectory | Phases], *, answers: int | None = None
) -> dict[str, PhaseSpread]:
    """The median and the range of each boundary over several runs, such as seeds.

    Runs without the boundary are counted and left out: a run that was cut short would have had it later, so where
    fewer than all have reached it, the median is of the quick ones.

    Args:
        runs: A mapping from names to runs, or the runs: their trajectories, or what :func:`find_phases` found in them.
        answers: The number of classes that the loss is over, needed where a run is a trajectory.

    Returns:
        The spread of each boundary by its name.

    Raises:
        TypeError: If ``runs`` are not trajectories or phases, or ``answers`` is not an integer where it is needed.
        ValueError: If there is no run, or as for :func:`find_phases`.

    Example:
        >>> seeds = {"seed 0": pm.Phases(1200, 4630, 7628), "seed 1": pm.Phases(800, 4180, None)}
        >>> pm.phase_spread(seeds)["cleanup_end"]
        PhaseSpread(runs=2, reached=1, median=7628.0, earliest=7628, latest=7628)
    """
    found = [
        run if isinstance(run, Phases) else find_phases(run, answers=answers)  # type: ignore[arg-type]  # is checked
        for run in _check_some_runs(runs)
    ]
    return {field.name: _spread([getattr(phases, field.name) for phases in found]) for field in fields(Phases)}


def _spread(steps: list[int | None]) -> PhaseSpread:
    known = [step for step in steps if step is not None]
    if not known:
        return PhaseSpread(len(steps), 0, None, None, None)
    return PhaseSpread(len(steps), len(known), float(np.median(known)), min(known), max(known))


def _check_some_runs(values: object) -> list[Any]:
    """Several runs, at least one, from a mapping or an iterable."""
    if isinstance(values, Mapping):
        values = values.values()
    if not isinstance(values, Iterable):
        raise TypeError(f"`runs` must be several runs, or a mapping from names to them. Got {type_name(values)}.")
    found = list(values)
    if not found:
        raise ValueError("`runs` must hold at least one run. Got none.")
    return found
