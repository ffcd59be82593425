"""Long tables, with rows of several runs, of training and test data, or of several measures below each other."""

import re
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from progress_measures._checks.values import listed
from progress_measures._logs.cells import is_missing
from progress_measures._logs.rows import conflicts
from progress_measures._logs.steps import Steps
from progress_measures._logs.table import Table

RUN_NAMES = frozenset({"run", "runid", "runname", "seed", "name", "trial", "trialid", "experiment"})
"""Names of columns that distinguish runs, without blanks, dashes and underscores."""
SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "eval", "dev"})
"""Words in a column that names the data of a row."""
MEASURES = frozenset({"metric", "metrics", "measure", "variable", "key", "tag", "name"})
"""Names of columns that name the measure of a row, if the numbers are in one column of ``VALUES``."""
VALUES = frozenset({"value", "val", "values"})
_MOST = 1000  # runs in a table; a column with more words does not distinguish runs


def spread(
    table: Table, steps: Steps, rows: np.ndarray, numbers: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], str | None]:
    """One column for each kind of data or measure, if a column names that of each row; and this column's name.

    ``loss`` becomes ``train/loss`` and ``test/loss``, ``value`` becomes ``test_loss`` and so on.
    """
    if not conflicts(steps.values[rows], numbers):
        return dict(numbers), None
    for name in _words(table, numbers):
        labels = labels_of(table, rows, [name])
        if _plain(name) in MEASURES and [_plain(number) in VALUES for number in numbers] == [True]:
            return _by_label(labels, numbers, lambda label, _: label), name
        if len(set(labels)) > 1 and {label.lower() for label in labels} <= SPLITS:
            return _by_label(labels, numbers, lambda label, number: f"{label}/{number}"), name
    return dict(numbers), None


def telling_apart(table: Table, steps: Steps, rows: np.ndarray, numbers: Mapping[str, np.ndarray]) -> list[str]:
    """The columns that name the run of a row.

    They have one of the common names. Otherwise, if rows of one step would conflict, it is a column of words that
    distinguishes them.
    """
    known = [name for name in table.columns if _plain(name) in RUN_NAMES and name != steps.column]
    several = [name for name in known if len(set(labels_of(table, rows, [name]))) > 1]
    certain = [name for name in several if _plain(name) != "name"]  # "name" may be the name of something else
    if not conflicts(steps.values[rows], numbers):
        return certain
    if several:
        return several
    return next(([name] for name in _words(table, numbers) if _resolves(table, steps, rows, numbers, name)), [])


def labels_of(table: Table, rows: np.ndarray, columns: list[str]) -> list[str]:
    """The name of each row's run, from columns that distinguish runs."""
    parts = [[_label(name, table.columns[name][row]) for row in rows.tolist()] for name in columns]
    distinct = {_partition(part): part for part in reversed(parts)}  # a run's name and its id divide rows the same way
    return [listed(labels) for labels in zip(*reversed(distinct.values()), strict=True)]


def _by_label(
    labels: list[str], numbers: Mapping[str, np.ndarray], named: Callable[[str, str], str]
) -> dict[str, np.ndarray]:
    of_row = np.array(labels)
    found = {}
    for label in dict.fromkeys(labels):
        for name, values in numbers.items():
            here = values.copy()
            here[of_row != label] = np.nan
            if not np.isnan(here).all():
                found[named(label, name)] = here
    return found


def _words(table: Table, numbers: Iterable[str]) -> list[str]:
    """The columns of words."""
    columns = {name: cells for name, cells in table.columns.items() if name not in {*numbers}}
    return [name for name, cells in columns.items() if all(isinstance(cell, str) or is_missing(cell) for cell in cells)]


def _resolves(table: Table, steps: Steps, rows: np.ndarray, numbers: Mapping[str, np.ndarray], name: str) -> bool:
    """Whether rows with the same step and the same word in a column never conflict."""
    if name == steps.column:
        return False
    labels = np.array(labels_of(table, rows, [name]))
    words = dict.fromkeys(labels.tolist())
    if not 1 < len(words) <= min(_MOST, len(rows) / 2):
        return False
    return not any(
        conflicts(steps.values[rows[labels == word]], {name: x[labels == word] for name, x in numbers.items()})
        for word in words
    )


def _partition(labels: list[str]) -> tuple[int, ...]:
    """A value that is equal for labels that divide the rows in the same way."""
    first: dict[str, int] = {}
    return tuple(first.setdefault(label, len(first)) for label in labels)


def _label(name: str, cell: object) -> str:
    if is_missing(cell):
        return f"no {name}"
    return cell.strip() if isinstance(cell, str) and not _is_number(cell) else f"{name} {cell}".strip()


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[-+]?[\d.]+\s*", cell) is not None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
