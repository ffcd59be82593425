"""Measuring a model at some steps of its training loop."""

import functools
import os
import warnings
from collections.abc import Callable, Mapping
from threading import RLock, get_ident
from typing import Any

from progress_measures._checks.measures import check_measures
from progress_measures._checks.values import as_index, check_choice, check_integer, check_step, listed, type_name
from progress_measures._formats.recording import check_row
from progress_measures._formats.table import entries
from progress_measures._model_state import undisturbed
from progress_measures.runs.about import about_of
from progress_measures.runs.checks import Errors
from progress_measures.runs.journal import Journal
from progress_measures.runs.rules import Rule
from progress_measures.trajectory.trajectory import Trajectory


class Recorder:
    """Measures a model during training.

    Call it at every step. At steps that it does not record, the call costs less than a microsecond.

    Training continues, to the last bit, as if nothing had been measured. The model is measured in evaluation mode and
    without gradients. Afterwards, also after an error, the recorder restores the mode of each submodule, the grad mode,
    the random states (Python, NumPy, PyTorch on the CPU and on CUDA), and everything else that the model holds besides
    its parameters: buffers, attributes such as counters, and its own generators.

    A measure that needs gradients turns them on with ``torch.enable_grad()`` and computes them with
    ``torch.autograd.grad``, which does not change the gradients of the parameters. Call the recorder outside
    ``torch.autocast``: inside, the model is measured in the dtype of autocast.

    If a step is smaller than the step before, the run has gone back. The recorder then drops everything recorded from
    this step on, even if it does not record this step. It does the same at its first call if its file already has this
    step or later ones. So a run that is resumed from an earlier state replaces the records after that state, and a run
    that starts anew replaces all of them.

    Args:
        measures: A function ``model -> {name: value}``, such as the result of :func:`grokking_measures`, or a mapping
            from names to functions of the model, as for :func:`track`. Values are numbers or tensors. Names and shapes
            must be the same at every step.
        every: A number, to record its multiples. Or a function of the step, such as the results of :func:`log_spaced`
            and :func:`sqrt_spaced`, to record the steps for which it is true.
        path: A file to which each recorded step adds one line; :func:`load_recording` reads it. If the file exists, its
            steps are kept, so you can resume a run that was killed. :func:`track` may have written the file. It must be
            of the same measures: :func:`grokking_measures` writes a description into it, and so does your own function
            if it has an attribute ``about``, a mapping from names to text or numbers. Other functions are identified
            only by their columns. A file has one writer at a time. If the file is deleted or moved during the run, the
            next recorded step writes all of it anew, with a warning.
        errors: What to do if ``measures`` raises an exception, as when a run diverges and its logits are no longer
            finite, or if names or shapes differ from earlier steps. ``"raise"`` raises the error, which ends the
            training. With ``"record"``, training continues: the step's columns are ``nan``, the first error is a
            warning, and every error is written to the file if there is one. Training then also continues, with a
            warning, if the file cannot be written, as on a full disk: the steps are in ``trajectory``, and are written
            to the file later.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If ``every`` is less than 1, ``errors`` is not one of the choices, the file is of another kind, or
            its lines are of different measures.
        OSError: If the file cannot be read or written; on recording, not with ``errors="record"``.
        RuntimeError: On recording, if another recorder writes to the file, or another thread has recorded a later step.

    See Also:
        :func:`track`: to measure checkpoints after the run.

    Example:
        >>> model = torch.nn.Linear(2, 2)
        >>> recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
        >>> for step in range(250):
        ...     numbers = recorder(step, model)  # {"weights": 1.23}, or {} if the step is not recorded
        >>> numbers = recorder.record(250, model)  # records any step
        >>> recorder.trajectory
        Trajectory(4 steps, 0..250; weights)
    """

    def __init__(
        self,
        measures: Callable[[Any], Mapping[str, Any]] | Mapping[str, Callable[[Any], Any]],
        *,
        every: int | Rule = 100,
        path: str | os.PathLike[str] | None = None,
        errors: Errors = "raise",
    ) -> None:
        check_choice(errors, "errors", Errors)
        self._errors, self._has_warned = errors, False
        self._measures = check_measures(measures)
        self._is_due = _check_every(every)
        self._journal = Journal(path, about=about_of(measures), goes_on=errors == "record")
        self._thread, self._turn = 0, RLock()
        self._below = self._after_last()

    def __call__(self, step: int, model: Any) -> dict[str, float]:
        """Records the step if ``every`` selects it.

        Args:
            step: The number of steps for which the model has been trained.
            model: The model.

        Returns:
            Numbers by name, ready for a logger; empty if the step is not recorded or could not be measured. The entries
            of a vector are ``name/1``, ``name/2`` and so on. Tensors with two axes or more are left out: only the
            trajectory has them.

        Raises:
            TypeError: If ``step`` is not an integer, or a measured value is of the wrong kind.
            ValueError: If ``step`` is negative, names or shapes change between steps, or two numbers would have the
                same name, such as a number ``name/1`` and the first entry of a vector ``name``.
            OSError: If the file cannot be written; with ``errors="record"``, this is a warning.
            Exception: Any exception of ``measures``, with a note that names the step; with ``errors="record"``, it is
                recorded instead.
        """
        if type(step) is not int or step < self._below:  # one more comparison would slow every call by a tenth
            step = self._go_back(step)
        self._below = step
        return self.record(step, model) if self._is_due(step) else {}

    def record(self, step: int, model: Any) -> dict[str, float]:
        """Records a step, such as the last one, even if ``every`` does not select it. Otherwise like a call."""
        with self._turn:
            return self._record(step, model)

    def _record(self, step: int, model: Any) -> dict[str, float]:
        if self._journal.hold():
            self._below = self._after_last()
        self._below = step = self._go_back(step)
        self._thread = get_ident()
        try:
            with undisturbed(model):
                # A row that is about to be replaced may have had other columns.
                row = check_row(self._measures(model), self._journal.other_row(step))
            numbers = entries({name: values[None] for name, values in row.items() if values.ndim < 2}, "measures")
        except Exception as error:
            if self._errors == "record":
                self._fail(step, f"{type(error).__name__}: {error}")
                return {}
            error.add_note(f"This was at step {step}.")
            raise
        self._journal.add(step, row)
        return {name: float(value) for name, value in numbers.items()}

    def _fail(self, step: int, error: str) -> None:
        """Records that a step could not be measured; warns only once, because a diverged run fails at every step."""
        self._journal.fail(step, error)
        if not self._has_warned:
            self._has_warned = True
            text = f"Step {step} could not be measured: its columns are nan. Later failures give no warning. {error}"
            warnings.warn(text, RuntimeWarning, stacklevel=3)

    def _go_back(self, step: int) -> int:
        """Returns the step as an integer; if the run has gone back, drops all records from this step on."""
        step = check_step(step)
        with self._turn:
            if step < self._below:
                _check_same_thread(step, self._below, self._thread)
                self._journal.go_back(step)
        return step

    def _after_last(self) -> int:
        """The step after the last recorded one. A smaller step means that the run has gone back."""
        return 1 + max((*self._journal.rows, *self._journal.errors), default=-1)

    def __repr__(self) -> str:
        due = self._is_due
        rule = f"every={due.args[0] if isinstance(due, functools.partial) and due.func is _divides else '…'}"
        path = "" if self._journal.path is None else f", path={os.fspath(self._journal.path)!r}"
        steps = sorted({*self._journal.rows, *self._journal.errors})
        if not steps:
            return f"Recorder({rule}{path}; no step yet)"
        columns = listed(next(iter(self._journal.rows.values()), {}), most=6)
        span = f"{len(steps)} step{'s'[: len(steps) != 1]}, {steps[0]}..{steps[-1]}"
        return f"Recorder({rule}{path}; {span}{'; ' if columns else ''}{columns})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_turn"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _turn=RLock())

    @property
    def last_step(self) -> int | None:
        """The last recorded step, measured or not; None if there is none yet."""
        return max((*self._journal.rows, *self._journal.errors), default=None)

    @property
    def trajectory(self) -> Trajectory:
        """The trajectory recorded so far. Before the first recorded step, this raises a ``ValueError``."""
        return self._journal.trajectory()


def _check_same_thread(step: int, below: int, thread: int) -> None:
    """Requires that a run goes back in the thread that recorded last: else threads would drop each other's steps."""
    if thread not in (0, get_ident()):
        raise RuntimeError(
            f"`step` must ascend where several threads call a recorder. Got {step} after {below} in another thread. "
            "Make a recorder for each run, or measure checkpoints with track(executor=…)."
        )


def _check_every(value: Any) -> Callable[[int], object]:
    """Returns the rule as a function of the step, given such a function or a number of steps."""
    if callable(value):
        rule: Callable[[int], object] = value
        return rule
    if as_index(value) is None:
        raise TypeError(f"`every` must be an integer or a function of the step. Got {value!r} ({type_name(value)}).")
    number = check_integer(value, "every", at_least=1)
    return functools.partial(_divides, number)  # unlike a closure, it can be pickled


def _divides(number: int, step: int) -> bool:
    return step % number == 0
