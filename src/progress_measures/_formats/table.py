"""Columns of numbers and of vectors as a table of numbers alone: what CSV files, frames and loggers take.

The entries of a vector ``name`` become columns ``name/1``, ``name/2`` and so on. They become the vector again where all
of them are there, from 1 on. So for a vector with one entry per frequency the number is the frequency's, and loggers
show the entries as one group, because they group by what comes before the slash. What was not measured is ``nan``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

_ENTRY = re.compile(r"(.*)/([1-9][0-9]*)", re.DOTALL)


def entries(columns: Mapping[str, Tensor], of: str) -> dict[str, Tensor]:
    """One column, ``(T,)``, per number; ``of`` is the argument that they come from."""
    found = {}
    for name, values in columns.items():
        if values.ndim == 1:
            found[name] = values
        else:
            found |= {f"{name}/{number}": entry for number, entry in enumerate(values.flatten(1).unbind(1), start=1)}
    _check_entry_names(found, count=sum(x[0].numel() for x in columns.values()), of=of)
    return found


def flat(steps: Tensor, columns: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The steps, as ``"step"``, and one column per number."""
    return {"step": steps, **entries(columns, "columns")}


def gathered(columns: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    """One column per number or vector, in the place of the vector's first entry."""
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


def arrow(columns: Mapping[str, Tensor]) -> Any:
    """A table as one of pyarrow's."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError('A frame of a trajectory needs pyarrow: pip install "progress_measures[frames]"') from error
    return pa.table({name: values.numpy().copy() for name, values in columns.items()})


def _check_entry_names(names: Iterable[str], *, count: int, of: str) -> None:
    """Distinct names for numbers, as many as there are, none of which is that of the steps."""
    if len({"step", *names}) <= count:
        raise ValueError(
            f"`{of}` must have distinct names where each number has its own: 'step' is taken, and a vector becomes "
            f"name/1, name/2. Got {', '.join(sorted(names))}."
        )
