"""The rows that were measured, step by step: in memory, and in a recording if there is one."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.values import check_path
from progress_measures._formats.jsonl import damaged_line, parse, write_back, write_columns, write_error
from progress_measures.runs.checks import check_row, listed_columns, shapes_of_columns
from progress_measures.trajectory.trajectory import Trajectory

Row = dict[str, Tensor]


def load_recording(path: str | os.PathLike[str]) -> Trajectory:
    """Reads the trajectory in a file that a :class:`Recorder` or :func:`track` writes, during the run or after it.

    Args:
        path: The ``path`` of the recorder, or the ``resume`` of :func:`track`.

    Returns:
        The trajectory of all steps in the file. Steps at which :func:`track` recorded an error are ``nan``.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is not such a recording, or holds no step that was measured.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     recorder = pm.Recorder({"size": torch.Tensor.norm}, every=10, path=f"{folder}/run.jsonl")
        ...     for step in range(21):
        ...         _ = recorder(step, torch.ones(4))
        ...     pm.load_recording(f"{folder}/run.jsonl")
        Trajectory(3 steps, 0..20; size)
    """
    check_path(path, "path")
    journal = Journal()
    with open(path, "rb") as file:
        journal.read(file.read(), "path", path)
    _check_recorded(journal.rows, path)
    return journal.trajectory()


class Journal:
    """Rows and errors by step, and the file that they are written to, if there is one.

    Args:
        path: The file. If it exists, its lines are read. If not, it is created at once, so that a wrong path is found
            before anything is measured.
        name: The name of the argument that held the path, for messages.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, name: str = "path") -> None:
        if path is not None:
            check_path(path, name)
        self.path = path
        # The same file also after the working directory has changed.
        self._file = Path() if path is None else Path(path).absolute()
        self.rows: dict[int, Row] = {}
        self.errors: dict[int, str] = {}
        if path is not None:
            with open(path, "a+b") as file:
                file.seek(0)
                self.read(file.read(), name, path)

    def read(self, lines: bytes, name: str, path: str | os.PathLike[str]) -> None:
        """Reads the lines of a file into the rows and errors."""
        for number, step, kind, value in parse(lines, name, path):
            match kind, value:
                case "columns", columns:
                    self._put(step, _check_recorded_row(columns, self.other_row(step), name, path, number))
                case "error", error:
                    self.errors[step] = error
                case "back", True:
                    self._go_back(step)

    def other_row(self, step: int) -> Row | None:
        """The row of some other step, to compare names and shapes with; None if there is none."""
        return next((row for other, row in self.rows.items() if other != step), None)

    def add(self, step: int, row: Row) -> None:
        """Stores and writes the row of a step."""
        if self.path is not None:
            write_columns(self._file, step, {name: value.tolist() for name, value in row.items()})
        self._put(step, row)

    def fail(self, step: int, error: str) -> None:
        """Stores and writes the error of a step that could not be measured."""
        if self.path is not None:
            write_error(self._file, step, error)
        self.errors[step] = error

    def go_back(self, step: int) -> None:
        """Drops the rows and errors from a step on, if there are any, and writes that the run goes on from there."""
        if any(recorded >= step for recorded in (*self.rows, *self.errors)):
            if self.path is not None:
                write_back(self._file, step)
            self._go_back(step)

    def trajectory(self, steps: Collection[int] | None = None) -> Trajectory:
        """The given steps, or all steps, in ascending order with their rows; ``nan`` where a step has no row."""
        chosen = sorted({*self.rows, *self.errors} if steps is None else steps)
        first = _check_first_row(self.rows)
        nan = {name: torch.full_like(value, torch.nan) for name, value in first.items()}
        rows = [self.rows.get(step, nan) for step in chosen]
        return Trajectory(chosen, {name: torch.stack([row[name] for row in rows]) for name in first})

    def _put(self, step: int, row: Row) -> None:
        self.rows[step] = row
        self.errors.pop(step, None)

    def _go_back(self, step: int) -> None:
        self.rows = {earlier: row for earlier, row in self.rows.items() if earlier < step}
        self.errors = {earlier: error for earlier, error in self.errors.items() if earlier < step}


def _check_recorded_row(
    columns: Mapping[str, Any],
    other: Mapping[str, Tensor] | None,
    name: str,
    path: str | os.PathLike[str],
    number: int,
) -> dict[str, Tensor]:
    """Requires the numbers of a line, with the names and shapes of another row if there is one; returns tensors."""
    try:
        row = check_row(columns, None)
    except (TypeError, ValueError) as error:
        raise damaged_line(error, name, path, number) from error
    if other is not None and shapes_of_columns(row) != shapes_of_columns(other):
        raise ValueError(
            f"`{name}` must hold the same columns at every step. Got {listed_columns(row)} in line {number} of "
            f"{os.fspath(path)!r}, after {listed_columns(other)}. Two measures want two files."
        )
    return row


def _check_recorded(rows: Mapping[int, Mapping[str, Tensor]], path: str | os.PathLike[str]) -> None:
    """Requires that a file has at least one row."""
    if not rows:
        raise ValueError(f"`path` must hold at least one step that was measured. Got {os.fspath(path)!r} without one.")


def _check_first_row(rows: Mapping[int, Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
    """Requires at least one row, and returns the first."""
    if not rows:
        raise ValueError("A trajectory must have at least one step. Nothing has been recorded yet.")
    return next(iter(rows.values()))
