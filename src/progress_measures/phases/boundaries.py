"""The boundaries between memorization, circuit formation and cleanup."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_integer
from progress_measures.phases.columns import check_phase_columns
from progress_measures.phases.curves import ROUNDING, bracket, confirmed_minimum, lasting_fall
from progress_measures.phases.events import Event
from progress_measures.trajectory.checks import check_steps
from progress_measures.trajectory.keys import warn_if_keys_change
from progress_measures.trajectory.trajectory import Trajectory

NEEDED, OPTIONAL = ("excluded_loss", "test_loss", "sum_squared_weights"), ("train_loss",)  # columns
CHANGE = 0.05  # the least rise or fall of a loss that counts, as a share of the chance level
SETTLED = 0.05  # cleanup has ended when the weights are at most this share above the level where they settle
TAIL = 0.1  # the weights settle at their median over this last share of the run, and must stay near it as long
SLINGSHOT = 3  # a run is in a slingshot while training loss is over this many times its lowest value so far


@dataclass(frozen=True)
class Phases:
    """The last step of each phase, or None if the run did not reach it; the result of :func:`find_phases`.

    Example:
        >>> phases = pm.Phases(memorization_end=1200, circuit_formation_end=4630, cleanup_end=None)
        >>> phases.circuit_formation_end
        4630
    """

    memorization_end: int | None
    circuit_formation_end: int | None
    cleanup_end: int | None
    events: Mapping[str, Event] = field(default_factory=dict, compare=False, repr=False, kw_only=True)
    """Each boundary with its interval, or why it is None."""

    def intervals(self, steps: Array | Sequence[int]) -> dict[str, tuple[int, int] | None]:
        """The nearest recorded steps before and after each boundary: the boundary lies between them.

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
    """The last steps of memorization, circuit formation and cleanup.

    - Circuit formation ends where test loss falls for good below the chance level ln(answers). Its median after the
      fall must be below the chance level by at least 5 % of that level, and below its median before the fall by at
      least 10 % of that level. A first loss that is less than 5 % below chance does not count against the fall. If all
      later losses are below chance, the fall to 5 % below chance is taken instead.
    - Memorization ends at the smallest excluded loss before the end of circuit formation. Excluded loss must fall to
      this bottom and rise from it by at least 5 % of the chance level, and by more than noise.
    - Cleanup ends where, after circuit formation, the sum of squared weights falls for good to within 5 % of the level
      where it settles: its median over the last tenth of the run. Cleanup must end at least a tenth of the run before
      the run does. It has no end unless the weights have settled: their median over the tenth before the last must be
      at most 2.5 % higher.

    "For good": of all falls, the one that the fewest recorded steps contradict is taken. A step contradicts a fall if
    it is below the level before the fall, or above the level after it. One step may contradict the fall, or up to a
    third of the steps on its shorter side.

    "More than noise" is judged in logarithms: some value before the bottom, and the median of all values after it, must
    exceed the bottom by 8 times the scatter. The scatter is the 75th percentile of the distance between a value and the
    median of that value and its two neighbours, leaving out the bottom. It is 0 on a smooth curve.

    A single recorded step shows nothing: a dip that its neighbours do not share is no bottom, and a fall below a level,
    or a rise from the bottom, must be seen at two steps. If training loss is recorded, a bottom in a slingshot does not
    count: there, training loss is over three times its lowest value so far, or over 3e-6 nats if that is more. So noise
    and spikes move the boundaries little. Noise alone has no phases if it is independent from step to step and the
    steps are not few: see docs/phases.md.

    Falls are interpolated linearly between recorded steps; the end of memorization is a recorded step. Boundaries that
    are not None are in order. A run that never falls below chance, or was cut short, has None from there on. A run that
    generalizes at once may have no end of memorization.

    Args:
        trajectory: With columns ``excluded_loss``, ``test_loss``, ``sum_squared_weights``, and preferably
            ``train_loss``.
        answers: The number of classes that the loss is over. The chance level is ln(answers), in nats.

    Returns:
        The three boundaries, as steps.

    Raises:
        TypeError: If ``trajectory`` is not a trajectory, or ``answers`` is not an integer.
        ValueError: If a column is missing, is not one number per step, or is not finite, or if ``answers`` is less than
            2.

    References:
        Nanda et al. (2023), section 5.2, who drew the boundaries by eye.

    Example:
        >>> run = pm.Trajectory([0, 1000, 2000, 3000, 4000, 5000, 9000], {
        ...     "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
        ...     "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.0, 0.0],
        ...     "sum_squared_weights": [1800.0, 3000.0, 2500.0, 2000.0, 1100.0, 1000.0, 1000.0]})
        >>> pm.find_phases(run, answers=113)
        Phases(memorization_end=1000, circuit_formation_end=2734, cleanup_end=4500)
    """
    excluded, test, weights, *train = check_phase_columns(trajectory, *NEEDED, optional=OPTIONAL)
    warn_if_keys_change(trajectory.steps, trajectory.columns, stacklevel=2)
    chance = math.log(check_integer(answers, "answers", at_least=2))
    steps = trajectory.steps.numpy()

    circuit = lasting_fall(steps, test, chance, depth=CHANGE * chance)
    outside = _outside_slingshots(*train) if train else np.ones(len(steps), dtype=bool)
    before = steps <= (steps[-1] if circuit is None else circuit)
    lowest = confirmed_minimum(excluded[outside], among=before[outside], depth=CHANGE * chance)
    memorization = None if lowest is None else float(steps[outside][lowest])
    cleanup = None if circuit is None else _cleanup_end(steps, weights, start=circuit)
    return Phases(*(None if step is None else round(step) for step in (memorization, circuit, cleanup)))


def _outside_slingshots(train: np.ndarray) -> np.ndarray:
    """Marks the steps that do not lie in a slingshot, by their training loss."""
    outside: np.ndarray = train <= SLINGSHOT * np.maximum(np.minimum.accumulate(train), ROUNDING)
    return outside


def _cleanup_end(steps: np.ndarray, weights: np.ndarray, *, start: float) -> float | None:
    tail = TAIL * (steps[-1] - steps[0])
    former, last = np.searchsorted(steps, [steps[-1] - 2 * tail, steps[-1] - tail])
    settled = float(np.median(weights[last:]))
    # If no step was recorded in the tenth before the last, the nearest step before it is used instead.
    if np.median(weights[min(former, last - 1) : last]) > (1 + SETTLED / 2) * settled:
        return None
    later = steps > start
    weights = np.concatenate([[np.interp(start, steps, weights)], weights[later]])
    end = lasting_fall(np.concatenate([[start], steps[later]]), weights, (1 + SETTLED) * settled)
    return None if end is None or steps[-1] - end < tail else end
