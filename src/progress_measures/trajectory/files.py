"""What a trajectory is read from, and written to."""

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
        r"""Reads the log of one run that any program wrote, by what it holds and not by its name.

        CSV with any common separator, JSON and lines of JSON, ``.npz``, Parquet, TensorBoard's event files, what
        :meth:`save`, :meth:`to_csv` and a :class:`Recorder` wrote, and each of them packed with gzip, bzip2 or xz. Rows
        may come in any order. Rows of one step are merged, and must not have different numbers in one column. Columns
        of words, booleans or dates are left out, with a warning that names them. :class:`Runs` reads several runs.

        Args:
            path: The file, a pipe, or a folder of event files.
            step: The name of the column that holds the steps; ``"index"`` numbers the rows from 0 where no column is
                called so. If None, it is the first of ``step``, ``steps``, ``global_step``, ``trainer/global_step``,
                ``_step``, ``train_step``, ``iteration``, ``iterations``, ``iter``, ``update``, ``epoch`` and
                ``epochs``, capitals or not, or else a first column without a name, as pandas writes its index.
            rename: Names in the file by new names, as ``{"test_loss": "val/loss"}``. Other columns keep theirs. The
                columns ``X__MIN`` and ``X__MAX``, the band of ``X``, are renamed with it.

        Returns:
            The trajectory. Its ``step_name`` is the name of the column of steps.

        Raises:
            OSError: If the file cannot be read.
            ImportError: If the package that reads such a file is not installed.
            TypeError: If an argument is of the wrong kind.
            ValueError: If the file is of a kind that is not read, has no steps, has different numbers at one step, has
                a cell that is no number in a column of numbers, or holds several runs; or if ``rename`` names no column
                of the file, or gives a name twice. The message says where, and what to do.

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
        """Writes the trajectory to a NumPy ``.npz`` file, completely or not at all; no pickle is involved.

        Args:
            path: The file. An existing file is replaced.

        Raises:
            ValueError: If such a file cannot hold a column's name: one that contains NUL, or has over 60,000 bytes.
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
        """Writes one line per step; the entries of a vector become columns ``name/1``, ``name/2`` and so on.

        :meth:`from_csv` reads the same numbers under the same names, but reads a table as one vector. A vector without
        entries is not written. The column of the steps is called ``step``, or ``epoch`` if that is ``step_name``.

        Args:
            path: The file. An existing file is replaced.

        Raises:
            ValueError: If a column could not be read back under its name, because the name begins or ends with a blank,
                is that of the steps (``step``), or looks like a vector's entry (``x/1`` without a vector ``x``).
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
            step: The name of the column that holds the steps. If None, it is ``step``, or else ``epoch``.

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
    """A trajectory of what was read."""
    try:
        return kind(run.steps, run.columns, step_name=run.step_name)
    except (TypeError, ValueError) as error:  # such as steps that do not ascend, in an archive that was changed
        raise ValueError(f"`path` must be a log that can be read. Got {shown(path)}: {error}") from error
