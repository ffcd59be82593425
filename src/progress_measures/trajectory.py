"""Where the measures of a run are kept."""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from torch import Tensor

from progress_measures import _checks
from progress_measures._files import whole

_STEPS = "steps"
_COLUMN = "columns/"


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Named numbers at each recorded step of a run.

    Args:
        steps: Strictly ascending integers, shape ``(T,)``.
        columns: Values by name, each of shape ``(T,)``, or ``(T, …)`` for vectors such as one loss per frequency.
            They are kept as float64 tensors on the CPU; ``nan`` stands for what was not measured.

    Raises:
        TypeError: If the steps are not integers, a name is not a string, or a value is not numeric.
        ValueError: If there is no step, the steps do not ascend, or a column does not have one entry per step.

    Example:
        >>> trajectory = pm.Trajectory(steps=[0, 100], columns={"test_loss": [4.7, 0.1]})
        >>> trajectory["test_loss"][-1]
        tensor(0.1000, dtype=torch.float64)
    """

    steps: Tensor
    columns: Mapping[str, Tensor]

    def __init__(self, steps: Any, columns: Mapping[str, Any]) -> None:
        checked = _checks.steps(steps)
        object.__setattr__(self, "steps", checked)
        object.__setattr__(self, "columns", MappingProxyType(_checks.columns(columns, len(checked))))

    def __getitem__(self, name: str) -> Tensor:
        return self.columns[_checks.column(name, self.columns)]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    __iter__ = None  # steps or names? Say which: ``trajectory.steps``, ``trajectory.columns``

    def __len__(self) -> int:
        return len(self.steps)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.steps, dict(self.columns))  # a read-only mapping cannot be copied or sent by itself

    def __repr__(self) -> str:
        first, last = int(self.steps[0]), int(self.steps[-1])
        return f"Trajectory({len(self)} steps, {first}..{last}; {', '.join(self.columns)})"

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The steps, under ``"steps"``, and the columns, under their names, as NumPy arrays, all of them copies."""
        return {_STEPS: self.steps.numpy().copy()} | {name: x.numpy().copy() for name, x in self.columns.items()}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the trajectory to a NumPy ``.npz`` file, whole or not at all; no pickle is involved.

        Args:
            path: The file, replaced if there is one.

        Raises:
            OSError: If it cannot be written; what was there before is still there.
        """
        arrays: dict[str, Any] = {_STEPS: self.steps.numpy()}
        arrays |= {_COLUMN + name: values.numpy() for name, values in self.columns.items()}
        with whole(path) as half, half.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The trajectory that :meth:`save` wrote.

        Args:
            path: The file.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it is not a trajectory, or is damaged.
        """
        with open(path, "rb") as file:
            arrays = _checks.archive(file, path)
        if _STEPS not in arrays:
            raise ValueError(f"`path` must be a file that Trajectory.save wrote. Got {os.fspath(path)!r}.")
        columns = {name.removeprefix(_COLUMN): values for name, values in arrays.items() if name != _STEPS}
        return cls(arrays[_STEPS], columns)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes one line per step; the entries of a vector become columns ``name[0]``, ``name[1]`` and so on.

        Args:
            path: The file, replaced if there is one.

        Raises:
            ValueError: If two columns of the file would have the same name.
            OSError: If it cannot be written; what was there before is still there.
        """
        flat: dict[str, Tensor] = {}
        for name, values in self.columns.items():
            if values.ndim == 1:
                flat[name] = values
            else:
                entries = values.flatten(1).unbind(1)
                flat |= {f"{name}[{index}]": entry for index, entry in enumerate(entries)}
        _checks.csv_names(["step", *flat], count=1 + sum(x[0].numel() for x in self.columns.values()))
        with whole(path) as half, half.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["step", *flat])
            writer.writerows(zip(self.steps.tolist(), *(values.tolist() for values in flat.values()), strict=True))
