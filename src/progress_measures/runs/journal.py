"""The rows that were measured, step by step: in memory, and in a recording if there is one."""

import os
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from progress_measures._checks.values import check_choice, check_path, listed
from progress_measures._files import check_regular, errors_naming
from progress_measures._formats.jsonl import append, check_one_writer, write
from progress_measures._formats.recording import Recorded, Row, check_recorded, lists
from progress_measures.runs.about import check_same_about
from progress_measures.runs.checks import check_copy
from progress_measures.runs.holding import hold
from progress_measures.trajectory.trajectory import Trajectory

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
    recorded = Recorded()
    skipped: list[str] = []
    check_regular(path)
    with open(path, "rb") as file:
        recorded.read(file.read(), path, skipped=skipped if damaged == "skip" else None)
    check_recorded(recorded.rows, path)
    if skipped:
        lost = f"{len(skipped)} damaged place{'s'[: len(skipped) != 1]}: {listed(skipped)}"
        if skipped[0].endswith("line 1") and not recorded.about:
            lost += ", which may have said what was measured"
        warnings.warn(f"{os.fspath(path)!r} was read without {lost}.", RuntimeWarning, stacklevel=2)
    if copy is not None:
        write(copy, recorded.entries())
    return Trajectory(*recorded.columns())


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
        self._recorded = Recorded()

    @property
    def rows(self) -> dict[int, Row]:
        """What was measured, by step."""
        return self._recorded.rows

    @property
    def errors(self) -> dict[int, str]:
        """The steps that could not be measured, and why."""
        return self._recorded.errors

    def read(self, lines: bytes, path: str | os.PathLike[str]) -> None:
        """Reads the lines of a file into the rows and errors; a damaged one is an error."""

        def check_about(about: dict[str, Any]) -> None:
            if self._about is not None:
                check_same_about(about, self._about, self._name, path)

        self._recorded.read(lines, path, self._name, check_about=check_about)

    def hold(self) -> bool:
        """Makes this the only writer of the file; returns whether others have written to it since it was read.

        Not before the first write: where a run has several processes, each makes a recorder, but only one writes.
        """
        if self.path is None or self._holds:
            return False
        hold(self._file, self.path, self)
        self._holds = True
        # If the file has become shorter, what was recorded is not forgotten: the next line meets an error.
        if not self._file.exists() or self._file.stat().st_size <= self._recorded.end.size + self._recorded.end.torn:
            return False
        self._forget()
        self.read(self._content(), self.path)
        return True

    def other_row(self, step: int) -> Row | None:
        """The row of some other step, to compare names and shapes with; None if there is none."""
        return self._recorded.other_row(step)

    def add(self, step: int, row: Row) -> None:
        """Stores and writes the row of a step."""
        if self._about and not self._recorded.about:
            self._write(step, "about", self._about)
            self._recorded.about = dict(self._about)
        self._write(step, "columns", lists(row))
        self._recorded.put(step, row)

    def fail(self, step: int, error: str) -> None:
        """Stores and writes the error of a step that could not be measured."""
        self._write(step, "error", error)
        self.errors[step] = error

    def go_back(self, step: int) -> None:
        """Drops the rows and errors from a step on, if there are any, and writes that the run goes on from there."""
        if self._recorded.has_from(step):
            self._write(step, "back", True)
            self._recorded.go_back(step)

    def trajectory(self, steps: Collection[int] | None = None) -> Trajectory:
        """The given steps, or all steps, in ascending order with their rows; ``nan`` where a step has no row."""
        return Trajectory(*self._recorded.columns(steps))

    def _write(self, step: int, kind: str, value: object) -> None:
        if self.path is None:
            return
        self.hold()
        try:
            self._restore()
            self._recorded.end = append(self._file, self._recorded.end, step, kind, value)
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
        is_gone = self._recorded.end.size > 0 and not is_there
        if is_there and self._is_behind:
            check_one_writer(self._file.stat().st_size, self._recorded.end, self._file)
        if is_gone or self._is_behind:
            self._recorded.end = write(self._file, self._recorded.entries())
            self._is_behind = False
        if is_gone:
            text = f"{os.fspath(self.path or '')!r} was deleted or moved. It was written anew, with all steps so far."
            warnings.warn(text, RuntimeWarning, stacklevel=6)
