"""Writes files whole or not at all: after a kill or on a full disk, the previous file is still there."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib.figure import Figure


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yields a temporary path to write to, and moves the complete file into place. Errors name ``path``."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            scratch_file = Path(folder) / path.name
            yield scratch_file
            os.replace(scratch_file, path)
    except OSError as error:  # it names a scratch file or none
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file."""
    with atomic_write(path) as scratch_file:
        scratch_file.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Writes a text file."""
    write_bytes(path, text.encode())


def write_picture(path: Path, figure: Figure, *, dpi: int = 150) -> None:
    """Writes a picture in the format of the file name's suffix."""
    picture = io.BytesIO()  # in memory: some of matplotlib's writers fail twice on a full disk
    figure.savefig(picture, format=path.suffix.removeprefix("."), dpi=dpi)
    write_bytes(path, picture.getvalue())
