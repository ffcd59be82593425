"""Where a noisy curve falls below a level for good."""

import numpy as np

from progress_measures.phases.curves import durations, median

CONFIRMED = 2  # the least number of recorded steps that show a rise or a fall: a single one may be a spike
CONTRADICTED = 1 / 3  # the share of the time on the shorter side of a fall that may contradict it; one step always may
UNDONE = 0.05  # a run has come undone if it is above the level again for this share of its time …
UNDONE_STEPS = 4  # … and at this many recorded steps


def last_fall(steps: np.ndarray, values: np.ndarray, level: float, *, depth: float = 0.0) -> float | None:
    """The interpolated step at which the values fall to the level for good; None if there is no such step.

    If no fall of the whole run is for good, the run may have come undone in between: it is above the level again for at
    least 5 % of its time and at four steps or more. Then the last fall counts, provided that the run until it came
    undone also has a fall for good.
    """
    found = lasting_fall(steps, values, level, depth=depth)
    if found is not None:
        return found
    for start in _undone(steps, values <= level):
        if lasting_fall(steps[:start], values[:start], level, depth=depth) is None:
            continue
        found = lasting_fall(steps[start:], values[start:], level, depth=depth)
        if found is not None:
            return found
    return None


def either_fall(steps: np.ndarray, values: np.ndarray, level: float) -> float | None:
    """The interpolated step at which the values fall to the level for good, weighted by steps, or else by time.

    Runs are recorded most densely where they change. There, a single noisy step matters least if all steps count the
    same.
    """
    numbers = np.arange(len(steps))
    place = lasting_fall(numbers, values, level)
    return last_fall(steps, values, level) if place is None else float(np.interp(place, numbers, steps))


def lasting_fall(steps: np.ndarray, values: np.ndarray, level: float, *, depth: float = 0.0) -> float | None:
    """The interpolated step at which the values fall to the level for good; None if there is no such step.

    A value contradicts a fall if it is below the level before the fall, or above the level after it. It counts for the
    time up to halfway to its neighbours. Among all falls, the one that the least time contradicts is taken. One value
    may contradict it, or up to a third of the time on its shorter side.

    The median after the fall must be lower than the level by the depth, and lower than the median before the fall by
    twice the depth, so a curve that stays near the level has no fall. Medians weighted by time and medians weighted by
    steps must both pass. A first value less than the depth below the level does not contradict a fall. If all later
    values are below the level, the fall to ``level - depth`` is taken instead.
    """
    times = durations(steps)
    for crossed in (level, level - depth):
        below = values <= crossed
        contradicts = below.copy()
        contradicts[0] = values[0] <= level - depth
        contradicting = _before(contradicts * times) + _after(~below * times)
        first = int(contradicting.argmin())
        if first > 0:
            break
    if first == 0 or below[first:].sum() < CONFIRMED:
        return None  # below from the start, or never below for good
    several = contradicts[:first].sum() + (~below[first:]).sum() > 1
    if several and contradicting[first] > CONTRADICTED * min(times[:first].sum(), times[first:].sum()):
        return None
    for weights in (times, np.ones(len(times))):
        before, after = (median(values[side], weights[side]) for side in (slice(first), slice(first, None)))
        if after > level - depth or after > before - 2 * depth:
            return None
    # The least time contradicts this fall, so the value before it is above the crossed level, and the next is not.
    share = (values[first - 1] - crossed) / (values[first - 1] - values[first])
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1]))


def _undone(steps: np.ndarray, below: np.ndarray) -> list[int]:
    """The start of each long stretch above the level that ends in a fall with few values above the level after it."""
    times = durations(steps)
    above_after, after = _after(~below * times), _after(times)
    falls = 1 + np.flatnonzero(below[1:] & ~below[:-1])
    starts = []
    for first in falls[above_after[falls] <= CONTRADICTED * after[falls]]:
        # The stretch is as long as at least two thirds of its time are above the level.
        excess = np.cumsum((times * np.where(below, -2.0, 1.0))[:first][::-1])
        start = int(first - 1 - excess.argmax())
        is_long = times[start:first].sum() >= UNDONE * (steps[-1] - steps[0]) and first - start >= UNDONE_STEPS
        if start > 0 and is_long:
            starts.append(start)
    return starts


def _before(weights: np.ndarray) -> np.ndarray:
    """The sum of the weights before each place; one entry more than there are weights."""
    return np.concatenate([[0.0], np.cumsum(weights)])


def _after(weights: np.ndarray) -> np.ndarray:
    """The sum of the weights from each place on; one entry more than there are weights."""
    return np.concatenate([np.cumsum(weights[::-1])[::-1], [0.0]])
