"""The usual measures of a model that may grok, as one function of the model."""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from progress_measures._checks.tensors import Array, computable
from progress_measures._checks.values import check_integer, check_model, listed
from progress_measures._model_state import evaluation, token_device
from progress_measures.filtering.parts import Frequencies as Parts
from progress_measures.frequencies import Rule, key_frequencies, sufficient_frequencies
from progress_measures.grid import grid_logits
from progress_measures.losses.empty import WHAT
from progress_measures.losses.kinds import Loss, check_loss
from progress_measures.measures.about import about_of, named, shown
from progress_measures.measures.by_answer import losses_of_tables
from progress_measures.measures.checkpoint import measures_of
from progress_measures.measures.checks import (
    check_frequencies_of_model,
    check_predict,
    check_weights,
)
from progress_measures.measures.order import ORDER, seems_in_order_of_numbers
from progress_measures.measures.restricted import MEANS, MEANS_TEST, MEANS_TRAIN, SUFFICIENT, indicator
from progress_measures.measures.weights import Weight
from progress_measures.norms import sum_squared_weights
from progress_measures.operations.checks import check_operation, check_parts
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation
from progress_measures.operations.split import Split, check_split
from progress_measures.sparsity import gini
from progress_measures.spectra import spectrum
from progress_measures.spectra.answers import power_of_means

Chosen: TypeAlias = Iterable[int] | Iterable[tuple[int, ...]]
Frequencies: TypeAlias = Chosen | Rule | Callable[[Any], Chosen] | Literal["current", "final"]
Predict: TypeAlias = Callable[[Any, Tensor], Any]
Weights: TypeAlias = str | Weight | Callable[[Any], Tensor]

