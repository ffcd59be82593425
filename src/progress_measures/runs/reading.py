"""Reading a run from a file of any format, by what the file holds."""

import io
from pathlib import Path

from progress_measures._files import errors_naming
from progress_measures._formats.csv import parse_csv
from progress_measures._formats.jsonl import begins_like_recording, is_recording
from progress_measures._formats.npz import is_npz
from progress_measures.runs.journal import load_recording, recorded
from progress_measures.trajectory.trajectory import Trajectory


def read_run(path: Path, step: str | None) -> Trajectory:
    """Reads what ``Trajectory.save``, ``Trajectory.to_csv``, a recorder or ``track`` wrote, or another CSV file.

    Args:
        path: The file, or a pipe of a CSV file or a recording, such as process substitution is.
        step: The column of steps in a CSV file; None for ``step``, or else ``epoch``.
    """
    try:
        with errors_naming(path):
            if path.is_fifo() and path.suffix != ".npz":
                return _from_pipe(path, step)
            if is_npz(path):
                return Trajectory.load(path)
            if is_recording(path):
                return load_recording(path)
            return Trajectory.from_csv(path, step=step)
    except RecursionError as error:
        raise ValueError(f"{path}: nested too deeply") from error
    except MemoryError as error:
        raise MemoryError(f"{path}: {str(error) or 'too large'}") from error


def _from_pipe(path: Path, step: str | None) -> Trajectory:
    content = path.read_bytes()  # once, because a pipe cannot be read again
    if begins_like_recording(content):
        return recorded(content, path)
    return Trajectory(*parse_csv(io.BytesIO(content), path, step))
