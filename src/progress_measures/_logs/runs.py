"""The runs in a table: one, or several in charts and long tables."""

from collections.abc import Mapping

import numpy as np

from progress_measures._formats.names import cut
from progress_measures._formats.table import gathered
from progress_measures._logs.cells import numbers_of
from progress_measures._logs.long import labels_of, spread, telling_apart
from progress_measures._logs.rows import merged
from progress_measures._logs.steps import UNNAMED, Steps, is_count, steps_of
from progress_measures._logs.table import Logs, Run, Table, names_of, shown

MINIMUM, MAXIMUM = "__MIN", "__MAX"
"""Endings of the columns ``X__MIN`` and ``X__MAX``, the band of the column ``X``."""


def runs_of(table: Table, step: str | None) -> Logs:
    """The runs in a table, and a list of what is left out."""
    steps = steps_of(table, step)
    _check_one_piece(table, steps)
    left_out = list(table.left_out)
    numbers = _numbers(table, steps, left_out)
    known = _known_rows(table, steps, numbers, left_out)
    rows = known.nonzero()[0]
    if len(rows) == 0:
        raise ValueError(f"`path` must hold at least one step. Got none in {shown(table.path)}.")
    numbers = {name: values[rows] for name, values in numbers.items()}
    chart = _chart(numbers)
    if chart:
        return Logs(_charted(table, steps, rows, chart, numbers, left_out), left_out)
    numbers, kind = spread(table, steps, rows, numbers)
    apart = telling_apart(table, steps, rows, numbers)
    words = {repr(cut(name)) for name in (*apart, *([] if kind is None else [kind]))}
    left_out = [text for text in left_out if text not in words]
    if not apart:
        return Logs({None: _run(table, steps, rows, numbers)}, left_out)
    kept = {name: values for name, values in numbers.items() if name not in apart}
    labels = labels_of(table, rows, apart)
    found: dict[str | None, Run] = {}
    for label in dict.fromkeys(labels):
        of_run = np.array([other == label for other in labels])
        found[label] = _run(table, steps, rows[of_run], {name: values[of_run] for name, values in kept.items()})
    return Logs(found, left_out)


def _run(table: Table, steps: Steps, rows: np.ndarray, numbers: Mapping[str, np.ndarray]) -> Run:
    ascending, columns = merged(table, steps.column, steps.values[rows], rows, numbers)
    return Run(ascending, gathered_vectors(columns), steps.name)


def gathered_vectors(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Joins the entries ``name/1``, ``name/2``, … of vectors; columns that are already vectors stay unchanged.

    Entries that begin at 0, such as those of layers, stay columns of their own.
    """
    plain = {name: values for name, values in columns.items() if values.ndim == 1}
    apart = {name.removesuffix("/0") for name in plain if name.endswith("/0")}
    joined = gathered(plain, apart)  # type: ignore[arg-type]  # arrays are sequences of numbers
    if len(plain) == len(columns):
        return joined
    others = {name: values for name, values in columns.items() if values.ndim > 1 and name not in joined}
    return joined | others


def _numbers(table: Table, steps: Steps, left_out: list[str]) -> dict[str, np.ndarray]:
    """The columns of numbers other than the steps; the names of other columns are added to ``left_out``."""
    numbers = {}
    for name, cells in table.columns.items():
        if name == steps.column or (name in UNNAMED and is_count(cells)):
            continue
        values = numbers_of(table, name)
        if values is None:
            left_out.append(repr(cut(name)))
        else:
            numbers[name] = values
    return numbers


def _known_rows(table: Table, steps: Steps, numbers: Mapping[str, np.ndarray], left_out: list[str]) -> np.ndarray:
    """The rows that have a step; rows with numbers but no step are added to ``left_out``."""
    if steps.known.all():
        return steps.known
    holds = np.zeros(table.rows, dtype=bool)
    for values in numbers.values():
        holds |= ~np.isnan(values.reshape(table.rows, -1)).all(1)
    lost = (holds & ~steps.known).nonzero()[0]
    if 2 * len(lost) > holds.sum():
        raise ValueError(
            f"`path` must have a step in each row. Got {len(lost)} of {table.rows} rows without one in column "
            f"{cut(steps.name)!r}, the first in {table.where(int(lost[0]))}. Pass another column as step=…, or "
            "step='index', which numbers the rows from 0."
        )
    if len(lost) > 0:
        left_out.append(f"{len(lost)} row{'s'[: len(lost) != 1]} without a step, the first in {table.where(lost[0])}")
    return steps.known


def _check_one_piece(table: Table, steps: Steps) -> None:
    """Requires that the steps continue after a repeated line of names."""
    for row in table.again:
        before, after = steps.values[:row][steps.known[:row]], steps.values[row:][steps.known[row:]]
        if len(before) > 0 and len(after) > 0 and after.min() <= before.max():
            raise ValueError(
                f"`path` must hold one run. Got the line of names again, and step {after[0]} after {before[-1]}, "
                f"before {table.where(row)}. Split the file there, and read each part."
            )


# ---------------------------------------------------------------------------------------------------------------------
# Charts, as W&B exports them: "NAME - metric", "NAME - metric__MIN", "NAME - metric__MAX"


def _chart(numbers: Mapping[str, np.ndarray]) -> dict[str, dict[str, str]]:
    """The columns of each run's metrics. The last " - " divides, because names of runs may contain it too.

    A chart may have other columns of numbers, such as the time on its horizontal axis, but none with such names.
    """
    centres = [name for name in numbers if " - " in name and {name + MINIMUM, name + MAXIMUM} <= numbers.keys()]
    parts = {end for name in centres for end in (name, name + MINIMUM, name + MAXIMUM)}
    if any(" - " in name for name in numbers if name not in parts):
        return {}
    runs: dict[str, dict[str, str]] = {}
    for name in centres:
        run, metric = name.rsplit(" - ", 1)
        runs.setdefault(run, {}).update({metric + end: name + end for end in ("", MINIMUM, MAXIMUM)})
    return runs


def _charted(
    table: Table,
    steps: Steps,
    rows: np.ndarray,
    chart: Mapping[str, Mapping[str, str]],
    numbers: Mapping[str, np.ndarray],
    left_out: list[str],
) -> dict[str | None, Run]:
    found: dict[str | None, Run] = {}
    used = {column for columns in chart.values() for column in columns.values()}
    left_out.extend(repr(cut(name)) for name in numbers if name not in used)
    for run, columns in chart.items():
        own = {metric: numbers[name] for metric, name in columns.items()}
        holds = ~np.all([np.isnan(values) for values in own.values()], axis=0)
        if holds.any():
            found[run] = _run(table, steps, rows[holds], {name: values[holds] for name, values in own.items()})
        else:
            left_out.append(f"the run {cut(run)!r}, which has no number")
    if not found:
        raise ValueError(f"`path` must hold a number. Got none in {shown(table.path)}.")
    return found


def one_of(logs: Logs, path: object) -> Run:
    """The run of a file that holds one."""
    if len(logs.runs) > 1:
        raise ValueError(
            f"`path` must hold one run. Got {len(logs.runs)} in {shown(path)}: "  # type: ignore[arg-type]  # checked before it was read
            f"{names_of(map(str, logs.runs))}. Runs.read reads them all."
        )
    return next(iter(logs.runs.values()))
