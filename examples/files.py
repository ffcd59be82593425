"""Files that are moved into place when they are complete, so that a kill leaves the old one or the new one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Another name to write under, which takes the place of ``path`` at the end."""
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        half = Path(scratch) / path.name
        yield half
        os.replace(half, path)


def write_text(path: Path, text: str) -> None:
    """Writes a text file."""
    with whole(path) as half:
        half.write_text(text, encoding="utf-8")
