"""A recorder as a callback of Hugging Face's ``Trainer`` (package ``transformers``)."""

from collections.abc import Callable
from typing import Any, Self

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError(
        "progress_measures.callbacks.transformers needs transformers: pip install transformers accelerate"
    ) from error

from progress_measures._checks.values import check_callable, check_string
from progress_measures.callbacks.names import prefixed, warn_of_clash
from progress_measures.runs.recorder import Recorder


class RecorderCallback(TrainerCallback):
    """Calls a recorder before the first step and after every step, and logs its numbers.

    :meth:`attach` adds the callback to a trainer and logs with ``trainer.log``. The numbers then reach everything that
    the trainer reports to (``report_to``), such as TensorBoard or Weights & Biases::

        RecorderCallback(recorder, prefix="recorder/").attach(trainer)

    If you pass the callback to the trainer instead, ``Trainer(…, callbacks=[RecorderCallback(recorder)])``, the numbers
    go to ``trainer.state.log_history`` only: one dictionary per recorded step, with ``"step"`` and ``"epoch"``.

    Steps are optimizer steps. The last step is always recorded, with two exceptions:

    - Training ends early with ``load_best_model_at_end``: the trainer may have replaced the last model by the best one.
    - An exception or Ctrl-C ends training: the trainer does not tell its callbacks. Catch the exception around
      ``trainer.train()``, and call ``recorder.record(trainer.state.global_step, trainer.model)``.

    With ``Recorder(errors="record")``, training continues when a step cannot be measured. Nothing is logged at that
    step.

    Only the process of rank 0 records, so the measure must not wait for other processes. A model that is sharded over
    processes (FSDP, ZeRO-3) does wait for them.

    Args:
        recorder: The recorder. Its measure gets the model.
        log: A function to call with the numbers and the step at each recorded step, instead of adding them to
            ``log_history``, such as ``lambda numbers, step: wandb.log(numbers, step=step)``.
        prefix: Text to put before each logged name, such as ``"recorder/"``. Without it, a number may share a name with
            one that the trainer logs, such as ``train_loss``, the trainer's mean over all steps; this gives a warning.

    Raises:
        TypeError: If ``log`` is not callable, or ``prefix`` is not a string.

    Example:
        >>> from progress_measures.callbacks.transformers import RecorderCallback
        >>> recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
        >>> callback = RecorderCallback(recorder)  # callback.attach(trainer), or Trainer(…, callbacks=[callback])
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

    def attach(self, trainer: Any) -> Self:
        """Adds the callback to a trainer and logs with ``trainer.log``, to everything that the trainer reports to.

        Call it after adding other callbacks, so that these are ready for the numbers of step 0.

        Args:
            trainer: A ``transformers.Trainer``.

        Returns:
            The callback.

        Raises:
            TypeError: If ``trainer`` is not a trainer.
            ValueError: If the callback has a ``log`` already.
        """
        check_callable(getattr(trainer, "log", None), "trainer.log")
        check_callable(getattr(trainer, "add_callback", None), "trainer.add_callback")
        if self.log is not None:
            raise ValueError(
                "`log` must be None for `attach`, which logs with `trainer.log`. Got a function, or a callback that is "
                "attached already. Make another RecorderCallback without `log`."
            )
        self.log, self._is_beside_trainer = lambda numbers, _: trainer.log(numbers), True
        if self not in trainer.callback_handler.callbacks:
            trainer.add_callback(self)
        return self

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
        entry = {**numbers, "step": state.global_step}
        if self._is_beside_trainer and any(entry.items() <= other.items() for other in state.log_history):
            return  # training that is resumed begins with a step that is there already
        if self.log is None:
            epoch = {} if state.epoch is None else {"epoch": state.epoch}
            state.log_history.append({**entry, **epoch})
            return
        # If `log` calls trainer.log, the trainer takes its own logs of this step to be done.
        due, self._is_logging = control.should_log, True
        try:
            self.log(numbers, state.global_step)
        finally:
            control.should_log, self._is_logging = due, False
