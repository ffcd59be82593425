"""Time and medians over the recorded steps of a curve, and the recorded steps around an event."""

import numpy as np

TAIL = 0.1  # a curve settles at its median over this last share of the run


def durations(steps: np.ndarray) -> np.ndarray:
    """The time that each recorded step counts for: half of the distance between its neighbours.

    The first and the last step count for the distance to their only neighbour, as if the grid continued evenly.
    """
    if len(steps) == 1:
        return np.ones(1)
    gaps = np.diff(steps).astype(float)
    around: np.ndarray = (np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2
    return around


def median(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median: half of the weight is on smaller values. Between two values it is their mean."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    lower, upper = np.minimum(np.searchsorted(reached, [0.5 - 1e-9, 0.5 + 1e-9]), len(values) - 1)
    return float(values[order][[lower, upper]].mean())


def final_level(steps: np.ndarray, values: np.ndarray) -> float:
    """The median over the last tenth of the run."""
    return float(np.median(values[np.searchsorted(steps, steps[-1] - TAIL * (steps[-1] - steps[0])) :]))


def bracket(steps: np.ndarray, step: int) -> tuple[int, int]:
    """The nearest recorded steps before and after a step."""
    before = max(0, int(np.searchsorted(steps, step)) - 1)
    after = min(len(steps) - 1, int(np.searchsorted(steps, step, side="right")))
    return int(steps[before]), int(steps[after])
