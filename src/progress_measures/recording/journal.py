"""What was recorded, as a file that only grows: one line of JSON a step.

A line that comes after another of the same step or a later one takes the place of them all: the run had gone back. So
nothing is ever rewritten, and all that a kill can cost is the line that was being written.
"""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from progress_measures import _checks
from progress_measures.trajectory import Trajectory

Rows: TypeAlias = dict[int, dict[str, Tensor]]
"""Numbers by name of each step, in ascending order of steps."""


def load_recording(path: str | os.PathLike[str]) -> Trajectory:
    """The trajectory that a :class:`Recorder` has written so far, whether its run has ended, was killed or goes on.

    Args:
        path: The recorder's ``path``.

    Returns:
        The trajectory.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not a recorder's, or holds no step.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     recorder = pm.Recorder({"size": torch.Tensor.norm}, every=10, path=f"{folder}/run.jsonl")
        ...     for step in range(21):
        ...         _ = recorder(step, torch.ones(4))
        ...     pm.load_recording(f"{folder}/run.jsonl")
        Trajectory(3 steps, 0..20; size)
    """
    _checks.path(path, "path")
    rows, _ = read(path)
    return trajectory(rows)


def trajectory(rows: Rows) -> Trajectory:
    """The rows as a trajectory."""
    first = _checks.first_row(rows)
    return Trajectory([*rows], {name: torch.stack([row[name] for row in rows.values()]) for name in first})


def put(rows: Rows, step: int, row: dict[str, Tensor]) -> None:
    """Adds the row of a step, in the place of those of this step and of later ones."""
    while rows and next(reversed(rows)) >= step:
        rows.popitem()
    rows[step] = row


def append(path: str | os.PathLike[str], step: int, row: Mapping[str, Tensor]) -> None:
    """Writes a line; Python's floats are written with as many digits as it takes to read the same ones back."""
    numbers = {name: values.tolist() for name, values in row.items()}
    line = json.dumps({"step": step, "numbers": numbers}).encode() + b"\n"
    with open(path, "ab", buffering=0) as file:  # a buffer would write a long line in pieces
        length = file.tell()
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        except BaseException:
            os.truncate(path, length)  # what was recorded before can still be read, and gone on with
            raise


def read(path: str | os.PathLike[str]) -> tuple[Rows, int]:
    """The rows of a file, and the length of its whole lines: a kill may have left a part of one."""
    *lines, torn = Path(path).read_bytes().split(b"\n")
    rows: Rows = {}
    for number, line in enumerate(lines, start=1):
        put(rows, *_checks.recorded_line(line, number, path))
    _checks.torn_line(torn, len(lines) + 1, path)
    return rows, sum(map(len, lines)) + len(lines)


def resume(path: str | os.PathLike[str]) -> Rows:
    """The rows of a file that is there or is made, without the part of a line that a kill may have left."""
    Path(path).touch()
    rows, length = read(path)
    os.truncate(path, length)
    return rows
