"""The rows that were measured, step by step: in memory, and in a recording if there is one."""

import os
import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from progress_measures._checks.values import check_choice, check_path, listed
from progress_measures._files import check_regular, errors_naming
from progress_measures._formats.jsonl import End, Entry, append, check_one_writer, parse, write
from progress_measures.runs.about import check_same_about
from progress_measures.runs.checks import check_copy, check_first_row, check_recorded, check_recorded_row
from progress_measures.runs.holding import hold
from progress_measures.trajectory.trajectory import Trajectory

Row = dict[str, Tensor]
Damaged = Literal["raise", "skip"]


def load_recording(
    path: str | os.PathLike[str], *, damaged: Damaged = "raise", copy: str | os.PathLike[str] | None = None
) -> Trajectory:
    """Reads the trajectory in a file that a :class:`Recorder` or :func:`track` writes, during the run or after it.

    Args:
        path: The ``path`` of the recorder, or the ``resume`` of :func:`track`.
        damaged: What to do about lines that are not as they were written: ``"raise"`` an error, or ``"skip"`` them, and
            warn which. A last line that a kill cut off is no damage: the step was never recorded.
        copy: A new file to write what was read to, as a recording that a :class:`Recorder` or :func:`track` goes on
            with. They refuse a damaged one.

    Returns:
        The trajectory of all steps in the file. Steps at which :func:`track` recorded an error are ``nan``.

    Raises:
        OSError: If the file cannot be read, or the copy not be written.
        ValueError: If the file is not such a recording, is damaged, or holds no step that was measured; or if ``copy``
            exists.

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
    check_choice(damaged, "damaged", Damaged)
    check_copy(copy)
    journal = Journal()
    skipped: list[str] = []
    check_regular(path)
    with open(path, "rb") as file:
        journal.read(file.read(), path, skipped if damaged == "skip" else None)
    check_recorded(journal.rows, path)
    if skipped:
        lost = f"{len(skipped)} damaged place{'s'[: len(skipped) != 1]}: {listed(skipped)}"
        if skipped[0].endswith("line 1") and not journal.says_about:
            lost += ", which may have said what was measured"
        warnings.warn(f"{os.fspath(path)!r} was read without {lost}.", RuntimeWarning, stacklevel=2)
    if copy is not None:
        write(copy, journal.entries())
    return journal.trajectory()


def recorded(content: bytes, path: str | os.PathLike[str]) -> Trajectory:
    """The trajectory in what a recording holds; messages name it as ``path``."""
    journal = Journal()
    journal.read(content, path)
    check_recorded(journal.rows, path)
    return journal.trajectory()


class Journal:
    """Rows and errors by step, and the file that they are written to, if there is one.

    A file has one writer at a time. It is held from the first write on by a lock, which the system lets go of when the
    process ends, however it ends; and each write requires the file to end where this journal's last line ends.

    Args:
        path: The file. If it exists, its lines are read. If not, it is created at once, so that a wrong path is found
            before anything is measured.
        name: The name of the argument that held the path, for messages.
        about: What is measured, if that is known; a file that says something else is an error.
        goes_on: Whether an error of the system in writing is a warning. What was not written is written with the next
            line that can be.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        name: str = "path",
        about: Mapping[str, Any] | None = None,
        *,
        goes_on: bool = False,
    ) -> None:
        if path is not None:
            check_path(path, name)
        self.path, self._name, self._about = path, name, about
        # The same file also after the working directory has changed.
        self._file = Path() if path is None else Path(path).absolute()
        self._goes_on, self._is_behind, self._holds = goes_on, False, False
        self._forget()
        if path is not None:
            self.read(self._content(), path)

    def _content(self) -> bytes:
        """What the file holds; it is made if it is not there."""
        if self._file.exists():
            check_regular(self._file)
        with errors_naming(self.path or ""), open(self._file, "a+b") as file:
            file.seek(0)
            return file.read()

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_holds": False}  # a copy does not hold the file

    def _forget(self) -> None:
        self.rows: dict[int, Row] = {}
        self.errors: dict[int, str] = {}
        self._recorded_about: dict[str, Any] = {}
        self._end = End()

    def read(self, lines: bytes, path: str | os.PathLike[str], skipped: list[str] | None = None) -> None:
        """Reads the lines of a file into the rows and errors; damaged ones are listed, or else are errors."""
        for entry in parse(lines, self._name, path, skipped):
            match entry:
                case End():
                    self._end = entry
                case Entry(number, step, "columns", columns):
                    self._put(step, check_recorded_row(columns, self.other_row(step), self._name, path, number))
                case Entry(_, step, "error", error):
                    self.errors[step] = error
                case Entry(_, step, "back", True):
                    self._go_back(step)
                case Entry(_, _, "about", about):
                    self._recorded_about = about
                    if self._about is not None:
                        check_same_about(about, self._about, self._name, path)

    def hold(self) -> bool:
        """Makes this the only writer of the file; returns whether others have written to it since it was read.

        Not before the first write: where a run has several processes, each makes a recorder, but only one writes.
        """
        if self.path is None or self._holds:
            return False
        hold(self._file, self.path, self)
        self._holds = True
        # If the file has become shorter, what was recorded is not forgotten: the next line meets an error.
        if not self._file.exists() or self._file.stat().st_size <= self._end.size + self._end.torn:
            return False
        self._forget()
        self.read(self._content(), self.path)
        return True

    def other_row(self, step: int) -> Row | None:
        """The row of some other step, to compare names and shapes with; None if there is none."""
        return next((row for other, row in self.rows.items() if other != step), None)

    def add(self, step: int, row: Row) -> None:
        """Stores and writes the row of a step."""
        if self._about and not self.says_about:
            self._write(step, "about", self._about)
            self._recorded_about = dict(self._about)
        self._write(step, "columns", _lists(row))
        self._put(step, row)

    def fail(self, step: int, error: str) -> None:
        """Stores and writes the error of a step that could not be measured."""
        self._write(step, "error", error)
        self.errors[step] = error

    def go_back(self, step: int) -> None:
        """Drops the rows and errors from a step on, if there are any, and writes that the run goes on from there."""
        if any(recorded >= step for recorded in (*self.rows, *self.errors)):
            self._write(step, "back", True)
            self._go_back(step)

    def trajectory(self, steps: Collection[int] | None = None) -> Trajectory:
        """The given steps, or all steps, in ascending order with their rows; ``nan`` where a step has no row."""
        chosen = sorted({*self.rows, *self.errors} if steps is None else steps)
        first = check_first_row(self.rows)
        nan = {name: torch.full_like(value, torch.nan) for name, value in first.items()}
        rows = [self.rows.get(step, nan) for step in chosen]
        return Trajectory(chosen, {name: torch.stack([row[name] for row in rows]) for name in first})

    @property
    def says_about(self) -> bool:
        """Whether the file says what is measured."""
        return bool(self._recorded_about)

    def entries(self) -> Iterator[tuple[int, str, object]]:
        """The steps, kinds and values of the lines that say what this journal holds."""
        if self._recorded_about:
            yield 0, "about", self._recorded_about
        for step, row in self.rows.items():
            yield step, "columns", _lists(row)
        for step, error in self.errors.items():
            yield step, "error", error

    def _write(self, step: int, kind: str, value: object) -> None:
        if self.path is None:
            return
        self.hold()
        try:
            self._restore()
            self._end = append(self._file, self._end, step, kind, value)
        except OSError as error:
            if not self._goes_on:
                raise
            if not self._is_behind:
                text = (
                    f"{os.fspath(self.path)!r} could not be written. {type(error).__name__}: {error}. What is recorded"
                )
                text += " stays in memory, in `recorder.trajectory`, until the file can be written at a later step."
                warnings.warn(text, RuntimeWarning, stacklevel=5)
            self._is_behind = True

    def _restore(self) -> None:
        """Writes the file anew if it is gone, or lines could not be written to it: all that they say is in memory."""
        is_there = self._file.exists()
        is_gone = self._end.size > 0 and not is_there
        if is_there and self._is_behind:
            check_one_writer(self._file.stat().st_size, self._end, self._file)
        if is_gone or self._is_behind:
            self._end = write(self._file, self.entries())
            self._is_behind = False
        if is_gone:
            text = f"{os.fspath(self.path or '')!r} was deleted or moved. It was written anew, with all steps so far."
            warnings.warn(text, RuntimeWarning, stacklevel=6)

    def _put(self, step: int, row: Row) -> None:
        self.rows[step] = row
        self.errors.pop(step, None)

    def _go_back(self, step: int) -> None:
        self.rows = {earlier: row for earlier, row in self.rows.items() if earlier < step}
        self.errors = {earlier: error for earlier, error in self.errors.items() if earlier < step}


def _lists(row: Row) -> dict[str, Any]:
    """A row as JSON has it."""
    return {name: value.tolist() for name, value in row.items()}
