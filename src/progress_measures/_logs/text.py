"""Tables in text: CSV, with any common separator between the cells."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from progress_measures._formats.names import cut
from progress_measures._logs.cells import MISSING, is_number
from progress_measures._logs.table import Path, Table, names_of, shown

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_SAMPLE = 30  # lines that the separator is told from
_COMMENT = "#"
_COMMA = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")  # 0,064
_GROUPED = re.compile(r"\s*[-+]?[1-9]\d{0,2}(,\d{3})+\s*")  # 1,064, which may be 1064 as well
_POINT = re.compile(r"\s*[-+]?\d*\.\d+([eE][-+]?\d+)?\s*")


class _Lines(NamedTuple):
    names: list[str]
    cells: list[list[str]]
    numbers: list[int]
    """The number of each line of cells, counted from 1."""
    again: list[int]
    """The rows before which the names stand again."""


def read_text(text: str, path: Path) -> Table:
    """The table in a text: a line of names, then a line of cells for each row. Lines that begin with # are comments."""
    separator = _separator(text)
    lines = _named(_split(text, separator, path), text, separator, path)
    _check_lengths(lines, path)
    columns = dict(_columns(lines, path))
    if separator != "," or '"' in text:
        columns = _without_decimal_commas(columns, path)
    return Table(path, columns, len(lines.cells), lines.numbers, lines.again)


def _reader(text: str, separator: str, *, strict: bool = True) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line that is neither empty nor a comment."""
    lines: Iterable[str] = (
        "\n" if line.lstrip().startswith(_COMMENT) else line for line in io.StringIO(text, newline="")
    )
    if separator == " ":  # tabs among the blanks
        lines = (line.strip().replace("\t", " ") for line in lines)
    reader = csv.reader(lines, delimiter=separator, strict=strict, skipinitialspace=separator == " ")
    for cells in reader:
        if any(cells):
            yield reader.line_num, cells


def _separator(text: str) -> str:
    """What stands between the cells: what cuts the first lines into equally many cells, most of them numbers."""

    def fits(separator: str) -> tuple[bool, float, float, int]:
        try:
            head, *rows = [cells for _, cells in islice(_reader(text, separator, strict=False), _SAMPLE)]
        except (ValueError, csv.Error):
            return False, 0.0, 0.0, 0
        widths = (len(head), len(head) + 1) if separator in "\t " else (len(head),)
        even = sum(len(row) in widths for row in rows) / max(1, len(rows))
        cells = [cell.strip() for row in rows for cell in row]
        good = sum(is_number(cell.replace(",", ".")) or cell.lower() in MISSING for cell in cells)
        return len(head) > 1, even, good / max(1, len(cells)), len(head)

    return max(SEPARATORS, key=fits)  # of equal ones the first


def _split(text: str, separator: str, path: Path) -> _Lines:
    names: list[str] = []
    cells: list[list[str]] = []
    numbers: list[int] = []
    again: list[int] = []
    try:
        for number, line in _reader(text, separator):
            if not names:
                names = line
            elif line == names:
                again.append(len(cells))
            else:
                cells.append(line)
                numbers.append(number)
    except csv.Error as error:
        raise ValueError(f"`path` must be a log that can be read. Got {shown(path)}: {error}.") from error
    return _Lines(names, cells, numbers, [row for row in again if row < len(cells)])


def _named(lines: _Lines, text: str, separator: str, path: Path) -> _Lines:
    """The lines with a name for each column; the names may stand in a comment, where NumPy writes them."""
    if lines.names and all(is_number(cell) for cell in lines.names):
        comment = _last_comment(text)
        found = next(iter(_reader(comment, separator, strict=False)), (0, []))[1]
        if len(found) != len(lines.names):
            raise ValueError(
                f"`path` must have a line of names before the numbers. Got {cut(separator.join(lines.names))!r} as the "
                f"first line of {shown(path)}. Write one there, such as 'step{separator}test_loss'."
            )
        first = next(number for number, _ in _reader(text, separator))
        lines = _Lines(found, [lines.names, *lines.cells], [first, *lines.numbers], [row + 1 for row in lines.again])
    names = [cell.strip() for cell in lines.names]
    if not lines.cells:
        raise ValueError(
            f"`path` must have a line of names and at least one of numbers. Got {len(names[:1])} "
            f"line{'s'[: len(names[:1]) != 1]} in {shown(path)}."
        )
    if separator in "\t " and all(len(row) == len(names) + 1 for row in lines.cells):
        names = ["", *names]  # an index without a name, as pandas and R write it
    return lines._replace(names=names)


def _last_comment(text: str) -> str:
    """The comment right before the first line of cells."""
    comment = ""
    for line in io.StringIO(text, newline=""):
        if line.strip() and not line.lstrip().startswith(_COMMENT):
            break
        comment = line.lstrip().lstrip(_COMMENT) if line.strip() else comment
    return comment


def _check_lengths(lines: _Lines, path: Path) -> None:
    count = len(lines.names)
    for place, row in enumerate(lines.cells):
        if len(row) > count and not any(row[count:]):
            del row[count:]
        elif len(row) != count:
            raise ValueError(
                f"`path` must have as many cells in each line as it has names ({count}). Got {len(row)} in line "
                f"{lines.numbers[place]} of {shown(path)}. Mend that line, or take it out."
            )


def _columns(lines: _Lines, path: Path) -> Iterator[tuple[str, Sequence[str]]]:
    repeated = next((name for name, count in Counter(filter(None, lines.names)).items() if count > 1), None)
    if repeated is not None:
        raise ValueError(
            f"`path` must have columns of distinct names. Got {cut(repeated)!r} twice in {shown(path)}. "
            "Rename one there."
        )
    for place, (name, cells) in enumerate(zip(lines.names, zip(*lines.cells, strict=True), strict=True)):
        if name or place == 0:
            yield name, cells
        elif any(cells):
            raise ValueError(
                f"`path` must have a name for each column. Got none for column {place + 1} of {shown(path)}, after "
                f"{names_of(filter(None, lines.names[:place]))}. Write one in its first line."
            )


def _without_decimal_commas(columns: dict[str, Sequence[str]], path: Path) -> dict[str, Sequence[str]]:
    """The columns with points for decimal commas, where all that is written in the file says that they are that."""
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
            f"of {shown(path)}, whose comma may be a decimal one, or divide thousands. Write decimal points, and no "
            "thousands apart."
        )
    return {
        name: [cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell for cell in cells] if commas[name] else cells
        for name, cells in columns.items()
    }
