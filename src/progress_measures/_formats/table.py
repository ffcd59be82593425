"""Columns of vectors as columns of numbers, the only kind that CSV files, data frames and loggers accept.

The entries of a vector ``name`` become columns ``name/1``, ``name/2`` and so on. Reading joins them to a vector if none
is missing. They are numbered from 1, so that in a vector with one entry per frequency, the numbers are the frequencies.
Loggers group names by the part before a slash, so they show the entries together. A number that was not measured is
``nan``.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from progress_measures._checks.values import listed

_ENTRY = re.compile(r"(.*)/([1-9][0-9]*)", re.DOTALL)


def entries(columns: Mapping[str, Tensor], of: str) -> dict[str, Tensor]:
    """One column, ``(T,)``, per number. The argument ``of`` is the name of the columns in messages."""
    table = {}
    for name, values in columns.items():
        if values.ndim == 1:
            table[name] = values
        else:
            table |= {f"{name}/{number}": entry for number, entry in enumerate(values.flatten(1).unbind(1), start=1)}
    _check_entry_names(table, count=sum(x[0].numel() for x in columns.values()), of=of)
    return table


def flat(steps: Tensor, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The steps, as ``"step"``, and one column per number."""
    return {"step": steps, **entries(columns, "columns")}


def gathered(columns: Mapping[str, Sequence[float]], apart: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Joins the entries of each vector into one column, in the place of the first entry; keeps other columns.

    Entries of the names in ``apart`` stay columns of their own.
    """
    parts: dict[str, dict[int, str]] = {}
    for name in columns:
        if match := _ENTRY.fullmatch(name):
            parts.setdefault(match[1], {})[int(match[2])] = name
    # Entries stay columns of their own if some are missing, or if a column already has the name of their vector.
    vectors = {
        name: [numbered[number] for number in sorted(numbered)]
        for name, numbered in parts.items()
        if name not in {*columns, *apart} and numbered.keys() == set(range(1, 1 + len(numbered)))
    }
    vector_of = {entry: name for name, numbered in vectors.items() for entry in numbered}
    names = dict.fromkeys(vector_of.get(name, name) for name in columns)
    return {
        name: np.array([columns[entry] for entry in vectors[name]]).T if name in vectors else np.array(columns[name])
        for name in names
    }


def arrow(columns: Mapping[str, Tensor]) -> Any:
    """The columns as a pyarrow table."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError("A frame of a trajectory needs pyarrow: pip install pyarrow") from error
    return pa.table({name: values.numpy().copy() for name, values in columns.items()})


def _check_entry_names(names: Iterable[str], *, count: int, of: str) -> None:
    """Requires a distinct name for each of ``count`` numbers, none of them ``"step"``."""
    if len({"step", *names}) <= count:
        raise ValueError(
            f"`{of}` must have distinct names where each number has its own: 'step' is taken, and a vector becomes "
            f"name/1, name/2. Got {listed(sorted(names))}."
        )
