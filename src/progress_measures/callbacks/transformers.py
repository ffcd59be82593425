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
    """Calls a recorder before the first step and after every one, and gives what it returns to ``log``.

    Steps are optimizer steps. The last one is recorded in any case, but if the trainer ends early and has put its best
    model in the place of the last (``load_best_model_at_end``). Only the process of rank 0 records, and its measure
    runs there alone: it cannot wait for other processes, as a model does that is sharded over them (FSDP, ZeRO-3).

    Args:
        recorder: The recorder; its measure is given the model.
        log: What else to do with the numbers of a recorded step: a function of the numbers and the step, such as
            ``lambda numbers, step: wandb.log(numbers, step=step)``. The trainer does not tell a callback its loggers.

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
        # The last step is known here unless the training ends early; later its model may have been replaced.
        last = state.global_step >= state.max_steps
        self._record(state, kwargs["model"], self.recorder.record if last else self.recorder)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step != self.recorder.last_step and not args.load_best_model_at_end:
            self._record(state, kwargs["model"], self.recorder.record)

    def _record(self, state: Any, model: Any, record: Callable[[int, Any], dict[str, float]]) -> None:
        numbers = record(state.global_step, model) if state.is_world_process_zero else {}
        if numbers and self.log is not None:
            self.log(numbers, state.global_step)
