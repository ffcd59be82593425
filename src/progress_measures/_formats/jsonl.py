"""Recordings: files that only grow, by one line of JSON for each event of a step.

    {"step": 100, "columns": {"test_loss": 4.7, "excluded_loss_per_frequency": [0.1, 0.2]}}
    {"step": 200, "error": "ValueError: …"}
    {"step": 150, "back": true}

The first line says what was measured at step 100; it replaces any earlier line about that step. The second says that
step 200 could not be measured; it counts until that step is measured. The third says that the run continues from step
150; earlier lines about that step or a later one no longer count. Steps may come in any order, because checkpoints may
be measured in any order.

One system call writes each line at the end of the file, and the line is on the disk before anything else happens. So a
kill loses at most the line being written, a full disk loses no line written before, and two processes that append do
not tear each other's lines apart. Nothing is ever removed: a line that was cut off stays a line of its own, and readers
skip it. Numbers are read back exactly as they were written, bit for bit. The dialect of JSON is Python's, with ``NaN``
and ``Infinity``.
"""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from progress_measures._checks.values import check_step

_HEAD = b'{"step": '  # how every line begins
_KINDS: tuple[tuple[str, type], ...] = (("columns", dict), ("error", str), ("back", bool))


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins like a recording."""
    with open(path, "rb") as file:
        return file.read(len(_HEAD)) == _HEAD


def write_columns(path: str | os.PathLike[str], step: int, columns: Mapping[str, object]) -> None:
    """Writes what was measured at a step: a number, or nested lists of numbers, by name."""
    _append(path, {"step": step, "columns": columns})


def write_error(path: str | os.PathLike[str], step: int, error: str) -> None:
    """Writes that a step could not be measured."""
    _append(path, {"step": step, "error": error})


def write_back(path: str | os.PathLike[str], step: int) -> None:
    """Writes that the run goes on from a step."""
    _append(path, {"step": step, "back": True})


def parse(content: bytes, name: str, path: str | os.PathLike[str]) -> Iterator[tuple[int, int, str, Any]]:
    """What each line says: its number, counted from 1, the step, and ``"columns"``, ``"error"`` or ``"back"`` with it.

    Args:
        content: What the file holds.
        name: The name of the argument that held the path, for messages.
        path: The file.
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        parsed = _parse_line(line, name, path, number)
        if parsed is not None:
            yield (number, *parsed)


def _append(path: str | os.PathLike[str], record: Mapping[str, object]) -> None:
    """Appends a line to the file, and returns once it is on the disk."""
    line = json.dumps(record).encode() + b"\n"
    with open(path, "a+b", buffering=0) as file:  # a buffer would write a long line in pieces
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        if file.read(1) not in (b"", b"\n"):
            line = b"\n" + line  # a line that was cut off stays a line of its own
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        os.fsync(file.fileno())


def damaged_line(error: Exception, name: str, path: str | os.PathLike[str], number: int) -> ValueError:
    """The error for a line that looks like a recording's but holds a wrong value."""
    return ValueError(
        f"`{name}` must be a file that a Recorder or track wrote. Got {os.fspath(path)!r}, line {number}: {error}"
    )


def _parse_line(line: bytes, name: str, path: str | os.PathLike[str], number: int) -> tuple[int, str, Any] | None:
    """The step of a line, and what it says of the step; None if the line is empty or was cut off."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        if line.startswith(_HEAD) or _HEAD.startswith(line.strip(b"\0")):  # a power cut leaves zeros
            return None
        raise _foreign(line, name, path, number) from None
    keys = [
        key
        for key, kind in _KINDS
        if isinstance(record, dict) and record.keys() == {"step", key} and type(record[key]) is kind
    ]
    if not keys:
        raise _foreign(line, name, path, number)
    try:
        return check_step(record["step"]), keys[0], record[keys[0]]
    except (TypeError, ValueError) as error:
        raise damaged_line(error, name, path, number) from error


def _foreign(line: bytes, name: str, path: str | os.PathLike[str], number: int) -> ValueError:
    return ValueError(
        f"`{name}` must be a file that a Recorder or track wrote. "
        f"Got {os.fspath(path)!r}, whose line {number} is none of theirs: {line[:60]!r}."
    )
