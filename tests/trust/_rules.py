"""Changes of the library's rules, to be tried: copies of its functions, each with options for what may be changed.

Without options they are the library's; a test compares them. ``boundaries`` puts them together as ``find_phases`` does.
"""

import math
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.trust._draws import BOUNDARIES
from tests.trust._methods import CHANGE, SETTLED, TAIL, columns_of, shares_of_time

CONFIRMED, CONTRADICTED, NOISE, ROUNDING, SLINGSHOT = 2, 1 / 3, 8, 1e-6, 3
SPELL = 0.05  # the least share of the run's time for which a run that comes undone is above the level
SPIKE = 9  # how many times lower than both of its neighbours a training loss is that counts as a spike
CHANCE = 0.01  # how often spikes alone may make a bottom
WIDEST = 9  # the most neighbours whose median a bottom or the scatter is compared with


def median_by(weights, values):
    """The value that half of the weight is at or below; the mean of two where it is exactly half."""
    order = np.argsort(values)
    passed = np.cumsum(weights[order]) / weights.sum()
    low, high = (min(int(np.searchsorted(passed, 0.5 + sign * 1e-9)), len(values) - 1) for sign in (-1, 1))
    return float(values[order][[low, high]].mean())


def lasting_fall(steps, values, level, *, depth=0.0, by_time=False):
    """The library's. by_time: what contradicts a fall is weighed by the time that each recorded step stands for.

    The medians before and after the fall must then be far enough apart both by time and by recorded steps.
    """
    each = shares_of_time(steps) if by_time else np.ones(len(steps))
    for crossed in (level, level - depth):
        below = values <= crossed
        contradicts = below.copy()
        contradicts[0] = values[0] <= level - depth
        below_before = np.concatenate([[0], np.cumsum(each * contradicts)])
        above_after = np.concatenate([np.cumsum((each * ~below)[::-1])[::-1], [0]])
        first = int((below_before + above_after).argmin())
        if first > 0:
            break
    if first == 0 or below[first:].sum() < CONFIRMED:
        return None
    alone = contradicts[:first].sum() + (~below[first:]).sum() <= 1
    share = CONTRADICTED * min(each[:first].sum(), each[first:].sum())
    if not alone and below_before[first] + above_after[first] > share:
        return None
    for weights in (each, np.ones(len(steps))):
        before, after = (median_by(weights[part], values[part]) for part in (slice(first), slice(first, None)))
        if after > level - depth or after > before - 2 * depth:
            return None
    part = (values[first - 1] - crossed) / (values[first - 1] - values[first])
    return float(steps[first - 1] + part * (steps[first] - steps[first - 1]))


def either_fall(steps, values, level, *, depth=0.0):
    """The fall by recorded steps, or where there is none, by time."""
    found = lasting_fall(steps, values, level, depth=depth)
    return lasting_fall(steps, values, level, depth=depth, by_time=True) if found is None else found


def last_fall(steps, values, level, *, depth=0.0):
    """The fall by time; where there is none, the last of a run that fell for good, came undone for long and fell again.

    Both the part before it came undone and the part from there on must have a fall of their own.
    """
    fall = partial(lasting_fall, level=level, depth=depth, by_time=True)
    found = fall(steps, values)
    if found is not None:
        return found
    each, below = shares_of_time(steps), values <= level
    above_after = np.cumsum((each * ~below)[::-1])[::-1]
    lasting = below & (above_after <= CONTRADICTED * np.cumsum(each[::-1])[::-1])
    for first in 1 + np.flatnonzero(lasting[1:] & ~below[:-1]):
        # The spell above the level that ends here begins where most of it is above, by two to one.
        start = first - 1 - int(np.cumsum((each * np.where(below, -2.0, 1.0))[:first][::-1]).argmax())
        long = each[start:first].sum() >= SPELL * (steps[-1] - steps[0]) and first - start > 2 * CONFIRMED - 1
        if start == 0 or not long or fall(steps[:start], values[:start]) is None:
            continue
        found = fall(steps[start:], values[start:])
        if found is not None:
            return found
    return None


