"""The content of a recording: the rows and errors of its steps, after all lines are read."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.columns import check_column_name, check_numeric
from progress_measures._checks.values import listed, shape_of, type_name
from progress_measures._formats.jsonl import End, Entry, damaged_line, parse

Row = dict[str, Tensor]


class Recorded:
    """Rows and errors by step, the description of the measures, and where the recording ends."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.errors: dict[int, str] = {}
        self.about: dict[str, Any] = {}
        self.end = End()

    def read(
        self,
        lines: bytes,
        path: str | os.PathLike[str],
        name: str = "path",
        skipped: list[str] | None = None,
        check_about: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Reads the lines of a file. Damaged lines are added to ``skipped``; if it is None, they are errors."""
        for entry in parse(lines, name, path, skipped):
            match entry:
                case End():
                    self.end = entry
                case Entry(number, step, "columns", columns):
                    self.put(step, check_recorded_row(columns, self.other_row(step), name, path, number))
                case Entry(_, step, "error", error):
                    self.errors[step] = error
                case Entry(_, step, "back", True):
                    self.go_back(step)
                case Entry(_, _, "about", about):
                    self.about = about
                    if check_about is not None:
                        check_about(about)

    def other_row(self, step: int) -> Row | None:
        """The row of any other step, to compare names and shapes with; None if there is none."""
        return next((row for other, row in self.rows.items() if other != step), None)

    def put(self, step: int, row: Row) -> None:
        """Stores the row of a step."""
        self.rows[step] = row
        self.errors.pop(step, None)

    def has_from(self, step: int) -> bool:
        """Whether there is a row or an error at a step or a later one."""
        return any(recorded >= step for recorded in (*self.rows, *self.errors))

    def go_back(self, step: int) -> None:
        """Drops the rows and errors from a step on."""
        self.rows = {earlier: row for earlier, row in self.rows.items() if earlier < step}
        self.errors = {earlier: error for earlier, error in self.errors.items() if earlier < step}

    def columns(self, steps: Collection[int] | None = None) -> tuple[list[int], dict[str, Tensor]]:
        """The given steps, or all steps, in ascending order with their rows; ``nan`` if a step has no row."""
        chosen = sorted({*self.rows, *self.errors} if steps is None else steps)
        first = _check_first_row(self.rows)
        nan = {name: torch.full_like(value, torch.nan) for name, value in first.items()}
        rows = [self.rows.get(step, nan) for step in chosen]
        return chosen, {name: torch.stack([row[name] for row in rows]) for name in first}

    def entries(self) -> Iterator[tuple[int, str, object]]:
        """The steps, kinds and values of lines with the same content."""
        if self.about:
            yield 0, "about", self.about
        for step, row in self.rows.items():
            yield step, "columns", lists(row)
        for step, error in self.errors.items():
            yield step, "error", error


def lists(row: Row) -> dict[str, Any]:
    """A row as values for JSON."""
    return {name: value.tolist() for name, value in row.items()}


def shapes_of_columns(columns: Mapping[str, Tensor]) -> dict[str, str]:
    """Returns the shape of each column, as text."""
    return {name: shape_of(value) for name, value in columns.items()}


def listed_columns(columns: Mapping[str, Tensor]) -> str:
    """Lists columns and their shapes for a message."""
    return listed(f"{name} {shape}" for name, shape in shapes_of_columns(columns).items())


def check_row(values: object, other: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """Requires numbers by name, with the names and shapes of another row if there is one; returns them as tensors."""
    if not isinstance(values, Mapping):
        raise TypeError(f"`measures` must return a mapping from names to numbers. Got {type_name(values)}.")
    for name in values:
        check_column_name(name, "measures")
    if not values:
        raise ValueError("`measures` must measure something. Got nothing by any name.")
    row = {name: check_numeric(value, name) for name, value in values.items()}
    if other is not None:
        if row.keys() != other.keys():
            odd = listed(map(repr, sorted(row.keys() ^ other.keys())))
            raise ValueError(f"`measures` must return the same names at every step. Got a difference in {odd}.")
        for name, value in row.items():
            if value.shape != other[name].shape:
                raise ValueError(
                    f"`measures` must return the same shapes at every step. "
                    f"Got {shape_of(value)} for {name!r} after {shape_of(other[name])}."
                )
    return row


def check_recorded_row(
    columns: Mapping[str, Any], other: Mapping[str, Tensor] | None, name: str, path: str | os.PathLike[str], number: int
) -> dict[str, Tensor]:
    """Requires the numbers of a line, with the names and shapes of another row if there is one; returns tensors."""
    try:
        row = check_row(columns, None)
    except (TypeError, ValueError) as error:
        raise damaged_line(error, name, path, number) from error
    if other is not None and shapes_of_columns(row) != shapes_of_columns(other):
        raise ValueError(
            f"`{name}` must hold the same columns at every step. Got {listed_columns(row)} in line {number} of "
            f"{os.fspath(path)!r}, after {listed_columns(other)}. Write each measure to its own file."
        )
    return row


def check_recorded(rows: Mapping[int, Mapping[str, Tensor]], path: str | os.PathLike[str]) -> None:
    """Requires that a file has at least one row."""
    if not rows:
        raise ValueError(f"`path` must hold at least one step that was measured. Got {os.fspath(path)!r} without one.")


def _check_first_row(rows: Mapping[int, Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
    """Requires at least one row, and returns the first."""
    if not rows:
        raise ValueError("A trajectory must have at least one step. Nothing has been recorded yet.")
    return next(iter(rows.values()))
