"""The cross-entropies and accuracies of a checkpoint in one pass over its logits, answer by answer."""

import torch
from torch import Tensor

from progress_measures._blocks import Progress, block_length
from progress_measures.filtering.parts import answer_coefficients, part_evaluator, sum_of_parts
from progress_measures.losses.by_answer import Inputs, inputs_per_answer, restricted_logits, sums_over
from progress_measures.losses.filtered import mean_of_blocks
from progress_measures.losses.kinds import RowLosses, cross_entropies
from progress_measures.losses.margins import hits_of, losses_of, margins
from progress_measures.measures.by_rows import loss_and_accuracy
from progress_measures.operations.on_grid import answer_blocks, inputs_by_answer
from progress_measures.operations.operation import Operation
from progress_measures.operations.split import Split


def measures_by_answer(
    x: Tensor,
    means: Tensor,
    op: Operation,
    chosen: tuple[int, ...],
    split: Split,
    progress: Progress | None,
) -> dict[str, Tensor]:
    """The fields of ``Measures``, for cross-entropy, frequencies of the answer and at least two answers."""
    coefficients = answer_coefficients(means, op, "sum")
    kept, parts = sum_of_parts(coefficients, op, chosen), part_evaluator(coefficients, op)
    answer_of_input, is_train = op.table.flatten().to(x.device), split.train

    # Results are accumulated in a few tensors. Small ones kept for each block, between large temporary ones, would
    # fragment memory.
    loss, hit = x.new_empty(len(x), dtype=torch.float64), torch.empty_like(is_train)
    excluded, excluded_hits = x.new_zeros(2, dtype=torch.float64)
    without = x.new_zeros(len(op.frequencies), dtype=torch.float64)
    for group, rows in answer_blocks(x, inputs_by_answer(op, x.device, is_train), progress):
        answers, index, valid = group
        inputs, in_train = Inputs.of(rows, split.labels[index]), group.only(is_train)
        each = ... if valid is None else valid
        loss[index[each]], hit[index[each]] = inputs.losses()[each], inputs.hits()[each]
        most = int(in_train.sum(1).max())
        if most == 0:
            continue
        first, in_train, removed = inputs.first(most), in_train[:, :most], kept[answers]  # all training inputs
        without = without + sums_over(first.losses_without(parts(answers), constant=not split.noisy), in_train)
        excluded = excluded + sums_over(first.losses_without(removed[None], constant=not split.noisy), in_train)[0]
        excluded_hits = excluded_hits + (first.hits_without(removed) & in_train).sum()

    # Restricted logits depend on an input only through its answer.
    restricted, every_answer = restricted_logits(means, kept), torch.arange(op.n, device=x.device)
    to_answer = margins(restricted, every_answer)
    restricted_loss = losses_of(to_answer)[answer_of_input]
    restricted_train = restricted_loss[is_train].mean()
    test_loss, test_accuracy, count = _mean(loss, split.test), _mean(hit, split.test), is_train.sum()
    if split.noisy:
        restricted_train, _ = loss_and_accuracy(
            x, is_train, split.labels, cross_entropies, lambda _, index: restricted[answer_of_input[index]]
        )
        if bool((split.test & is_train).any()):  # where the loss above is against a label
            test_loss, test_accuracy = loss_and_accuracy(x, split.test, answer_of_input, cross_entropies)
    return {
        "train_loss": _mean(loss, is_train),
        "test_loss": test_loss,
        "train_accuracy": _mean(hit, is_train),
        "test_accuracy": test_accuracy,
        "restricted_loss": restricted_loss.mean(),
        "restricted_loss_train": restricted_train,
        "restricted_loss_test": _mean(restricted_loss, split.test),
        "restricted_accuracy": hits_of(to_answer, every_answer)[answer_of_input].to(torch.float64).mean(),
        "excluded_loss": excluded / count,
        "excluded_accuracy": excluded_hits / count,
        "excluded_loss_per_frequency": without / count,
    }


def losses_of_tables(
    tables: Tensor, op: Operation, split: Split, row_losses: RowLosses
) -> tuple[Tensor, Tensor, Tensor]:
    """The mean losses of restricted logits over all, the training and the test inputs, ``(T,)`` each.

    Args:
        tables: Restricted logits at each answer, ``(T, s, c)``.
        op: The operation.
        split: The training and the test inputs.
        row_losses: The loss of each row.
    """
    every_answer = torch.arange(op.n, device=tables.device)
    losses = torch.stack([row_losses(table, every_answer) for table in tables])
    counts = (inputs_per_answer(op, mask) for mask in (torch.ones_like(split.train), split.train, split.test))
    over_all, over_train, over_test = (_weighted_mean(losses, of_mask) for of_mask in counts)
    if split.noisy:
        of_train, asked = op.table.flatten().to(tables.device)[split.train], split.labels[split.train]
        blocks = block_length(op.n, tables.device)
        pairs = [*zip(torch.split(of_train, blocks), torch.split(asked, blocks), strict=True)]
        each = (mean_of_blocks(row_losses(table[s], label) for s, label in pairs) for table in tables)
        over_train = torch.stack([*each])
    return over_all, over_train, over_test


def _weighted_mean(losses: Tensor, counts: Tensor) -> Tensor:
    """The mean of losses of answers, ``(T, s)``, over inputs; losses of answers without inputs may be infinite."""
    return torch.where(counts > 0, losses, 0.0) @ counts / counts.sum()


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return values[mask].to(torch.float64).mean()
