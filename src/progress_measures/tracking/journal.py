"""The file that a run is resumed from: a line of JSON for each step, appended once the step is measured.

    {"step": 100, "columns": {"test_loss": 4.7, "excluded_loss_per_frequency": [0.1, 0.2]}}
    {"step": 200, "error": "ValueError: …"}

A line is one call of the system's, at the end of the file, so a kill costs at most that line, and two processes that
append do not tear each other's. A line that was cut off is a step that has not been measured. Numbers read back are
the numbers that were written, bit for bit; JSON's dialect here is Python's, with ``NaN`` and ``Infinity``.
"""

import errno
import json
import os
from collections.abc import Mapping

from torch import Tensor

from progress_measures import _checks

Path = str | os.PathLike[str]


def read(path: Path) -> dict[int, dict[str, Tensor]]:
    """The rows of a file by step; the file is made if it is not there, so that one sees on entry whether it can be."""
    rows: dict[int, dict[str, Tensor]] = {}
    with open(path, "a+b") as file:
        file.seek(0)
        for number, line in enumerate(file, 1):
            found = _checks.journal_line(line, next(iter(rows.values()), None), f"{os.fspath(path)!r}, line {number}")
            rows.update(found)
    return rows


def add_row(path: Path, step: int, row: Mapping[str, Tensor]) -> None:
    """Appends what was measured at a step."""
    _append(path, {"step": step, "columns": {name: value.tolist() for name, value in row.items()}})


def add_error(path: Path, step: int, error: str) -> None:
    """Appends that a step could not be measured; it is tried again when the run is resumed."""
    _append(path, {"step": step, "error": error})


def _append(path: Path, record: Mapping[str, object]) -> None:
    line = json.dumps(record).encode() + b"\n"
    with open(path, "a+b", buffering=0) as file:  # a buffer would write a long line in pieces
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        if file.read(1) not in (b"", b"\n"):
            line = b"\n" + line  # what was cut off stays a line of its own
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        os.fsync(file.fileno())