def running_median(values, window):
    return np.median(sliding_window_view(np.pad(values, window // 2, mode="edge"), window), axis=1)


def confirmed_minimum(values, *, among, depth, window=3, shared=False, spikes=False, correlated=False):
    """The library's.

    shared: two medians of neighbours must be higher than that of the bottom by half of the depth, after it. spikes:
    where values apart from their neighbours by half of the bottom's depth are so frequent that chance puts two of them
    into three, the bottom is sought in the medians of five, and so on. correlated: where neighbours tend to lie on the
    same side of the median of nine, the scatter is that about it.
    """
    candidates = np.where(among, values, np.inf)
    padded = np.pad(candidates, window // 2, constant_values=np.inf)
    medians = np.median(sliding_window_view(padded, window), axis=1)
    middle = int(medians.argmin())
    first = max(0, middle - window // 2)
    lowest = first + int(candidates[first : first + window].argmin())
    high = values >= values[lowest] + depth
    if high[lowest:].sum() < CONFIRMED:
        return None
    if shared and (running_median(values, window)[lowest:] >= medians[middle] + depth / 2).sum() < CONFIRMED:
        return None
    logs = np.log(np.maximum(values, ROUNDING))
    clear = logs[lowest] + NOISE * _scatter(logs, lowest, _width(logs) if correlated else 3)
    falls = (high & (logs >= clear))[:lowest].any()
    if not falls or np.median(logs[lowest + 1 :]) < clear:
        return None
    if spikes and window < WIDEST and _made_by_spikes(logs, lowest, window):
        again = {"shared": shared, "spikes": spikes, "correlated": correlated}
        return confirmed_minimum(values, among=among, depth=depth, window=window + 2, **again)
    return lowest


def _made_by_spikes(logs, lowest, window):
    """Whether most of a window may be spikes as low as the bottom, by chance, somewhere in the run."""
    deep = min(logs[:lowest].max(), np.median(logs[lowest + 1 :])) - logs[lowest]
    spiked = np.abs(logs - running_median(logs, 7)) >= deep / 2
    spiked[max(0, lowest - 2) : lowest + 3] = False
    most = window // 2 + 1
    return len(logs) * math.comb(window, most) * (spiked.mean() / 2) ** most > CHANCE


def _width(logs):
    """Of how many neighbours the median is that the scatter is about: three, unless neighbours deviate together."""
    width = max(3, min(WIDEST, len(logs) // 8 // 2 * 2 + 1))
    signs = np.sign(logs - running_median(logs, width))
    pairs = signs[1:] * signs[:-1]
    return width if (pairs > 0).sum() > (pairs < 0).sum() else 3


def _scatter(values, without, width):
    if len(values) < width:
        return 0.0
    windows = sliding_window_view(values, width)
    inner = np.arange(width // 2, len(values) - width // 2)
    distances = np.abs(windows[:, width // 2] - np.median(windows, axis=1))[inner != without]
    return float(np.quantile(distances, 0.75)) if len(distances) else 0.0


def outside_slingshots(train, *, without_spikes=False):
    """The library's. without_spikes: a value far below both of its neighbours is no lowest value."""
    low = train
    if without_spikes and len(train) > 2:
        neighbours = np.minimum(train[:-2], train[2:])
        low = train.copy()
        low[1:-1] = np.where(SPIKE * train[1:-1] < neighbours, neighbours, train[1:-1])
    return train <= SLINGSHOT * np.maximum(np.minimum.accumulate(low), ROUNDING)


def cleanup_end(steps, weights, *, start, fall):
    tail = TAIL * (steps[-1] - steps[0])
    former, last = np.searchsorted(steps, [steps[-1] - 2 * tail, steps[-1] - tail])
    settled = float(np.median(weights[last:]))
    if np.median(weights[min(former, last - 1) : last]) > (1 + SETTLED / 2) * settled:
        return None
    later = steps > start
    weights = np.concatenate([[np.interp(start, steps, weights)], weights[later]])
    end = fall(np.concatenate([[start], steps[later]]), weights, (1 + SETTLED) * settled)
    return None if end is None or steps[-1] - end < tail else end


def boundaries(trajectory, answers, *, fall=lasting_fall, settle=lasting_fall, minimum=confirmed_minimum, spikes=False):
    """What find_phases does, with other rules for test loss, weights, excluded loss, and spikes of training loss."""
    chance, steps = math.log(answers), trajectory.steps.numpy()
    excluded, test, weights = columns_of(trajectory)
    circuit = fall(steps, test, chance, depth=CHANGE * chance)
    outside = np.ones(len(steps), dtype=bool)
    if "train_loss" in trajectory.columns:
        outside = outside_slingshots(trajectory["train_loss"].numpy(), without_spikes=spikes)
    before = steps <= (steps[-1] if circuit is None else circuit)
    lowest = minimum(excluded[outside], among=before[outside], depth=CHANGE * chance)
    memorization = None if lowest is None else float(steps[outside][lowest])
    cleanup = None if circuit is None else cleanup_end(steps, weights, start=circuit, fall=settle)
    return dict(zip(BOUNDARIES, (memorization, circuit, cleanup), strict=True))


by_time = partial(lasting_fall, by_time=True)
bottom = partial(confirmed_minimum, shared=True, spikes=True)
RULES = {
    "falls by time": partial(boundaries, fall=by_time, settle=by_time),
    "falls by time, and the last of two": partial(boundaries, fall=last_fall, settle=either_fall),
    "bottoms whose rise is shared": partial(boundaries, minimum=partial(confirmed_minimum, shared=True)),
    "and that spikes do not make": partial(boundaries, minimum=bottom),
    "and in correlated noise": partial(boundaries, minimum=partial(bottom, correlated=True)),
    "spikes of training loss": partial(boundaries, spikes=True),
    "all of these": partial(
        boundaries, fall=last_fall, settle=either_fall, minimum=partial(bottom, correlated=True), spikes=True
    ),
}
