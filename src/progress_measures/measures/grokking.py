"""The usual measures of a model that may grok, as one function of the model."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from progress_measures._checks.tensors import Array, computable
from progress_measures._checks.values import check_integer, check_model
from progress_measures._model_state import evaluation, token_device
from progress_measures.filtering.parts import Frequencies as Parts, answer_coefficients, sum_of_parts
from progress_measures.frequencies import key_frequencies
from progress_measures.grid import grid_logits
from progress_measures.losses.by_answer import inputs_per_answer, restricted_logits
from progress_measures.losses.kinds import Loss, check_loss
from progress_measures.losses.margins import hits_of, margins
from progress_measures.measures.by_answer import losses_of_tables
from progress_measures.measures.checkpoint import measures_of
from progress_measures.measures.checks import (
    check_answer_tables,
    check_frequencies_of_model,
    check_predict,
    check_same_operation,
    check_weights,
)
from progress_measures.measures.weights import Weight
from progress_measures.norms import sum_squared_weights
from progress_measures.operations.checks import check_frequencies, check_operation, check_parts
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation
from progress_measures.operations.split import Split, check_split
from progress_measures.runs.journal import load_recording
from progress_measures.sparsity import gini
from progress_measures.spectra import spectrum
from progress_measures.trajectory.trajectory import Trajectory

Chosen: TypeAlias = Iterable[int] | Iterable[tuple[int, ...]]
Frequencies: TypeAlias = Chosen | Callable[[Any], Chosen] | Literal["current", "final"]
Predict: TypeAlias = Callable[[Any, Tensor], Any]
Weights: TypeAlias = str | Weight | Callable[[Any], Tensor]

MEANS = "answer_means"
WITHOUT_FREQUENCIES = (
    "train_loss", "test_loss", "train_accuracy", "test_accuracy", "excluded_loss_per_frequency",
)  # fmt: skip


def grokking_measures(
    predict: Predict | None,
    op: Operation,
    frequencies: Frequencies,
    train_mask: Array,
    *,
    test_mask: Array | None = None,
    labels: Array | None = None,
    loss: Loss = "cross_entropy",
    weights: Mapping[str, Weights] | None = None,
    batch_size: int | None = None,
) -> Callable[[nn.Module], dict[str, Tensor]]:
    """The measures that show how a model generalizes, as a function for :class:`Recorder` and :func:`track`.

    Its columns are the fields of :class:`Measures` and these others: ``key_frequencies``, with 1 for each key frequency
    of that step and 0 for the others, in the order of ``op.frequencies``, unless they are frequencies of the inputs;
    ``gini_logits``, the Gini coefficient of the
    norms of the logits' frequencies of the answer; ``gini_<name>``, the Gini coefficient of the norms of the
    frequencies of weights; and ``sum_squared_weights``.

    Args:
        predict: A function from the model and tokens, int64, shape ``(batch, k)``, to the logits at the answer
            position, shape ``(batch, V)``, such as ``lambda model, pairs: model(pairs)[:, -1]``; None if
            ``model(pairs)`` returns these logits. Tokens are on the device of the model's first parameter.
        op: The operation that defines the answers.
        frequencies: The key frequencies: members of ``op.frequencies`` if they are known, or tuples, as for
            :func:`restrict`; ``"current"`` for those that
            stand out in the logits of each checkpoint; a function of the model for another rule; or ``"final"`` if they
            will only be known after the run. With ``"final"``, all columns that depend on them are left out, and
            ``answer_means`` is recorded instead: an n × n table of the mean logits of each answer, from which
            :func:`add_restricted_loss` computes restricted losses.
        train_mask: The training inputs, bool, the shape of ``op.table`` or ``(N,)``; see :meth:`Operation.mask`.
        test_mask: As for :func:`measure`.
        labels: As for :func:`measure`.
        loss: As for :func:`measure`.
        weights: By name, the weights whose frequencies are measured: the dotted path of weights with tokens along axis
            0, such as ``"embed.weight"``, from which the rows of ``op.elements`` are selected; ``pm.weight(path,
            dim=1)`` where they are along another; or a function of the model that returns weights with one row per
            element.
        batch_size: Inputs per call; all at once if None.

    Returns:
        The function of the model. It can be pickled for other processes if ``predict`` and the other arguments can.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a frequency is not one of the operation's or is repeated, or there is no training
            input.

    References:
        Nanda et al. (2023), sections 5.1 and 5.2.

    Example:
        >>> op = pm.addition(7)
        >>> model = torch.nn.Sequential(torch.nn.Embedding(8, 4), torch.nn.Flatten(), torch.nn.Linear(8, 8))
        >>> measure = pm.grokking_measures(None, op, [2, 3], op.table < 3, weights={"W_E": "0.weight"})
        >>> measured = measure(model)
        >>> measured["key_frequencies"].tolist(), "gini_W_E" in measured
        ([0.0, 1.0, 1.0], True)
    """
    check_operation(op)
    check_loss(loss)
    if batch_size is not None:
        batch_size = check_integer(batch_size, "batch_size", at_least=1)
    return _GrokkingMeasures(
        check_predict(predict),
        op,
        check_frequencies_of_model(frequencies, op),
        check_split(op, torch.device("cpu"), train_mask, test_mask, labels),
        loss,
        check_weights(weights),
        batch_size,
    )


@dataclass(frozen=True, eq=False)
class _GrokkingMeasures:
    """The function that :func:`grokking_measures` returns; a class, because a nested function cannot be pickled."""

    predict: Predict | None
    op: Operation
    frequencies: Parts | Literal["current", "final"] | Callable[[Any], Chosen]
    split: Split
    loss: Loss
    weights: Mapping[str, Weight | Callable[[Any], Tensor]]
    batch_size: int | None

    @torch.no_grad()
    def __call__(self, model: nn.Module) -> dict[str, Tensor]:
        logits = computable(self._logits(check_model(model))).flatten(0, -2)
        means = answer_means(logits, self.op)
        power = spectrum(means, self.op)
        return self._losses(model, logits, means, power) | {
            "gini_logits": gini(power.sqrt()),
            **{f"gini_{name}": gini(self._spectrum(model, name).sqrt()) for name in self.weights},
            "sum_squared_weights": sum_squared_weights(model),
        }

    def _logits(self, model: nn.Module) -> Tensor:
        if self.predict is None:
            return grid_logits(model, self.op, self.batch_size)
        predict, device = self.predict, token_device(model)
        with evaluation(model):
            return grid_logits(lambda pairs: predict(model, pairs.to(device)), self.op, self.batch_size)

    def _losses(self, model: nn.Module, logits: Tensor, means: Tensor, power: Tensor) -> dict[str, Tensor]:
        if self.frequencies == "final":
            values = self._measures(logits, means, ())
            return {name: values[name] for name in WITHOUT_FREQUENCIES} | {MEANS: means}
        if callable(self.frequencies):
            keys = check_parts(self.frequencies(model), self.op)
        else:
            keys = key_frequencies(power, self.op) if self.frequencies == "current" else self.frequencies
        measured = self._measures(logits, means, keys)
        return measured if isinstance(keys, list) else measured | {"key_frequencies": _indicator(keys, self.op)}

    def _measures(self, logits: Tensor, means: Tensor, keys: Parts) -> dict[str, Tensor]:
        # The logits were checked when the model returned them.
        return vars(measures_of(logits, means, self.op, keys, self.split.to(logits.device), self.loss))

    def _spectrum(self, model: nn.Module, name: str) -> Tensor:
        source = self.weights[name]
        return spectrum(source.rows(model, self.op, name) if isinstance(source, Weight) else source(model), self.op)


def add_restricted_loss(
    trajectory: Trajectory | str | os.PathLike[str],
    op: Operation,
    frequencies: Iterable[int] | None = None,
    *,
    train_mask: Array,
    test_mask: Array | None = None,
    labels: Array | None = None,
    loss: Loss = "cross_entropy",
) -> Trajectory:
    """Restricted losses and accuracy, added to a run that was recorded before its key frequencies were known.

    Restricted logits depend on an input only through its answer. So the mean logits of each answer suffice for
    restricted loss and accuracy, over all inputs, the training or the test inputs. They do not suffice for excluded
    loss, which needs the logits of every training input: the run records it for each frequency alone. To exclude
    several frequencies at once, save the models and :func:`track` them.

    Args:
        trajectory: A run recorded by :func:`grokking_measures` with the frequencies ``"final"``, or its file.
        op: The operation of the recorded run. An operation with other frequencies is an error: its ``gini_logits``
            differ from the recorded ones. One with the same frequencies, such as subtraction instead of addition, goes
            unnoticed, and makes ``restricted_loss_train`` and ``restricted_loss_test`` wrong.
        frequencies: Members of ``op.frequencies``; if None, those that stand out in the logits of the last step.
        train_mask: The training inputs, as for :func:`grokking_measures`.
        test_mask: As for :func:`measure`, and as the run was recorded with; so are ``labels`` and ``loss``. Others than
            those of the recorded run go unnoticed.
        labels: As for :func:`measure`.
        loss: As for :func:`measure`.

    Returns:
        The trajectory with the columns ``restricted_loss``, ``restricted_loss_train``, ``restricted_loss_test``,
        ``restricted_accuracy`` and ``key_frequencies`` in place of ``answer_means``. Their values are the same as
        :func:`grokking_measures` records for known frequencies.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the trajectory has no ``answer_means`` that fit the operation, a frequency is not one of the
            operation's or is repeated, or there is no training input.

    Example:
        >>> op = pm.addition(7)
        >>> model = torch.nn.Sequential(torch.nn.Embedding(7, 4), torch.nn.Flatten(), torch.nn.Linear(8, 7))
        >>> recorder = pm.Recorder(pm.grokking_measures(None, op, "final", op.table < 3))
        >>> _ = recorder(0, model)
        >>> pm.add_restricted_loss(recorder.trajectory, op, [1, 2], train_mask=op.table < 3)["key_frequencies"]
        tensor([[1., 1., 0.]], dtype=torch.float64)
    """
    if isinstance(trajectory, str | os.PathLike):
        trajectory = load_recording(trajectory)
    tables = check_answer_tables(trajectory, MEANS, check_operation(op).n)
    row_losses, split = check_loss(loss), check_split(op, tables.device, train_mask, test_mask, labels)
    power = [spectrum(means, op) for means in tables]
    ginis = torch.stack([gini(of_step.sqrt()) for of_step in power])
    check_same_operation(ginis, trajectory.columns.get("gini_logits"), op)
    chosen = key_frequencies(power[-1], op) if frequencies is None else frequencies
    keys, answers = check_frequencies(chosen, op), torch.arange(op.n, device="cpu")

    restricted = torch.stack(
        [restricted_logits(means, sum_of_parts(answer_coefficients(means, op, "sum"), op, keys)) for means in tables]
    )
    over_all, over_train, over_test = losses_of_tables(restricted, op, split, row_losses)
    hits = torch.stack([hits_of(margins(table, answers), answers) for table in restricted]).to(torch.float64)
    added = {
        "restricted_loss": over_all,
        "restricted_loss_train": over_train,
        "restricted_loss_test": over_test,
        "restricted_accuracy": hits @ inputs_per_answer(op, torch.ones_like(split.train)) / op.table.numel(),
        "key_frequencies": _indicator(keys, op).expand(len(tables), -1),
    }
    kept = {name: values for name, values in trajectory.columns.items() if name != MEANS}
    return Trajectory(trajectory.steps, kept | added)


def _indicator(frequencies: Iterable[int], op: Operation) -> Tensor:
    """1 for each of the given frequencies and 0 for the others, in the order of ``op.frequencies``."""
    chosen = set(frequencies)
    return torch.tensor([k in chosen for k in op.frequencies], dtype=torch.float64, device="cpu")
