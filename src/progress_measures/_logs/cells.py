"""Cells as numbers."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from progress_measures._formats.names import cut
from progress_measures._logs.table import Table

MISSING = frozenset({"", "nan", "+nan", "-nan", "none", "null", "n/a", "na", "<na>", "#n/a", "nat", "-"})
"""How programs write a missing number, in any case."""
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def numbers_of(table: Table, name: str) -> np.ndarray | None:
    """The numbers of a column, ``nan`` for missing ones; None if the column does not hold numbers.

    Raises:
        ValueError: If it is a column of numbers except for a few cells.
    """
    cells = table.columns[name]
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind in "iuf":
            return cells.astype(np.float64)
        if cells.dtype.kind not in "US" or cells.ndim != 1:
            return None
        cells = cells.tolist()
    fast = _all_numbers(cells)
    if fast is not None:
        return fast
    if any(isinstance(cell, list) for cell in cells):
        return _vectors(cells)
    values = [number(cell) for cell in cells]
    bad = [row for row, value in enumerate(values) if value is None]
    if not bad:
        return np.array(values, dtype=np.float64)
    good = sum(value is not None and not is_missing(cell) for value, cell in zip(values, cells, strict=True))
    if good < len(bad):
        return None
    raise ValueError(
        f"`path` must hold numbers in a column of numbers. Got {cut(str(cells[bad[0]]))!r} in column {cut(name)!r}, "
        f"{table.where(bad[0])}. Make that cell empty, or write nan, where there is no number."
    )


def number(cell: Any) -> float | None:
    """The number in a cell, ``nan`` if it is missing; None if the cell holds something else."""
    if isinstance(cell, str):
        text = cell.strip()
        if text.lower() in MISSING:
            return math.nan
        if "_" in text:  # only Python reads 1_000 as a number
            return None
        try:
            return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            return None
    if cell is None:
        return math.nan
    if type(cell) in (int, float):
        try:
            return float(cell)
        except OverflowError:  # an integer of 400 digits
            return None
    return None


def integer(cell: Any) -> int | None:
    """The exact integer in a cell, also written as 1.0 or 1e3; None if the cell holds something else."""
    if type(cell) is int:
        return cell
    if isinstance(cell, str):
        if "_" in cell:
            return None
        try:
            return int(cell)  # a float cannot hold every integer above 2^53
        except ValueError:
            pass
    value = number(cell)
    return int(value) if value is not None and value.is_integer() else None


def integers(cells: Sequence[Any]) -> np.ndarray | None:
    """The integers in cells that are all written as integers; None if some are not, or exceed the range of int64."""
    kinds = {*map(type, cells)}
    if kinds - {str, int} or len(kinds) != 1 or (str in kinds and "_" in "".join(cells)):
        return None
    try:
        return np.array([*map(int, cells)], dtype=np.int64)
    except (ValueError, OverflowError):
        return None


def is_missing(cell: Any) -> bool:
    """Whether a cell marks a missing number."""
    return cell is None or cell != cell or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def is_number(text: str) -> bool:
    """Whether a text is written as a number."""
    return _NUMBER.fullmatch(text.strip()) is not None


def _all_numbers(cells: Sequence[Any]) -> np.ndarray | None:
    """The numbers, if all cells are numbers or empty; quick, because a log may have millions."""
    try:
        kinds = {*map(type, cells)}
        if kinds == {str}:
            if "_" in "".join(cells):
                return None
            return np.array([float(cell) if cell else math.nan for cell in cells])
        if kinds <= {int, float, type(None)}:
            return np.array([math.nan if cell is None else float(cell) for cell in cells])
    except (ValueError, OverflowError):
        pass
    return None


def _vectors(cells: Sequence[Any]) -> np.ndarray | None:
    """Lists of one shape as vectors or tables, ``nan`` for missing ones; None if they have several shapes."""
    arrays = [None if is_missing(cell) else _array(cell) for cell in cells]
    found = [array for array in arrays if array is not None]
    lists = sum(not is_missing(cell) for cell in cells)
    if len(found) < lists or any(one.shape != other.shape for one, other in pairwise(found)):
        return None
    empty = np.full(found[0].shape, np.nan)
    return np.array([empty if array is None else array for array in arrays])


def _array(cell: Any) -> np.ndarray | None:
    flat: list[float] = []
    try:
        shape = _fill(cell, flat)
        return np.array(flat).reshape(shape)
    except (ValueError, RecursionError):
        return None


def _fill(cell: Any, flat: list[float]) -> tuple[int, ...]:
    """Appends the numbers of nested lists, and returns their shape."""
    if not isinstance(cell, list):
        value = number(cell)
        if value is None:
            raise ValueError
        flat.append(value)
        return ()
    shapes = {_fill(item, flat) for item in cell}
    if len(shapes) > 1:
        raise ValueError
    return (len(cell), *(shapes.pop() if shapes else ()))
