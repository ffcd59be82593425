"""Columns of numbers and of vectors as a table of numbers alone: CSV files, frames, and what loggers take.

The entries of a vector ``name`` become columns ``name/1``, ``name/2`` and so on, and become the vector again where all
of them, from 1 on, are there: per frequency, the number is the frequency's, and loggers show what stands before a slash
as one group. What was not measured is ``nan``.
"""

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
from torch import Tensor

from progress_measures import _checks
from progress_measures._files import whole

_ENTRY = re.compile(r"(.*)/([1-9][0-9]*)", re.DOTALL)


def entries(columns: Mapping[str, Tensor], of: str) -> dict[str, Tensor]:
    """One column, ``(T,)``, per number; ``of`` is the argument that they come from."""
    found = {}
    for name, values in columns.items():
        if values.ndim == 1:
            found[name] = values
        else:
            found |= {f"{name}/{number}": entry for number, entry in enumerate(values.flatten(1).unbind(1), start=1)}
    _checks.entry_names(found, count=sum(x[0].numel() for x in columns.values()), of=of)
    return found


def flat(steps: Tensor, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The steps, as ``"step"``, and one column per number."""
    return {"step": steps, **entries(columns, "columns")}


def gathered(columns: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    """One column per number or vector, which stands where its first entry stood."""
    parts: dict[str, dict[int, str]] = {}
    for name in columns:
        if match := _ENTRY.fullmatch(name):
            parts.setdefault(match[1], {})[int(match[2])] = name
    # An entry whose vector is not whole, or has the name of a column, is a column like any other.
    vectors = {
        name: [found[number] for number in sorted(found)]
        for name, found in parts.items()
        if name not in columns and found.keys() == set(range(1, 1 + len(found)))
    }
    vector_of = {entry: name for name, found in vectors.items() for entry in found}
    names = dict.fromkeys(vector_of.get(name, name) for name in columns)
    return {
        name: np.array([columns[entry] for entry in vectors[name]]).T if name in vectors else np.array(columns[name])
        for name in names
    }


def write_csv(path: str | os.PathLike[str], steps: Tensor, columns: Mapping[str, Tensor]) -> None:
    """Writes a table that gives the columns back, whole or not at all."""
    table = flat(steps, columns)
    _checks.utf8(columns)
    _checks.given_back((name for name, values in columns.items() if values[0].numel()), _names_again(table))
    with whole(path) as half, half.open("w", newline="", encoding="utf-8") as file:
        _write(file, table)


def _write(file: IO[str], table: Mapping[str, Tensor]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*(values.tolist() for values in table.values()), strict=True))


def _names_again(table: Mapping[str, Tensor]) -> list[str]:
    """The names of the columns that are read from a table."""
    file = io.StringIO(newline="")
    _write(file, {name: values[:1] for name, values in table.items()})
    file.seek(0)
    try:
        return [*gathered(_read(file, "columns", "step")[1])]
    except ValueError:  # names that are no cells, or the same as others without their blanks
        return []


def read_csv(path: str | os.PathLike[str], step: str | None) -> tuple[list[int], dict[str, list[float]]]:
    """The steps, and the other columns of a table by name."""
    with open(path, newline="", encoding="utf-8-sig") as file:  # with or without the mark that Excel begins with
        return _read(file, path, step)


def _read(file: IO[str], path: str | os.PathLike[str], step: str | None) -> tuple[list[int], dict[str, list[float]]]:
    names, lines = _checks.csv_table(file, path)
    of_steps = names.index(_checks.step_name(step, names, path))
    steps = _checks.csv_steps({line: cells[of_steps] for line, cells in lines.items()}, path)
    columns = {
        name: [_checks.csv_number(cells[place], name, line, path) for line, cells in lines.items()]
        for place, name in enumerate(names)
        if place != of_steps
    }
    return steps, columns


def arrow(columns: Mapping[str, Tensor]) -> Any:
    """A table as one of pyarrow's."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError('A frame of a trajectory needs pyarrow: pip install "progress_measures[frames]"') from error
    return pa.table({name: values.numpy().copy() for name, values in columns.items()})
