"""Locks that let one process at a time write to a file."""

import hashlib
import os
import weakref
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout

LONG = 130  # bytes of a name: most systems allow 255, but some that encrypt names only 143

_one_thread = Lock()  # to a second thread, a lock that the first is about to get would look like another process's


def _new_lock() -> None:
    global _one_thread  # a forked process does not have the thread that may hold it
    _one_thread = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def one_thread() -> Lock:
    """The lock of the threads of this process; the lock of a file, which the process has, does not keep them apart."""
    return _one_thread


def hold(file: Path, path: str | os.PathLike[str], holder: object) -> None:
    """Holds a file for this process as long as ``holder`` exists; an error names the file as ``path``.

    The lock is a hidden file in the same folder. The hidden file may remain, but the system releases the lock when the
    process ends.
    """
    # One lock for all recorders of a process and all its threads.
    lock = FileLock(file.with_name(_lock_name(file.name)), timeout=0, thread_local=False, is_singleton=True)
    try:
        with _one_thread:
            lock.acquire()
    except Timeout:
        raise RuntimeError(
            f"{os.fspath(path)!r} must have one writer at a time. Another process is writing to it. "
            "Wait until it has ended, or pass another file."
        ) from None
    except NotImplementedError:  # a file system without locks
        return
    weakref.finalize(holder, lock.release)


def _lock_name(name: str) -> str:
    """The hidden file's name, the same in all processes; shortened if the system would not allow its length."""
    hidden, encoded = f".{name}.lock", os.fsencode(name)
    return hidden if len(encoded) < LONG else f".{hashlib.sha256(encoded).hexdigest()}.lock"
