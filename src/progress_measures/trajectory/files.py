"""Reading and writing of trajectories."""

import os
from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor

from progress_measures._formats.csv import read_csv, write_csv
from progress_measures._formats.npz import foreign_npz, read_npz, write_npz
from progress_measures._logs.reading import read_logs, warn_of_left_out
from progress_measures._logs.runs import one_of
from progress_measures._logs.table import Run, shown


class TrajectoryFiles:
    """The methods of a trajectory that read and write files."""

    steps: Tensor
    columns: Mapping[str, Tensor]
    step_name: str

    def __init__(self, steps: Any, columns: Mapping[str, Any], *, step_name: str = "step") -> None:
        raise NotImplementedError

    @classmethod
    def read(
        cls, path: str | os.PathLike[str], *, step: str | None = None, rename: Mapping[str, str] | None = None
    ) -> Self:
        r"""Reads the log of one run from any program. The content of the file, not its name, decides how it is read.

        Supported are CSV with any common separator, JSON and JSON lines, ``.npz``, Parquet, TensorBoard event files,
        and the files of :meth:`save`, :meth:`to_csv` and :class:`Recorder`, each also compressed with gzip, bzip2 or
        xz.

        Rows may be in any order. Rows of the same step are merged, and must not have different numbers in one column.
        Columns of words, booleans or dates are left out, with a warning that names them.

        Args:
            path: The file, a pipe, or a folder of event files.
            step: The name of the column that holds the steps. ``"index"`` numbers the rows from 0, unless a column has
                this name. If None, it is the first of ``step``, ``steps``, ``global_step``, ``trainer/global_step``,
                ``_step``, ``train_step``, ``iteration``, ``iterations``, ``iter``, ``update``, ``epoch`` and
                ``epochs``, in any case, or else a first column without a name, as pandas writes its index.
            rename: A mapping from new names to names in the file, such as ``{"test_loss": "val/loss"}``. Other columns
                keep their names. The columns ``X__MIN`` and ``X__MAX``, the band of ``X``, are renamed with ``X``.

        Returns:
            The trajectory. Its ``step_name`` is the name of the column of steps.

        Raises:
            OSError: If the file cannot be read.
            ImportError: If the package that reads such a file is not installed.
            TypeError: If an argument is of the wrong kind.
            ValueError: If the file is of an unsupported kind, has no steps, has different numbers at one step, has a
                cell without a number in a column of numbers, or holds several runs; or if ``rename`` names a column
                that is not in the file, or uses a name twice. The message says where, and what to do.

        See Also:
            :meth:`Runs.read`: for a file with several runs.
            :func:`load_recording`: for the recording of a run that is still being written.

        Example:
            >>> import tempfile
            >>> with tempfile.NamedTemporaryFile("w", suffix=".log") as file:
            ...     _ = file.write("epoch;train/loss;val/loss\n0;4,75;4,8\n10;0,5;5,25\n")
            ...     file.flush()
            ...     run = pm.Trajectory.read(file.name, rename={"test_loss": "val/loss"})
            >>> run, run.step_name
            (Trajectory(2 steps, 0..10; train/loss, test_loss), 'epoch')
        """
        logs = read_logs(path, step, rename)
        run: Self = made(cls, one_of(logs, path), path)
        warn_of_left_out(logs, path, stacklevel=2)
        return run

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the trajectory to a NumPy ``.npz`` file, completely or not at all, and without pickle.

        Args:
            path: The file. An existing file is replaced.

        Raises:
            ValueError: If a column's name contains NUL or has over 60,000 bytes, which such a file cannot hold.
            OSError: If the file cannot be written. An existing file is then unchanged.
        """
        write_npz(path, self.steps, self.columns, self.step_name)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a trajectory that :meth:`save` wrote.

        Args:
            path: The file.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If the file does not hold a trajectory, or is damaged.
        """
        steps, columns, step_name = read_npz(path)
        try:
            return cls(steps, columns, step_name=step_name)
        except (TypeError, ValueError) as error:  # a file that NumPy can read, but not a trajectory's
            raise foreign_npz(path, error) from error

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes a CSV file with one line per step. A vector becomes columns ``name/1``, ``name/2`` and so on.

        :meth:`from_csv` reads the same numbers under the same names, except that a table becomes one vector. A vector
        without entries is not written. The column of the steps is called ``step``, or ``epoch`` if ``step_name`` is
        ``"epoch"``.

        Args:
            path: The file. An existing file is replaced.

        Raises:
            ValueError: If a column could not be read back under its name, because the name begins or ends with a blank,
                is the name of the steps (``step``), or looks like a vector's entry (``x/1`` without a vector ``x``).
            OSError: If the file cannot be written. An existing file is then unchanged.
        """
        write_csv(path, self.steps, self.columns, self.step_name)

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], *, step: str | None = None) -> Self:
        """Reads a trajectory from a CSV file that :meth:`to_csv` or another program wrote.

        The first line holds the names, separated by commas. Each further line holds the numbers of one step; an empty
        cell is ``nan``. Columns ``name/1``, ``name/2`` and so on become one vector ``name``, even if they were written
        from a table.

        Args:
            path: The file.
            step: The name of the column that holds the steps. If None, ``step`` is used, or else ``epoch``.

        Returns:
            The trajectory.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If the file has no column of steps, two columns of the same name, lines of different lengths, a
                cell that is not a number, or steps that are not integers or do not ascend. The message says where.
        """
        steps, columns, step_name = read_csv(path, step)
        return cls(steps, columns, step_name=step_name)


def made(kind: type[Any], run: Run, path: str | os.PathLike[str]) -> Any:
    """The trajectory of a run that was read."""
    try:
        return kind(run.steps, run.columns, step_name=run.step_name)
    except (TypeError, ValueError) as error:  # such as steps that do not ascend, in an archive that was changed
        raise ValueError(f"`path` must be a log that can be read. Got {shown(path)}: {error}") from error
