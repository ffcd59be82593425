"""Where a noisy curve turns, and where it crosses a level."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

CONFIRMED = 2  # how many recorded steps must show a rise or a fall: one alone may be a spike
CONTRADICTED = 1 / 3  # the share of the time on the shorter side of a fall that may contradict it; one step always may
NOISE = 8  # how many times the scatter a bottom must stand out: 7 standard deviations of normal noise or more
TAIL = 0.1  # a curve settles at its median over this last share of the run
ROUNDING = 1e-6  # nats: in float32, ratios of losses below this mean nothing


def confirmed_minimum(values: np.ndarray, *, among: np.ndarray, depth: float) -> int | None:
    """The index of the smallest value among some, if the values fall to it and rise from it by the depth; else None.

    A dip of a single value is no bottom, so the smallest value is sought around the smallest median of three
    neighbours. At least one value before it and two after it must be higher by the depth. The logarithm of such a value
    before it, and the median of all logarithms after it, must also be higher than its own by 8 times the scatter of the
    other values: noise alone does not reach that far.
    """
    candidates = np.where(among, values, np.inf)
    padded = np.pad(candidates, 1, constant_values=np.inf)  # so that the first and last value need a neighbour, too
    medians = np.median(sliding_window_view(padded, 3), axis=1)
    first = max(0, int(medians.argmin()) - 1)
    lowest = first + int(candidates[first : first + 3].argmin())
    high = values >= values[lowest] + depth
    if high[lowest:].sum() < CONFIRMED:
        return None
    logs = np.log(np.maximum(values, ROUNDING))
    clear = logs[lowest] + NOISE * scatter(logs, without=lowest)
    falls = (high & (logs >= clear))[:lowest].any()
    return lowest if falls and np.median(logs[lowest + 1 :]) >= clear else None


def lasting_fall(steps: np.ndarray, values: np.ndarray, level: float, *, depth: float = 0.0) -> float | None:
    """The interpolated step at which the values fall to the level for good; None if there is no such step.

    Of all falls, the one that the least time contradicts is taken. A value contradicts a fall if it is below the level
    before the fall, or above the level after it; it stands for the time up to halfway to its neighbours. One value may
    contradict the fall, or up to a third of the time on its shorter side. The median after the fall must be lower than
    the level by the depth, and lower than the median before the fall by twice the depth, so that a curve that stays
    near the level has no fall. A first value that is less than the depth below the level does not contradict a fall. If
    all later values are below the level, the fall to ``level - depth`` is taken instead.
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
    before, after = (median(values[side], times[side]) for side in (slice(first), slice(first, None)))
    if after > level - depth or after > before - 2 * depth:
        return None
    # Because the least time contradicts the fall, the value before it is above the crossed level, the next is not.
    share = (values[first - 1] - crossed) / (values[first - 1] - values[first])
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1]))


def durations(steps: np.ndarray) -> np.ndarray:
    """The time that each recorded step stands for: half of the distance between its neighbours.

    The first and the last step stand for the distance to their only neighbour, as all steps of an even grid do.
    """
    if len(steps) == 1:
        return np.ones(1)
    gaps = np.diff(steps).astype(float)
    around: np.ndarray = (np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2
    return around


def median(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median: half of the weight lies on values below it; between two values, their mean."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    lower, upper = np.searchsorted(reached, [0.5 - 1e-9, 0.5 + 1e-9])
    return float(values[order][[lower, upper]].mean())


def _before(weights: np.ndarray) -> np.ndarray:
    """The sum of the weights before each place, one place more than there are weights."""
    return np.concatenate([[0.0], np.cumsum(weights)])


def _after(weights: np.ndarray) -> np.ndarray:
    """The sum of the weights from each place on, one place more than there are weights."""
    return np.concatenate([np.cumsum(weights[::-1])[::-1], [0.0]])


def final_level(steps: np.ndarray, values: np.ndarray) -> float:
    """The median over the last tenth of the run."""
    return float(np.median(values[np.searchsorted(steps, steps[-1] - TAIL * (steps[-1] - steps[0])) :]))


def scatter(values: np.ndarray, *, without: int | None = None) -> float:
    """The 75th percentile of the distance between a value and the median of that value and its two neighbours.

    One value may be left out. The scatter of a curve that only rises or only falls is 0; that of normal noise is 0.92
    standard deviations.
    """
    if len(values) < 3:
        return 0.0
    windows = sliding_window_view(values, 3)
    inner = np.arange(1, len(values) - 1)
    distances = np.abs(windows[:, 1] - np.median(windows, axis=1))[inner != without]
    return float(np.quantile(distances, 0.75)) if len(distances) else 0.0


def bracket(steps: np.ndarray, step: int | None) -> tuple[int, int] | None:
    """The nearest recorded steps before and after a step; None for None."""
    if step is None:
        return None
    before = max(0, int(np.searchsorted(steps, step)) - 1)
    after = min(len(steps) - 1, int(np.searchsorted(steps, step, side="right")))
    return int(steps[before]), int(steps[after])
