"""CSV files: a line of names, then a line per step.

Error messages name the file and, where there is one, the number of the line.
"""

import csv
import difflib
import io
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import numpy as np
from torch import Tensor

from progress_measures._checks.values import listed
from progress_measures._files import atomic_write, check_regular
from progress_measures._formats.names import check_utf8, cut, listed_names
from progress_measures._formats.table import flat, gathered

STEP_NAMES = ("step", "epoch")  # the columns of steps that are found by default
_SEPARATORS = ";\t|"


_OTHER_KINDS = {
    b"PK": ("a ZIP archive", "Trajectory.load reads those that Trajectory.save wrote."),
    b"\x1f\x8b": ("compressed by gzip", "Unpack it first."),
    b"\xff\xfe": ("UTF-16", "Save it in UTF-8."),
    b"\xfe\xff": ("UTF-16", "Save it in UTF-8."),
}


def write_csv(
    path: str | os.PathLike[str], steps: Tensor, columns: Mapping[str, Tensor], step_name: str = STEP_NAMES[0]
) -> None:
    """Writes the columns as a table, completely or not at all, so that :func:`read_csv` reads the same columns back.

    The column of steps is called ``step_name`` if reading finds this name by default, else ``step``.
    """
    table = flat(steps, columns)
    if step_name in STEP_NAMES and step_name not in table:
        table = {step_name if name == STEP_NAMES[0] else name: values for name, values in table.items()}
    check_utf8(columns)
    _check_names_survive((name for name, values in columns.items() if values[0].numel()), _names_read_back(table))
    with atomic_write(path) as scratch, scratch.open("w", newline="", encoding="utf-8") as file:
        _write(file, table)


def read_csv(path: str | os.PathLike[str], step: str | None) -> tuple[list[int], dict[str, np.ndarray], str]:
    """The steps, the other columns by name, and the name of the steps. The entries of a vector form one column."""
    check_regular(path, or_pipe=True)
    with open(path, encoding="utf-8-sig", newline="") as text:  # -sig: Excel writes a byte order mark
        return _read(text, path, step)


def _write(file: IO[str], table: Mapping[str, Tensor]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*(values.tolist() for values in table.values()), strict=True))


def _names_read_back(table: Mapping[str, Tensor]) -> list[str]:
    """The names of the columns that :func:`read_csv` would read from the written table."""
    file = io.StringIO(newline="")
    _write(file, {name: values[:1] for name, values in table.items()})
    file.seek(0)
    try:
        return [*_read(file, "columns", next(iter(table)))[1]]
    except ValueError:  # names that are not valid cells, or that equal other names without their blanks
        return []


def _read(
    file: IO[str], path: str | os.PathLike[str], step: str | None
) -> tuple[list[int], dict[str, np.ndarray], str]:
    names, lines = _read_cells(file, path)
    step_name = _check_step_name(step, names, path)
    step_place = names.index(step_name)
    steps = _read_steps({line: cells[step_place] for line, cells in lines.items()}, path)
    columns = {
        name: [_read_number(cells[place], name, line, path) for line, cells in lines.items()]
        for place, name in enumerate(names)
        if place != step_place
    }
    return steps, gathered(columns), step_name


