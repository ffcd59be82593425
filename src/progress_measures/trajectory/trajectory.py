"""Steps and named columns."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from torch import Tensor

from progress_measures._checks.values import type_name
from progress_measures._formats.csv import read_csv, write_csv
from progress_measures._formats.npz import foreign_npz, read_npz, write_npz
from progress_measures._formats.table import arrow, flat
from progress_measures.trajectory.checks import (
    check_column,
    check_column_names,
    check_columns,
    check_complete_rows,
    check_renamed,
    check_rows,
    check_steps,
)
from progress_measures.trajectory.display import html
from progress_measures.trajectory.merging import merged


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Named numbers at each recorded step of a run.

    What it is made from is copied, and fields and columns cannot be set. But PyTorch has no read-only tensors:
    what is written into ``steps`` or into a column, as by ``trajectory["test_loss"].log_()``, changes the trajectory.
    Write into a ``.clone()``; :meth:`to_arrays`, :meth:`select`, :meth:`merge` and frames are copies.

    Args:
        steps: Strictly ascending integers, shape ``(T,)``.
        columns: Values by name, each of shape ``(T,)``, or ``(T, …)`` for vectors such as one loss per frequency.
            They are kept as float64 tensors on the CPU; ``nan`` stands for what was not measured, as for what a NumPy
            array masks.

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
        checked = check_steps(steps)
        object.__setattr__(self, "steps", checked)
        object.__setattr__(self, "columns", MappingProxyType(check_columns(columns, len(checked))))

    def __getitem__(self, name: str) -> Tensor:
        return self.columns[check_column(name, self.columns)]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    __iter__ = None  # steps or names? Say which: ``trajectory.steps``, ``trajectory.columns``

    def __len__(self) -> int:
        return len(self.steps)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.steps, dict(self.columns))  # a read-only mapping cannot be copied or sent by itself

    def __repr__(self) -> str:
        columns = [
            name + (f" ({'×'.join(map(str, x.shape[1:]))})" if x.ndim > 1 else "") for name, x in self.columns.items()
        ]
        return f"Trajectory({self._span()}{'; ' if columns else ''}{', '.join(columns)})"

    def _repr_html_(self) -> str:
        return html(f"Trajectory, {self._span()}", self.steps, self.columns)

    def _span(self) -> str:
        return f"{len(self)} step{'s'[: len(self) != 1]}, {int(self.steps[0])}..{int(self.steps[-1])}"

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The columns of :meth:`to_csv`, as frames ask for them.

        ``polars.DataFrame(trajectory)``, ``pandas.DataFrame.from_arrow(trajectory)`` (pandas 3) and
        ``pyarrow.table(trajectory)`` call this, which is Arrow's PyCapsule interface and needs pyarrow.
        """
        return arrow(flat(self.steps, self.columns)).__arrow_c_stream__(requested_schema)

    def select(
        self, columns: str | Iterable[str] | Mapping[str, str] | None = None, *, steps: Iterable[int] | None = None
    ) -> Self:
        """The trajectory with some of its columns, or at some of its steps.

        Args:
            columns: A name, several, or a mapping from names to other names for them, in the order that the columns
                will have; all of them if None.
            steps: A range, for the recorded steps that lie in it, or a sequence of steps, all of which were recorded;
                all of them if None.

        Returns:
            A trajectory.

        Raises:
            KeyError: If there is no such column.
            TypeError: If the steps are not integers.
            ValueError: If two columns would have the same name, none of the steps lies in the range, or one of the
                sequence was not recorded.

        Example:
            >>> run = pm.Trajectory([0, 50, 100], {"test_loss": [4.7, 0.5, 0.1], "val": [1.0, 2.0, 3.0]})
            >>> run.select({"val": "valid_loss"}, steps=range(1, 101))
            Trajectory(2 steps, 50..100; valid_loss)
        """
        renamed = {name: name for name in self.columns} if columns is None else check_renamed(columns)
        rows = slice(None) if steps is None else check_rows(steps, self.steps)
        return type(self)(self.steps[rows], {new: self[name][rows] for name, new in renamed.items()})

    def complete(self, columns: str | Iterable[str] | None = None) -> Self:
        """The trajectory at the steps where all of some columns are finite, with all of its columns.

        Numbers that were logged at different steps leave ``nan`` where they were not. What needs several of them at
        once, as :func:`find_phases` does, needs the steps that have them all.

        Args:
            columns: A name, or several; all of the columns if None. A vector is finite where all of its entries are.

        Returns:
            A trajectory; the one that it is called on if nothing is missing.

        Raises:
            KeyError: If there is no such column.
            TypeError: If ``columns`` are not names.
            ValueError: If the columns are finite together at no step.

        Example:
            >>> run = pm.Trajectory([0, 50, 100], {"test_loss": [4.7, torch.nan, 0.1], "val": [1.0, 2.0, torch.nan]})
            >>> run.complete("test_loss").steps.tolist(), run.complete().steps.tolist()
            ([0, 100], [0])
        """
        names = self.columns if columns is None else check_column_names(columns)
        kept = check_complete_rows({name: self[name] for name in names}, len(self))
        return self if kept.all() else self.select(steps=self.steps[kept])

    def merge(self, other: "Trajectory") -> Self:
        """The steps and columns of this trajectory and of another one of the same run.

        What neither measured is ``nan``, and where one measured and the other did not its number is taken. Where both
        did, they have to agree to the last bit.

        Args:
            other: More steps, more columns, or both.

        Returns:
            A trajectory with every step and every column of both.

        Raises:
            TypeError: If ``other`` is not a trajectory.
            ValueError: If both have different numbers somewhere, or vectors of different shapes.

        Example:
            >>> early = pm.Trajectory([0, 50], {"test_loss": [4.7, 0.5]})
            >>> early.merge(pm.Trajectory([50, 100], {"test_loss": [0.5, 0.1]}))["test_loss"].tolist()
            [4.7, 0.5, 0.1]
        """
        check_trajectory(other, "other")
        return type(self)(*merged((self.steps, self.columns), (other.steps, other.columns)))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The steps, under ``"steps"``, and the columns, under their names, as NumPy arrays, all of them copies."""
        return {"steps": self.steps.numpy().copy()} | {name: x.numpy().copy() for name, x in self.columns.items()}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the trajectory to a NumPy ``.npz`` file, whole or not at all; no pickle is involved.

        Args:
            path: The file, replaced if there is one.

        Raises:
            ValueError: If a name cannot be that of an array in such a file: one with NUL, or of more than 60,000 bytes.
            OSError: If it cannot be written; what was there before is still there.
        """
        write_npz(path, self.steps, self.columns)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The trajectory that :meth:`save` wrote.

        Args:
            path: The file.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it is not a trajectory, or is damaged.
        """
        steps, columns = read_npz(path)
        try:
            return cls(steps, columns)
        except (TypeError, ValueError) as error:  # NumPy wrote it, but with something else in it
            raise foreign_npz(path, error) from error

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes one line per step; the entries of a vector become columns ``name/1``, ``name/2`` and so on.

        :meth:`from_csv` reads the same numbers under the same names, tables as one vector each; what has no entries
        leaves no column.

        Args:
            path: The file, replaced if there is one.

        Raises:
            ValueError: If a column would not come back from the file under its name: one that begins or ends with a
                blank, is that of the steps, or is an entry's (``x/1`` where there is no such vector).
            OSError: If it cannot be written; what was there before is still there.
        """
        write_csv(path, self.steps, self.columns)

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], *, step: str | None = None) -> Self:
        """The trajectory in a CSV file, one that :meth:`to_csv` wrote or another.

        Its first line has the names, separated by commas, and each line below has the numbers of one step. An empty
        cell is ``nan``. Columns ``name/1``, ``name/2`` and so on become a vector ``name``, with one axis
        whatever it had.

        Args:
            path: The file.
            step: The name of the column of steps; if None, ``step``, or else ``epoch``.

        Returns:
            The trajectory.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it has no column of steps, two of the same name, lines of different lengths, a cell that is
                no number, or steps that are no integers or do not ascend; the message says where.
        """
        return cls(*read_csv(path, step))


def check_trajectory(value: object, name: str = "trajectory") -> Trajectory:
    """A trajectory."""
    if not isinstance(value, Trajectory):
        raise TypeError(f"`{name}` must be a Trajectory. Got {type_name(value)}.")
    return value
