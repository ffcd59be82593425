"""What was measured, step by step, in memory and in a file that only grows: a line of JSON each.

    {"step": 100, "columns": {"test_loss": 4.7, "excluded_loss_per_frequency": [0.1, 0.2]}}
    {"step": 200, "error": "ValueError: …"}
    {"step": 150, "back": true}

The first says what was measured at a step, in the place of what was said of it before; the second that it could not be
measured, which counts as long as it has not been; the third that the run goes on from there, so that what stands above
of this step or later ones counts no more. The order of the steps says nothing by itself: checkpoints may be measured in
any.

A line is one call of the system's, at the end of the file, and is on the disk before the next thing is done. So a kill
costs at most the line that was being written, a full disk none that was written before, and two processes that append
do not tear each other's apart. Nothing is ever taken off: a line that was cut off stays a line of its own, and is
passed over. Numbers read back are the numbers that were written, bit for bit; JSON's dialect here is Python's, with
``NaN`` and ``Infinity``.
"""

import errno
import json
import os
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from progress_measures import _checks
from progress_measures.trajectory import Trajectory

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
    _checks.path(path, "path")
    journal = Journal()
    with open(path, "rb") as file:
        journal.read(file.read(), "path", path)
    _checks.recorded(journal.rows, path)
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
            _checks.path(path, name)
            with open(path, "a+b") as file:
                file.seek(0)
                self.read(file.read(), name, path)

    def read(self, lines: bytes, name: str, path: str | os.PathLike[str]) -> None:
        """Takes over the lines of a file."""
        for number, line in enumerate(lines.split(b"\n"), start=1):
            match _checks.journal_line(line, name, path, number):
                case step, {"columns": columns}:
                    self._put(step, _checks.journal_row(columns, self.others(step), name, path, number))
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
        first = _checks.first_row(self.rows)
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
        if self.path is None:
            return
        line = json.dumps(record).encode() + b"\n"
        with open(self.path, "a+b", buffering=0) as file:  # a buffer would write a long line in pieces
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
            if file.read(1) not in (b"", b"\n"):
                line = b"\n" + line  # what was cut off stays a line of its own
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(self.path))
            os.fsync(file.fileno())
