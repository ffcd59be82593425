"""The right to write to a file, which one process has at a time."""

import os
import weakref
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout

_one_thread = Lock()  # to a second thread, a lock that the first is about to get would look like another process's


def hold(file: Path, path: str | os.PathLike[str], holder: object) -> None:
    """Holds a file for this process as long as ``holder`` exists; an error names the file as ``path``.

    The lock is a hidden file beside it. It may stay there, but the system lets go of it when the process ends.
    """
    # One lock for all recorders of a process and all its threads.
    lock = FileLock(file.with_name(f".{file.name}.lock"), timeout=0, thread_local=False, is_singleton=True)
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
