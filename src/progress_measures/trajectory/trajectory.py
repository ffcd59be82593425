"""Steps and named columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from torch import Tensor

from progress_measures._checks.values import check_string, listed, type_name
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
from progress_measures.trajectory.files import TrajectoryFiles
from progress_measures.trajectory.merging import merged


class _Columns(dict[str, Tensor]):
    """Columns that print their names and shapes instead of all numbers."""

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: tensor of shape {tuple(x.shape)}' for name, x in self.items())}}}"


@dataclass(frozen=True, eq=False)
class Trajectory(TrajectoryFiles):
    """Named numbers at each recorded step of a run.

    The arguments are copied, and fields and columns cannot be set. However, PyTorch has no read-only tensors: an
    in-place operation on ``steps`` or a column, such as ``trajectory["test_loss"].log_()``, changes the trajectory.
    Apply it to a ``.clone()`` instead. :meth:`to_arrays`, :meth:`select`, :meth:`merge` and data frames make copies.

    Args:
        steps: Strictly ascending integers, shape ``(T,)``.
        columns: Values by name, each of shape ``(T,)``, or ``(T, …)`` for vectors such as one loss per frequency.
            They are stored as float64 tensors on the CPU. ``nan`` marks numbers that were not measured, including the
            masked entries of a NumPy array.
        step_name: The unit of the steps, such as ``"epoch"``, which labels the horizontal axis of pictures.

    Raises:
        TypeError: If the steps are not integers, a name is not a string, or a value is not numeric.
        ValueError: If there is no step, the steps do not ascend, or a column does not have one entry per step.

    See Also:
        :class:`Recorder`: to record a trajectory during training.
        :func:`track`: to measure the checkpoints of a finished run.
        :class:`Runs`: for several runs.

    Example:
        >>> trajectory = pm.Trajectory(steps=[0, 100], columns={"test_loss": [4.7, 0.1]})
        >>> trajectory["test_loss"][-1]
        tensor(0.1000, dtype=torch.float64)
    """

    steps: Tensor
    columns: Mapping[str, Tensor]
    step_name: str

    def __init__(self, steps: Any, columns: Mapping[str, Any], *, step_name: str = "step") -> None:
        checked = check_steps(steps)
        object.__setattr__(self, "steps", checked)
        object.__setattr__(self, "step_name", check_string(step_name, "step_name"))
        object.__setattr__(self, "columns", MappingProxyType(_Columns(check_columns(columns, len(checked)))))

    def __getitem__(self, name: str) -> Tensor:
        return self.columns[check_column(name, self.columns)]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    __iter__ = None  # it would be ambiguous: iterate over ``trajectory.steps`` or ``trajectory.columns``

    def __len__(self) -> int:
        return len(self.steps)

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only mapping can be neither copied nor pickled.
        return _rebuilt, (type(self), self.steps, dict(self.columns), self.step_name)

    def __repr__(self) -> str:
        columns = [
            name + (f" ({'×'.join(map(str, x.shape[1:]))})" if x.ndim > 1 else "") for name, x in self.columns.items()
        ]
        return f"Trajectory({self._span()}{'; ' if columns else ''}{listed(columns)})"

    def _repr_html_(self) -> str:
        return html(f"Trajectory, {self._span()}", self.steps, self.columns)

    def _span(self) -> str:
        return f"{len(self)} step{'s'[: len(self) != 1]}, {int(self.steps[0])}..{int(self.steps[-1])}"

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Exports the columns of :meth:`to_csv` to data frames, through Arrow's PyCapsule interface.

        ``polars.DataFrame(trajectory)``, ``pandas.DataFrame.from_arrow(trajectory)`` (pandas 3) and
        ``pyarrow.table(trajectory)`` call this method. It requires pyarrow.
        """
        return arrow(flat(self.steps, self.columns)).__arrow_c_stream__(requested_schema)

    def select(
        self, columns: str | Iterable[str] | Mapping[str, str] | None = None, *, steps: Iterable[int] | None = None
    ) -> Self:
        """Selects columns, steps, or both.

        Args:
            columns: A name, several names, or a mapping from names to new names. The result has the columns in this
                order. If None, all columns.
            steps: A range, to select the recorded steps in it, or a sequence of steps, all of which must have been
                recorded. If None, all steps.

        Returns:
            A new trajectory.

        Raises:
            KeyError: If there is no such column.
            TypeError: If the steps are not integers.
            ValueError: If two columns would have the same name, no recorded step lies in the range, or a step of the
                sequence was not recorded.

        Example:
            >>> run = pm.Trajectory([0, 50, 100], {"test_loss": [4.7, 0.5, 0.1], "val": [1.0, 2.0, 3.0]})
            >>> run.select({"val": "valid_loss"}, steps=range(1, 101))
            Trajectory(2 steps, 50..100; valid_loss)
        """
        renamed = {name: name for name in self.columns} if columns is None else check_renamed(columns)
        rows = slice(None) if steps is None else check_rows(steps, self.steps)
        chosen = {new: self[name][rows] for name, new in renamed.items()}
        return type(self)(self.steps[rows], chosen, step_name=self.step_name)

    def complete(self, columns: str | Iterable[str] | None = None) -> Self:
        """Selects the steps at which all of the given columns are finite, and keeps every column.

        A column is ``nan`` at steps at which only other columns were logged. Call this before you compute with several
        columns at once.

        Args:
            columns: A name, or several names; all columns if None. A vector is finite where all of its entries are.

        Returns:
            A new trajectory, or this one if no step is left out.

        Raises:
            KeyError: If there is no such column.
            TypeError: If ``columns`` are not names.
            ValueError: If there is no step at which the columns are all finite.

        Example:
            >>> run = pm.Trajectory([0, 50, 100], {"test_loss": [4.7, torch.nan, 0.1], "val": [1.0, 2.0, torch.nan]})
            >>> run.complete("test_loss").steps.tolist(), run.complete().steps.tolist()
            ([0, 100], [0])
        """
        names = self.columns if columns is None else check_column_names(columns)
        kept = check_complete_rows({name: self[name] for name in names}, len(self))
        return self if kept.all() else self.select(steps=self.steps[kept])

    def merge(self, other: "Trajectory") -> Self:
        """Merges the steps and the columns of this trajectory with those of another one of the same run.

        If only one trajectory has a number at a step, the result has that number. If both have one, the two must be
        exactly equal. If neither has one, the result is ``nan``.

        Args:
            other: A trajectory with more steps, more columns, or both.

        Returns:
            A trajectory with every step and every column of both.

        Raises:
            TypeError: If ``other`` is not a trajectory.
            ValueError: If the two have different numbers somewhere, or vectors of different shapes.

        Example:
            >>> early = pm.Trajectory([0, 50], {"test_loss": [4.7, 0.5]})
            >>> early.merge(pm.Trajectory([50, 100], {"test_loss": [0.5, 0.1]}))["test_loss"].tolist()
            [4.7, 0.5, 0.1]
        """
        check_trajectory(other, "other")
        parts = merged((self.steps, self.columns), (other.steps, other.columns))
        return type(self)(*parts, step_name=self.step_name)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Copies the steps, under the name ``"steps"``, and the columns, under their own names, to NumPy arrays."""
        return {"steps": self.steps.numpy().copy()} | {name: x.numpy().copy() for name, x in self.columns.items()}


def _rebuilt(kind: type[Trajectory], steps: Tensor, columns: Mapping[str, Tensor], step_name: str) -> Trajectory:
    return kind(steps, columns, step_name=step_name)


def check_trajectory(value: object, name: str = "trajectory") -> Trajectory:
    """Requires a trajectory, and returns it."""
    if not isinstance(value, Trajectory):
        raise TypeError(f"`{name}` must be a Trajectory. Got {type_name(value)}.")
    return value
