"""Where a noisy curve turns, and where it crosses a level."""

import numpy as np

CONFIRMED = 2  # recorded steps that have to show a turn or a fall: one alone may be a spike


def bottom(values: np.ndarray, *, among: np.ndarray, depth: float) -> int | None:
    """The index of the smallest of some values, if the values fall to it and rise from it by some depth.

    A dip of a single value is no bottom: the smallest value is sought at the smallest median of three neighbours.
    """
    candidates = np.where(among, values, np.inf)
    padded = np.pad(candidates, 1, constant_values=np.inf)  # so that the first and the last need a neighbour too
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)
    first = max(0, int(medians.argmin()) - 1)
    lowest = first + int(candidates[first : first + 3].argmin())
    high = values >= values[lowest] + depth
    return lowest if high[:lowest].any() and high[lowest:].sum() >= CONFIRMED else None


def fall_for_good(steps: np.ndarray, values: np.ndarray, level: float, *, depth: float = 0.0) -> float | None:
    """Where the values fall to the level, interpolated, at the fall that the fewest of them contradict.

    Half of them or more have to fall on to the depth below it, so that a curve that stays near the level has no fall.
    """
    below = values <= level
    below_before = np.concatenate([[0], np.cumsum(below)])
    above_after = np.concatenate([np.cumsum(~below[::-1])[::-1], [0]])
    first = int((below_before + above_after).argmin())
    if first == 0 or below[first:].sum() < CONFIRMED or np.median(values[first:]) > level - depth:
        return None  # they are below from the start, or never for good
    # At the minimum the value before is above the level, and this one is not.
    share = (values[first - 1] - level) / (values[first - 1] - values[first])
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1]))


def bracket(steps: np.ndarray, step: int | None) -> tuple[int, int] | None:
    """The nearest recorded steps before and after a step."""
    if step is None:
        return None
    before = max(0, int(np.searchsorted(steps, step, side="left")) - 1)
    after = min(len(steps) - 1, int(np.searchsorted(steps, step, side="right")))
    return int(steps[before]), int(steps[after])
