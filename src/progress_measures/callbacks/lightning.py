"""A recorder as a callback of Lightning's ``Trainer`` (package ``lightning``)."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as error:
    raise ImportError("progress_measures.callbacks.lightning needs lightning: pip install lightning") from error

from progress_measures._checks.values import check_string
from progress_measures.callbacks.names import prefixed, warn_of_clash
from progress_measures.runs.recorder import Recorder


class RecorderCallback(Callback):
    """Calls a recorder before the first step and after every step, and sends its numbers to the trainer's loggers.

    Steps are counted as in Lightning's own loggers: optimizer steps, or batches if the module steps its optimizers
    itself (``automatic_optimization = False``), as one with several optimizers does.

    The last step of a fit is always recorded. If an exception ends the fit, the last complete step is recorded, except
    while an optimizer is stepping, because the model may then be between two steps. An error during this recording
    becomes a note of the exception, and a warning.

    With ``Recorder(errors="record")``, the fit continues when a step cannot be measured. The loggers get nothing at
    that step.

    Only the process of rank 0 records, so the measure must not wait for other processes. A model that is sharded over
    processes (FSDP) does wait for them. With the strategy ``ddp_spawn``, the recorder of the process that calls ``fit``
    stays empty: give it a ``path``.

    Args:
        recorder: The recorder. Its measure gets the Lightning module.
        prefix: Text to put before each logged name, such as ``"recorder/"``. Without it, a number with the same name as
            one that the module logs shares its column; a fit of one process warns.

    Raises:
        TypeError: If ``prefix`` is not a string.

    Example:
        >>> from progress_measures.callbacks.lightning import RecorderCallback
        >>> recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
        >>> callback = RecorderCallback(recorder)  # lightning.Trainer(…, callbacks=[callback])
        >>> callback.recorder.last_step is None  # before the trainer has called it
        True
    """

    def __init__(self, recorder: Recorder, *, prefix: str = "") -> None:
        self.recorder, self.prefix = recorder, check_string(prefix, "prefix")
        self._step: int | None = None
        self._is_stepping = self._has_failed = self._has_warned = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step, self._is_stepping, self._has_failed = None, False, False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if pl_module.automatic_optimization:
            self._log(trainer, pl_module, self.recorder, trainer.global_step)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        # When a fit is resumed, the loggers' step is known only now.
        if self._step is None:
            self._log(trainer, pl_module, self.recorder, _batches(trainer))

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._is_stepping = True

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._is_stepping = False
        step = _step_after_batch(trainer, pl_module)
        if step != self._step:  # one step may take several batches
            self._log(trainer, pl_module, self.recorder, step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._step is not None and self._step != self.recorder.last_step:
            self._log(trainer, pl_module, self.recorder.record, self._step)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if self._step is None or self._has_failed:
            return
        progress = trainer.fit_loop.epoch_loop.batch_progress.current
        if self._is_stepping and progress.processed < progress.ready:
            return
        step = _step_after_batch(trainer, pl_module) if self._is_stepping else self._step
        try:
            if step != self.recorder.last_step:
                self._log(trainer, pl_module, self.recorder.record, step)
        except Exception as error:  # it must not hide the exception that ended the fit
            text = f"The last step, {step}, could not be recorded. {type(error).__name__}: {error}"
            exception.add_note(text)
            with suppress(RuntimeWarning):  # where warnings are errors
                warnings.warn(text, RuntimeWarning, stacklevel=2)

    def _log(
        self, trainer: Trainer, model: LightningModule, record: Callable[[int, Any], dict[str, float]], step: int
    ) -> None:
        self._step = step
        try:
            numbers = record(step, model) if trainer.is_global_zero else {}
        except Exception:
            self._has_failed = True
            raise
        if not numbers or not trainer.loggers:
            return
        numbers = prefixed(numbers, self.prefix)
        # In several processes, Lightning may compute the logged metrics in all of them together.
        if trainer.world_size == 1 and not self._has_warned:
            self._has_warned = warn_of_clash(numbers, {*trainer.logged_metrics, "epoch", "step"}, "the module")
        for logger in trainer.loggers:
            logger.log_metrics(numbers, step=step)


def _batches(trainer: Trainer) -> int:
    """The step of Lightning's own loggers: the batches after which an optimizer may have stepped."""
    count: int = trainer.fit_loop.epoch_loop._batches_that_stepped
    return count


def _step_after_batch(trainer: Trainer, model: LightningModule) -> int:
    """The step at the end of a batch, when Lightning has not counted it yet for its loggers.

    With automatic optimization there is one optimizer, whose steps are the same as those of the loggers, and right
    also where Lightning is one behind, as when it resumes a fit.
    """
    return trainer.global_step if model.automatic_optimization else _batches(trainer) + 1
