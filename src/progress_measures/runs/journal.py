"""What was measured, step by step, in memory and in a recording if there is one."""

import os
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.values import check_path
from progress_measures._formats.jsonl import append_line, damaged_line, parse_line
from progress_measures.runs.checks import check_row, listed_columns, shapes_of_columns
from progress_measures.trajectory.trajectory import Trajectory

Row = dict[str, Tensor]


def load_recording(path: str | os.PathLike[str]) -> Trajectory:
    """The trajectory in a file that a :class:`Recorder` or :func:`track` writes, whether its run has ended or goes on.

    Args:
        path: The recorder's ``path``, or what :func:`track` was to ``resume``.

    Returns:
        The trajectory of all steps in the file; those at which :func:`track` recorded an error are ``nan``.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no such file, or holds no step.

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
        path: The file. If it is there its lines are taken over; if not it is made, so that one sees at once whether it
            can be.
        name: What the argument is called that gave the path.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, name: str = "path") -> None:
        self.path = path
        self.rows: dict[int, Row] = {}
        self.errors: dict[int, str] = {}
        if path is not None:
            check_path(path, name)
            with open(path, "a+b") as file:
                file.seek(0)
                self.read(file.read(), name, path)

    def read(self, lines: bytes, name: str, path: str | os.PathLike[str]) -> None:
        """Takes over the lines of a file."""
        for number, line in enumerate(lines.split(b"\n"), start=1):
            match parse_line(line, name, path, number):
                case step, {"columns": columns}:
                    self._put(step, _check_recorded_row(columns, self.others(step), name, path, number))
                case step, {"error": error}:
                    self.errors[step] = error
                case step, {"back": True}:
                    self._go_back(step)

    def others(self, step: int) -> Row | None:
        """A row of another step, which says what the columns are."""
        return next((row for other, row in self.rows.items() if other != step), None)

    def add(self, step: int, row: Row) -> None:
        """Writes down what was measured at a step."""
        self._append({"step": step, "columns": {name: value.tolist() for name, value in row.items()}})
        self._put(step, row)

    def fail(self, step: int, error: str) -> None:
        """Writes down that a step could not be measured."""
        self._append({"step": step, "error": error})
        self.errors[step] = error

    def go_back(self, step: int) -> None:
        """Writes down that the run goes on from a step, if anything is known of this one or later ones."""
        if any(known >= step for known in (*self.rows, *self.errors)):
            self._append({"step": step, "back": True})
            self._go_back(step)

    def trajectory(self, steps: Collection[int] | None = None) -> Trajectory:
        """Some steps or all, in ascending order, ``nan`` where there is no row."""
        chosen = sorted({*self.rows, *self.errors} if steps is None else steps)
        first = _check_first_row(self.rows)
        nan = {name: torch.full_like(value, torch.nan) for name, value in first.items()}
        rows = [self.rows.get(step, nan) for step in chosen]
        return Trajectory(chosen, {name: torch.stack([row[name] for row in rows]) for name in first})

    def _put(self, step: int, row: Row) -> None:
        self.rows[step] = row
        self.errors.pop(step, None)

    def _go_back(self, step: int) -> None:
        self.rows = {known: row for known, row in self.rows.items() if known < step}
        self.errors = {known: error for known, error in self.errors.items() if known < step}

    def _append(self, record: Mapping[str, object]) -> None:
        if self.path is not None:
            append_line(self.path, record)


def _check_recorded_row(
    columns: Mapping[str, Any],
    other: Mapping[str, Tensor] | None,
    name: str,
    path: str | os.PathLike[str],
    number: int,
) -> dict[str, Tensor]:
    """The numbers of a line, with the names and shapes of those of another line."""
    try:
        found = check_row(columns, None)
    except (TypeError, ValueError) as error:
        raise damaged_line(error, name, path, number) from error
    if other is not None and shapes_of_columns(found) != shapes_of_columns(other):
        raise ValueError(
            f"`{name}` must hold the same columns at every step. Got {listed_columns(found)} in line {number} of "
            f"{os.fspath(path)!r}, after {listed_columns(other)}. Two measures want two files."
        )
    return found


def _check_recorded(rows: Mapping[int, Mapping[str, Tensor]], path: str | os.PathLike[str]) -> None:
    """A file with at least one row."""
    if not rows:
        raise ValueError(f"`path` must hold at least one step that was measured. Got {os.fspath(path)!r} without one.")


def _check_first_row(rows: Mapping[int, Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
    """The first of the recorded rows."""
    if not rows:
        raise ValueError("A trajectory must have at least one step. Nothing has been recorded yet.")
    return next(iter(rows.values()))
