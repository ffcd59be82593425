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

    - Circuit formation ends where test loss falls below the chance level ln(answers) for good.
    - Memorization ends where excluded loss bottoms out before that: at its smallest value, if it falls to it and rises
      from it by 5 % of the chance level or more.
    - Cleanup ends where the sum of squared weights, after circuit formation, comes down for good to within 5 % of where
      it settles, its median over the last tenth of the run, if that is a tenth of the run or more before its end.

    "For good" means at the fall that the fewest recorded steps contradict, by being below before it or above after it,
    so that noise and single spikes move nothing. Falls are interpolated linearly between recorded steps; the end of
    memorization is a recorded step. The boundaries are in order where they are not None. A run that never falls below
    chance, or was cut short, has None from there on; one that generalizes at once may have no memorization to end.

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

    circuit = _fall_for_good(steps, test, chance)
    before = steps <= (steps[-1] if circuit is None else circuit)
    memorization = _bottom(steps, excluded, among=before, rise=RISE * chance)
    cleanup = None if circuit is None else _cleanup_end(steps, weights, start=circuit)
    return Phases(*(None if step is None else round(step) for step in (memorization, circuit, cleanup)))


def _bottom(steps: np.ndarray, values: np.ndarray, *, among: np.ndarray, rise: float) -> float | None:
    """The step of the smallest of some values, if the values come down to it and rise from it."""
    lowest = int(np.where(among, values, np.inf).argmin())
    if lowest == 0 or values[lowest:].max() < values[lowest] + rise:
        return None
    return float(steps[lowest])


def _cleanup_end(steps: np.ndarray, weights: np.ndarray, *, start: float) -> float | None:
    tail = TAIL * (steps[-1] - steps[0])
    settled = float(np.median(weights[steps >= steps[-1] - tail]))
    later = steps > start
    weights = np.concatenate([[np.interp(start, steps, weights)], weights[later]])
    end = _fall_for_good(np.concatenate([[start], steps[later]]), weights, (1 + SETTLED) * settled)
    return None if end is None or steps[-1] - end < tail else end


def _fall_for_good(steps: np.ndarray, values: np.ndarray, level: float) -> float | None:
    """Where the values fall to the level, interpolated, at the fall that the fewest of them contradict."""
    below = values <= level
    below_before = np.concatenate([[0], np.cumsum(below)])
    above_after = np.concatenate([np.cumsum(~below[::-1])[::-1], [0]])
    first = int((below_before + above_after).argmin())
    if first in (0, len(values)):
        return None  # they are below from the start, or never for good
    # At the minimum the value before is above the level, and this one is not.
    share = (values[first - 1] - level) / (values[first - 1] - values[first])
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1]))
