"""How often a method is right, misses a boundary, or finds one that is not there."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

WITHIN = 1.2  # a boundary is right if it is off by no more than this factor,
INTERVALS = 3  # or by no more than so many recorded intervals


@dataclass
class Tally:
    """Counts of one boundary: truths, missed, off; runs without a truth, alarms; errors of what was found."""

    truths: int = 0
    missed: int = 0
    off: int = 0
    without: int = 0
    alarms: int = 0
    intervals: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def add(self, steps, truth, found):
        if truth is None:
            self.without += 1
            self.alarms += found is not None
            return
        self.truths += 1
        if found is None:
            self.missed += 1
            return
        index = np.arange(len(steps))
        intervals = abs(np.interp(found, steps, index) - np.interp(truth, steps, index))
        factor = max(found, 1) / max(truth, 1)
        self.off += bool(max(factor, 1 / factor) > WITHIN and intervals > INTERVALS)
        self.intervals.append(intervals)
        self.times.append(abs(factor - 1))

    def shares(self):
        def share(count, of):
            return f"{count / of:.1%}" if of else "–"

        def errors(values, form):
            return "–" if not values else ", ".join(form.format(each) for each in np.quantile(values, [0.5, 0.95]))

        return [
            share(self.missed, self.truths),
            share(self.off, self.truths),
            share(self.alarms, self.without),
            errors(self.intervals, "{:.1f}"),
            errors(self.times, "{:.1%}"),
        ]


def tallies(scored, key):
    """Tallies by boundary and key of (draw, found) pairs."""
    found = defaultdict(Tally)
    for each, boundaries in scored:
        steps = each.trajectory.steps.numpy()
        for name, truth in each.truth.items():
            found[name, key(each)].add(steps, truth, boundaries[name])
    return found
