"""Recordings: append-only files with one line of JSON for each event of a step.

    {"step": 0, "about": {"operation": "addition"}, "after": "00000000", "check": "5d3c8ba1"}
    {"step": 100, "columns": {"test_loss": 4.7, "excluded_loss_per_frequency": [0.1, 0.2]}, "after": …, "check": …}
    {"step": 200, "error": "ValueError: …", "after": …, "check": …}
    {"step": 150, "back": true, "after": …, "check": …}

1. The first line describes the measures. A recorder that continues the file must have the same description.
2. The second line has the numbers of step 100. It replaces any earlier line about that step.
3. The third line says that step 200 could not be measured. It counts until that step is measured.
4. The fourth line says that the run continues from step 150. Earlier lines about that step or later steps no longer
   count.

Steps may come in any order, because checkpoints may be measured in any order.

``check`` is the CRC-32 of the line without it, in eight digits, and ``after`` is the ``check`` of the line before. So a
line that was changed, removed, inserted or moved is detected. Lines without the two, as earlier versions wrote them,
may only come before lines with them.

One system call appends each line, and the line is on the disk before anything else happens. So killing the process
loses at most the line being written, and a full disk loses no earlier line. Only the last line can be cut off: readers
skip it, and the next writer removes it. Numbers are read back bit for bit. The dialect of JSON is Python's, with
``NaN`` and ``Infinity``.
"""

import errno
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from progress_measures._checks.values import check_step
from progress_measures._files import atomic_write

_HEAD = b'{"step": '  # the beginning of every line
_KINDS: tuple[tuple[str, type], ...] = (("about", dict), ("columns", dict), ("error", str), ("back", bool))
_CHECK = re.compile(rb', "check": "([0-9a-f]{8})"\}$')
_WHOLE = re.compile(rb', "check": "[0-9a-f]{8}"\}')
_START = "00000000"  # the `after` of the first line
_REMEDY = (
    "load_recording(path, damaged='skip') reads the other lines; with copy=another path, it also writes them to a "
    "recording that a run can go on with."
)
PADDING = b"\0\r"  # bytes that a power cut, or an editor of another system, leaves


class Entry(NamedTuple):
    """The content of a line. The ``kind`` is the second key in the formats above, and ``value`` is its value."""

    line: int
    """Its number, counted from 1."""
    step: int
    kind: str
    value: Any


@dataclass(frozen=True)
class End:
    """Where a recording ends."""

    size: int = 0
    """The number of bytes, without a line that was cut off."""
    torn: int = 0
    """The number of bytes of a line that was cut off."""
    check: str = _START
    """The check of the last line that has one."""
    is_open: bool = False
    """Whether the last line is complete but lacks its line break."""


class DamagedLineError(ValueError):
    """A line has changed since it was written."""


class _Seal(NamedTuple):
    """The checks of a line."""

    after: str
    """The check of the line before."""
    check: str
    """Its own check."""


def append(path: str | os.PathLike[str], end: End, step: int, kind: str, value: object) -> End:
    """Appends a line to a file that ends at ``end``, and returns the new end once the line is on the disk."""
    line, new_end = _line(end, step, kind, value)
    with open(path, "a+b", buffering=0) as file:  # a buffer would write a long line in pieces
        check_one_writer(os.fstat(file.fileno()).st_size, end, path)
        if end.torn:
            file.truncate(end.size)
        try:
            written = file.write(line)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):  # the line is not part of the recording
                file.truncate(end.size)
            raise
    return new_end


def write(path: str | os.PathLike[str], entries: Iterable[tuple[int, str, object]]) -> End:
    """Writes a recording of steps, kinds and values, completely or not at all, and returns where it ends.

    An existing file is replaced.
    """
    end = End()
    with atomic_write(path) as scratch_file, scratch_file.open("wb") as file:
        for step, kind, value in entries:
            line, end = _line(end, step, kind, value)
            file.write(line)
        file.flush()
        os.fsync(file.fileno())
    return end


