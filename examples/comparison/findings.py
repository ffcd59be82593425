"""When each measure moves, its lead before test loss, and where it misleads."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

import progress_measures as pm
from examples.comparison.measures import MEASURES, Measure, Scale
from examples.comparison.runs import RUNS, Kind
from progress_measures.phases import Event, lead, onset

CURVES = Path(__file__).parent / "curves"
SHARES = (0.1, 0.5)


@dataclass(frozen=True, eq=False)
class Compared:
    """The curves of one run.

    Args:
        name: Its name in ``RUNS``.
        curves: One column per measure.
        since: The step from which changes are measured; memorization if None.
    """

    name: str
    curves: pm.Trajectory
    since: int | None = None

    @property
    def kind(self) -> Kind:
        """Whether it generalizes late, never or at once."""
        return RUNS[self.name].kind

    @cached_property
    def start(self) -> int:
        """The step from which changes are measured: the first with a training loss of at most 0.01 nats."""
        if self.since is not None:
            return self.since
        if self.kind == "at once":  # it does not memorize first, so all of training counts
            return 0
        steps = self.curves.steps[self.curves["train_loss"] <= 0.01]
        if len(steps) == 0:
            raise ValueError(f"A run must memorize its pairs. The training loss of {self.name} is above 0.01.")
        return int(steps[0])

    @cached_property
    def test_fall(self) -> Event:
        """Where test loss falls below chance for good; without a step if it never does."""
        losses = pm.Trajectory(self.curves.steps, {"test_loss": self.curves["test_loss"]})
        return pm.find_phases(losses, answers=RUNS[self.name].config.op.n).events["circuit_formation_end"]

    @property
    def falls_later(self) -> bool:
        """Whether test loss falls, and does so after the start."""
        return self.test_fall.step is not None and self.test_fall.step > self.start

    def has(self, name: str) -> bool:
        """Whether a measure is recorded and defined for this run."""
        return name in self.curves.columns and not bool(self.curves[name].isnan().all())

    def column(self, name: str, scale: Scale) -> pm.Trajectory:
        """A measure on a scale, from the start on; nan where it has no value."""
        values = self.curves[name]
        if scale == "log":
            values = torch.where(values > 0, values, math.nan).log10()
        kept = self.curves.steps >= self.start
        return pm.Trajectory(self.curves.steps[kept], {name: values[kept]})

    def change(self, name: str, scale: Scale) -> tuple[float, float]:
        """The first value of a measure, and the change from there to the median of the last tenth of the run."""
        values = self.column(name, scale)[name].numpy()
        values = values[np.isfinite(values)]
        if len(values) < 2:
            return math.nan, math.nan
        last = values[-max(1, len(values) // 10) :]
        return float(values[0]), float(np.median(last) - values[0])

    def onset(self, name: str, scale: Scale, share: float) -> Event:
        """The step from which a measure has completed a share of its change since the start."""
        return onset(self.column(name, scale), name, share=share)

    def lead(self, name: str, scale: Scale, share: float) -> int | None:
        """The steps from :meth:`onset` to the fall of test loss; negative if test loss falls first."""
        return lead(self.onset(name, scale, share), self.test_fall).steps if self.falls_later else None

    def progress(self, name: str, scale: Scale, share: float) -> float:
        """:meth:`onset` on a scale from 0, the start, to 1, the fall of test loss; nan if there is none."""
        step, fall = self.onset(name, scale, share).step, self.test_fall.step
        if step is None or fall is None or not self.falls_later:
            return math.nan
        return (step - self.start) / (fall - self.start)

    def announces(self, name: str, scale: Scale, change: float, share: float) -> bool:
        """Whether a measure moves by a share of a change, in the same direction and for good."""
        first, _ = self.change(name, scale)
        if not math.isfinite(first) or not math.isfinite(change) or change == 0:
            return False
        return onset(self.column(name, scale), name, level=first + share * change).step is not None


@dataclass(frozen=True)
class Finding:
    """One measure on all runs, on one scale: a row of the table."""

    name: str
    measure: Measure
    scale: Scale
    cost: float
    """Time per record, divided by that of a forward pass on all pairs."""
    progress: Mapping[float, list[float]]
    """By share of the change: the onset in each seed, 0 at memorization and 1 where test loss falls; nan if none."""
    leads: Mapping[float, list[int | None]]
    """By share: the steps from each seed's onset to the fall of test loss."""
    tasks: Mapping[str, Mapping[float, float]]
    """By run, then share: the onset in each of the other tasks that has this measure; nan if it changes by less than a
    tenth of its change in the seeds, or in the other direction."""
    at_once: int | None
    """The lead of half of its change before test loss, in steps, in the network that generalizes at once."""
    false: Mapping[float, int | None]
    """By share: the number of runs that never generalize in which it moves by this share of its median change in the
    seeds, in the same direction; None if it does not change in the seeds."""
    controls: int
    """The number of runs that never generalize and have this measure."""

    @property
    def title(self) -> str:
        """Its title in the table, with the scale if it has several."""
        return self.measure.title + (f", {self.scale}" if len(self.measure.scales) > 1 else "")

    def median(self, share: float) -> float:
        """The median of the onsets over the seeds; nan unless most seeds have one."""
        found = [x for x in self.progress[share] if math.isfinite(x)]
        return float(np.median(found)) if 2 * len(found) > len(self.progress[share]) else math.nan


