"""How early restricted and excluded loss announce the fall of test loss."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_fraction
from progress_measures.phases.boundaries import find_phases
from progress_measures.phases.columns import Curve, check_known, hinted
from progress_measures.phases.curves import bracket
from progress_measures.phases.ends import CHANGE
from progress_measures.phases.events import Event, WithEvents, bracketed
from progress_measures.phases.falls import either_fall
from progress_measures.phases.onset import lead
from progress_measures.trajectory.checks import check_steps
from progress_measures.trajectory.trajectory import Trajectory


@dataclass(frozen=True, repr=False)
class LeadTimes(WithEvents):
    """The steps at which two losses announce the fall of test loss; the result of :func:`lead_times`.

    Example:
        >>> lead = pm.phases.LeadTimes(restricted_fall=1000, excluded_rise=None, test_fall=4600)
        >>> lead.restricted, lead.excluded
        (3600, None)
    """

    restricted_fall: int | None
    """The step at which restricted loss falls for good below chance, by a share of chance."""
    excluded_rise: int | None
    """The step at which excluded loss rises for good above its bottom, by the same share of chance."""
    test_fall: int | None
    """The step at which test loss falls for good below chance. This is the end of circuit formation."""

    @property
    def restricted(self) -> int | None:
        """The steps from the sign of restricted loss to the fall of test loss; negative if the sign comes later."""
        return lead(self.events["restricted_fall"], self.events["test_fall"]).steps

    @property
    def excluded(self) -> int | None:
        """The steps from the sign of excluded loss to the fall of test loss; negative if the sign comes later."""
        return lead(self.events["excluded_rise"], self.events["test_fall"]).steps

    def intervals(self, steps: Array | Sequence[int]) -> dict[str, tuple[int, int] | None]:
        """The smallest and the largest value of each lead time that the recorded steps allow.

        Args:
            steps: The recorded steps, ``trajectory.steps``.

        Returns:
            The intervals of :attr:`restricted` and :attr:`excluded` by name, None where there is no lead time.

        Raises:
            TypeError: If ``steps`` are not integers.
            ValueError: If there is none, or they do not ascend.

        Example:
            >>> lead = pm.phases.LeadTimes(restricted_fall=150, excluded_rise=None, test_fall=450)
            >>> lead.intervals([0, 100, 200, 400, 500])
            {'restricted': (200, 400), 'excluded': None}
        """
        recorded = check_steps(steps).numpy()
        placed = {
            name: Event(step, None if step is None else bracket(recorded, step)) for name, step in vars(self).items()
        }
        fall = placed["test_fall"]
        return {
            "restricted": lead(placed["restricted_fall"], fall).interval,
            "excluded": lead(placed["excluded_rise"], fall).interval,
        }


def lead_times(trajectory: Trajectory, *, answers: int, change: float = CHANGE) -> LeadTimes:
    r"""The number of steps by which restricted and excluded loss announce the fall of test loss.

    With n answers, a loss at chance of :math:`\ln n`, and :math:`\delta` for ``change``, the two signs and the fall are
    the steps at which

    .. math:: L_\mathrm{restricted} \le (1 - \delta) \ln n, \quad
              L_\mathrm{excluded} \ge \min L_\mathrm{excluded} + \delta \ln n, \quad
              L_\mathrm{test} \le \ln n

    each become true for good. The minimum is the end of memorization, and the third step is the end of circuit
    formation. A lead time is the third step minus a sign; it is negative if the sign comes later.

    :func:`find_phases` defines "for good" and the end of memorization. All three steps are interpolated between
    recorded ones. A step is None if it does not happen or was not recorded, and ``events`` say why. Without weight
    decay there is no sign. A run that has not yet fallen below chance may have a sign, but has no lead time.

    The signs are known only in hindsight, because both losses are computed from the key frequencies of the final model.

    Args:
        trajectory: A run with ``restricted_loss``, ``excluded_loss`` or both, and the columns that :func:`find_phases`
            takes.
        answers: The number of classes that the loss is over. The chance level is ln(answers), in nats.
        change: The share of the chance level by which a loss must change to count as a sign.

    Returns:
        The steps of the two signs and of the fall, and the lead times between them.

    Raises:
        TypeError: If ``trajectory`` is not a trajectory, ``answers`` is not an integer, or ``change`` is not a number.
        ValueError: If there is no number in any column that is read, one is not one number per step, or is -inf
            somewhere, or if ``answers`` is less than 2, or ``change`` is not in [0, 1).

    See Also:
        :func:`onset` and :func:`lead`: for the lead of any other column over any event.

    References:
        Nanda et al. (2023), section 5.2, who give no lead times.

    Example:
        >>> run = pm.Trajectory([0, 1000, 2000, 3000, 4000, 5000, 9000], {
        ...     "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
        ...     "restricted_loss": [4.8, 4.2, 3.0, 0.1, 0.0, 0.0, 0.0],
        ...     "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.0, 0.0],
        ...     "sum_squared_weights": [1800.0, 3000.0, 2500.0, 2000.0, 1100.0, 1000.0, 1000.0]})
        >>> lead = pm.lead_times(run, answers=113)
        >>> lead.restricted, lead.excluded
        (2219, 1396)
    """
    check_fraction(change, "change")
    curves, phases = check_known(trajectory), find_phases(trajectory, answers=answers)
    chance = math.log(answers)
    memorized, fall = phases.events["memorization_end"], phases.events["circuit_formation_end"]
    events = {
        "restricted_fall": _fall(curves["restricted_loss"], (1 - change) * chance),
        "excluded_rise": _rise(curves["excluded_loss"], memorized, change * chance),
        "test_fall": fall,
    }
    return LeadTimes.of(hinted(events, trajectory))


def _fall(restricted: Curve | None, level: float) -> Event:
    if restricted is None:
        return Event(None, absent="not recorded", reason="restricted_loss has no number")
    step = either_fall(restricted.steps, restricted.values, level)
    return bracketed(restricted.steps, step, "restricted_loss", f"falls to {level:.3g} for good")


def _rise(excluded: Curve | None, bottom: Event, height: float) -> Event:
    later = None if excluded is None or bottom.step is None else excluded.since(bottom.step)
    if later is None:
        return bottom
    step = either_fall(later.steps, later.values[0] - later.values, -height)
    return bracketed(later.steps, step, "excluded_loss", f"rises by {height:.3g} for good")
