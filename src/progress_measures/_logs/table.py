"""What readers make of a file: tables of cells, and runs of numbers."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from progress_measures._checks.values import listed
from progress_measures._formats.names import cut

Path: TypeAlias = str | os.PathLike[str]
INDEX = "index"
"""What numbers the rows from 0, where no column is called so."""


@dataclass(frozen=True)
class Table:
    """Columns as they stand in a file, with one cell per row: text, JSON values, or an array of numbers."""

    path: Path
    columns: Mapping[str, Sequence[Any] | Any]
    rows: int
    """How many."""
    lines: Sequence[int] = ()
    """The number of each row's line; none where the file has no lines."""
    again: Sequence[int] = ()
    """The rows before which the line of names stands again."""
    left_out: list[str] = field(default_factory=list)
    """What was not read, in words."""

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
    """The runs in a file; one that the file has no name for is called None."""

    runs: dict[str | None, Run]
    left_out: list[str]


def shown(path: Path) -> str:
    """A path as messages have it."""
    return repr(os.fspath(path))


def names_of(columns: Iterable[str]) -> str:
    """The names of columns, whole, for a message that stays readable where there are many."""
    names = [repr(cut(name)) for name in columns]
    text = listed(names)
    return text if len(text) <= 1000 else f"{text[:1000]}… ({len(names):,} in all)"