NO_KEYS = (
    f"No frequency is key at a step where the model generalizes, by the `frequencies` of grokking_measures. {WHAT} "
    "Pass another rule, such as pm.frequencies.Sufficient(), which names those that the model needs, or Share(0.9)."
)
NO_KEYS_YET = (
    "No frequency is key at a step where the model answers its training inputs, by the `frequencies` of "
    f"grokking_measures. {WHAT} Most networks have none before they generalize. Until one is key, read "
    "`excluded_loss_per_frequency`, which needs no choice, or pass frequencies that you know."
)
SHOWN = 8  # frequencies, or names, in a repr
GENERALIZES = 0.9  # test accuracy: below it, a model may know no more than the mirrors of its training inputs
MEMORIZES = 0.9  # training accuracy
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
    """The usual measures of a model that may grok, as one function of the model.

    Pass the function to :class:`Recorder` or :func:`track`. It returns the fields of :class:`Measures` and:

    - ``key_frequencies``: 1 for each key frequency of that step and 0 for the others, in the order of
      ``op.frequencies``; not recorded for frequencies of the inputs.
    - ``logit_power``: the power, in each frequency, of the mean logits of each answer. They are centered first, by
      subtracting each answer's mean over all outputs.
    - ``gini_logits``: the Gini coefficient of the norms of the logits' frequencies.
    - ``gini_<name>``: the Gini coefficient of the norms of the frequencies of these ``weights``.
    - ``sum_squared_weights``: as :func:`sum_squared_weights`.

    Args:
        predict: A function from the model and tokens, int64, shape ``(batch, k)``, to the logits at the answer
            position, shape ``(batch, V)``, such as ``lambda model, pairs: model(pairs)[:, -1]``; None if
            ``model(pairs)`` returns these logits. Tokens are on the device of the model's first parameter.
        op: The operation that defines the answers.
        frequencies: The key frequencies. If you know them, pass members of ``op.frequencies``, or tuples, as for
            :func:`restrict`. Pass ``"current"`` for those that stand out in the logits of each checkpoint; another
            rule, such as ``pm.frequencies.Share(0.9)`` or ``pm.frequencies.Sufficient()``; or a function of the model.
            Pass ``"final"`` if you will only know them after the run. Then all columns that depend on them are left
            out. Instead the run records ``answer_means``, an n × n table of the mean logits of each answer, from which
            :func:`add_restricted_loss` computes restricted losses; ``sufficient_frequencies``, with 1 for each that
            :func:`sufficient_frequencies` names; and ``mean_logits_loss_train`` and ``mean_logits_loss_test``, which
            let :func:`add_restricted_loss` check that it gets the same inputs.
        train_mask: The training inputs, as for :func:`measure`, in the order of ``op.inputs``. This is not the order of
            the numbers in :func:`multiplication` and :func:`division`: make the mask with :meth:`Operation.mask`.
        test_mask: As for :func:`measure`.
        labels: As for :func:`measure`.
        loss: As for :func:`measure`.
        weights: The weights whose frequencies are measured, by name: the dotted path of weights with tokens along axis
            0, such as ``"embed.weight"``, from which the rows of ``op.elements`` are selected; ``pm.weight(path,
            dim=1)`` if the tokens are along another axis; or a function of the model that returns weights with one row
            per element.
        batch_size: Inputs per call; all at once if None.

    Returns:
        The function of the model. It can be pickled for other processes if ``predict`` and the other arguments can. It
        warns once if a model answers its training inputs, and once if it generalizes, but has no key frequency.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a frequency is not one of the operation's or is repeated, or there is no training input.

    See Also:
        :func:`measure`: the losses and accuracies of logits that you already have.

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
    frequencies: Parts | Literal["current", "final"] | Rule | Callable[[Any], Chosen]
    split: Split
    loss: Loss
    weights: Mapping[str, Weight | Callable[[Any], Tensor]]
    batch_size: int | None
    warned: set[str] = field(default_factory=set)
    """The warnings that were given: each only once, because the function is called throughout a training."""

    @property
    def about(self) -> dict[str, Any]:
        """A description of the measures, for recordings."""
        return about_of(self.op, self.frequencies, self.split, self.loss, self.weights)

    def __repr__(self) -> str:
        inputs = f"{int(self.split.train.sum())} training and {int(self.split.test.sum())} test inputs"
        loss = "" if self.loss == "cross_entropy" else f", loss={named(self.loss)}"
        weights = f", weights {listed(self.weights, most=SHOWN)}" if self.weights else ""
        return f"grokking_measures({self.op!r}, {shown(self.frequencies, SHOWN)}; {inputs}{loss}{weights})"

    @torch.no_grad()
    def __call__(self, model: nn.Module) -> dict[str, Tensor]:
        logits = computable(self._logits(check_model(model))).flatten(0, -2)
        means = answer_means(logits, self.op)
        power = spectrum(means, self.op)
        centered = power_of_means(means, self.op)
        return self._losses(model, logits, means, centered) | {
            "logit_power": centered,
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
            values, split = self._measures(logits, means, ()), self.split.to(means.device)
            _, of_train, of_test = losses_of_tables(means[None], self.op, split, check_loss(self.loss))
            kept = {name: values[name] for name in WITHOUT_FREQUENCIES}
            enough = indicator(sufficient_frequencies(logits, self.op), self.op)
            return kept | {MEANS: means, MEANS_TRAIN: of_train[0], MEANS_TEST: of_test[0], SUFFICIENT: enough}
        keys = self._keys(model, logits, power)
        measured = self._measures(logits, means, keys)
        if not keys and self.op.frequencies:
            self._warn_of_no_keys(measured)
        return measured if isinstance(keys, list) else measured | {"key_frequencies": indicator(keys, self.op)}

    def _keys(self, model: nn.Module, logits: Tensor, power: Tensor) -> Parts:
        if isinstance(self.frequencies, Rule):
            return check_parts(self.frequencies.of_logits(logits, self.op), self.op)
        if callable(self.frequencies):
            return check_parts(self.frequencies(model), self.op)
        return key_frequencies(power, self.op) if isinstance(self.frequencies, str) else self.frequencies

    def _warn_of_no_keys(self, measured: Mapping[str, Tensor]) -> None:
        """Warns once of a step without key frequencies, except for a model that has not learned anything yet."""
        if _generalizes(measured):
            text = NO_KEYS
        elif float(measured["train_accuracy"]) >= MEMORIZES:
            text = NO_KEYS_YET
        else:
            return
        if text not in self.warned:
            self.warned.add(text)
            warnings.warn(text, UserWarning, stacklevel=3)

    def _measures(self, logits: Tensor, means: Tensor, keys: Parts) -> dict[str, Tensor]:
        # The logits were checked when the model returned them.
        split = self.split.to(logits.device)
        measured = measures_of(logits, means, self.op, keys, split, self.loss)
        if ORDER not in self.warned:
            grid = logits.reshape(*self.op.table.shape, self.op.n)
            if text := seems_in_order_of_numbers(grid, self.op, split.train, measured.train_accuracy):
                self.warned.add(ORDER)
                warnings.warn(text, UserWarning, stacklevel=4)
        return vars(measured)

    def _spectrum(self, model: nn.Module, name: str) -> Tensor:
        source = self.weights[name]
        return spectrum(source.rows(model, self.op, name) if isinstance(source, Weight) else source(model), self.op)


def _generalizes(measured: Mapping[str, Tensor]) -> bool:
    """Whether a model is right for most test inputs, or for most training inputs if there are no test inputs."""
    test_accuracy = float(measured["test_accuracy"])
    return (float(measured["train_accuracy"]) if math.isnan(test_accuracy) else test_accuracy) >= GENERALIZES
