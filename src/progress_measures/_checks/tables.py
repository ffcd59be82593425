"""Checks of CSV files. Their messages name the file and the line."""

import csv
import difflib
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO, Any


def csv_table(file: IO[str], path: Any) -> tuple[list[str], dict[int, list[str]]]:
    """Distinct names, and by line number as many cells as there are names."""
    name = repr(os.fspath(path))
    reader = csv.reader(file, strict=True)
    lines = {}
    try:
        for cells in reader:
            if any(cells):  # empty lines are none
                lines[reader.line_num] = cells
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"`path` must be a CSV file. Got {name}: {error}.") from error
    if len(lines) < 2:
        raise ValueError(
            f"`path` must have a line of names and at least one of numbers. Got {len(lines)} lines in {name}."
        )
    names = [cell.strip() for cell in lines.pop(next(iter(lines)))]
    twice = next((each for each, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"`path` must have columns of distinct names. Got {twice!r} twice in {name}.")
    for line, cells in lines.items():
        if len(cells) != len(names):
            raise ValueError(
                f"`path` must have as many cells in each line as it has names ({len(names)}). "
                f"Got {len(cells)} in line {line} of {name}."
            )
    return names, lines


def step_name(step: object, names: Sequence[str], path: Any) -> str:
    """The name of the column of steps: the one given, or else ``step``, or else ``epoch``."""
    wanted = ["step", "epoch"] if step is None else [step]
    for name in wanted:
        if name in names:
            return str(name)
    one_of = " or ".join(map(repr, wanted))
    # A file of another kind may have one very long name.
    known = ", ".join(map(repr, names))
    known = known if len(known) <= 300 else known[:300] + "…"
    near = difflib.get_close_matches(str(step), names, n=1)
    remedy = " Name the one that holds the steps." if step is None else f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"`path` must have a column {one_of}. Got {known} in {os.fspath(path)!r}.{remedy}")


def csv_steps(cells: Mapping[int, str], path: Any) -> list[int]:
    """Strictly ascending integers, from cells by line number."""
    steps: list[int] = []
    for line, cell in cells.items():
        number = _number(cell)
        if number is None or not math.isfinite(number) or number != math.floor(number):
            raise ValueError(f"`path` must have integers as steps. Got {cell!r} in line {line} of {os.fspath(path)!r}.")
        steps.append(int(number))
        if len(steps) > 1 and steps[-1] <= steps[-2]:
            raise ValueError(
                f"`path` must have steps that ascend strictly. "
                f"Got {steps[-1]} after {steps[-2]} in line {line} of {os.fspath(path)!r}."
            )
    return steps


def csv_number(cell: str, name: str, line: int, path: Any) -> float:
    """A number; ``nan`` where the cell is empty."""
    if not cell.strip():
        return math.nan
    number = None if "_" in cell else _float(cell)
    if number is None:
        raise ValueError(
            f"`path` must hold numbers. Got {cell!r} in column {name!r}, line {line} of {os.fspath(path)!r}."
        )
    return number


def _float(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _number(cell: str) -> int | float | None:
    if "_" in cell:  # a number to Python, but to nobody else
        return None
    try:
        return int(cell)  # a step above 2^53 is no float
    except ValueError:
        return _float(cell)
