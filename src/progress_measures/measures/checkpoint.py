"""Every loss and accuracy of one checkpoint in one call."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from progress_measures._blocks import Progress, row_blocks
from progress_measures._checks.tensors import Array
from progress_measures._checks.values import check_progress
from progress_measures.filtering.parts import answer_coefficients, part_evaluator, sum_of_parts
from progress_measures.losses.by_answer import Pairs, pairs_by_answer, restricted_margins
from progress_measures.losses.pairs import margins, pair_hits, pair_losses
from progress_measures.operations.checks import check_frequencies, check_logits, check_train_mask
from progress_measures.operations.on_grid import answer_means
from progress_measures.operations.operation import Operation


@dataclass(frozen=True, eq=False)
class Measures:
    """The losses, in nats, and the accuracies of one checkpoint, as returned by :func:`measure`.

    Every field is float64 and has shape ``()``, except for ``excluded_loss_per_frequency``. ``vars(measures)`` maps the
    names of the fields to the tensors, and ``track`` accepts this mapping as measures.

    Example:
        >>> op = pm.addition(7)
        >>> mask = torch.rand(7, 7, generator=torch.Generator().manual_seed(0)) < 0.5
        >>> measures = pm.measure(torch.zeros(7, 7, 7), op, [2], train_mask=mask)
        >>> measures.test_loss, measures.excluded_loss_per_frequency.shape
        (tensor(1.9459, dtype=torch.float64), torch.Size([3]))
    """

    train_loss: Tensor
    """Over the training pairs."""
    test_loss: Tensor
    """Over all other pairs."""
    train_accuracy: Tensor
    """Over the training pairs."""
    test_accuracy: Tensor
    """Over all other pairs."""
    restricted_loss: Tensor
    """With only the constant and the chosen frequencies, over all pairs."""
    restricted_loss_train: Tensor
    """The same, over the training pairs."""
    restricted_loss_test: Tensor
    """The same, over all other pairs."""
    restricted_accuracy: Tensor
    """With only the constant and the chosen frequencies, over all pairs."""
    excluded_loss: Tensor
    """Without the chosen frequencies, over the training pairs."""
    excluded_accuracy: Tensor
    """Without the chosen frequencies, over the training pairs."""
    excluded_loss_per_frequency: Tensor
    """Without one frequency at a time, over the training pairs, in the order of ``op.frequencies``, ``(K,)``."""

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
    frequencies: Iterable[int],
    *,
    train_mask: Array,
    progress: Progress | None = None,
) -> Measures:
    """Every loss and accuracy of one checkpoint.

    The numbers are the same as those of :func:`cross_entropy`, :func:`accuracy`, :func:`restricted_loss`,
    :func:`excluded_loss` and :func:`excluded_loss_per_frequency`, with ``terms="sum"``.

    Args:
        logits: Logits on the grid, axes ``(a, b, c)``, shape ``(n, n, n)`` or ``(n*n, n)``.
        op: The operation that defines the answers.
        frequencies: Distinct members of ``op.frequencies``; the paper uses the key frequencies of the final model at
            every checkpoint.
        train_mask: The training pairs, bool, shape ``(n, n)``; all others are test pairs.
        progress: A function that wraps the list of blocks in which the logits are read, such as ``tqdm``, to show a
            progress bar for large n.

    Returns:
        The measures.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the logits or the mask have the wrong shape, the logits are not finite, a frequency is not one of
            the operation's or is repeated, or there is no training or no test pair.
        RuntimeError: If ``progress`` skips blocks.

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
    train = check_train_mask(train_mask, op, x.device)
    chosen = check_frequencies(frequencies, op)
    check_progress(progress)
    return measures_of(x, answer_means(x, op), op, chosen, train, progress)


def measures_of(
    x: Tensor, means: Tensor, op: Operation, chosen: tuple[int, ...], train: Tensor, progress: Progress | None = None
) -> Measures:
    """The result of :func:`measure`, from checked arguments and the mean logits of each answer.

    ``means`` is an argument because it takes time to compute, and the caller may need it too.
    """
    coefficients = answer_coefficients(means, op, "sum")
    kept = sum_of_parts(coefficients, op, chosen)

    # Restricted logits depend on a pair only through its answer.
    all_answers, answer_of_pair = torch.arange(op.n, device=x.device), op.table.to(x.device).flatten()
    restricted = restricted_margins(means, kept)
    restricted_loss = pair_losses(restricted)[answer_of_pair]
    restricted_hit = pair_hits(restricted, all_answers)[answer_of_pair]

    margin_changes = kept.diagonal()[:, None] - kept  # from removing all chosen frequencies
    parts = part_evaluator(coefficients, op)
    pair_indices, max_count = pairs_by_answer(op, train)
    is_train = train.flatten()
    # Results are accumulated in a few tensors. Small ones kept for each block, between large temporary ones, would
    # fragment memory.
    loss, hit = torch.empty_like(restricted_loss), torch.empty_like(restricted_hit)
    excluded_loss, excluded_hits = x.new_zeros(2, dtype=torch.float64)
    without = x.new_zeros(len(op.frequencies), dtype=torch.float64)
    for block, rows in row_blocks(x.flatten(0, 1), pair_indices, progress):
        answers, in_train = answer_of_pair[block], is_train[block[:, :max_count]]
        pairs = Pairs.of(rows, answers)
        loss[block], hit[block] = pairs.losses(), pairs.hits()
        first = pairs.first(max_count)  # all training pairs are among these
        without = without + (first.losses_without(parts(answers[:, 0])) * in_train).sum((1, 2))
        excluded = margins(first.logits, first.answers).add_(margin_changes[answers[:, :1]])
        excluded_loss = excluded_loss + (pair_losses(excluded) * in_train).sum()
        excluded_hits = excluded_hits + (pair_hits(excluded, first.answers) & in_train).sum()
    count = is_train.sum()
    return Measures(
        train_loss=loss[is_train].mean(),
        test_loss=loss[~is_train].mean(),
        train_accuracy=_share(hit[is_train]),
        test_accuracy=_share(hit[~is_train]),
        restricted_loss=restricted_loss.mean(),
        restricted_loss_train=restricted_loss[is_train].mean(),
        restricted_loss_test=restricted_loss[~is_train].mean(),
        restricted_accuracy=_share(restricted_hit),
        excluded_loss=excluded_loss / count,
        excluded_accuracy=excluded_hits / count,
        excluded_loss_per_frequency=without / count,
    )


def _share(hits: Tensor) -> Tensor:
    return hits.to(torch.float64).mean()
