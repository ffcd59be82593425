"""What else a boundary may be found with: median filters with a threshold, and isotonic fits.

Each method takes a run and the number of its answers, and returns the three boundaries by their names.
"""

import math
from functools import partial

import numpy as np
from scipy.ndimage import median_filter

import progress_measures as pm
from tests.trust._draws import BOUNDARIES

CHANGE = SETTLED = 0.05  # those of find_phases
TAIL = 0.1


def library(trajectory, answers):
    phases = pm.find_phases(trajectory, answers=answers)
    return {name: getattr(phases, name) for name in BOUNDARIES}


def columns_of(trajectory):
    return [trajectory[name].numpy() for name in ("excluded_loss", "test_loss", "sum_squared_weights")]


def shares_of_time(steps):
    """Half the distance to both neighbours: the time that each recorded step stands for."""
    gaps = np.diff(steps, prepend=steps[0], append=steps[-1]).astype(float)
    return (gaps[:-1] + gaps[1:]) / 2


def settled_level(steps, weights):
    return np.median(weights[steps >= steps[-1] - TAIL * (steps[-1] - steps[0])])


def crossing(steps, values, first, level):
    """The interpolated step at which the values come down to the level, just before an index."""
    if values[first - 1] <= values[first] or values[first - 1] <= level:
        return float(steps[first])
    share = (values[first - 1] - level) / (values[first - 1] - values[first])
    return float(steps[first - 1] + min(1.0, share) * (steps[first] - steps[first - 1]))


def filtered(window, rule, trajectory, answers):
    """A median filter: the first step at which, or from which on, the filtered curve is below the level."""
    chance, steps = math.log(answers), trajectory.steps.numpy()
    excluded, test, weights = (median_filter(values, window, mode="nearest") for values in columns_of(trajectory))
    circuit = _below(rule, steps, test, chance, chance * (1 - CHANGE))
    before = steps <= (steps[-1] if circuit is None else circuit)
    bottom = int(np.where(before, excluded, np.inf).argmin())
    need = excluded[bottom] + CHANGE * chance
    memorized = excluded[: bottom + 1].max() >= need and excluded[bottom:].max() >= need
    cleanup = None
    if circuit is not None:
        level, later = settled_level(steps, weights), steps >= circuit
        cleanup = _below(rule, steps[later], weights[later], (1 + SETTLED) * level, np.inf)
        if cleanup is not None and cleanup > steps[-1] - TAIL * (steps[-1] - steps[0]):
            cleanup = None
    return dict(zip(BOUNDARIES, (float(steps[bottom]) if memorized else None, circuit, cleanup), strict=True))


def _below(rule, steps, values, level, enough):
    """The fall below a level, if the values also get below what is enough: ever, or in the median from the fall on."""
    below = values <= level
    if rule == "stays":
        above = np.flatnonzero(~below)
        first = int(above[-1]) + 1 if len(above) else 0
    else:
        down = np.flatnonzero(below[1:] & ~below[:-1])
        first = int(down[0]) + 1 if len(down) else 0
    if not 0 < first < len(values):
        return None
    reached = np.median(values[first:]) if rule == "stays" else values[first:].min()
    return crossing(steps, values, first, level) if reached <= enough else None


def pool(values, weights):
    """The increasing fit of least squares: its values, and the error of that of each first part.

    Adjacent violators are pooled. (SciPy's isotonic_regression came in 1.12 and has no errors of the parts.)
    """
    means, sizes, counts, errors, explained, total = [], [], [], np.zeros(len(values) + 1), 0.0, 0.0
    for index, (mean, size) in enumerate(zip(values.tolist(), weights.tolist(), strict=True)):
        total, count = total + size * mean * mean, 1
        while means and means[-1] >= mean:
            before, share = means.pop(), sizes.pop()
            explained -= share * before * before
            mean = (mean * size + before * share) / (size + share)
            size, count = size + share, count + counts.pop()
        means.append(mean)
        sizes.append(size)
        counts.append(count)
        explained += size * mean * mean
        errors[index + 1] = total - explained
    return np.repeat(means, counts), errors


def unimodal(values, weights):
    """The fit that rises to a peak and falls from it: its values, and the index of the peak."""
    rising = pool(values, weights)[1]
    falling = pool(values[::-1], weights[::-1])[1][::-1]
    split = int((rising + falling).argmin())
    up = pool(values[:split], weights[:split])[0]
    down = pool(values[split:][::-1], weights[split:][::-1])[0][::-1]
    return np.concatenate([up, down]), min(split, len(values) - 1)


def isotonic(weighting, trajectory, answers):
    """Unimodal fits of logarithms: test loss rises and falls, excluded loss falls and rises, weights fall."""
    chance, steps = math.log(answers), trajectory.steps.numpy()
    excluded, test, weights = (np.log(np.maximum(values, 1e-6)) for values in columns_of(trajectory))
    each = np.ones(len(steps)) if weighting == "steps" else shares_of_time(steps)
    fit, peak = unimodal(test, each)
    circuit = _crossed(steps, fit, peak, math.log(chance))
    if circuit is None or np.exp(fit[-1]) > chance * (1 - CHANGE):
        circuit = None
    before = steps <= (steps[-1] if circuit is None else circuit)
    bowl, bottom = unimodal(-excluded[before], each[before])
    heights = np.exp(-bowl)
    lowest = heights.min()
    bottom = int(np.flatnonzero(heights == lowest)[0] + np.argmin(excluded[before][heights == lowest]))
    memorized = min(heights[: bottom + 1].max(), heights[bottom:].max()) >= lowest + CHANGE * chance
    cleanup = None
    if circuit is not None:
        later = steps >= circuit
        level = math.log((1 + SETTLED) * settled_level(steps, np.exp(weights)))
        down = pool(weights[later][::-1], each[later][::-1])[0][::-1]
        cleanup = _crossed(steps[later], down, 0, level)
        if cleanup is not None and cleanup > steps[-1] - TAIL * (steps[-1] - steps[0]):
            cleanup = None
    return dict(zip(BOUNDARIES, (float(steps[bottom]) if memorized else None, circuit, cleanup), strict=True))


def _crossed(steps, fit, peak, level):
    below = np.flatnonzero(fit[peak:] <= level)
    if not len(below) or peak + below[0] == 0:
        return None
    return crossing(steps, fit, peak + int(below[0]), level)


METHODS = {
    "find_phases": library,
    **{f"median of {size}, {rule}": partial(filtered, size, rule) for rule in ("stays", "first") for size in (3, 5, 9)},
    "isotonic, by steps": partial(isotonic, "steps"),
    "isotonic, by time": partial(isotonic, "time"),
}
