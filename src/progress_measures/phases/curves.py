"""Where a noisy curve turns, and where it crosses a level."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

CONFIRMED = 2  # recorded steps that have to show a turn or a fall: one alone may be a spike
CONTRADICTED = 1 / 3  # of the steps on the shorter side of a fall: as many may contradict it, and one always may
NOISE = 8  # times the scatter of a curve: how far its bottom has to stand out, which is 7 standard deviations or more
ROUNDING = 1e-6  # nats: float32 has no smaller losses whose ratio means anything


def confirmed_minimum(values: np.ndarray, *, among: np.ndarray, depth: float) -> int | None:
    """The index of the smallest of some values, if the values fall to it and rise from it by some depth.

    A dip of a single value is no bottom: the smallest value is sought at the smallest median of three neighbours. One
    value before it and two after it have to be higher by the depth. That value, and the median of all after it, have to
    be higher in the logarithm by 8 times the scatter of the other values, too: more than noise alone would make them.
    """
    candidates = np.where(among, values, np.inf)
    padded = np.pad(candidates, 1, constant_values=np.inf)  # so that the first and the last need a neighbour too
    medians = np.median(sliding_window_view(padded, 3), axis=1)
    first = max(0, int(medians.argmin()) - 1)
    lowest = first + int(candidates[first : first + 3].argmin())
    high = values >= values[lowest] + depth
    if high[lowest:].sum() < CONFIRMED:
        return None
    logs = np.log(np.maximum(values, ROUNDING))
    clear = logs[lowest] + NOISE * _scatter(logs, but=lowest)
    falls = (high & (logs >= clear))[:lowest].any()
    return lowest if falls and np.median(logs[lowest + 1 :]) >= clear else None


def lasting_fall(steps: np.ndarray, values: np.ndarray, level: float, *, depth: float = 0.0) -> float | None:
    """Where the values fall to the level, interpolated, at the fall that the fewest of them contradict.

    They contradict it by being below before it or above after it: one may, or as many as a third of the values on its
    shorter side. The median after it has to be lower than the level by the depth, and lower than the median before it
    by twice the depth, so that a curve that stays near the level has no fall. Whether the first value is above the
    level or less than the depth below it says nothing; if no other is above, they fall where they fall by the depth.
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
        return None  # they are below from the start, or never for good
    if contradicting[first] > max(1, CONTRADICTED * min(first, len(values) - first)):
        return None
    before, after = np.median(values[:first]), np.median(values[first:])
    if after > level - depth or after > before - 2 * depth:
        return None
    # At the minimum the value before is above the level that is crossed, and this one is not.
    share = (values[first - 1] - crossed) / (values[first - 1] - values[first])
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1]))


def _scatter(values: np.ndarray, *, but: int) -> float:
    """How far three in four values, but for one, are at most from the median of themselves and their two neighbours.

    It is 0 where a curve rises or falls, and 0.92 standard deviations of normal noise.
    """
    if len(values) < 3:
        return 0.0
    windows = sliding_window_view(values, 3)
    inner = np.arange(1, len(values) - 1)
    distances = np.abs(windows[:, 1] - np.median(windows, axis=1))[inner != but]
    return float(np.quantile(distances, 0.75)) if len(distances) else 0.0


def bracket(steps: np.ndarray, step: int | None) -> tuple[int, int] | None:
    """The nearest recorded steps before and after a step."""
    if step is None:
        return None
    before = max(0, int(np.searchsorted(steps, step)) - 1)
    after = min(len(steps) - 1, int(np.searchsorted(steps, step, side="right")))
    return int(steps[before]), int(steps[after])
