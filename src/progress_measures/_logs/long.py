"""Long tables: rows of several runs, of training and of test data, or of several measures, one below the other."""

import re
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from progress_measures._checks.values import listed
from progress_measures._logs.cells import is_missing
from progress_measures._logs.rows import conflicts
from progress_measures._logs.steps import Steps
from progress_measures._logs.table import Table

RUN_NAMES = frozenset({"run", "runid", "runname", "seed", "name", "trial", "trialid", "experiment"})
"""The names of columns that tell runs apart, without blanks, dashes and underscores."""
SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "eval", "dev"})
"""Words of a column that says which data a row is of."""
MEASURES = frozenset({"metric", "metrics", "measure", "variable", "key", "tag", "name"})
"""The names of columns that say which measure a row has, where the numbers are in one column of ``VALUES``."""
VALUES = frozenset({"value", "val", "values"})
_MOST = 1000  # runs in a table; a column of more words tells no runs apart


def spread(
    table: Table, steps: Steps, rows: np.ndarray, numbers: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], str | None]:
    """Columns with a name for each kind of data or measure, where a column says which a row is of; and that column.

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
    """The columns that say which run a row is of.

    They have a common name; or else, where rows of one step would conflict, one column of words tells them apart.
    """
    known = [name for name in table.columns if _plain(name) in RUN_NAMES and name != steps.column]
    several = [name for name in known if len(set(labels_of(table, rows, [name]))) > 1]
    certain = [name for name in several if _plain(name) != "name"]  # which may be that of something else
    if not conflicts(steps.values[rows], numbers):
        return certain
    if several:
        return several
    return next(([name] for name in _words(table, numbers) if _resolves(table, steps, rows, numbers, name)), [])


def labels_of(table: Table, rows: np.ndarray, columns: list[str]) -> list[str]:
    """The name of each row's run, from columns that tell runs apart."""
    parts = [[_label(name, table.columns[name][row]) for row in rows.tolist()] for name in columns]
    distinct = {_partition(part): part for part in reversed(parts)}  # a run's name and its id say the same thing
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
    """Whether no rows of one step and one word of a column conflict."""
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
    """The same for labels that tell the same rows apart."""
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
