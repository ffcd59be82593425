"""JSON from any program: lines of objects, lists of objects, and objects of lists."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from progress_measures._checks.values import listed
from progress_measures._formats.names import cut
from progress_measures._logs.steps import NAMES
from progress_measures._logs.table import INDEX, Path, Table, shown

_OBJECT, _LIST = "{", "["
SUMMARY = "train_runtime"  # a key that Hugging Face's trainer writes next to the mean loss of the whole run
_ITS_OWN = frozenset({SUMMARY, "total_flos"})  # by which its summary is told in a list that may be another program's
LEFT_OUT = f"its summary of the whole run, the line with {SUMMARY}"
PADDING = "\0\r\n\t "
Record = Mapping[str, Any]


def is_json(text: str) -> bool:
    """Whether a text begins like JSON."""
    return text.lstrip(PADDING).startswith((_OBJECT, _LIST))


def read_json(text: str, path: Path) -> Table:
    """The table in a JSON text; values in nested objects have names with slashes."""
    first, *others = [line for line in text.split("\n") if line.strip(PADDING)]
    is_whole_line, value = _parsed(first)
    if others and is_whole_line and isinstance(value, dict):
        return _of_lines(text, path)
    try:
        value = json.loads(text.strip(PADDING))
    except RecursionError:
        raise ValueError(f"`path` must be a log that can be read. Got {shown(path)}: nested too deeply.") from None
    except ValueError as error:
        raise ValueError(
            f"`path` must be JSON, or a line of JSON for each step. Got {shown(path)}: {str(error).rstrip('.')}. "
            "Mend it there."
        ) from error
    return _of_value(value, path)


def _parsed(line: str) -> tuple[bool, Any]:
    try:
        return True, json.loads(line.strip(PADDING))
    except (ValueError, RecursionError):
        return False, None


def _of_lines(text: str, path: Path) -> Table:
    """The table of JSON lines, one object per line. The last line may be cut off."""
    records, numbers, left_out = [], [], []
    lines = text.split("\n")
    last = max(number for number, line in enumerate(lines, start=1) if line.strip(PADDING))
    for number, line in enumerate(lines, start=1):
        if not line.strip(PADDING):
            continue
        is_whole, value = _parsed(line)
        if not is_whole and number == last and line.startswith(_OBJECT):
            left_out.append(f"its last line, {number}, which was cut off")
        elif not isinstance(value, dict):
            raise ValueError(
                f"`path` must have a JSON object in each line. Got {cut(line.strip(PADDING))!r} in line {number} of "
                f"{shown(path)}. Take that line out."
            )
        else:
            records.append(value)
            numbers.append(number)
    return _of_records(records, path, numbers, left_out)


def _of_value(value: Any, path: Path) -> Table:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return _of_records(value, path)
    if isinstance(value, dict):
        histories = [key for key, item in value.items() if _is_history(item)]
        if len(histories) > 1:
            histories = [_with_steps(histories, value, path)]
        if len(histories) == 1:
            return _of_history(value[histories[0]], path)
        by_step = _by_step(value)
        if by_step is not None:
            return _of_records(by_step, path)
        columns = dict(_flat(value))
        if any(isinstance(cells, list) for cells in columns.values()):
            return _of_columns(columns, path)
        return _of_records([value], path)
    kind = "an empty list" if value == [] else "a list of other things" if isinstance(value, list) else repr(value)[:40]
    raise ValueError(
        f"`path` must hold objects, one for each step, or an object of lists. Got {kind} in {shown(path)}. "
        'Write {"test_loss": [ … ]}.'
    )


def _with_steps(histories: Sequence[str], value: Record, path: Path) -> str:
    """The name of the log among several lists of objects: the longest list whose objects have a step."""
    found = [key for key in histories if any(name.strip().lower() in NAMES for name in value[key][0])]
    ranked = sorted(found, key=lambda key: len(value[key]), reverse=True)
    if not ranked or (len(ranked) > 1 and len(value[ranked[0]]) < 2 * len(value[ranked[1]])):
        raise ValueError(
            f"`path` must have one list of objects with a step. Got {listed(map(repr, ranked or histories))} in "
            f"{shown(path)}. Write one of them to a file of its own."
        )
    return ranked[0]


def _of_history(records: Sequence[Record], path: Path) -> Table:
    """A trainer's log without its last line about the whole run, whose ``train_loss`` belongs to no step."""
    steps = [record for record in records if SUMMARY not in record]
    if not steps or len(steps) == len(records):
        return _of_records(records, path)
    return _of_records(steps, path, left_out=[LEFT_OUT])


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(item, dict) for item in value)


def _by_step(value: Record) -> list[Record] | None:
    """The rows of an object whose keys are steps, or whose columns are objects with such keys, as pandas writes."""
    if not value or not all(isinstance(item, dict) and item for item in value.values()):
        return None
    if all(map(_is_integer, value)):
        return [{"step": int(key), **item} for key, item in value.items()]
    keys = dict.fromkeys(key for item in value.values() for key in item)
    if not all(map(_is_integer, keys)):
        return None
    return [{"": int(key)} | {name: item[key] for name, item in value.items() if key in item} for key in keys]


def _is_integer(key: str) -> bool:
    return re.fullmatch(r"-?\d{1,18}", key) is not None


def _of_records(
    records: Sequence[Record], path: Path, lines: Sequence[int] = (), left_out: Iterable[str] = ()
) -> Table:
    steps = [row for row, record in enumerate(records) if not record.keys() >= _ITS_OWN]
    if 0 < len(steps) < len(records):
        left_out = [*left_out, LEFT_OUT]
        records, lines = [records[row] for row in steps], [lines[row] for row in steps] if lines else ()
    columns: dict[str, list[Any]] = {}
    for row, record in enumerate(records):
        seen = set()
        for name, cell in _flat(record):
            if name in seen:
                raise ValueError(
                    f"`path` must have columns of distinct names. Got {cut(name)!r} twice, once as a nested object, in "
                    f"{shown(path)}. Rename one there."
                )
            seen.add(name)
            if name not in columns:
                columns[name] = [None] * len(records)
            columns[name][row] = cell
    if not columns:
        raise ValueError(f"`path` must hold numbers by name. Got none in {shown(path)}.")
    return Table(path, columns, len(records), lines, left_out=list(left_out))


def _flat(record: Record, before: str = "") -> Iterator[tuple[str, Any]]:
    """The names and values of an object. Names in nested objects follow a slash."""
    for key, value in record.items():
        name = f"{before}/{key}" if before else key
        if isinstance(value, dict):
            yield from _flat(value, name)
        else:
            yield name, value


def _of_columns(columns: Mapping[str, Any], path: Path) -> Table:
    """The table of lists with one entry per step; lists of another length are left out."""
    lists = {name: cells for name, cells in columns.items() if isinstance(cells, list)}
    rows = length_of_steps({name: len(cells) for name, cells in lists.items()})
    if rows == 0:
        raise ValueError(f"`path` must hold at least one step. Got none in {shown(path)}.")
    kept = {name: cells for name, cells in lists.items() if len(cells) == rows}
    return Table(path, kept, rows, left_out=[repr(cut(name)) for name in columns if name not in kept])


def length_of_steps(lengths: Mapping[str, int]) -> int:
    """The number of steps: the length of a column of steps, or else the most frequent length."""
    for wanted in (*NAMES, INDEX):
        for name, length in lengths.items():
            if name.strip().lower() == wanted:
                return length
    return Counter(lengths.values()).most_common(1)[0][0]
