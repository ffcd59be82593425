"""The measured rows, step by step: in memory, and in a recording if there is one."""

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
from progress_measures.runs.holding import hold, one_thread
from progress_measures.trajectory.trajectory import Trajectory

Damaged = Literal["raise", "skip"]


def load_recording(
    path: str | os.PathLike[str], *, damaged: Damaged = "raise", copy: str | os.PathLike[str] | None = None
) -> Trajectory:
    """Reads the file of a :class:`Recorder` or of :func:`track` as a trajectory, during the run or after it.

    Args:
        path: The ``path`` of the recorder, or the ``resume`` of :func:`track`.
        damaged: ``"raise"`` an error if a line has changed since it was written, or ``"skip"`` such lines with a
            warning that lists them. A last line that was cut off when the process was killed is not damage: its step
            was never recorded.
        copy: A new file for the lines that were read. A :class:`Recorder` or :func:`track`, which refuse a damaged
            recording, can continue it.

    Returns:
        The trajectory of all steps in the file. Steps with a recorded error are ``nan``.

    Raises:
        OSError: If the file cannot be read, or the copy cannot be written.
        ValueError: If the file is not such a recording, is damaged, or holds no measured step; or if ``copy`` exists.

    See Also:
        :meth:`Trajectory.read`: for logs of any other program.

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
            lost += ", which may have described the measures"
        warnings.warn(f"{os.fspath(path)!r} was read without {lost}.", RuntimeWarning, stacklevel=2)
    if copy is not None:
        write(copy, recorded.entries())
    return Trajectory(*recorded.columns())


class Journal:
    """Rows and errors by step, and the file that they are written to, if there is one.

    A file has one writer at a time. From the first write on, a lock holds it, which the system releases when the
    process ends for any reason. Each write requires that the file ends with this journal's last line.

    Args:
        path: The file. If it exists, its lines are read. If not, it is created at once, so that a wrong path is noticed
            before anything is measured.
        name: The name of the argument that held the path, for messages.
        about: The description of the measures, if known; a file with another description is an error.
        goes_on: Whether a failure to write is a warning instead of an error. The next successful write then writes the
            missing lines too.
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
        # So that it is the same file after the working directory has changed.
        self._file = Path() if path is None else Path(path).absolute()
        self._goes_on, self._is_behind, self._holds = goes_on, False, False
        self._forget()
        if path is not None:
            self.read(self._content(), path)

    def _content(self) -> bytes:
        """The content of the file, which is created if it does not exist."""
        if self._file.exists():
            check_regular(self._file)
        with errors_naming(self.path or ""), open(self._file, "a+b") as file:
            file.seek(0)
            return file.read()

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_holds": False}  # a copy of the journal does not hold the file

    def _forget(self) -> None:
        self._recorded = Recorded()

    @property
    def rows(self) -> dict[int, Row]:
        """The measured rows by step."""
        return self._recorded.rows

    @property
    def errors(self) -> dict[int, str]:
        """The errors by step, of the steps that could not be measured."""
        return self._recorded.errors

    def read(self, lines: bytes, path: str | os.PathLike[str]) -> None:
        """Reads the lines of a file into the rows and errors; a damaged line is an error."""

        def check_about(about: dict[str, Any]) -> None:
            if self._about is not None:
                check_same_about(about, self._about, self._name, path)

        self._recorded.read(lines, path, self._name, check_about=check_about)

    def hold(self) -> bool:
        """Makes this the only writer of the file; returns whether others have written to it since it was read.

        Called at the first write and not before: in a run of several processes, each makes a recorder, but only one
        writes.
        """
        if self.path is None or self._holds:
            return False
        hold(self._file, self.path, self)
        self._holds = True
        # If the file has become shorter, the recorded rows are kept: writing the next line raises an error.
        if not self._file.exists() or self._file.stat().st_size <= self._recorded.end.size + self._recorded.end.torn:
            return False
        self._forget()
        self.read(self._content(), self.path)
        return True

    def other_row(self, step: int) -> Row | None:
        """The row of any other step, to compare names and shapes with; None if there is none."""
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
        """Drops rows and errors from a step on, if there are any, and writes that the run continues from there."""
        if self._recorded.has_from(step):
            self._write(step, "back", True)
            self._recorded.go_back(step)

    def trajectory(self, steps: Collection[int] | None = None) -> Trajectory:
        """The given steps, or all steps, in ascending order with their rows; ``nan`` if a step has no row."""
        return Trajectory(*self._recorded.columns(steps))

    def _write(self, step: int, kind: str, value: object) -> None:
        if self.path is None:
            return
        self.hold()
        try:
            with one_thread():  # another one must not write between the check of the file's end and the line
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
        """Writes the whole file anew, from memory, if it is gone or lines could not be written to it."""
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
