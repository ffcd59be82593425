"""The boundaries between memorization, circuit formation and cleanup."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_integer
from progress_measures.phases.columns import check_known, hinted
from progress_measures.phases.curves import bracket
from progress_measures.phases.ends import ends
from progress_measures.phases.events import KEPT, Event, WithEvents, compared
from progress_measures.trajectory.checks import check_steps
from progress_measures.trajectory.keys import warn_if_keys_change
from progress_measures.trajectory.trajectory import Trajectory

NOT_SETTLED = " (not settled)"
PHASES = ("memorization", "circuit formation", "cleanup", "after cleanup")


@dataclass(frozen=True, repr=False)
class Phases(WithEvents):
    """The last step of each phase, or None; the result of :func:`find_phases`.

    Its ``events`` have the interval of recorded steps that each boundary lies in, and why a boundary is None:
    ``"not recorded"``, ``"not reached"`` or ``"cannot be told"``. They also say whether a boundary has settled.

    Example:
        >>> phases = pm.Phases(memorization_end=1200, circuit_formation_end=4630, cleanup_end=None)
        >>> phases.circuit_formation_end
        4630
    """

    memorization_end: int | None
    circuit_formation_end: int | None
    cleanup_end: int | None

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
        return {name: None if step is None else bracket(recorded, step) for name, step in vars(self).items()}

    def at(self, step: int) -> str:
        """The phase that the run is in at a step, in words, such as for a title bar.

        Where the boundary between two phases is not known, both are named. A run is in the phase before a boundary that
        it does not reach. If a boundary before the step has not settled, the words say so.

        Args:
            step: A step, such as the last one that was recorded.

        Returns:
            ``"memorization"``, ``"circuit formation"``, ``"cleanup"`` or ``"after cleanup"``, or several of them joined
            by ``" or "``.

        Raises:
            TypeError: If ``step`` is not an integer.

        Example:
            >>> phases = pm.Phases(memorization_end=1200, circuit_formation_end=4630, cleanup_end=None)
            >>> phases.at(5000)
            'cleanup'
        """
        place, events = check_integer(step, "step", at_least=-(2**63)), list(self.events.values())
        passed = [index for index, event in enumerate(events) if event.step is not None and place > event.step]
        first = max(passed, default=-1) + 1
        last = first
        while last < len(events) and events[last].step is None and not _is_ahead(events[last:]):
            last += 1
        settled = all(events[index].settled for index in passed)
        return " or ".join(PHASES[first : last + 1]) + ("" if settled else NOT_SETTLED)


def find_phases(trajectory: Trajectory, *, answers: int) -> Phases:
    """The last steps of memorization, circuit formation and cleanup, as far as what was recorded says them.

    - Circuit formation ends where test loss falls for good below the chance level ln(answers). Its median after the
      fall must be below the chance level by at least 5 % of that level, and below its median before the fall by at
      least 10 % of that level. A first loss that is less than 5 % below chance does not count against the fall. If all
      later losses are below chance, the fall to 5 % below chance is taken instead.
    - Memorization ends at the smallest excluded loss before the end of circuit formation. Excluded loss must fall to
      this bottom and rise from it by at least 5 % of the chance level, and by more than noise. If training loss is
      recorded, it must have fallen below half of the chance level there.
    - Cleanup ends where, after circuit formation, the sum of squared weights falls for good to within 5 % of the level
      where it settles: its median over the last tenth of the run. Cleanup must end at least a tenth of the run before
      the run does. It has no end unless the weights have settled: their median over the tenth before the last must be
      at most 2.5 % higher.

    "For good": of all falls, the one that the least time contradicts is taken. A recorded step stands for the time up
    to halfway to its neighbours. It contradicts a fall if it is below the level before the fall, or above the level
    after it. One step may contradict the fall, or up to a third of the time on its shorter side. Medians are taken over
    time, and again over recorded steps. If there is no such fall because the run comes undone for long in between, its
    last fall counts. For cleanup, as for onsets, recorded steps are counted first, and time if that finds nothing.

    "More than noise" is judged in logarithms: some value before the bottom, and the median of all values after it, must
    exceed the bottom by 8 times the scatter. The scatter is the 75th percentile of the distance between a value and the
    median of that value and its two neighbours, leaving out the bottom. It is 0 on a smooth curve. Where noise is
    correlated from step to step, the median is that of up to nine values.

    A single recorded step shows nothing: a dip that its neighbours do not share is no bottom, and a fall below a level,
    or a rise from the bottom, must be seen at two steps. Where spikes are frequent, more neighbours must share it. If
    training loss is recorded, a bottom in a slingshot does not count: there, training loss is over three times its
    lowest value so far, or over 3e-6 nats if that is more; a single spike downwards is no such value. So noise and
    spikes move the boundaries little. Noise alone has no phases if the steps are not few: see docs/phases.md.

    Each column is read at the steps at which it is not ``nan``. A boundary whose column is missing is None, as is one
    that the run does not reach, or whose column has the same number at every step; ``phases.events`` say which. Falls
    are interpolated linearly between recorded steps; the end of memorization is a recorded step. Boundaries that are
    not None are in order. A run that generalizes at once may have no end of memorization.

    A boundary may still move while a run goes on. It has settled if the first three quarters of the run have it in the
    same interval of recorded steps, or less than 5 % away.

    Args:
        trajectory: With one or more of the columns ``test_loss``, ``excluded_loss`` and ``sum_squared_weights``, and
            preferably ``train_loss``. Cleanup needs ``test_loss``, too.
        answers: The number of classes that the loss is over. The chance level is ln(answers), in nats.

    Returns:
        The three boundaries, as steps.

    Raises:
        TypeError: If ``trajectory`` is not a trajectory, or ``answers`` is not an integer.
        ValueError: If there is no number in any column that this function or :func:`milestones` reads, one is not one
            number per step, or is -inf somewhere, or if ``answers`` is less than 2.

    References:
        Nanda et al. (2023), section 5.2, who drew the boundaries by eye.

    Example:
        >>> run = pm.Trajectory([0, 1000, 2000, 3000, 4000, 5000, 9000], {
        ...     "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
        ...     "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.0, 0.0]})
        >>> pm.find_phases(run, answers=113)
        Phases(memorization_end=1000 (0 to 2000), circuit_formation_end=2734 (2000 to 3000),
               cleanup_end=None: not recorded)
    """
    curves = check_known(trajectory)
    warn_if_keys_change(trajectory.steps, trajectory.columns, stacklevel=2)
    chance = math.log(check_integer(answers, "answers", at_least=2))
    first, last = int(trajectory.steps[0]), int(trajectory.steps[-1])
    early = {name: each and each.until(first + KEPT * (last - first)) for name, each in curves.items()}
    found = compared(ends(curves, chance), ends(early, chance), start=first)
    return Phases.of(hinted(found, trajectory))


def _is_ahead(events: Sequence[Event]) -> bool:
    """Whether a run does not reach the first of some boundaries, nor any later one."""
    return events[0].absent in (None, "not reached") and all(event.step is None for event in events)
