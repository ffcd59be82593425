"""The columns from which phases, milestones and lead times are computed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from progress_measures._checks.values import listed, shape_of
from progress_measures.phases.events import Event
from progress_measures.phases.names import KNOWN, how_to_rename, spelled_otherwise
from progress_measures.trajectory.checks import check_complete
from progress_measures.trajectory.trajectory import Trajectory, check_trajectory

LARGEST = 1e300  # replaces infinity, which cannot be interpolated


@dataclass(frozen=True)
class Curve:
    """A column at the steps, at least one, at which it was measured."""

    steps: np.ndarray
    values: np.ndarray

    @property
    def is_constant(self) -> bool:
        """Whether all of several steps have the same number, as in a column that a program never filled in."""
        return len(self.values) > 1 and bool(np.ptp(self.values) == 0)

    def until(self, end: float) -> "Curve | None":
        """The curve up to a step; None if it begins later."""
        kept = self.steps <= end
        return Curve(self.steps[kept], self.values[kept]) if kept.any() else None

    def since(self, start: float) -> "Curve | None":
        """The curve from a step on; None if it ends earlier."""
        kept = self.steps >= start
        return Curve(self.steps[kept], self.values[kept]) if kept.any() else None

    def at(self, steps: np.ndarray) -> np.ndarray:
        """The most recent number at each of some steps; before the first measurement, the first number."""
        places = np.searchsorted(self.steps, steps, side="right") - 1
        return np.asarray(self.values[np.maximum(places, 0)])


def said(value: float, digits: int = 6) -> str:
    """A number of a curve, in words: inf where a large number stands for it."""
    return f"{np.inf if value >= LARGEST else value:.{digits}g}"


def curve(run: Trajectory, name: str) -> Curve | None:
    """A column at the steps at which it is not ``nan``; None if there is no such column, or no number in it."""
    if name not in run:
        return None
    values = run[name]
    if values.ndim != 1:
        raise ValueError(
            f"`{name}` must be one number per step. Got shape {shape_of(values)}. Give an entry of it a name: "
            f"pm.Trajectory(run.steps, {{'entry': run[{name!r}][:, 0]}})."
        )
    measured = ~values.isnan()
    if not measured.any():
        return None
    finite = values.clamp(max=LARGEST)  # an infinite loss is above any level
    check_complete(finite.where(measured, 0.0), name, "step number", [name])
    return Curve(run.steps[measured].numpy(), finite[measured].numpy())


def hinted(events: Mapping[str, Event], run: Trajectory) -> dict[str, Event]:
    """The events. Those whose column was not recorded suggest another column of the run that may be the same."""
    found = {}
    for name, event in events.items():
        words = event.reason.split()
        hints = "".join(spelled_otherwise(run.columns, known) for known in KNOWN if known in words)
        found[name] = replace(event, reason=event.reason + hints) if event.absent == "not recorded" else event
    return found


def check_known(run: Any) -> dict[str, Curve | None]:
    """Requires a trajectory with a number in a known column; returns all known columns by name, None if empty."""
    trajectory = check_trajectory(run)
    curves = {name: curve(trajectory, name) for name in KNOWN}
    if all(each is None for each in curves.values()):
        columns = listed(map(repr, trajectory.columns)) or "none"
        raise ValueError(
            f"`trajectory` must have a number in one of the columns {', '.join(map(repr, KNOWN))}. "
            f"Got {columns}. {how_to_rename(list(trajectory.columns))}"
        )
    return curves
