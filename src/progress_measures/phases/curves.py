"""Where a noisy curve turns, and where it crosses a level."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

CONFIRMED = 2  # how many recorded steps must show a rise or a fall: one alone may be a spike
CONTRADICTED = 1 / 3  # the share of steps on the shorter side of a fall that may contradict it; one always may
NOISE = 8  # how many times the scatter a bottom must stand out: 7 standard deviations of normal noise or more
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
    clear = logs[lowest] + NOISE * _scatter(logs, without=lowest)
    falls = (high & (logs >= clear))[:lowest].any()
    return lowest if falls and np.median(logs[lowest + 1 :]) >= clear else None


def lasting_fall(steps: np.ndarray, values: np.ndarray, level: float, *, depth: float = 0.0) -> float | None:
    """The interpolated step at which the values fall to the level for good; None if there is no such step.

    Of all falls, the one that the fewest values contradict is taken. A value contradicts a fall if it is below the
    level before the fall, or above the level after it. One value may contradict the fall, or up to a third of the
    values on its shorter side. The median after the fall must be lower than the level by the depth, and lower than the
    median before the fall by twice the depth, so that a curve that stays near the level has no fall. A first value that
    is less than the depth below the level does not contradict a fall. If all later values are below the level, the fall
    to ``level - depth`` is taken instead.
    """
    for crossed in (level, level - depth):
        below = values <= crossed
        contradicts = below.copy()
        contradicts[0] = values[0] <= level - depth
        below_before = np.concatenate([[0], np.cumsum(contradicts)])
        above_after = np.concatenate([np.cumsum(~below[::-1])[::-1], [0]])
        contradicting = below_before + above_after
        first = int(contradicting.argmin())
        if first > 0:
            break
    if first == 0 or below[first:].sum() < CONFIRMED:
        return None  # below from the start, or never below for good
    if contradicting[first] > max(1, CONTRADICTED * min(first, len(values) - first)):
        return None
    before, after = np.median(values[:first]), np.median(values[first:])
    if after > level - depth or after > before - 2 * depth:
        return None
    # Because the fewest values contradict the fall, the value before it is above the crossed level, the next is not.
    share = (values[first - 1] - crossed) / (values[first - 1] - values[first])
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1]))


def _scatter(values: np.ndarray, *, without: int) -> float:
    """The 75th percentile of the distance between a value and the median of that value and its two neighbours.

    One value is left out. The scatter of a curve that only rises or only falls is 0; that of normal noise is 0.92
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
