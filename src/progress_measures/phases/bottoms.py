"""Where a noisy curve has a bottom."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from progress_measures.phases.falls import CONFIRMED

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
    clear = logs[lowest] + NOISE * scatter(logs, without=lowest)
    falls = (high & (logs >= clear))[:lowest].any()
    return lowest if falls and np.median(logs[lowest + 1 :]) >= clear else None


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
