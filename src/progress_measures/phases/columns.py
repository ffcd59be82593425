"""The columns that phases are read from."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from progress_measures._checks.values import listed, shape_of
from progress_measures.trajectory.checks import check_complete
from progress_measures.trajectory.trajectory import check_trajectory


def check_phase_columns(run: Any, *names: str, optional: Sequence[str] = ()) -> list[np.ndarray]:
    """Requires finite columns of one number per step; returns them as arrays, then the optional ones that exist."""
    columns = check_trajectory(run).columns
    read, arrays = [*names, *(name for name in optional if name in columns)], []
    for name in read:
        if name not in columns:
            known = listed(dict.fromkeys(column.partition("/")[0] for column in columns))  # one name per vector
            raise ValueError(
                f"`trajectory` must have a column {name!r}. Got {known or 'none'}. Record it, with `measure` and "
                "`sum_squared_weights`, or rename the column that holds it: with select(), or in the CSV file."
            )
        values = columns[name]
        if values.ndim != 1:
            raise ValueError(f"`{name}` must be one number per step. Got shape {shape_of(values)}.")
        arrays.append(check_complete(values, name, "step number", read).numpy())
    return arrays