def _read_cells(file: IO[str], path: Any) -> tuple[list[str], dict[int, list[str]]]:
    """The distinct names of the columns, and for each further line by its number, one cell per name."""
    name = repr(os.fspath(path))
    reader = csv.reader(file, strict=True)
    lines = {}
    try:
        for cells in reader:
            if any(cells):  # skip empty lines
                lines[reader.line_num] = cells
    except UnicodeDecodeError as error:
        kind, remedy = next(
            (other for start, other in _OTHER_KINDS.items() if error.object.startswith(start)),
            (f"byte 0x{error.object[error.start]:02x}", "Save it in UTF-8."),
        )
        raise ValueError(f"`path` must be a CSV file in UTF-8. Got {name}: {kind}. {remedy}") from error
    except csv.Error as error:
        raise ValueError(f"`path` must be a CSV file. Got {name}: {error}.") from error
    if len(lines) < 2:
        raise ValueError(
            f"`path` must have a line of names and at least one of numbers. Got {len(lines)} lines in {name}."
        )
    names = [cell.strip() for cell in lines.pop(next(iter(lines)))]
    separator = next((mark for mark in _SEPARATORS if len(names) == 1 and mark in names[0]), None)
    if separator is not None:
        raise ValueError(f"`path` must have commas between its cells. Got {separator!r} in {name}.")
    repeated = next((column for column, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise ValueError(f"`path` must have columns of distinct names. Got {repeated!r} twice in {name}.")
    for line, cells in lines.items():
        if len(cells) != len(names):
            raise ValueError(
                f"`path` must have as many cells in each line as it has names ({len(names)}). "
                f"Got {len(cells)} in line {line} of {name}."
            )
    return names, lines


def _check_step_name(step: object, names: Sequence[str], path: Any) -> str:
    """The name of the column of steps: the one passed, else ``"step"`` if there is such a column, else ``"epoch"``."""
    wanted = STEP_NAMES if step is None else [step]
    for name in wanted:
        if name in names:
            return str(name)
    one_of = " or ".join(map(repr, wanted))
    # A file that is not CSV may seem to have one very long name.
    known = listed(map(repr, names))
    in_all = f" ({len(names):,} in all)" if len(names) > 20 else ""
    known = known if len(known) <= 300 else f"{known[:300]}…{in_all}"
    near = difflib.get_close_matches(str(step), names, n=1)
    remedy = " Name the one that holds the steps." if step is None else f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"`path` must have a column {one_of}. Got {known} in {os.fspath(path)!r}.{remedy}")


def _read_steps(cells: Mapping[int, str], path: Any) -> list[int]:
    """The steps, strictly ascending integers, from their cells by line number."""
    steps: list[int] = []
    for line, cell in cells.items():
        number = _integer(cell)
        where = f"in line {line} of {os.fspath(path)!r}"
        if number is None:
            raise ValueError(f"`path` must have integers as steps. Got {cut(cell)!r} {where}.")
        if not -(2**63) <= number < 2**63:
            raise ValueError(f"`path` must have steps in -2^63..2^63 - 1. Got {cut(cell)!r} {where}.")
        steps.append(number)
        if len(steps) > 1 and steps[-1] <= steps[-2]:
            remedy = "Give each step one line." if steps[-1] == steps[-2] else "Sort the lines."
            raise ValueError(
                f"`path` must have steps that ascend strictly. Got {steps[-1]} after {steps[-2]} {where}. {remedy}"
            )
    return steps


def _read_number(cell: str, name: str, line: int, path: Any) -> float:
    """The number in a cell; ``nan`` if the cell is empty."""
    if not cell.strip():
        return math.nan
    number = None if "_" in cell else _float(cell)
    if number is None:
        raise ValueError(
            f"`path` must hold numbers. Got {cut(cell)!r} in column {cut(name)!r}, line {line} of {os.fspath(path)!r}. "
            "Leave cells without a number empty, and columns of words out."
        )
    return number


def _float(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _integer(cell: str) -> int | None:
    if "_" in cell:  # only Python reads 1_000 as a number
        return None
    try:
        return int(cell)  # a float cannot hold every integer above 2^53
    except ValueError:  # 1e3, or 1.0
        number = _float(cell)
    return int(number) if number is not None and number.is_integer() else None


def _check_names_survive(names: Iterable[str], read_back: Iterable[str]) -> None:
    """Requires names of columns that can be read back from a CSV file."""
    lost = set(names) - set(read_back)
    if lost:
        raise ValueError(
            "`columns` must have names that a CSV file gives back, without blanks around them, and with name/1, "
            f"name/2 only for the entries of a vector. Got {listed_names(lost)}. Rename with select()."
        )
