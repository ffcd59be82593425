"""Measures at some steps of a training loop."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from progress_measures._checks.values import as_index, check_integer, check_step, type_name
from progress_measures._formats.table import entries
from progress_measures._model_state import undisturbed
from progress_measures.runs.checks import check_measures, check_row
from progress_measures.runs.journal import Journal
from progress_measures.runs.rules import Rule
from progress_measures.trajectory.trajectory import Trajectory


class Recorder:
    """Measures a model while it is trained.

    Call it with every step. Where nothing is recorded that costs less than a microsecond. Where something is, the model
    is in evaluation mode and gradients are off while it is measured; then the mode of each submodule, the grad mode and
    the random states (Python's, NumPy's, PyTorch's on the CPU and on CUDA) are what they were, also after an error. So
    training goes on to the last bit as if nothing had been measured. (In a region of ``torch.autocast`` the model is
    measured in the region's dtype; call the recorder outside of it.) A measure that needs gradients turns them on, with
    ``torch.enable_grad()``, and takes them with ``torch.autograd.grad``, which leaves those of the parameters alone.

    A step below the one before is a run that has gone back, and so is the first call of a recorder whose file knows
    this step or later ones: what was recorded from there on is dropped, whether or not the step is recorded itself. So
    a run that is resumed from an earlier state replaces what it had recorded after that state, and one that starts anew
    replaces everything.

    Args:
        measures: From the model to numbers or tensors by name, the same names and shapes at every step, or a mapping
            from names to functions of the model: what :func:`track` takes. :func:`grokking_measures` makes one.
        every: Steps that are multiples of this number are recorded, or those for which this function of the step is
            true, such as :func:`log_spaced` and :func:`sqrt_spaced` make.
        path: A file that grows by a line at each recorded step. If there is one, its steps are taken over, so that a
            run that was killed is resumed; :func:`load_recording` reads it. It may be one that :func:`track` wrote.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If ``every`` is less than 1, or the file is of another kind, or of two measures.
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
        measures: Callable[[Any], Mapping[str, Any]] | Mapping[str, Callable[[Any], Any]],
        *,
        every: int | Rule = 100,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self._measures = check_measures(measures)
        self._is_due = _check_every(every)
        self._journal = Journal(path)
        # A step below this one is a run that has gone back.
        self._below = 1 + max((*self._journal.rows, *self._journal.errors), default=-1)

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
            ValueError: If ``step`` is negative, names or shapes change between steps, or two numbers would have one
                name, such as ``name/1`` and the first of a vector ``name``.
            OSError: If the file cannot be written.
            Exception: Whatever ``measures`` raises, with a note that names the step.
        """
        if type(step) is not int or step < self._below:  # one comparison more would cost every step a tenth
            step = self._go_back(step)
        self._below = step
        return self.record(step, model) if self._is_due(step) else {}

    def record(self, step: int, model: Any) -> dict[str, float]:
        """Records the step whatever the rule says, such as the last one; arguments and errors are those of a call."""
        self._below = step = self._go_back(step)
        try:
            with undisturbed(model):
                # What is about to be overwritten does not say what the columns are.
                row = check_row(self._measures(model), self._journal.others(step))
            numbers = entries({name: values[None] for name, values in row.items() if values.ndim < 2}, "measures")
        except Exception as error:
            error.add_note(f"This was at step {step}.")
            raise
        self._journal.add(step, row)
        return {name: float(value) for name, value in numbers.items()}

    def _go_back(self, step: int) -> int:
        """The step as an integer; what is known from there on is dropped if the run has gone back to it."""
        step = check_step(step)
        if step < self._below:
            self._journal.go_back(step)
        return step

    @property
    def last_step(self) -> int | None:
        """The last step that was recorded, None if there is none yet."""
        return max(self._journal.rows, default=None)

    @property
    def trajectory(self) -> Trajectory:
        """What was recorded so far; without a step there is none, and that is a ``ValueError``."""
        return self._journal.trajectory()


def _check_every(value: Any) -> Callable[[int], object]:
    """Whether to record, as a function of the step, from such a function or from a number of steps."""
    if callable(value):
        rule: Callable[[int], object] = value
        return rule
    if as_index(value) is None:
        raise TypeError(f"`every` must be an integer or a function of the step. Got {value!r} ({type_name(value)}).")
    number = check_integer(value, "every", at_least=1)
    return lambda step: step % number == 0
