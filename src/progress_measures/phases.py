"""Where a run passes from memorization to circuit formation to cleanup."""

import math
from dataclasses import dataclass

import numpy as np

from progress_measures import _checks
from progress_measures.trajectory import Trajectory

RISE = 0.05  # of the chance level: how far excluded loss has to rise for its minimum to be a bottom
SETTLED = 0.05  # above the level where the weights settle: how near counts as having come down
TAIL = 0.1  # of the run: the weights settle at their median over it, and have to be near for as long


@dataclass(frozen=True)
class Phases:
    """The last step of each phase, or None where the run did not get there; what :func:`find_phases` returns."""

    memorization_end: int | None
    circuit_formation_end: int | None
    cleanup_end: int | None


def find_phases(trajectory: Trajectory, *, answers: int) -> Phases:
    """The boundaries between memorization, circuit formation, cleanup, and what comes after.

    - Memorization ends where excluded loss bottoms out: at its smallest value, if it rises from there by 5 % of the
      chance level or more.
    - Circuit formation ends where test loss first falls below the chance level ln(answers) after that.
    - Cleanup ends where the sum of squared weights has after that come down to within 5 % of where it settles, its
      median over the last tenth of the run, if it has been that near for a tenth of the run.

    The first is a recorded step; the others are interpolated linearly between recorded steps. They are in order where
    they are not None. A run that never falls below chance, or was cut short, has None from there on; a run whose test
    loss is below chance from the first recorded step on has no boundary that could be known.

    Args:
        trajectory: With columns ``excluded_loss``, ``test_loss`` and ``sum_squared_weights``.
        answers: The number of classes that the loss is over, for the chance level ln(answers) in nats.

    Returns:
        The three boundaries, as steps.

    Raises:
        TypeError: If ``trajectory`` is not a trajectory or ``answers`` not an integer.
        ValueError: If a column is missing, not one number per step, or not finite, or ``answers`` is less than 2.

    References:
        Nanda et al. (2023), section 5.2, whose boundaries were drawn by eye.

    Example:
        >>> run = pm.Trajectory([0, 1000, 2000, 3000, 4000, 5000, 9000], {
        ...     "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
        ...     "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.0, 0.0],
        ...     "sum_squared_weights": [1800.0, 3000.0, 2500.0, 2000.0, 1100.0, 1000.0, 1000.0]})
        >>> pm.find_phases(run, answers=113)
        Phases(memorization_end=1000, circuit_formation_end=2734, cleanup_end=4500)
    """
    excluded, test, weights = _checks.phase_columns(trajectory, "excluded_loss", "test_loss", "sum_squared_weights")
    chance = math.log(_checks.integer(answers, "answers", at_least=2))
    steps = trajectory.steps.numpy()

    memorization = _bottom(steps, excluded, rise=RISE * chance)
    circuit = _first_below(steps, test, chance, start=memorization)
    settled = float(np.median(weights[steps >= steps[-1] - TAIL * (steps[-1] - steps[0])]))
    cleanup = None if circuit is None else _first_below(steps, weights, (1 + SETTLED) * settled, start=circuit)
    if cleanup is not None and steps[-1] - cleanup < TAIL * (steps[-1] - steps[0]):
        cleanup = None
    return Phases(*(None if step is None else round(step) for step in (memorization, circuit, cleanup)))


def _bottom(steps: np.ndarray, values: np.ndarray, *, rise: float) -> float | None:
    """The step of the smallest value, if the values come down to it and rise from it."""
    lowest = int(values.argmin())
    if lowest == 0 or values[lowest:].max() < values[lowest] + rise:
        return None
    return float(steps[lowest])


def _first_below(steps: np.ndarray, values: np.ndarray, level: float, *, start: float | None) -> float | None:
    """The first step from ``start`` on at which the values, interpolated, are at or below the level.

    Without a start the values have to come from above: when they went below before the first step is not known.
    """
    if start is not None:
        later = steps > start
        values = np.concatenate([[np.interp(start, steps, values)], values[later]])
        steps = np.concatenate([[start], steps[later]])
    below = np.flatnonzero(values <= level)
    if below.size == 0 or (start is None and below[0] == 0):
        return None
    first = int(below[0])
    if first == 0:
        return float(steps[0])
    share = (values[first - 1] - level) / (values[first - 1] - values[first])
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1]))