def load(folder: Path = CURVES, *, since: int | None = None) -> list[Compared]:
    """The recorded runs in a folder, in the order of ``RUNS``; see :class:`Compared` for ``since``."""
    files = {name: folder / f"{name}.npz" for name in RUNS}
    found = [Compared(name, pm.Trajectory.load(path), since) for name, path in files.items() if path.exists()]
    if not any(run.kind == "seed" for run in found):
        raise FileNotFoundError(f"The folder must have curves of at least one seed, such as seed0.npz. Got {folder}.")
    known = {*found[0].curves.columns}
    for run in found:
        lacking = sorted({"train_loss", "test_loss", *known} - {*run.curves.columns})
        if lacking:
            raise ValueError(f"All runs must have the same measures: record again. {run.name}.npz lacks {lacking}.")
    return found


def compare(runs: Iterable[Compared], costs: Mapping[str, float]) -> list[Finding]:
    """Every measure on all runs, sorted by when it moves in the seeds."""
    runs = list(runs)
    found = [
        _finding(name, scale, runs, costs.get(name, math.nan))
        for name, each in MEASURES.items()
        for scale in each.scales
    ]
    return sorted(found, key=lambda row: (math.isnan(row.median(0.5)), row.median(0.5)))


def _finding(name: str, scale: Scale, runs: list[Compared], cost: float) -> Finding:
    having = [run for run in runs if run.has(name)]
    seeds, tasks, never = ([run for run in having if run.kind == kind] for kind in ("seed", "task", "never"))
    moved = [run for run in seeds if run.onset(name, scale, 0.5).step is not None]
    changes = [run.change(name, scale)[1] for run in seeds]
    change = float(np.median(changes)) if 2 * len(moved) > len(seeds) else math.nan
    return Finding(
        name,
        MEASURES[name],
        scale,
        cost,
        {share: [run.progress(name, scale, share) for run in seeds] for share in SHARES},
        {share: [run.lead(name, scale, share) for run in seeds] for share in SHARES},
        {
            run.name: {
                share: run.progress(name, scale, share) if run.change(name, scale)[1] / change >= 0.1 else math.nan
                for share in SHARES
            }
            for run in tasks
        },
        next((run.lead(name, scale, 0.5) for run in having if run.kind == "at once"), None),
        {
            share: None if math.isnan(change) else sum(run.announces(name, scale, change, share) for run in never)
            for share in SHARES
        },
        len(never),
    )
