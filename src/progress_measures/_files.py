"""Files that are written completely or not at all, and tensors that live in a file.

Pages of a mapped file stay in memory once they are read, so reading a whole file through its map would fill the memory
that the map was meant to save. Code that reads such a tensor block by block therefore does not use the map:
:func:`in_memory` and :func:`rows_in_memory` read one block at a time from the file itself.
"""

import errno
import os
import shutil
import stat
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
    """Yields a scratch file that replaces ``path`` once it is written completely; errors in writing name ``path``."""
    with errors_naming(path), _in_place_of(path) as scratch_file:
        yield scratch_file


@contextmanager
def errors_naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Makes system errors name ``path`` instead of a scratch file or no file."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def check_regular(path: str | os.PathLike[str], *, or_pipe: bool = False) -> None:
    """Requires a regular file, because a device may have no end. For a folder, opening it raises the error.

    A pipe, such as a process substitution or ``/dev/stdin``, has an end, but can be read only once.
    """
    kind = stat.S_IFMT(os.stat(path).st_mode)  # noqa: PTH116 - takes bytes too, as `open` does
    if kind not in (stat.S_IFREG, stat.S_IFDIR) and not (or_pipe and kind == stat.S_IFIFO):
        raise OSError(errno.EINVAL, "Not a regular file", os.fspath(path))


@contextmanager
def _in_place_of(path: str | os.PathLike[str]) -> Iterator[Path]:
    target = _resolved(path)  # replace the file that a link points to, not the link
    if target.exists() and not target.is_file() and not target.is_dir():  # os.replace refuses a folder itself
        raise OSError(errno.EINVAL, "Not a regular file, which alone can be replaced", os.fspath(path))
    with errors_naming(path):
        if target.is_file():
            _check_writable(target)
        scratch = tempfile.TemporaryDirectory(dir=target.parent)
    with scratch as folder:
        scratch_file = Path(folder) / target.name
        yield scratch_file
        with errors_naming(path):
            if target.is_file():
                shutil.copymode(target, scratch_file)
            os.replace(scratch_file, target)


def _resolved(path: str | os.PathLike[str]) -> Path:
    target = Path(os.path.realpath(path))  # `Path.resolve` may raise a RuntimeError for a loop of links
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
    return target


def _check_writable(path: Path) -> None:
    """Requires a file that could be written in place, because replacing it only needs rights to its folder."""
    if not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):  # opening it would not stop root
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    os.close(os.open(path, os.O_WRONLY))  # changes nothing


def write_npy(path: str | os.PathLike[str], arrays: Iterable[np.ndarray], shape: tuple[int, ...]) -> None:
    """Writes consecutive arrays as one array of the given shape, with the dtype of the first.

    The file is not mapped: on a full disk, writing raises an error, but writing through a map crashes the process.
    """
    dtype = None
    with _in_place_of(path) as scratch_file:
        for array in arrays:  # this computes the array, so its errors must not name the file
            if dtype is not None and array.dtype != dtype:
                raise TypeError(f"`out` must be given logits of one dtype. Got {array.dtype} after {dtype}.")
            with errors_naming(path), scratch_file.open("ab") as file:
                if dtype is None:
                    dtype = array.dtype
                    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(np.ascontiguousarray(array).data)


class _Source:
    """An open file, and the byte in it at which a tensor's storage begins."""

    def __init__(self, path: str | os.PathLike[str], start: int) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self._start = start

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def is_file(self, device: str, inode: int) -> bool:
        """Whether the file has this inode on this device, such as ``"fe:00"``."""
        status = os.fstat(self._descriptor)
        return (f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}", status.st_ino) == (device, inode)

    def read(self, buffer: memoryview, at: int) -> None:
        """Fills a buffer with the bytes of the storage from byte ``at`` on."""
        while len(buffer) > 0:
            count = os.preadv(self._descriptor, [buffer], self._start + at)
            if count == 0:
                raise OSError("The file that a tensor lives in has become shorter.")
            buffer, at = buffer[count:], at + count


class _ClaimedWritable:
    """A memory map that claims to be writable, so that PyTorch does not warn; nothing here writes to it.

    Silencing the warning instead would change the warning filters of all threads.
    """

    def __init__(self, array: np.memmap) -> None:
        self._array = array  # keeps the map alive
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def mapped(array: np.memmap) -> Tensor:
    """The tensor of a mapped file, which is not read yet. The tensor and its views remember their file."""
    x = torch.from_numpy(np.asarray(_ClaimedWritable(array)))
    storage: Any = x.untyped_storage()
    storage.source = _source(array)
    return x


def _source(array: np.memmap) -> _Source | None:
    """The source of a mapped array, or None if the system does not tell.

    The name of the array's file is not enough, because it may now belong to another file.
    """
    if array.filename is None or not hasattr(os, "preadv"):
        return None
    address = array.ctypes.data
    try:
        for line in Path("/proc/self/maps").read_text().splitlines():
            span, mode, offset, device, inode, *_ = line.split()
            start, end = (int(bound, 16) for bound in span.split("-"))
            if start <= address < end and mode.endswith("s"):  # shared: writes to a private map do not reach its file
                source = _Source(array.filename, int(offset, 16) + address - start)
                return source if source.is_file(device, int(inode)) else None
    except OSError:
        pass
    return None


def in_memory(x: Tensor) -> Tensor:
    """A copy in memory of a contiguous tensor that lives in a file; any other tensor is returned as it is."""
    source = _source_of(x)
    if source is None:
        return x
    copy = torch.empty_like(x)
    source.read(_bytes(copy), int(x.storage_offset()) * x.element_size())
    return copy


def rows_in_memory(x: Tensor, index: Tensor) -> Tensor:
    """The rows of a matrix, ``(N, m)``, at indices ``(i,)``, as a copy in memory, ``(i, m)``."""
    source = _source_of(x)
    if source is None:
        return x.index_select(0, index)
    rows = x.new_empty(len(index), x.shape[1])
    start, size, buffer = int(x.storage_offset()) * x.element_size(), x.shape[1] * x.element_size(), _bytes(rows)
    for place, row in enumerate(index.tolist()):
        source.read(buffer[place * size : (place + 1) * size], start + row * size)
    return rows


def _source_of(x: Tensor) -> _Source | None:
    if x.requires_grad or not x.is_contiguous():  # a copy from the file would have no graph
        return None
    try:
        return getattr(x.untyped_storage(), "source", None)
    except NotImplementedError:  # tensors inside a torch.func transform have no storage
        return None


def _bytes(x: Tensor) -> memoryview:
    return x.numpy().reshape(-1).data.cast("B")
