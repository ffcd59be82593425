"""Tables in text: CSV with any common separator."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Any, NamedTuple

from progress_measures._formats.names import cut
from progress_measures._logs.cells import MISSING, is_number
from progress_measures._logs.table import Path, Table, names_of, shown

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_SAMPLE = 30  # lines from which the separator is guessed
_CHUNK = 1000
_COMMENT = "#"
_COMMA = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")  # 0,064
_GROUPED = re.compile(r"\s*[-+]?[1-9]\d{0,2}(,\d{3})+\s*")  # 1,064, which may be 1064 as well
_NUMBER = re.compile(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?")
_POINT = re.compile(r"\s*[-+]?\d*\.\d+([eE][-+]?\d+)?\s*")


class _Grid(NamedTuple):
    names: list[str]
    columns: list[list[str]]
    """The cells of each column."""
    lines: list[int]
    """The number of the line of each row, counted from 1."""
    again: list[int]
    """The rows before which the names are repeated."""


def read_cells(text: str, path: Path) -> Table:
    """The table in a text with a line of names and then one line per row. Lines that begin with # are comments."""
    _check_not_printed(text, path)
    separator = _separator(text)
    grid = _grid(text, separator, path)
    columns = dict(_columns(grid, path))
    if separator != "," or '"' in text:
        columns = _without_decimal_commas(columns, path)
    return Table(path, columns, len(grid.lines), grid.lines, [row for row in grid.again if row < len(grid.lines)])


def _check_not_printed(text: str, path: Path) -> None:
    """Requires a first line of names. In lines that a program printed, it is like later ones, with other numbers."""
    lines = (line.strip() for line in io.StringIO(text) if not line.lstrip().startswith(_COMMENT))
    first, *others = [*islice(filter(None, lines), _SAMPLE)] or [""]
    like = _NUMBER.sub("0", first)
    if re.search("[A-Za-z]", like) and any(line != first and _NUMBER.sub("0", line) == like for line in others):
        raise ValueError(
            f"`path` must be a table, or lines of JSON. Got lines of words and numbers, such as {cut(first)!r}, in "
            f"{shown(path)}. Write their numbers as CSV, below a line of names such as 'step,train_loss,test_loss'."
        )


def _reader(text: str, separator: str, *, strict: bool = True) -> Any:
    """A reader of the cells of each line. Comments count as empty lines, so that lines keep their numbers."""
    lines: Iterable[str] = io.StringIO(text, newline="")
    if _COMMENT in text:
        lines = ("\n" if line.lstrip().startswith(_COMMENT) else line for line in lines)
    if separator == " ":  # tabs among the blanks
        lines = (line.strip().replace("\t", " ") for line in lines)
    return csv.reader(lines, delimiter=separator, strict=strict, skipinitialspace=separator == " ")


def _rows(text: str, separator: str, count: int = _SAMPLE) -> list[list[str]]:
    """The first rows that are not empty."""
    return [*islice((cells for cells in _reader(text, separator, strict=False) if any(cells)), count)]


def _separator(text: str) -> str:
    """The separator: the one that cuts the first lines into equally many cells, most of them numbers."""

    def fits(separator: str) -> tuple[bool, float, float, int]:
        try:
            head, *rows = _rows(text, separator)
        except (ValueError, csv.Error):
            return False, 0.0, 0.0, 0
        widths = (len(head), len(head) + 1) if separator in "\t " else (len(head),)
        even = sum(len(row) in widths for row in rows) / max(1, len(rows))
        cells = [cell.strip() for row in rows for cell in row]
        good = sum(is_number(cell.replace(",", ".")) or cell.lower() in MISSING for cell in cells)
        return len(head) > 1, even, good / max(1, len(cells)), len(head)

    return max(SEPARATORS, key=fits)  # the first one in a tie


def _grid(text: str, separator: str, path: Path) -> _Grid:
    """The names and the cells of all columns, read a thousand rows at a time."""
    reader = _reader(text, separator)
    names: list[str] = []
    grid = _Grid([], [], [], [])
    line = 0
    try:
        while chunk := [*islice(reader, _CHUNK)]:
            numbers: Sequence[int] = range(line + 1, line + 1 + len(chunk))
            if reader.line_num != line + len(chunk):  # some cells have several lines
                numbers = [*accumulate((1 + sum(map(_breaks, cells)) for cells in chunk), initial=line)][1:]
            line = reader.line_num
            if not names:
                names = next((cells for cells in chunk if any(cells)), [])
                grid = _Grid(_names_of(names, text, separator, path), [], [], [])
                start = chunk.index(names) + (not _is_all_numbers(names)) if names else len(chunk)
                chunk, numbers = chunk[start:], numbers[start:]
            _put(grid, chunk, numbers, names, separator, path)
    except csv.Error as error:
        raise ValueError(f"`path` must be a log that can be read. Got {shown(path)}: {error}.") from error
    if not grid.lines:
        raise ValueError(
            f"`path` must have a line of names and at least one of numbers. Got {min(1, len(names))} "
            f"line{'s'[: not names]} in {shown(path)}."
        )
    return grid


