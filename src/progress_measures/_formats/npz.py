"""NumPy's ``.npz`` archives: the steps are ``steps``, a column ``x`` is ``columns/x``, and nothing is pickled.

If the unit of the steps is not ``step``, ``step_name`` holds it.
"""

import io
import os
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from progress_measures._files import atomic_write, check_regular
from progress_measures._formats.names import check_utf8, listed_names

_STEPS = "steps"
_STEP_NAME = "step_name"
_COLUMN = "columns/"
DEFAULT = "step"


def is_own(members: Iterable[str]) -> bool:
    """Whether the members of an archive have the names that :func:`write_npz` gives."""
    names = {*members}
    others = names - {f"{_STEPS}.npy", f"{_STEP_NAME}.npy"}
    return f"{_STEPS}.npy" in names and all(name.startswith(_COLUMN) for name in others)


def write_npz(
    path: str | os.PathLike[str], steps: Tensor, columns: Mapping[str, Tensor], step_name: str = DEFAULT
) -> None:
    """Writes the columns as an archive, completely or not at all, so that :func:`read_npz` reads the same back."""
    _check_names(columns)
    arrays: dict[str, Any] = {_STEPS: steps.numpy()}
    if step_name != DEFAULT:
        check_utf8([step_name])
        arrays[_STEP_NAME] = np.array(step_name)
    arrays |= {_COLUMN + name: values.numpy() for name, values in columns.items()}
    with atomic_write(path) as scratch, scratch.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_npz(path: str | os.PathLike[str]) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    """The steps, the columns by name, and the unit of the steps."""
    check_regular(path, or_pipe=True)
    with open(path, "rb") as file:
        content = file.read()
    return parse_npz(content, path)


def parse_npz(content: bytes, path: str | os.PathLike[str]) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    """The same as :func:`read_npz`, from the content of a file."""
    try:
        # Not np.load, which confuses an array called "x.npy" with one called "x".
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            arrays = {name.removesuffix(".npy"): _read_array(members, name) for name in members.namelist()}
    except Exception as error:  # a damaged file can raise nearly anything
        raise foreign_npz(path, error) from error
    if _STEPS not in arrays:
        raise foreign_npz(path, "it has no steps")
    named = arrays.get(_STEP_NAME)
    is_name = named is not None and named.ndim == 0 and named.dtype.kind == "U"
    step_name = str(arrays.pop(_STEP_NAME)) if is_name else DEFAULT
    return arrays.pop(_STEPS), {name.removeprefix(_COLUMN): values for name, values in arrays.items()}, step_name


def foreign_npz(path: str | os.PathLike[str], why: object) -> ValueError:
    """The error for a file that holds no trajectory."""
    return ValueError(f"`path` must be a file that Trajectory.save wrote. Got {str(path)!r}: {str(why).rstrip('.')}.")


def _read_array(members: zipfile.ZipFile, name: str) -> Any:
    with members.open(name) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _check_names(names: Iterable[str]) -> None:
    """Requires names that members of an archive can have."""
    check_utf8(names)
    lost = [name for name in names if "\0" in name or len(name.encode()) > 60_000]
    if lost:
        raise ValueError(
            "`columns` must have names without NUL and of 60000 bytes at most to be saved. "
            f"Got {listed_names(lost)}. Rename with select()."
        )
