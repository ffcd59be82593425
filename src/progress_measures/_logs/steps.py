"""The column of steps, and the integers in it."""

import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from progress_measures._formats.names import cut
from progress_measures._logs.cells import integer, integers, is_missing
from progress_measures._logs.table import INDEX, Table, names_of, shown

NAMES = (
    "step",
    "steps",
    "global_step",
    "trainer/global_step",
    "_step",
    "train_step",
    "iteration",
    "iterations",
    "iter",
    "update",
    "epoch",
    "epochs",
)
"""Common names of the column of steps, in the order in which they are tried; case and blanks do not matter."""
_NO_STEPS = re.compile("loss|acc|error|norm|seed")  # in names of what is no step, even if it ascends in integers
UNNAMED = ("", "Unnamed: 0")  # the name of an index as pandas writes it, and as it reads it again


class Steps(NamedTuple):
    """The steps of the rows, and the name of their column."""

    name: str
    column: str | None
    """None if the rows were numbered."""
    values: np.ndarray
    """int64."""
    known: np.ndarray
    """The rows that have a step."""


def steps_of(table: Table, step: str | None) -> Steps:
    """The steps of a table, from the column named ``step``, or from one with a common name."""
    column = step_column(table, step)
    if column is None:
        return Steps(INDEX, None, np.arange(table.rows), np.ones(table.rows, dtype=bool))
    values, known = _integers(table, column)
    return Steps(INDEX if column in UNNAMED else column, column, values, known)


def step_column(table: Table, step: str | None) -> str | None:
    """The name of the column of steps, or None for numbers from 0."""
    names = [name for name in table.columns if name not in UNNAMED]
    if step is not None:
        if step in table.columns:
            return step
        if step == INDEX:
            return None
        near = difflib.get_close_matches(step, names, n=1)
        remedy = f" Did you mean {near[0]!r}?" if near else f" step={INDEX!r} numbers the rows from 0."
        raise ValueError(f"`path` must have a column {step!r}. Got {names_of(names)} in {shown(table.path)}.{remedy}")
    common = [name for name in table.columns if _plain(name) in NAMES or name in UNNAMED]
    usable = [name for name in common if _has_integer(table.columns[name])]
    for wanted in NAMES:
        found = [name for name in usable if _plain(name) == wanted]
        if found:
            return wanted if wanted in found else found[0]
    unnamed = next((name for name in usable if name in UNNAMED), None)
    if unnamed is not None:
        return unnamed
    others = [name for name in names if name != INDEX and would_do(table, name)]
    without = f", where {common[0]!r} has no whole number," if common and common[0] not in UNNAMED else ""
    first = f"step={others[0]!r} would do; " if others else ""
    raise ValueError(
        f"`path` must have a column of steps, such as 'step' or 'epoch'. Got {names_of(names) or 'none'}{without} in "
        f"{shown(table.path)}. Pass its name as step=…; {first}step={INDEX!r} numbers the rows from 0."
    )


def would_do(table: Table, name: str) -> bool:
    """Whether a column holds ascending integers, one in each row."""
    cells = table.columns[name]
    if _NO_STEPS.search(name.lower()):
        return False
    if isinstance(cells, np.ndarray):
        return cells.ndim == 1 and cells.dtype.kind in "iu" and bool((cells[1:] > cells[:-1]).all())
    if any(type(cell) is float or (isinstance(cell, str) and not cell.strip("-+ ").isdecimal()) for cell in cells):
        return False
    found = [integer(cell) for cell in cells]
    values = [value for value in found if value is not None]
    return len(values) == len(found) and all(one < other for one, other in pairwise(values))


def remedy(table: Table, but_for: str | None) -> str:
    """The end of a message: which other column of steps to pass."""
    others = other_steps(table, but_for)
    if others:
        return f"Pass step={others[0]!r}, a column that ascends in whole numbers."
    return f"Pass step={INDEX!r}, which numbers the rows from 0."


def other_steps(table: Table, but_for: str | None) -> list[str]:
    """The other columns that could be the steps."""
    return [name for name in table.columns if name not in (but_for, *UNNAMED) and would_do(table, name)]


def is_count(cells: Sequence[object]) -> bool:
    """Whether cells are 0, 1, 2 and so on."""
    return all(integer(cell) == row for row, cell in enumerate(cells))


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _has_integer(cells: Iterable[object]) -> bool:
    if isinstance(cells, np.ndarray):
        return cells.ndim == 1 and cells.dtype.kind in "iuf"
    return any(integer(cell) is not None for cell in cells)


def _integers(table: Table, column: str) -> tuple[np.ndarray, np.ndarray]:
    cells = table.columns[column]
    if isinstance(cells, np.ndarray):
        cells = cells.tolist()
    fast = integers(cells)
    if fast is not None:
        return fast, np.ones(len(fast), dtype=bool)
    values = np.zeros(len(cells), dtype=np.int64)
    known = np.ones(len(cells), dtype=bool)
    for row, cell in enumerate(cells):
        value = integer(cell)
        if value is None and is_missing(cell):
            known[row] = False
            continue
        if value is None:
            raise ValueError(
                f"`path` must have whole numbers as steps. Got {cut(str(cell))!r} in column {cut(column)!r}, "
                f"{table.where(row)}. {remedy(table, column)}"
            )
        if not -(2**63) <= value < 2**63:
            raise ValueError(
                f"`path` must have steps in -2^63..2^63 - 1. Got {cut(str(cell))!r} in {table.where(row)}. "
                f"{remedy(table, column)}"
            )
        values[row] = value
    return values, known
