"""Every loss and accuracy of one checkpoint in one call."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, fields

from torch import Tensor

from progress_measures._blocks import Progress
from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_progress
from progress_measures._tables import html_table, number
from progress_measures.filtering.parts import Frequencies
from progress_measures.losses.empty import warn_if_none
from progress_measures.losses.kinds import Loss, check_loss
from progress_measures.measures.by_answer import measures_by_answer
from progress_measures.measures.by_rows import measures_by_rows
from progress_measures.measures.order import seems_in_order_of_numbers
from progress_measures.operations.checks import check_logits, check_parts
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation
from progress_measures.operations.split import Split, check_split


@dataclass(frozen=True, eq=False)
class Measures:
    """The losses and the accuracies of one checkpoint, as returned by :func:`measure`.

    Losses are cross-entropies in nats unless you chose another loss. The right answer of a training input is its label,
    if you gave ``labels``. A mean over no inputs is NaN.

    Every field is float64 and has shape ``()``, except for ``excluded_loss_per_frequency``. ``vars(measures)`` maps the
    names of the fields to the tensors. To measure checkpoints, pass :func:`track` a function that returns
    ``vars(pm.measure(…))``.

    Example:
        >>> op = pm.addition(7)
        >>> mask = torch.rand(7, 7, generator=torch.Generator().manual_seed(0)) < 0.5
        >>> measures = pm.measure(torch.zeros(7, 7, 7), op, [2], train_mask=mask)
        >>> measures.test_loss, measures.excluded_loss_per_frequency.shape
        (tensor(1.9459, dtype=torch.float64), torch.Size([3]))
    """

    train_loss: Tensor
    """Over the training inputs."""
    test_loss: Tensor
    """Over the test inputs."""
    train_accuracy: Tensor
    """Over the training inputs."""
    test_accuracy: Tensor
    """Over the test inputs."""
    restricted_loss: Tensor
    """With only the constant and the chosen frequencies, over all inputs."""
    restricted_loss_train: Tensor
    """With only the constant and the chosen frequencies, over the training inputs."""
    restricted_loss_test: Tensor
    """With only the constant and the chosen frequencies, over the test inputs."""
    restricted_accuracy: Tensor
    """With only the constant and the chosen frequencies, over all inputs."""
    excluded_loss: Tensor
    """Without the chosen frequencies, over the training inputs."""
    excluded_accuracy: Tensor
    """Without the chosen frequencies, over the training inputs."""
    excluded_loss_per_frequency: Tensor
    """Without one frequency at a time, over the training inputs, in the order of ``op.frequencies``, ``(K,)``."""

    def __repr__(self) -> str:
        shown = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "restricted_loss", "excluded_loss")
        return f"Measures({', '.join(f'{name}={number(getattr(self, name))}' for name in shown)}, …)"

    def _repr_html_(self) -> str:
        return html_table(
            "Measures", ["", ""], [[each.name, number(getattr(self, each.name))] for each in fields(self)]
        )

    def as_dict(self) -> dict[str, float]:
        """The numbers by name, for a logger; the loss without frequency k is ``excluded_loss_per_frequency/k``."""
        flat: dict[str, float] = {}
        for field in fields(self):
            value = getattr(self, field.name).detach()
            if value.ndim == 0:
                flat[field.name] = float(value)
            else:
                flat |= {f"{field.name}/{k}": loss for k, loss in enumerate(value.tolist(), start=1)}
        return flat


def measure(
    logits: Array,
    op: Operation,
    frequencies: Iterable[int] | Iterable[tuple[int, ...]],
    *,
    train_mask: Array,
    test_mask: Array | None = None,
    labels: Array | None = None,
    loss: Loss = "cross_entropy",
    progress: Progress | None = None,
) -> Measures:
    r"""Every loss and accuracy of one checkpoint.

    With the loss ℓ of one input, the restricted logits L_R and the remaining logits L_E of :func:`restrict` and
    :func:`exclude`, the training inputs T, the right answers s and the labels y,

    .. math::

        \text{train} &= \frac{1}{|T|} \sum_{x \in T} \ell(L(x), y(x)) \\
        \text{restricted} &= \frac{1}{N} \sum_x \ell(L_R(x), s(x)) \\
        \text{excluded} &= \frac{1}{|T|} \sum_{x \in T} \ell(L_E(x), y(x))

    Test losses are means over the test inputs, with their right answers. Accuracies use the same logits and inputs.
    Without ``labels``, the numbers equal those of :func:`cross_entropy`, :func:`accuracy`, :func:`restricted_loss`,
    :func:`excluded_loss` and :func:`excluded_loss_per_frequency`, with ``terms="sum"``. One call takes less time.

    Args:
        logits: Logits on every input: for pairs, axes ``(a, b, c)``, shape ``(n, n, n)``. In general, the shape of
            ``op.table`` plus an axis of answers, or ``(N, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``, or tuples, as for :func:`restrict`. The paper uses the key
            frequencies of the final model at every checkpoint.
        train_mask: The training inputs, bool, the shape of ``op.table`` or ``(N,)``, in the order of ``op.inputs``.
            :meth:`Operation.mask` makes it from rows of tokens.
        test_mask: The test inputs; all except for the training inputs if None. In a symmetric task a network may know
            the mirror of a training input without generalizing: leave mirrors out with :meth:`Operation.mirrored`.
        labels: The labels that the network was trained on, such as noisy ones: indices of ``op.elements``, integers,
            the shape of ``train_mask``. Only those of training inputs count. If None, the right answers.
        loss: The loss ℓ of one input, as for :func:`restricted_loss`.
        progress: A function that wraps the list of blocks of logits, such as ``tqdm``, to show a progress bar for large
            n.

    Returns:
        The losses and accuracies. A warning says so if ``train_mask`` seems to be in the order of the numbers, where
        the tokens of ``op`` have another order.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the logits, a mask or the labels have the wrong shape, or the logits are not finite; if a
            frequency is not one of the operation's or is repeated; if there is no training input, or a label is not the
            index of an answer; or if ``loss`` does not return one number per row.
        RuntimeError: If ``progress`` skips blocks.

    See Also:
        :func:`grokking_measures`: the same and more as a function of the model, for a recording.
        :func:`random_frequency_control`: whether the losses differ from chance.

    References:
        Nanda et al. (2023), section 5.1.

    Example:
        >>> op = pm.addition(7)
        >>> wave = 9 * torch.cos(2 * torch.pi * 3 / 7 * (op.table[:, :, None] - torch.arange(7)))
        >>> m = pm.measure(wave, op, [3], train_mask=op.table < 2)
        >>> round(m.as_dict()["excluded_loss"], 4), round(m.as_dict()["excluded_loss_per_frequency/3"], 4)
        (1.9459, 1.9459)
    """
    x = check_logits(logits, op)
    split = check_split(op, x.device, train_mask, test_mask, labels)
    chosen = check_parts(frequencies, op)
    check_loss(loss)
    check_progress(progress)
    means = answer_means(x, op)
    warn_if_none(chosen, means, op, logits=x, stacklevel=2)
    measured = measures_of(x, means, op, chosen, split, loss, progress)
    if text := seems_in_order_of_numbers(x, op, split.train, measured.train_accuracy):
        warnings.warn(text, UserWarning, stacklevel=2)
    return measured


def measures_of(
    x: Tensor,
    means: Tensor,
    op: Operation,
    chosen: Frequencies,
    split: Split,
    loss: Loss,
    progress: Progress | None = None,
) -> Measures:
    """The result of :func:`measure`, from checked arguments and the mean logits of each answer.

    ``means`` is an argument because it takes time to compute, and the caller may need it too.
    """
    if loss == "cross_entropy" and not isinstance(chosen, list) and op.n > 1:
        return Measures(**measures_by_answer(x, means, op, chosen, split, progress))
    return Measures(**measures_by_rows(x, means, op, chosen, split, check_loss(loss), progress))