def _put(
    grid: _Grid, chunk: list[list[str]], numbers: Sequence[int], names: list[str], separator: str, path: Path
) -> None:
    """Appends rows to the columns; empty rows and repeated names are left out."""
    if not all(map(any, chunk)) or (names in chunk and not _is_all_numbers(names)):
        kept: list[int] = []
        for row, cells in enumerate(chunk):
            if cells == names and not _is_all_numbers(names):
                grid.again.append(len(grid.lines) + len(kept))
            elif any(cells):
                kept.append(row)
        chunk, numbers = [chunk[row] for row in kept], [numbers[row] for row in kept]
    if not chunk:
        return
    if not grid.columns:
        if separator in "\t " and all(len(cells) == len(grid.names) + 1 for cells in chunk):
            grid.names.insert(0, "")  # an index without a name, as pandas and R write it
        grid.columns.extend([] for _ in grid.names)
    _check_lengths(chunk, numbers, len(grid.names), path)
    for column, cells_of in zip(grid.columns, zip(*chunk, strict=True), strict=True):
        column.extend(cells_of)
    grid.lines.extend(numbers)


def _breaks(cell: str) -> int:
    return cell.count("\n") + cell.count("\r") - cell.count("\r\n")


def _is_all_numbers(cells: Sequence[str]) -> bool:
    return all(map(is_number, cells))


def _names_of(first: list[str], text: str, separator: str, path: Path) -> list[str]:
    """The names in the first line, or in the comment before it, as NumPy writes them."""
    if first and _is_all_numbers(first):
        found = next(iter(_rows(_last_comment(text), separator, 1)), [])
        if len(found) != len(first):
            raise ValueError(
                f"`path` must have a line of names before the numbers. Got {cut(separator.join(first))!r} as the first "
                f"line of {shown(path)}. Write one there, a name for each of the {len(first)} columns, such as "
                f"'{separator.join(_examples(len(first)))}'."
            )
        return [cell.strip() for cell in found]
    return [cell.strip() for cell in first]


def _examples(count: int) -> list[str]:
    return ["step", "train_loss", "test_loss", *(f"column{number}" for number in range(4, count + 1))][:count]


def _last_comment(text: str) -> str:
    """The comment right before the first line of cells."""
    comment = ""
    for line in io.StringIO(text, newline=""):
        if line.strip() and not line.lstrip().startswith(_COMMENT):
            break
        comment = line.lstrip().lstrip(_COMMENT) if line.strip() else comment
    return comment


def _check_lengths(chunk: list[list[str]], numbers: Sequence[int], count: int, path: Path) -> None:
    if {*map(len, chunk)} == {count}:
        return
    for row, cells in enumerate(chunk):
        if len(cells) > count and not any(cells[count:]):
            del cells[count:]
        elif len(cells) != count:
            raise ValueError(
                f"`path` must have as many cells in each line as it has names ({count}). Got {len(cells)} in line "
                f"{numbers[row]} of {shown(path)}. Mend that line, or take it out."
            )


def _columns(grid: _Grid, path: Path) -> Iterator[tuple[str, Sequence[str]]]:
    repeated = next((name for name, count in Counter(filter(None, grid.names)).items() if count > 1), None)
    if repeated is not None:
        raise ValueError(
            f"`path` must have columns of distinct names. Got {cut(repeated)!r} twice in {shown(path)}. "
            "Rename one there."
        )
    for place, (name, cells) in enumerate(zip(grid.names, grid.columns, strict=True)):
        if name or place == 0:
            yield name, cells
        elif any(cells):
            raise ValueError(
                f"`path` must have a name for each column. Got none for column {place + 1} of {shown(path)}, after "
                f"{names_of(filter(None, grid.names[:place]))}. Write one in its first line."
            )


def _without_decimal_commas(columns: dict[str, Sequence[str]], path: Path) -> dict[str, Sequence[str]]:
    """The columns with decimal points instead of commas, if everything in the file shows that these are decimal."""
    commas = {
        name: [cell for cell in cells if ("," in cell and _COMMA.fullmatch(cell)) or _GROUPED.fullmatch(cell)]
        for name, cells in columns.items()
    }
    found = [cell for cells in commas.values() for cell in cells]
    if not found:
        return columns
    has_points = any(_POINT.fullmatch(cell) for cells in columns.values() for cell in cells if "." in cell)
    odd = next((cell for cell in found if not _COMMA.fullmatch(cell)), None)
    if has_points or odd is not None or all(_GROUPED.fullmatch(cell) for cell in found):
        shown_cell = (odd or found[0]).strip()
        column = next(name for name, cells in commas.items() if (odd or found[0]) in cells)
        raise ValueError(
            f"`path` must have numbers that can be read in one way. Got {cut(shown_cell)!r} in column {cut(column)!r} "
            f"of {shown(path)}, whose comma may be a decimal one, or divide thousands. Write decimal points, and "
            "nothing between thousands."
        )
    return {
        name: [cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell for cell in cells] if commas[name] else cells
        for name, cells in columns.items()
    }
