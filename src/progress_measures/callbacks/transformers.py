"""A recorder as a callback of Hugging Face's ``Trainer`` (package ``transformers``)."""

from collections.abc import Callable
from typing import Any

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError(
        'progress_measures.callbacks.transformers needs transformers: pip install "progress_measures[transformers]"'
    ) from error

from progress_measures._checks.values import check_callable, check_string
from progress_measures.callbacks.names import prefixed, warn_of_clash
from progress_measures.runs.recorder import Recorder


class RecorderCallback(TrainerCallback):
    """Calls a recorder before the first step and after every step, and logs its numbers.

    By default they go where the trainer keeps its own logs, ``trainer.state.log_history``: a dictionary for each step,
    with ``"step"`` and ``"epoch"``. The trainer does not let callbacks reach what it reports to (``report_to``). To
    send the numbers there as well, add the callback once there is a trainer::

        callback = RecorderCallback(recorder, log=lambda numbers, step: trainer.log(numbers))
        trainer.add_callback(callback)

    Steps are optimizer steps. The last step is always recorded, with two exceptions. If training ends early, the
    trainer may have replaced the last model by the best one (``load_best_model_at_end``). And the trainer tells its
    callbacks nothing of an exception, or of Ctrl-C: catch it around ``trainer.train()``, and call
    ``recorder.record(trainer.state.global_step, trainer.model)``.

    A recorder with ``errors="record"`` lets the training go on where a step cannot be measured: nothing is logged at
    that step.

    Only the process of rank 0 records, so the measure must not wait for other processes. A model that is sharded over
    processes (FSDP, ZeRO-3) does wait for them.

    Args:
        recorder: The recorder. Its measure gets the model.
        log: A function to call with the numbers and the step at each recorded step, instead of adding them to
            ``log_history``. It may be ``trainer.log`` as above, or
            ``lambda numbers, step: wandb.log(numbers, step=step)``.
        prefix: What is logged before each name, such as ``"recorder/"``. There is a warning where a number has the name
            of one that the trainer logs in the same place, as ``train_loss``, the trainer's mean over all steps.

    Raises:
        TypeError: If ``log`` is not callable, or ``prefix`` is not a string.

    Example:
        >>> from progress_measures.callbacks.transformers import RecorderCallback
        >>> recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
        >>> callback = RecorderCallback(recorder)  # transformers.Trainer(…, callbacks=[callback])
        >>> callback.recorder.last_step is None  # before the trainer has called it
        True
    """

    def __init__(
        self, recorder: Recorder, log: Callable[[dict[str, float], int], Any] | None = None, *, prefix: str = ""
    ) -> None:
        if log is not None:
            check_callable(log, "log")
        self.recorder, self.log, self.prefix = recorder, log, check_string(prefix, "prefix")
        self._names: set[str] = set()
        self._is_logging = self._has_warned = False
        self._is_beside_trainer = log is None
        """Whether the numbers are where the trainer's own logs are."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._record(state, control, kwargs["model"], self.recorder)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # The last step is recorded here unless training ends early, because its model may be replaced after this.
        last = state.global_step >= state.max_steps
        self._record(state, control, kwargs["model"], self.recorder.record if last else self.recorder)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if self._is_logging:  # `log` calls trainer.log
            self._is_beside_trainer = True
        elif self._is_beside_trainer and not self._has_warned:
            self._has_warned = warn_of_clash(self._names, {*(logs or ()), "epoch", "step"}, "the trainer")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step != self.recorder.last_step and not args.load_best_model_at_end:
            self._record(state, control, kwargs["model"], self.recorder.record)

    def _record(self, state: Any, control: Any, model: Any, record: Callable[[int, Any], dict[str, float]]) -> None:
        numbers = record(state.global_step, model) if state.is_world_process_zero else {}
        if not numbers:
            return
        numbers = prefixed(numbers, self.prefix)
        self._names |= numbers.keys()
        if self.log is None:
            epoch = {} if state.epoch is None else {"epoch": state.epoch}
            entry = {**numbers, **epoch, "step": state.global_step}
            if entry not in state.log_history:  # training that is resumed begins with a step that is there already
                state.log_history.append(entry)
            return
        # If `log` calls trainer.log, the trainer takes its own logs of this step to be done.
        due, self._is_logging = control.should_log, True
        try:
            self.log(numbers, state.global_step)
        finally:
            control.should_log, self._is_logging = due, False
