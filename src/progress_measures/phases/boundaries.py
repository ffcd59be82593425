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

    Its ``events`` give the interval of recorded steps around each boundary, say whether the boundary has settled, and
    say why a boundary is None: ``"not recorded"``, ``"not reached"`` or ``"cannot be told"``.

    Example:
        >>> phases = pm.Phases(memorization_end=1200, circuit_formation_end=4630, cleanup_end=None)
        >>> phases.circuit_formation_end
        4630
    """

    memorization_end: int | None
    circuit_formation_end: int | None
    cleanup_end: int | None

    def intervals(self, steps: Array | Sequence[int]) -> dict[str, tuple[int, int] | None]:
        """The nearest recorded steps before and after each boundary.

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
        """The phase of the run at a step, in words, such as for a progress bar.

        If the boundary between two phases is unknown, both are named. If the run does not reach a boundary, it is still
        in the phase before it. If a boundary before the step has not settled, the words say so.

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
    r"""The last steps of memorization, circuit formation and cleanup, as far as the recorded columns can tell.

    With n answers, chance is a loss of :math:`\ln n`. With w, the level at which the sum of squared weights settles,
    memorization ends at :math:`t_1`, circuit formation at :math:`t_2` and cleanup at :math:`t_3`:

    .. math:: t_1 = \arg\min_{t \le t_2} L_\mathrm{excluded}(t), \quad
              L_\mathrm{test} \le \ln n \text{ for good from } t_2, \quad
              \lVert \theta \rVert^2 \le 1.05 \, w \text{ for good from } t_3

    - **Circuit formation.** After the fall below chance, the median of test loss must be lower than chance by at least
      5 % of :math:`\ln n`, and lower than the median before the fall by at least 10 % of :math:`\ln n`. A first loss
      less than 5 % below chance does not count against the fall. If all later losses are below chance, :math:`t_2` is
      where test loss falls to 5 % below chance.
    - **Memorization.** Excluded loss must fall to its bottom and rise from it, each by at least 5 % of :math:`\ln n`
      and by more than noise. If training loss is recorded, it must be below half of :math:`\ln n` at the bottom.
    - **Cleanup.** w is the median over the last tenth of the run. :math:`t_3` comes after :math:`t_2`, and at least a
      tenth of the run before the run's last step. The weights must have settled: their median over the tenth before
      the last must be at most 2.5 % above w.

    *For good.* A recorded step contradicts a fall if it is below the level before the fall, or above the level after
    it. Each step counts with the time up to halfway to its neighbours. Among all falls, the one that the least time
    contradicts is taken. One step may contradict it, or up to a third of the time on its shorter side. Both medians
    must pass weighted by time and also weighted by steps. If no fall passes because the run is above the level again
    for a long time, the last fall counts. For cleanup, lead times and onsets, each step first counts the same; time
    decides only if this finds no fall.

    *More than noise.* In logarithms, some value before the bottom, and the median of all values after it, must exceed
    the bottom by 8 times the scatter. The scatter is the 75th percentile of the distance between a value and the median
    of that value and its two neighbours, without the bottom itself. It is 0 on a smooth curve. If noise is correlated
    from step to step, the median is over up to nine values.

    *Spikes.* A single recorded step is never enough: the neighbours of a bottom must be low too, and a fall below a
    level, or a rise from the bottom, must be visible at two steps. If spikes are frequent, more neighbours must be low.
    If training loss is recorded, a bottom in a slingshot does not count. In a slingshot, training loss is above 3e-6
    nats and above three times its lowest value so far, not counting single spikes downwards. Noise alone has no phases,
    except in runs of few steps: see :doc:`/phases`.

    *Missing boundaries.* A boundary is None if its column is missing or constant, or if the run does not reach it;
    ``phases.events`` say which. A run that generalizes at once may have no end of memorization. Boundaries that are not
    None are in order. Columns are read at the steps at which they are not ``nan``. Falls are interpolated linearly
    between recorded steps; the end of memorization is a recorded step.

    *Settled boundaries.* A boundary may still move while a run continues. It has settled if the first three quarters of
    the run have it in the same interval of recorded steps, or less than 5 % away.

    Args:
        trajectory: A run with one or more of the columns ``test_loss``, ``excluded_loss`` and ``sum_squared_weights``,
            and preferably ``train_loss``. Cleanup also needs ``test_loss``.
        answers: The number of classes that the loss is over. The chance level is ln(answers), in nats.

    Returns:
        The three boundaries, as steps.

    Raises:
        TypeError: If ``trajectory`` is not a trajectory, or ``answers`` is not an integer.
        ValueError: If there is no number in any column that this function or :func:`milestones` reads, one is not one
            number per step, or is -inf somewhere, or if ``answers`` is less than 2.

    See Also:
        :func:`milestones`: steps to 99 % accuracy, from accuracies or losses alone.
        :func:`lead_times`: how early restricted and excluded loss announce the end of circuit formation.
        :func:`phase_spread`: the boundaries over several seeds.

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
    """Whether a run reaches neither the first of some boundaries nor any later one."""
    return events[0].absent in (None, "not reached") and all(event.step is None for event in events)
