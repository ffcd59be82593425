"""A recorder as a callback of Lightning's ``Trainer`` (package ``lightning``)."""

from typing import Any

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as error:
    raise ImportError(
        'progress_measures.callbacks.lightning needs lightning: pip install "progress_measures[lightning]"'
    ) from error

from progress_measures.runs.recorder import Recorder


class RecorderCallback(Callback):
    """Calls a recorder before the first step and after every step, and sends its numbers to the trainer's loggers.

    Steps are optimizer steps. The last step of a fit is always recorded. Only the process of rank 0 records, so the
    measure must not wait for other processes. A model that is sharded over processes (FSDP) does wait for them.

    Args:
        recorder: The recorder. Its measure gets the Lightning module.

    Example:
        >>> from progress_measures.callbacks.lightning import RecorderCallback
        >>> recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
        >>> callback = RecorderCallback(recorder)  # lightning.Trainer(…, callbacks=[callback])
        >>> callback.recorder.last_step is None  # before the trainer has called it
        True
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self._step = recorder, -1

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._log(trainer, pl_module, self.recorder)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step != self._step:  # one step may take several batches
            self._log(trainer, pl_module, self.recorder)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step != self.recorder.last_step:
            self._log(trainer, pl_module, self.recorder.record)

    def _log(self, trainer: Trainer, model: LightningModule, record: Any) -> None:
        self._step = trainer.global_step
        numbers = record(self._step, model) if trainer.is_global_zero else {}
        for logger in trainer.loggers if numbers else ():
            logger.log_metrics(numbers, step=self._step)
