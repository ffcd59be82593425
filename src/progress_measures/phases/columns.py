"""The columns that phases are read from."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from progress_measures._checks.values import shape_of
from progress_measures.trajectory.checks import check_complete
from progress_measures.trajectory.trajectory import check_trajectory


def check_phase_columns(run: Any, *names: str, optional: Sequence[str] = ()) -> list[np.ndarray]:
    """Finite columns of one number per step, and the optional ones among them that there are, as arrays."""
    columns = check_trajectory(run).columns
    read, found = [*names, *(name for name in optional if name in columns)], []
    for name in read:
        if name not in columns:
            known = ", ".join(dict.fromkeys(column.partition("/")[0] for column in columns))  # vectors by one name
            raise ValueError(
                f"`trajectory` must have a column {name!r}. Got {known or 'none'}. Record it, with `measure` and "
                "`sum_squared_weights`, or rename the column that holds it: with select(), or in the CSV file."
            )
        values = columns[name]
        if values.ndim != 1:
            raise ValueError(f"`{name}` must be one number per step. Got shape {shape_of(values)}.")
        found.append(check_complete(values, name, "step number", read).numpy())
    return found
