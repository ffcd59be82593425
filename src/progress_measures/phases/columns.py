"""The columns that phases, milestones and signs are read from."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from progress_measures._checks.values import shape_of
from progress_measures.trajectory.checks import check_complete
from progress_measures.trajectory.trajectory import Trajectory, check_trajectory

KNOWN = (
    "train_loss", "test_loss", "train_accuracy", "test_accuracy",
    "excluded_loss", "restricted_loss", "sum_squared_weights",
)  # fmt: skip
ALIKE = 0.6  # how alike a name must be to be taken for a known one, as difflib counts


@dataclass(frozen=True)
class Curve:
    """A column at the steps at which it was measured, at least one."""

    steps: np.ndarray
    values: np.ndarray

    @property
    def is_constant(self) -> bool:
        """Whether several steps have one and the same number, as of a column that a program never filled in."""
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
        """The number last measured at each of some steps; the first one at steps before it."""
        places = np.searchsorted(self.steps, steps, side="right") - 1
        return np.asarray(self.values[np.maximum(places, 0)])


def curve(run: Trajectory, name: str) -> Curve | None:
    """A column of numbers at the steps at which it is one; None if there is no such column, or no number in it."""
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
    check_complete(values.where(measured, 0.0), name, "step number", [name])
    return Curve(run.steps[measured].numpy(), values[measured].numpy())


def check_known(run: Any) -> dict[str, Curve | None]:
    """Requires a trajectory with a number in one of the known columns; returns all by name, None for those without."""
    trajectory = check_trajectory(run)
    curves = {name: curve(trajectory, name) for name in KNOWN}
    if all(each is None for each in curves.values()):
        columns = ", ".join(map(repr, trajectory.columns)) or "none"
        raise ValueError(
            f"`trajectory` must have a number in one of the columns {', '.join(map(repr, KNOWN))}. "
            f"Got {columns}. {_remedy([name for name in trajectory.columns if name not in KNOWN])}"
        )
    return curves


def _remedy(names: Sequence[str]) -> str:
    """How to rename the columns whose names are like the known ones."""
    near = {name: difflib.get_close_matches(name, KNOWN, n=1, cutoff=ALIKE) for name in names}
    renamed = {match[0]: name for name, match in reversed(near.items()) if match}
    if not renamed:
        return "Rename the column that holds it: trajectory.select({'its name': 'test_loss'})."
    new_names = ", ".join(f"{old!r}: {new!r}" for new, old in reversed(renamed.items()))
    return f"Rename what is the same by another name: trajectory.select({{{new_names}}})."
