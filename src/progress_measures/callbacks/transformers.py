"""A recorder as a callback of Hugging Face's ``Trainer`` (package ``transformers``)."""

from collections.abc import Callable
from typing import Any

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError(
        'progress_measures.callbacks.transformers needs transformers: pip install "progress_measures[transformers]"'
    ) from error

from progress_measures.runs.recorder import Recorder


class RecorderCallback(TrainerCallback):
    """Calls a recorder before the first step and after every step, and passes its numbers to ``log``.

    Steps are optimizer steps. The last step is always recorded, with one exception: if training ends early, the trainer
    may have replaced the last model by the best one (``load_best_model_at_end``). Only the process of rank 0 records,
    so the measure must not wait for other processes. A model that is sharded over processes (FSDP, ZeRO-3) does wait
    for them.

    Args:
        recorder: The recorder. Its measure gets the model.
        log: A function to call with the numbers and the step at each recorded step, such as
            ``lambda numbers, step: wandb.log(numbers, step=step)``. It is needed to log them, because the trainer does
            not give its loggers to callbacks.

    Example:
        >>> from progress_measures.callbacks.transformers import RecorderCallback
        >>> recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
        >>> callback = RecorderCallback(recorder)  # transformers.Trainer(…, callbacks=[callback])
        >>> callback.recorder.last_step is None  # before the trainer has called it
        True
    """

    def __init__(self, recorder: Recorder, log: Callable[[dict[str, float], int], Any] | None = None) -> None:
        self.recorder, self.log = recorder, log

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._record(state, kwargs["model"], self.recorder)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # The last step is recorded here unless training ends early, because its model may be replaced after this.
        last = state.global_step >= state.max_steps
        self._record(state, kwargs["model"], self.recorder.record if last else self.recorder)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step != self.recorder.last_step and not args.load_best_model_at_end:
            self._record(state, kwargs["model"], self.recorder.record)

    def _record(self, state: Any, model: Any, record: Callable[[int, Any], dict[str, float]]) -> None:
        numbers = record(state.global_step, model) if state.is_world_process_zero else {}
        if numbers and self.log is not None:
            self.log(numbers, state.global_step)
