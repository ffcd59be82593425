"""Files that are written whole or not at all, and tensors that live in one.

The pages of a mapped file that have been read stay resident, which for a file of many gigabytes is what one maps it to
avoid. So measures do not read through the mapping: they ask :func:`part` or :func:`rows` for pieces, in memory.
"""

import mmap
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file to write that takes the place of ``path`` only once it is complete."""
    target = Path(path).resolve()  # the file that a link leads to, not the link
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        half = Path(scratch) / target.name
        yield half
        os.replace(half, target)


def write_npy(path: str | os.PathLike[str], arrays: Iterable[np.ndarray], shape: tuple[int, ...]) -> None:
    """Writes arrays that follow one another as one array of some shape, with the dtype of the first.

    They are written and not mapped, because a full disk is an error where one writes and a crash where one maps.
    """
    dtype = None
    with whole(path) as half, half.open("wb") as file:
        for array in arrays:
            if dtype is None:
                dtype = array.dtype
                header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(array.astype(dtype, casting="safe", copy=False)).data)


class _Source:
    """An open file, and where in it a tensor's storage begins."""

    def __init__(self, path: str | os.PathLike[str], start: int) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self._start = start

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def read(self, buffer: memoryview, at: int) -> None:
        """Fills a buffer of bytes with what stands from some byte of the storage on."""
        while len(buffer) > 0:
            count = os.preadv(self._descriptor, [buffer], self._start + at)
            if count == 0:
                raise OSError("The file that a tensor lives in has become shorter.")
            buffer, at = buffer[count:], at + count


def mapped(array: np.memmap) -> Tensor:
    """The tensor of a mapped file, of which nothing is read yet; views of it know their file too."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # and nothing here writes to it
        x = torch.from_numpy(array)
    storage: Any = x.untyped_storage()
    storage.source = _source(array)
    return x


def _source(array: np.memmap) -> _Source | None:
    """Where to read a mapped array, unless only the mapping knows."""
    # What is written to a private mapping is not in its file; a part of a mapping does not know where it begins.
    if array.mode == "c" or not isinstance(array.base, mmap.mmap) or not hasattr(os, "preadv"):
        return None
    try:
        source = _Source(array.filename, array.offset)
        values, length = array.reshape(-1), min(array.size, 1024)
        for start in (0, array.size - length):
            read = np.empty(length, array.dtype)
            source.read(read.data.cast("B"), start * array.itemsize)
            if read.tobytes() != values[start : start + length].tobytes():
                return None  # another file has taken its name
    except (OSError, TypeError):  # it has no name, or none any more
        return None
    return source


def part(x: Tensor) -> Tensor:
    """A contiguous tensor in memory: what it is a part of may live in a file."""
    source = _source_of(x)
    if source is None:
        return x
    copy = torch.empty_like(x)
    source.read(_bytes(copy), int(x.storage_offset()) * x.element_size())
    return copy


def rows(x: Tensor, index: Tensor) -> Tensor:
    """Some rows of a contiguous matrix, ``(N, m)``, in memory: shape ``(i, m)`` for indices ``(i,)``."""
    source = _source_of(x)
    if source is None:
        return x.index_select(0, index)
    found = x.new_empty(len(index), x.shape[1])
    start, size, buffer = int(x.storage_offset()) * x.element_size(), x.shape[1] * x.element_size(), _bytes(found)
    for place, row in enumerate(index.tolist()):
        source.read(buffer[place * size : (place + 1) * size], start + row * size)
    return found


def _source_of(x: Tensor) -> _Source | None:
    # What is read from the file has no graph.
    return getattr(x.untyped_storage(), "source", None) if x.is_contiguous() and not x.requires_grad else None


def _bytes(x: Tensor) -> memoryview:
    return x.numpy().reshape(-1).data.cast("B")
