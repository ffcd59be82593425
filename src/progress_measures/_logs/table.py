"""The results of readers: tables of cells, and runs of numbers."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from progress_measures._checks.values import listed
from progress_measures._formats.names import cut

Path: TypeAlias = str | os.PathLike[str]
INDEX = "index"
"""The value of ``step`` that numbers the rows from 0, unless a column has this name."""


@dataclass(frozen=True)
class Table:
    """Columns as they are in a file, with one cell per row. Cells are text, JSON values, or an array of numbers."""

    path: Path
    columns: Mapping[str, Sequence[Any] | Any]
    rows: int
    """The number of rows."""
    lines: Sequence[int] = ()
    """The line number of each row; empty if the file has no lines."""
    again: Sequence[int] = ()
    """The rows before which the line of names is repeated."""
    left_out: list[str] = field(default_factory=list)
    """Descriptions of everything that was left out."""

    def where(self, row: int) -> str:
        """Where a row is, for a message."""
        place = f"line {self.lines[row]}" if len(self.lines) > 0 else f"row {row}"
        return f"{place} of {shown(self.path)}"

    def between(self, one: int, other: int) -> str:
        """Where two rows are, for a message."""
        if len(self.lines) == 0:
            return f"rows {one} and {other} of {shown(self.path)}"
        return f"lines {self.lines[one]} and {self.lines[other]} of {shown(self.path)}"


class Run(NamedTuple):
    """The steps of a run in ascending order, and its columns."""

    steps: Any
    columns: dict[str, Any]
    step_name: str


class Logs(NamedTuple):
    """The runs in a file; a run without a name in the file is called None."""

    runs: dict[str | None, Run]
    left_out: list[str]


def shown(path: Path) -> str:
    """A path as shown in messages."""
    return repr(os.fspath(path))


def names_of(columns: Iterable[str]) -> str:
    """The full names of columns, for a message that stays readable if there are many."""
    names = [repr(cut(name)) for name in columns]
    text = listed(names)
    return text if len(text) <= 1000 else f"{text[:1000]}… ({len(names):,} in all)"
