"""The choice of a file's reader by the content of the file, never by its name."""

import bz2
import gzip
import lzma
import os
import re
import stat
import warnings
import zlib
from collections.abc import Callable
from pathlib import PurePath

from progress_measures._checks.values import check_string, listed, type_name
from progress_measures._files import check_regular, errors_naming
from progress_measures._formats.npz import is_own, parse_npz
from progress_measures._formats.recording import Recorded, check_recorded
from progress_measures._logs.arrays import members_of, read_arrays
from progress_measures._logs.json_text import is_json, read_json
from progress_measures._logs.kinds import refused_archive, refused_by_start
from progress_measures._logs.parquet import MAGIC as PARQUET, read_parquet
from progress_measures._logs.renaming import check_rename, renamed
from progress_measures._logs.runs import runs_of
from progress_measures._logs.table import Logs, Path, Run, shown
from progress_measures._logs.tensorboard import is_events, runs_of_events
from progress_measures._logs.text import read_cells

_UNPACK: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\0": lzma.decompress,
}
_ZIP = tuple(b"PK" + bytes(pair) for pair in ((3, 4), (5, 6), (6, 6), (6, 7), (7, 8)))
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_RECORDING = re.compile(
    rb'^\{"step": -?\d+, ("columns": \{|"about": \{|"error": "|"back": true)|, "check": "[0-9a-f]{8}"\}\s*$',
    re.MULTILINE,
)
_HEAD = b'{"step": '


def read_logs(path: Path, step: str | None, rename: object) -> Logs:
    """The runs in a file.

    Args:
        path: The file, a pipe, or a TensorBoard folder.
        step: The name of the column of steps; ``"index"`` for numbers from 0; None for one of the common names.
        rename: A mapping from new names to names in the file, or None.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`path` must be a path. Got {path!r} ({type_name(path)}).")
    new_names = check_rename(rename)
    wanted = None if step is None else check_string(step, "step")
    try:
        with errors_naming(path):
            logs = _logs_in(path, wanted)
    except RecursionError as error:
        raise ValueError(f"`path` must be a log that can be read. Got {shown(path)}: nested too deeply.") from error
    except MemoryError as error:
        raise MemoryError(f"{os.fspath(path)}: {str(error) or 'too large'}") from error
    return _checked(renamed(logs, new_names, path), path)


def warn_of_left_out(logs: Logs, path: Path, *, stacklevel: int) -> None:
    """Warns once of everything that was left out."""
    names = [part for part in logs.left_out if part[:1] in "'\""]
    others = [part for part in logs.left_out if part not in names]
    columns = (
        [f"{listed(names)}, which {'has' if len(names) == 1 else 'have'} no number for each step"] if names else []
    )
    if logs.left_out:
        text = f"{shown(path)} was read without {'; without '.join([*columns, *others])}."
        warnings.warn(text, UserWarning, stacklevel=stacklevel + 1)


def stem_of(path: Path) -> str:
    """The name of a file without its suffix and the suffix of its compression."""
    name = PurePath(os.path.realpath(path) if os.fspath(path) in ("", ".", "..") else os.fspath(path))
    return PurePath(name.stem).stem if name.suffix in (".gz", ".bz2", ".xz") else name.stem


def _logs_in(path: Path, step: str | None) -> Logs:
    if stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116 - takes what `open` takes
        return runs_of_events(path)
    check_regular(path, or_pipe=True)
    with open(path, "rb") as file:
        content = file.read()
    packed = content
    for start, unpack in _UNPACK.items():
        if content.startswith(start):
            content = _unpacked(content, unpack, path)
            break
    if is_events(content):
        if content is not packed or not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - as above
            raise ValueError(f"`path` must be an event file as it was written. Got {shown(path)}. Unpack it to a file.")
        return runs_of_events(path)
    return _logs_of(content, path, step)


def _logs_of(content: bytes, path: Path, step: str | None) -> Logs:
    if content.startswith(_ZIP):
        members = members_of(content, path)
        if is_own(members):
            return Logs({None: Run(*parse_npz(content, path))}, [])
        if not members or not all(name.endswith(".npy") for name in members):
            raise refused_archive(members, path)
        return runs_of(read_arrays(content, path, step), step)
    if content.startswith(PARQUET):
        return runs_of(read_parquet(content, path), step)
    refused = refused_by_start(content, path)
    if refused is not None:
        raise refused
    if content.startswith(_HEAD) and _RECORDING.search(content):
        recorded = Recorded()
        recorded.read(content, path)
        check_recorded(recorded.rows, path)
        return Logs({None: Run(*recorded.columns(), "step")}, [])
    text = _decoded(content, path)
    if not text.strip("\0 \t\r\n"):
        raise ValueError(f"`path` must hold at least one step. Got {shown(path)}, which is empty.")
    return runs_of(read_json(text, path) if is_json(text) else read_cells(text, path), step)


def _unpacked(content: bytes, unpack: Callable[[bytes], bytes], path: Path) -> bytes:
    try:
        return unpack(content)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        why = str(error).rstrip(".")
        raise ValueError(f"`path` must be a log that can be read. Got {shown(path)}: {why}.") from error


def _decoded(content: bytes, path: Path) -> str:
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`path` must be a log: text in UTF-8, or a file of a kind that is known. Got {shown(path)} with byte "
            f"0x{content[error.start]:02x} at {error.start}. If it is text, save it in UTF-8."
        ) from error


def _checked(logs: Logs, path: Path) -> Logs:
    """Requires columns whose names a trajectory can have."""
    if any("steps" in run.columns for run in logs.runs.values()):
        raise ValueError(
            f"`path` must not have another column 'steps' than the column of steps. Got one in {shown(path)}. "
            "Pass rename={'other_steps': 'steps'}, or step='steps'."
        )
    return logs
