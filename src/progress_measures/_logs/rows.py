"""Merging of rows of one step, if they do not conflict."""

from collections.abc import Mapping

import numpy as np

from progress_measures._formats.names import cut
from progress_measures._logs.steps import other_steps
from progress_measures._logs.table import Table


def merged(
    table: Table, step: str | None, steps: np.ndarray, rows: np.ndarray, columns: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The distinct steps in ascending order, and the columns at them.

    Args:
        table: The table of the rows, for messages.
        step: The column of the steps.
        steps: The step of each row.
        rows: The number of each row in the table.
        columns: Numbers, one entry per row; ``nan`` if a row has none.
    """
    if len(steps) < 2 or (steps[1:] > steps[:-1]).all():
        return steps, dict(columns)
    distinct, place = np.unique(steps, return_inverse=True)
    return distinct, {name: _joined(table, step, rows, place, distinct, name, x) for name, x in columns.items()}


def conflicts(steps: np.ndarray, columns: Mapping[str, np.ndarray]) -> bool:
    """Whether two rows of one step have different numbers in one column."""
    distinct, place = np.unique(steps, return_inverse=True)
    return any(len(_spread(place, len(distinct), values)[1]) > 0 for values in columns.values())


def _joined(
    table: Table,
    step: str | None,
    rows: np.ndarray,
    place: np.ndarray,
    distinct: np.ndarray,
    name: str,
    values: np.ndarray,
) -> np.ndarray:
    joined, odd = _spread(place, len(distinct), values)
    if len(odd) > 0:
        raise _conflict(table, step, rows, place, distinct, name, values, int(odd[0]))
    return joined.reshape(len(distinct), *values.shape[1:])


def _spread(place: np.ndarray, count: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first number of each place, and the rows whose numbers differ from it."""
    flat = values.reshape(len(values), -1)
    row, entry = (~np.isnan(flat)).nonzero()
    joined = np.full((count, flat.shape[1]), np.nan)
    joined[place[row[::-1]], entry[::-1]] = flat[row[::-1], entry[::-1]]  # the last one written stays: the first row
    return joined, row[joined[place[row], entry] != flat[row, entry]]


def _conflict(
    table: Table,
    step: str | None,
    rows: np.ndarray,
    place: np.ndarray,
    distinct: np.ndarray,
    name: str,
    values: np.ndarray,
    odd: int,
) -> ValueError:
    same = (place == place[odd]).nonzero()[0]
    differs = [row for row in same[same < odd] if not np.array_equal(values[row], values[odd], equal_nan=True)]
    first = int(next(row for row in differs if not np.isnan(values[row]).all()))
    numbers = "" if values.ndim > 1 else f" = {float(values[first])!r} and {float(values[odd])!r}"
    return ValueError(
        f"`path` must have one number for each step. Got {cut(name)}{numbers} at step {distinct[place[odd]]}, in "
        f"{table.between(int(rows[first]), int(rows[odd]))}. {_remedy(table, step, rows, place)}"
    )


def _remedy(table: Table, step: str | None, rows: np.ndarray, place: np.ndarray) -> str:
    falls = (place[1:] < place[:-1]).nonzero()[0]
    if len(falls) == 1:
        again = table.where(int(rows[falls[0] + 1]))
        return (
            f"The steps begin again in {again}: write two runs to two files. If it is one run that went on from an "
            "earlier state, take out the rows that it had written after that state."
        )
    others = other_steps(table, step)
    if others:
        return f"Pass step={others[0]!r}, a column that ascends in whole numbers."
    return "If the rows are of several runs, name each row's run in a column 'run': Runs.read tells them apart."
