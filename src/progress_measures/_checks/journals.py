"""Checks of the files that measures are written to as they come."""

import json
import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from progress_measures._checks.trajectories import row
from progress_measures._checks.values import shape, step

_HEAD = b'{"step": '  # how each line begins
_KINDS: tuple[tuple[str, type], ...] = (("columns", dict), ("error", str), ("back", bool))


def journal_line(
    line: bytes, name: str, path: str | os.PathLike[str], number: int
) -> tuple[int, dict[str, Any]] | None:
    """The step of a line and what it says of it; nothing if the line is empty or was cut off."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        if line.startswith(_HEAD) or _HEAD.startswith(line.strip(b"\0")):  # zeros are what a power cut leaves
            return None
        raise _foreign(line, name, path, number) from None
    if not isinstance(record, dict) or not any(
        record.keys() == {"step", key} and type(record[key]) is kind_ for key, kind_ in _KINDS
    ):
        raise _foreign(line, name, path, number)
    try:
        return step(record["step"]), record
    except (TypeError, ValueError) as error:
        raise _damaged(error, name, path, number) from error


def journal_row(
    columns: Mapping[str, Any],
    other: Mapping[str, Tensor] | None,
    name: str,
    path: str | os.PathLike[str],
    number: int,
) -> dict[str, Tensor]:
    """The numbers of a line, with the names and shapes of those of another line."""
    try:
        found = row(columns, None)
    except (TypeError, ValueError) as error:
        raise _damaged(error, name, path, number) from error
    if other is not None and shapes(found) != shapes(other):
        raise ValueError(
            f"`{name}` must hold the same columns at every step. Got {listed(found)} in line {number} of "
            f"{os.fspath(path)!r}, after {listed(other)}. Two measures want two files."
        )
    return found


def recorded(rows: Mapping[int, Mapping[str, Tensor]], path: str | os.PathLike[str]) -> None:
    """A file with at least one row."""
    if not rows:
        raise ValueError(f"`path` must hold at least one step that was measured. Got {os.fspath(path)!r} without one.")


def first_row(rows: Mapping[int, Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
    """The first of the recorded rows."""
    if not rows:
        raise ValueError("A trajectory must have at least one step. Nothing has been recorded yet.")
    return next(iter(rows.values()))


def shapes(found: Mapping[str, Tensor]) -> dict[str, str]:
    """The shape of each column."""
    return {name: shape(value) for name, value in found.items()}


def listed(found: Mapping[str, Tensor]) -> str:
    """Columns and their shapes, for a message."""
    return ", ".join(f"{name} {size}" for name, size in shapes(found).items())


def _foreign(line: bytes, name: str, path: str | os.PathLike[str], number: int) -> ValueError:
    return ValueError(
        f"`{name}` must be a file that a Recorder or track wrote. "
        f"Got {os.fspath(path)!r}, whose line {number} is none of theirs: {line[:60]!r}."
    )


def _damaged(error: Exception, name: str, path: str | os.PathLike[str], number: int) -> ValueError:
    return ValueError(
        f"`{name}` must be a file that a Recorder or track wrote. Got {os.fspath(path)!r}, line {number}: {error}"
    )
