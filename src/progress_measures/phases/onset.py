"""When a column has completed a share of its change, and how long before another event."""

from dataclasses import dataclass

import numpy as np

from progress_measures._checks.values import check_fraction, check_integer, check_real_number
from progress_measures.phases.bottoms import scatter
from progress_measures.phases.columns import Curve, curve
from progress_measures.phases.curves import final_level
from progress_measures.phases.events import KEPT, Event, bracketed, check_event, compared
from progress_measures.phases.falls import either_fall
from progress_measures.trajectory.checks import check_column
from progress_measures.trajectory.trajectory import Trajectory, check_trajectory

BEYOND_NOISE = 4  # the least change, in scatters, of a column that begins at a single value
ALIKE = 4  # the most that values of the first plateau may differ, in scatters


@dataclass(frozen=True)
class Lead:
    """The steps by which one event comes before another; the result of :func:`lead`.

    Example:
        >>> print(pm.phases.Lead(1926, (1800, 2400)))
        1926 (1800 to 2400)
    """

    steps: int | None
    """The number of steps, negative if the sign comes later than the event; None if one of them is missing."""
    interval: tuple[int, int] | None = None
    """The smallest and the largest number of steps that the recorded steps allow."""

    def __str__(self) -> str:
        between = "" if self.interval is None else f" ({self.interval[0]} to {self.interval[1]})"
        return "none" if self.steps is None else f"{self.steps}{between}"


def lead(sign: Event, event: Event) -> Lead:
    r"""The number of steps by which a sign comes before an event.

    For a sign at step :math:`t_s`, between the recorded steps :math:`a_s` and :math:`b_s`, and an event at :math:`t_e`
    between :math:`a_e` and :math:`b_e`, the lead and its interval are

    .. math:: t_e - t_s \in [a_e - b_s, \; b_e - a_s]

    It is negative if the sign comes later. Exchanging the two changes its sign.

    Args:
        sign: An event of a run, such as the :func:`onset` of an induction score.
        event: Another event of the same run, such as one of ``find_phases(…).events`` or ``milestones(…).events``.

    Returns:
        The steps from the sign to the event, and the interval that the recorded steps allow.

    Raises:
        TypeError: If one of the two is not an event.

    See Also:
        :func:`lead_times`: the leads of restricted and excluded loss in one call.

    References:
        Own.

    Example:
        >>> sign, fall = pm.phases.Event(150, (100, 200)), pm.phases.Event(450, (400, 500))
        >>> pm.phases.lead(sign, fall)
        Lead(steps=300, interval=(200, 400))
    """
    early, late = check_event(sign, "sign"), check_event(event, "event")
    if early.step is None or late.step is None:
        return Lead(None)
    first, last = early.interval or (early.step,) * 2, late.interval or (late.step,) * 2
    return Lead(late.step - early.step, (last[0] - first[1], last[1] - first[0]))


def onset(
    trajectory: Trajectory, column: str, *, share: float = 0.5, level: float | None = None, since: int | None = None
) -> Event:
    r"""The step at which a column has completed a share of its change for good, or has crossed a level for good.

    The onset is the step at which the column crosses for good the level

    .. math:: x_\mathrm{first} + \mathrm{share} \cdot (x_\mathrm{last} - x_\mathrm{first})

    where the last number is the median over the last tenth of the run. The first number is the median of the m numbers
    at the beginning, at most a third of all, that differ only by noise. :func:`find_phases` defines "for good". The
    onset does not depend on the column's units or sign: multiplying the column by −2, or adding a constant, does not
    change it.

    There is no onset in these cases:

    - The column has no number from ``since`` on (``"not recorded"``).
    - The column is constant (``"cannot be told"``).
    - Its change is at most :math:`4 / \sqrt{m}` times its scatter from step to step (``"not reached"``).
    - It does not cross the level for good (``"not reached"``).

    Args:
        trajectory: A run.
        column: The name of a column of one number per step, of any measure, such as an induction score, a curvature or
            a loss. It is read at the steps at which it is not ``nan``.
        share: The share of the change, in [0, 1).
        level: A level in the column's own units, instead of ``share``.
        since: The first step to look at, such as the end of memorization, after which excluded loss rises. If None,
            the first step of the run.

    Returns:
        The step, interpolated linearly between recorded ones; or why there is none.

    Raises:
        KeyError: If there is no such column.
        TypeError: If ``trajectory`` is not a trajectory, or an option is not a number.
        ValueError: If the column is not one number per step or is -inf somewhere, or if ``share`` is not in [0, 1).

    See Also:
        :func:`lead`: the steps between two such events.
        :func:`milestones`: the steps to 99 % accuracy.
        :func:`onsets`: the onset of each frequency in a spectrum.

    References:
        Own; on the choice of a share, see :doc:`/phases`.

    Example:
        >>> run = pm.Trajectory(range(0, 1000, 100), {
        ...     "induction": [0, 0, 0.1, 0.4, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8],
        ...     "test_loss": [5, 5, 5, 5, 4, 1, 0, 0, 0, 0]})
        >>> sign, fall = pm.phases.onset(run, "induction"), pm.phases.onset(run, "test_loss")
        >>> print(sign, "|", fall, "|", pm.phases.lead(sign, fall))
        300 (200 to 400) | 450 (400 to 500) | 150 (0 to 300)
    """
    check_column(column, check_trajectory(trajectory).columns)
    check_fraction(share, "share")
    wanted = None if level is None else check_real_number(level, "level")
    known = curve(trajectory, column)
    first = int(trajectory.steps[0]) if since is None else check_integer(since, "since", at_least=-(2**63))
    seen = known and known.since(first)
    if seen is None:
        return Event(None, absent="not recorded", reason=f"{column} has no number from step {first} on")
    early = seen.until(first + KEPT * (seen.steps[-1] - first)) or seen
    whole, part = ({column: _onset(each, column, share, wanted)} for each in (seen, early))
    return compared(whole, part, start=first)[column]


def _plateau(values: np.ndarray, noise: float) -> int:
    """How many of the first values, up to a third, differ from their median by no more than noise."""
    count, most = 1, len(values) // 3 if noise > 0 else 1
    while count < most and abs(values[count] - np.median(values[: max(count, 3)])) <= ALIKE * noise:
        count += 1
    return count


def _onset(seen: Curve, name: str, share: float, level: float | None) -> Event:
    if seen.is_constant:
        return Event(None, absent="cannot be told", reason=f"{name} is {seen.values[0]:g} at every step")
    noise = scatter(seen.values)
    first = seen.values[: _plateau(seen.values, noise)]
    start, end = float(np.median(first)), final_level(seen.steps, seen.values)
    if level is None and abs(end - start) <= BEYOND_NOISE * noise / len(first) ** 0.5:
        return Event(None, absent="not reached", reason=f"{name} changes by no more than its noise")
    crossed = start + share * (end - start) if level is None else level
    sign = 1.0 if end < crossed else -1.0  # a rise is a fall of the negated values
    step = either_fall(seen.steps, sign * seen.values, sign * crossed)
    return bracketed(seen.steps, step, name, f"crosses {crossed:.3g} for good")