def parse(
    content: bytes, name: str, path: str | os.PathLike[str], skipped: list[str] | None = None
) -> Iterator[Entry | End]:
    """Yields the content of each line, and finally the end of the recording.

    Args:
        content: The content of the file.
        name: The name of the argument that held the path, for messages.
        path: The file.
        skipped: A list to which descriptions of damaged lines are added. If None, a damaged line is an error.
    """
    *lines, tail = content.split(b"\n")
    check, size = _START, len(content) - len(tail)
    for number, line in enumerate([*lines, tail], start=1):
        text, is_tail = line.rstrip(PADDING), number > len(lines)
        if not text:
            continue
        try:
            entry, seal = _parse_line(text, number)
            if seal is None and check != _START:
                raise DamagedLineError(f"whose line {number} has no check, though lines before it have one.")
        except DamagedLineError as damage:
            if is_tail and _is_torn(text):
                break
            if skipped is None:
                raise _refused(damage, name, path, content) from damage
            skipped.append(f"line {number}")
            continue
        if seal is not None and seal.after != check:
            if skipped is None:
                reason = f"whose line {number} does not follow the line before it: a line was taken out or put in."
                raise _refused(reason, name, path, content)
            if not skipped or skipped[-1] != f"line {number - 1}":
                skipped.append(f"what was before line {number}")
        check = check if seal is None else seal.check
        yield entry
        if is_tail:
            yield End(len(content), 0, check, is_open=True)
            return
    yield End(size, len(tail), check)


def damaged_line(error: object, name: str, path: str | os.PathLike[str], number: int) -> ValueError:
    """The error for a line that looks like a recording's but holds a wrong value."""
    return ValueError(
        f"`{name}` must be a file that a Recorder or track wrote. Got {os.fspath(path)!r}, line {number}: {error}"
    )


def check_one_writer(size: int, end: End, path: str | os.PathLike[str]) -> None:
    """Requires a file that ends where the last line of its writer ends."""
    if size not in (end.size + end.torn, end.size):  # the latter if removing a cut-off line succeeded but no write did
        raise RuntimeError(
            f"{os.fspath(path)!r} must have one writer at a time. It has {size} bytes, where {end.size + end.torn} "
            "were written: another recorder has written to it, or it was changed. Give each recorder a file of its own."
        )


def _line(end: End, step: int, kind: str, value: object) -> tuple[bytes, End]:
    """The line to write at the end of a recording, and the new end."""
    body = json.dumps({"step": step, kind: value, "after": end.check}).encode()
    check = f"{zlib.crc32(body):08x}"
    line = (b"\n" if end.is_open else b"") + body[:-1] + f', "check": "{check}"}}\n'.encode()
    return line, End(end.size + len(line), check=check)


def _parse_line(line: bytes, number: int) -> tuple[Entry, _Seal | None]:
    """The content of a line, and its checks if it has them."""
    end = _CHECK.search(line)
    body = line[: end.start()] + b"}" if end else line
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        raise DamagedLineError(_unlike(line, number)) from None
    if not isinstance(record, dict):
        raise DamagedLineError(_unlike(line, number))
    seal = _Seal(str(record.pop("after", "")), end[1].decode()) if end else None
    kinds = [key for key, kind in _KINDS if record.keys() == {"step", key} and type(record[key]) is kind]
    if not kinds:
        raise DamagedLineError(_unlike(line, number))
    if seal is not None and seal.check != f"{zlib.crc32(body):08x}":
        raise DamagedLineError(f"whose line {number} was changed: its check does not fit.")
    try:
        step = check_step(record["step"])
    except (TypeError, ValueError) as error:
        raise DamagedLineError(f"line {number}: {error}") from error
    return Entry(number, step, kinds[0], record[kinds[0]]), seal


def _is_torn(tail: bytes) -> bool:
    """Whether the end of a file is the beginning of a line that was not completely written."""
    return (tail.startswith(_HEAD) or _HEAD.startswith(tail)) and not _WHOLE.search(tail)


def _unlike(line: bytes, number: int) -> str:
    return f"whose line {number} is none of theirs: {line[:60]!r}."


def _refused(damage: object, name: str, path: str | os.PathLike[str], content: bytes) -> ValueError:
    remedy = f" {_REMEDY}" if _WHOLE.search(content) else ""  # a file without such a line may be of another kind
    return ValueError(
        f"`{name}` must be a file that a Recorder or track wrote. Got {os.fspath(path)!r}, {damage}{remedy}"
    )
