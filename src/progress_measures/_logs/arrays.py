"""NumPy's ``.npz`` archives with an axis of steps, read without unpickling."""

import io
import zipfile
from typing import Any

import numpy as np

from progress_measures._formats.names import cut
from progress_measures._logs.json_text import length_of_steps
from progress_measures._logs.table import Path, Table, names_of, shown


def members_of(content: bytes, path: Path) -> list[str]:
    """The names in a ZIP archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except Exception as error:  # a damaged archive can raise nearly anything
        raise _unreadable(path, error) from error


def read_arrays(content: bytes, path: Path, step: str | None) -> Table:
    """The arrays with as many entries as there are steps; others are left out."""
    arrays: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    arrays[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    except Exception as error:
        if "Object arrays" in str(error):
            raise ValueError(
                f"`path` must hold arrays of numbers. Got {cut(name)!r} of Python objects in {shown(path)}, which "
                "would have to be unpickled. Save it without that array, or as an array of floats."
            ) from error
        raise _unreadable(path, error) from error
    long = {name: array for name, array in arrays.items() if array.ndim > 0 and array.dtype.kind != "V"}
    if not long:
        raise ValueError(
            f"`path` must hold arrays with an entry for each step. Got {names_of(arrays) or 'none'} in {shown(path)}, "
            "of single numbers or of records."
        )
    rows = len(long[step]) if step in long else length_of_steps({name: len(array) for name, array in long.items()})
    if rows == 0:
        raise ValueError(f"`path` must hold at least one step. Got none in {shown(path)}.")
    kept = {name: array for name, array in long.items() if len(array) == rows}
    return Table(path, kept, rows, left_out=[repr(cut(name)) for name in arrays if name not in kept])


def _unreadable(path: Path, error: Exception) -> ValueError:
    why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return ValueError(f"`path` must be a log that can be read. Got {shown(path)}: {cut(why)}.")
