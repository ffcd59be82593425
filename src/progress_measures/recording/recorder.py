"""Measures at some steps of a training loop."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from progress_measures import _checks
from progress_measures.recording import journal
from progress_measures.recording.rules import Rule
from progress_measures.recording.undisturbed import undisturbed
from progress_measures.trajectory import Trajectory


class Recorder:
    """Measures a model while it is trained.

    Call it with every step. Where nothing is recorded that costs less than a microsecond. Where something is, the model
    is in evaluation mode and gradients are off while it is measured; then the mode of each submodule, the grad mode and
    the random states (Python's, NumPy's, PyTorch's on the CPU and on CUDA) are what they were, also after an error. So
    training goes on to the last bit as if nothing had been measured.

    A step that is not above those recorded takes their place: a run that is resumed from an earlier state overwrites
    what it had recorded after that state, and one that starts anew overwrites everything.

    Args:
        measure: From the model to numbers or tensors by name, the same names and shapes at every step, or a mapping
            from names to functions of the model: what :func:`track` takes. :func:`grokking_measures` makes one.
        every: Steps that are multiples of this number are recorded, or those for which this function of the step is
            true, such as :func:`log_spaced` and :func:`dense_early` make.
        path: A file that grows by a line at each recorded step. If there is one, its steps are taken over, so that a
            run that was killed is resumed; :func:`load_recording` reads it.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If ``every`` is less than 1, or the file is not a recorder's.
        OSError: If the file cannot be read or written.

    Example:
        >>> model = torch.nn.Linear(2, 2)
        >>> recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
        >>> for step in range(250):
        ...     numbers = recorder(step, model)  # {"weights": 1.23}, or {} where nothing is recorded
        >>> numbers = recorder.record(250, model)  # whatever the rule says
        >>> recorder.trajectory
        Trajectory(4 steps, 0..250; weights)
    """

    def __init__(
        self,
        measure: Callable[[Any], Mapping[str, Any]] | Mapping[str, Callable[[Any], Any]],
        *,
        every: int | Rule = 100,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self._measure = _checks.measure(measure)
        self._is_due = _checks.every(every)
        if path is not None:
            _checks.path(path, "path")
        self._path = path
        self._rows = {} if path is None else journal.resume(path)

    def __call__(self, step: int, model: Any) -> dict[str, float]:
        """Records the step if its turn has come.

        Args:
            step: How many steps the model has been trained.
            model: The model.

        Returns:
            Numbers by name, as a logger takes them, vectors as ``name/1``, ``name/2`` and so on; tables, of two axes or
            more, are kept for the trajectory alone. Empty if nothing is recorded.

        Raises:
            TypeError: If ``step`` is not an integer, or a measured value is of the wrong kind.
            ValueError: If ``step`` is negative, or names or shapes change between steps.
            OSError: If the file cannot be written.
            Exception: Whatever ``measure`` raises, with a note that names the step.
        """
        if type(step) is not int:  # a check of every step would take as long again as the rest
            step = _checks.integer(step, "step", at_least=0)
        return self.record(step, model) if self._is_due(step) else {}

    def record(self, step: int, model: Any) -> dict[str, float]:
        """Records the step whatever the rule says, such as the last one; arguments and errors are those of a call."""
        step = _checks.integer(step, "step", at_least=0)
        first = next(iter(self._rows.items()), None)
        try:
            with undisturbed(model):
                # What is about to be overwritten does not say what the columns are.
                row = _checks.row(self._measure(model), first[1] if first is not None and first[0] < step else None)
        except Exception as error:
            error.add_note(f"This was at step {step}.")
            raise
        if self._path is not None:
            journal.append(self._path, step, row)
        journal.put(self._rows, step, row)
        return _flat(row)

    @property
    def last_step(self) -> int | None:
        """The last step that was recorded, None if there is none yet."""
        return next(reversed(self._rows), None)

    @property
    def trajectory(self) -> Trajectory:
        """What was recorded so far; without a step there is none, and that is a ``ValueError``."""
        return journal.trajectory(self._rows)


def _flat(row: Mapping[str, Tensor]) -> dict[str, float]:
    return {
        name + "".join(f"/{entry + 1}" for entry in index): float(value)
        for name, values in row.items()
        if values.ndim < 2
        for index, value in np.ndenumerate(values.numpy())
    }
