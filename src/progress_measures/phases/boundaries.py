"""Where a run passes from memorization to circuit formation to cleanup."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_integer
from progress_measures.phases.columns import check_phase_columns
from progress_measures.phases.curves import ROUNDING, bracket, confirmed_minimum, lasting_fall
from progress_measures.trajectory.checks import check_steps
from progress_measures.trajectory.trajectory import Trajectory

NEEDED, OPTIONAL = ("excluded_loss", "test_loss", "sum_squared_weights"), ("train_loss",)  # columns that are read
CHANGE = 0.05  # of the chance level: how far a loss has to go for a turn or a fall to be more than noise
SETTLED = 0.05  # above the level where the weights settle: how near counts as having come down
TAIL = 0.1  # of the run: the weights settle at their median over it, and have to be near for as long
SLINGSHOT = 3  # times the lowest training loss so far: from there on the run is in a slingshot


@dataclass(frozen=True)
class Phases:
    """The last step of each phase, or None where the run did not get there; what :func:`find_phases` returns.

    Example:
        >>> phases = pm.Phases(memorization_end=1200, circuit_formation_end=4630, cleanup_end=None)
        >>> phases.circuit_formation_end
        4630
    """

    memorization_end: int | None
    circuit_formation_end: int | None
    cleanup_end: int | None

    def intervals(self, steps: Array | Sequence[int]) -> dict[str, tuple[int, int] | None]:
        """How well the recorded steps fix each boundary: it lies between the nearest ones before and after it.

        Args:
            steps: The recorded steps, ``trajectory.steps``.

        Returns:
            The interval of each boundary by its name, None where there is no boundary.

        Raises:
            TypeError: If ``steps`` are not integers.
            ValueError: If there is none, or they do not ascend.

        Example:
            >>> pm.Phases(1000, 2734, None).intervals([0, 1000, 2000, 3000])
            {'memorization_end': (0, 2000), 'circuit_formation_end': (2000, 3000), 'cleanup_end': None}
        """
        recorded = check_steps(steps).numpy()
        return {name: bracket(recorded, step) for name, step in vars(self).items()}


def find_phases(trajectory: Trajectory, *, answers: int) -> Phases:
    """The boundaries between memorization, circuit formation, cleanup, and what comes after.

    - Circuit formation ends where test loss falls below the chance level ln(answers) for good: its median after that
      is 5 % of the level below it or more, and 10 % of the level below its median before. Whether the first loss is a
      little above chance or below does not matter; if none is above later, the fall is to 5 % below.
    - Memorization ends where excluded loss bottoms out before that: at its smallest value, if it falls to it and rises
      from it by 5 % of the chance level or more, and by more than noise.
    - Cleanup ends where the sum of squared weights, after circuit formation, comes down for good to within 5 % of where
      it settles, its median over the last tenth of the run, if that is a tenth of the run or more before its end. The
      weights have settled if they were no more than 2.5 % higher in the tenth before.

    "For good" means at the fall that the fewest recorded steps contradict, by being below before it or above after it:
    one may, or as many as a third of the steps on its shorter side. "More than noise" means that a value before the
    bottom, and the median of all after it, are above it in the logarithm by 8 times the scatter: the distance from the
    median of a value and its two neighbours that three in four values, but for the bottom, do not exceed, which is 0 on
    a smooth curve. A single recorded step shows nothing: a dip that its neighbours do not share is no bottom, and a
    fall or a rise has to be seen at two. Where training loss is recorded too, no bottom lies in a slingshot, where it
    is over three times the lowest that it has been (counted from 1e-6 nats). So noise and spikes move little, and noise
    alone has no phases if it is independent from step to step and the steps are not few: see docs/phases.md.

    Falls are interpolated linearly between recorded steps; the end of memorization is a recorded step. The boundaries
    are in order where they are not None. A run that never falls below chance, or was cut short, has None from there on;
    one that generalizes at once may have no memorization to end.

    Args:
        trajectory: With columns ``excluded_loss``, ``test_loss``, ``sum_squared_weights``, and best ``train_loss``.
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
    excluded, test, weights, *train = check_phase_columns(trajectory, *NEEDED, optional=OPTIONAL)
    chance = math.log(check_integer(answers, "answers", at_least=2))
    steps = trajectory.steps.numpy()

    circuit = lasting_fall(steps, test, chance, depth=CHANGE * chance)
    undisturbed = _outside_slingshots(*train) if train else np.ones(len(steps), dtype=bool)
    before = steps <= (steps[-1] if circuit is None else circuit)
    lowest = confirmed_minimum(excluded[undisturbed], among=before[undisturbed], depth=CHANGE * chance)
    memorization = None if lowest is None else float(steps[undisturbed][lowest])
    cleanup = None if circuit is None else _cleanup_end(steps, weights, start=circuit)
    return Phases(*(None if step is None else round(step) for step in (memorization, circuit, cleanup)))


def _outside_slingshots(train: np.ndarray) -> np.ndarray:
    """Which steps do not lie in a slingshot, by their training loss."""
    outside: np.ndarray = train <= SLINGSHOT * np.maximum(np.minimum.accumulate(train), ROUNDING)
    return outside


def _cleanup_end(steps: np.ndarray, weights: np.ndarray, *, start: float) -> float | None:
    tail = TAIL * (steps[-1] - steps[0])
    former, last = np.searchsorted(steps, [steps[-1] - 2 * tail, steps[-1] - tail])
    settled = float(np.median(weights[last:]))
    # Where nothing was recorded in the tenth before the last, the last step before it stands for it.
    if np.median(weights[min(former, last - 1) : last]) > (1 + SETTLED / 2) * settled:
        return None
    later = steps > start
    weights = np.concatenate([[np.interp(start, steps, weights)], weights[later]])
    end = lasting_fall(np.concatenate([[start], steps[later]]), weights, (1 + SETTLED) * settled)
    return None if end is None or steps[-1] - end < tail else end
