"""Where a noisy curve has a bottom."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from progress_measures.phases.falls import CONFIRMED

NOISE = 8  # the least depth of a bottom, in scatters: at least 7 standard deviations of normal noise
ROUNDING = 1e-6  # nats: in float32, ratios of losses below this mean nothing
NARROWEST, WIDEST = 3, 9  # the window of the running median that a value is compared with, in steps
AROUND = 7  # the window of the running median that detects spikes: wider than two adjacent spikes
CHANCE = 0.01  # the largest probability that spikes alone make a bottom


def confirmed_minimum(values: np.ndarray, *, among: np.ndarray, depth: float, window: int = NARROWEST) -> int | None:
    """The index of the smallest value among some, if the values fall to it and rise from it by the depth; else None.

    - A dip of a single value is no bottom: the smallest value is taken at the minimum of the running median of three
      values, or next to it. If spikes are so frequent that they may be adjacent by chance, the window is wider.
    - At least one value before it and two values after it must be higher by the depth. After it, the running median
      must rise by half of the depth.
    - In logarithms, one of these values before it, and the median of all values after it, must exceed it by 8 times
      the scatter of the other values. Noise alone does not reach that far.
    - If several adjacent values are equally small, as rounded numbers may be, the middle one is taken.
    """
    candidates = np.where(among, values, np.inf)
    padded = np.pad(candidates, window // 2, constant_values=np.inf)  # so that the ends need neighbours, too
    medians = np.median(sliding_window_view(padded, window), axis=1)
    middle = int(medians.argmin())
    first = max(0, middle - 1)
    lowest = middle_of_ties(candidates, first + int(candidates[first : middle + 2].argmin()))
    high = values >= values[lowest] + depth
    shared = _running_median(values, window)[lowest:] >= medians[middle] + depth / 2
    if high[lowest:].sum() < CONFIRMED or not shared.any():
        return None
    logs = np.log(np.maximum(values, ROUNDING))
    clear = logs[lowest] + NOISE * scatter(logs, without=lowest, window=_noise_window(logs))
    if not (high & (logs >= clear))[:lowest].any() or np.median(logs[lowest + 1 :]) < clear:
        return None
    if window < WIDEST and _may_be_spikes(logs, lowest, window):
        return confirmed_minimum(values, among=among, depth=depth, window=window + 2)
    return lowest


def middle_of_ties(values: np.ndarray, first: int) -> int:
    """The middle index of the run of equal values that begins at ``first``."""
    return first + (ties(values, first) - 1) // 2


def ties(values: np.ndarray, first: int) -> int:
    """The length of the run of equal values that begins at ``first``."""
    others = np.flatnonzero(values[first:] != values[first])
    return int(others[0]) if len(others) else len(values) - first


def scatter(values: np.ndarray, *, without: int | None = None, window: int = NARROWEST) -> float:
    """The 75th percentile of the distance between a value and the running median around it.

    One value may be left out. The scatter of a monotonic curve is 0. For normal noise it is 0.92 standard deviations
    with a window of three, and 1.1 with a window of nine.
    """
    if len(values) < window:
        return 0.0
    windows = sliding_window_view(values, window)
    inner = np.arange(window // 2, len(values) - window // 2)
    distances = np.abs(windows[:, window // 2] - np.median(windows, axis=1))[inner != without]
    return float(np.quantile(distances, 0.75)) if len(distances) else 0.0


def _noise_window(logs: np.ndarray) -> int:
    """The window of the running median for the scatter: three steps, or up to nine if the noise is correlated.

    Noise counts as correlated if adjacent values mostly lie on the same side of the wide running median.
    """
    wide = max(NARROWEST, min(WIDEST, len(logs) // 8 // 2 * 2 + 1))
    sides = np.sign(logs - _running_median(logs, wide))
    pairs = sides[1:] * sides[:-1]
    return wide if (pairs > 0).sum() > max((pairs < 0).sum(), len(pairs) / 8) else NARROWEST


def _may_be_spikes(logs: np.ndarray, lowest: int, window: int) -> bool:
    """Whether the bottom may be nothing but adjacent spikes, which chance has put into one window."""
    deep = min(logs[:lowest].max(), np.median(logs[lowest + 1 :])) - logs[lowest]
    spikes = np.abs(logs - _running_median(logs, AROUND)) >= deep / 2
    spikes[max(0, lowest - 2) : lowest + 3] = False
    needed = window // 2 + 1
    return len(logs) * math.comb(window, needed) * float(spikes.mean() / 2) ** needed > CHANCE


def _running_median(values: np.ndarray, window: int) -> np.ndarray:
    medians: np.ndarray = np.median(sliding_window_view(np.pad(values, window // 2, mode="edge"), window), axis=1)
    return medians
