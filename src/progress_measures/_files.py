"""Files that are written whole or not at all, and tensors that live in one.

The pages of a mapped file that have been read stay resident, which for a file of many gigabytes is what one maps it to
avoid. So what reads such a tensor block by block does not read through the mapping: it asks :func:`in_memory` or
:func:`rows_in_memory` for pieces, in memory.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file to write that takes the place of ``path`` only once it is complete; an error in writing names ``path``."""
    with errors_naming(path), _in_place_of(path) as scratch_file:
        yield scratch_file


@contextmanager
def errors_naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """An error in writing names the file that was meant, where the system's names a scratch file or none."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


@contextmanager
def _in_place_of(path: str | os.PathLike[str]) -> Iterator[Path]:
    target = Path(path).resolve()  # the file that a link leads to, not the link
    if target.exists() and not target.is_file() and not target.is_dir():  # a folder is the system's to refuse
        raise OSError(errno.EINVAL, "Not a regular file, which alone can be replaced", os.fspath(path))
    with errors_naming(path):
        scratch = tempfile.TemporaryDirectory(dir=target.parent)
    with scratch as folder:
        scratch_file = Path(folder) / target.name
        yield scratch_file
        with errors_naming(path):
            if target.is_file():
                shutil.copymode(target, scratch_file)
            os.replace(scratch_file, target)


def write_npy(path: str | os.PathLike[str], arrays: Iterable[np.ndarray], shape: tuple[int, ...]) -> None:
    """Writes arrays that follow one another as one array of some shape, with the dtype of the first.

    They are written and not mapped, because a full disk is an error where one writes and a crash where one maps.
    """
    dtype = None
    with _in_place_of(path) as scratch_file:
        for array in arrays:  # which are computed here: their errors are not those of the file
            if dtype is not None and array.dtype != dtype:
                raise TypeError(f"`out` must be given logits of one dtype. Got {array.dtype} after {dtype}.")
            with errors_naming(path), scratch_file.open("ab") as file:
                if dtype is None:
                    dtype = array.dtype
                    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(np.ascontiguousarray(array).data)


class _Source:
    """An open file, and where in it a tensor's storage begins."""

    def __init__(self, path: str | os.PathLike[str], start: int) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self._start = start

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def is_file(self, device: str, inode: int) -> bool:
        """Whether this is the file of a device, such as ``"fe:00"``, and an inode."""
        found = os.fstat(self._descriptor)
        return (f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}", found.st_ino) == (device, inode)

    def read(self, buffer: memoryview, at: int) -> None:
        """Fills a buffer of bytes with what stands from some byte of the storage on."""
        while len(buffer) > 0:
            count = os.preadv(self._descriptor, [buffer], self._start + at)
            if count == 0:
                raise OSError("The file that a tensor lives in has become shorter.")
            buffer, at = buffer[count:], at + count


class _Shared:
    """A map that PyTorch takes without warning that it may be read-only: nothing here writes to it.

    To silence the warning would be to change the filters of all threads.
    """

    def __init__(self, array: np.memmap) -> None:
        self._array = array  # which lives as long as this
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def mapped(array: np.memmap) -> Tensor:
    """The tensor of a mapped file, of which nothing is read yet; views of it know their file too."""
    x = torch.from_numpy(np.asarray(_Shared(array)))
    storage: Any = x.untyped_storage()
    storage.source = _source(array)
    return x


def _source(array: np.memmap) -> _Source | None:
    """Where to read a mapped array, if the system tells: the name of its file may be that of another by now."""
    if array.filename is None or not hasattr(os, "preadv"):
        return None
    address = array.ctypes.data
    try:
        for line in Path("/proc/self/maps").read_text().splitlines():
            span, mode, offset, device, inode, *_ = line.split()
            start, end = (int(bound, 16) for bound in span.split("-"))
            if start <= address < end and mode.endswith("s"):  # what is written to a private map is not in its file
                source = _Source(array.filename, int(offset, 16) + address - start)
                return source if source.is_file(device, int(inode)) else None
    except OSError:
        pass
    return None


def in_memory(x: Tensor) -> Tensor:
    """A contiguous tensor in memory: what it is a part of may live in a file."""
    source = _source_of(x)
    if source is None:
        return x
    copy = torch.empty_like(x)
    source.read(_bytes(copy), int(x.storage_offset()) * x.element_size())
    return copy


def rows_in_memory(x: Tensor, index: Tensor) -> Tensor:
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
    if x.requires_grad or not x.is_contiguous():  # what is read from a file has no graph
        return None
    try:
        return getattr(x.untyped_storage(), "source", None)
    except NotImplementedError:  # inside a transform of torch.func there are no storages
        return None


def _bytes(x: Tensor) -> memoryview:
    return x.numpy().reshape(-1).data.cast("B")
