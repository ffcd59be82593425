"""The transformer on many pairs, computed exactly from tables with one row per token.

The inputs are all pairs of a few numbers, and there is only one block, so keys, values and scores depend on one token
and its position. A plain forward pass computes them three times per pair. Attention mixes values linearly, so
everything up to the ReLU, and along the skip connection up to the logits, can be tabulated too. With one row for each
number, position and head, a pair is a weighted sum of 2 · heads rows and a constant row. Each pair then needs only a
softmax over three scores, this sum, and one matrix product, logits = ReLU(neurons) · outward + skip.

The result equals ``Transformer.forward`` up to rounding, but has no submodules to hook. Training uses the tables;
analysis does not.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from examples.modular_addition.model import Transformer

ALIGNED = 16  # float32 numbers: sums of rows are several times slower if the length of a row is no multiple of it


class TableLoss:
    """The training loss: the mean cross-entropy of some pairs, for models of one size.

    A call returns the loss in nats, float64, shape ``()``, with full relative precision even if it is tiny.

    Args:
        pairs: Numbers, shape ``(pair, 2)``.
        answers: Tokens of the right answers, shape ``(pair,)``.
        n: Number of numbers.
        heads: Number of heads of the models.
    """

    def __init__(self, pairs: Tensor, answers: Tensor, n: int, heads: int) -> None:
        self.pairs, self.answers = pairs, answers
        self.rows = _rows(pairs, n, heads)
        # The inverse: the pairs that use each row.
        self.order = self.rows.flatten().argsort(stable=True)
        counts = torch.bincount(self.rows.flatten(), minlength=2 * n * heads + 1)
        self.starts, self.at_pairs = counts.cumsum(0) - counts, self.order // self.rows.shape[1]

    def __call__(self, model: Transformer) -> Tensor:
        table, weights, outward = _tables(model, self.pairs)
        x = F.embedding_bag(self.rows, table.detach(), per_sample_weights=weights, mode="sum")
        loss: Tensor = _Loss.apply(self, x, table, weights.detach(), outward)
        return loss


def logits_from_tables(model: Transformer, pairs: Tensor) -> Tensor:
    """Logits at ``=``, shape ``(pair, n + 1)``, for pairs of numbers, shape ``(pair, 2)``."""
    table, weights, outward = _tables(model, pairs)
    rows = _rows(pairs, model.n, model.blocks[0].attn.n_heads)
    x = F.embedding_bag(rows, table, per_sample_weights=weights, mode="sum")
    neurons, skip = x[:, : len(outward)], x[:, len(outward) :][:, : outward.shape[1]]
    return torch.addmm(skip, neurons.relu(), outward)


def _rows(pairs: Tensor, n: int, heads: int) -> Tensor:
    """The rows of the table that each pair adds: one of a and one of b for each head, and the constant row."""
    a, b = (pairs + torch.tensor([0, n])).T[..., None] * heads + torch.arange(heads)
    return torch.cat([a, b, torch.full((len(pairs), 1), 2 * n * heads)], dim=1)


def _tables(model: Transformer, pairs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The tensors that give the logits of pairs.

    Returns:
        The table, whose columns are the neurons before the ReLU and the logits' skip connection, padded with zeros; the
        weight of each row in each pair, ``(pair, 2 * heads + 1)``; and the map from the neurons to the logits.
    """
    block, n = model.blocks[0], model.n
    attention, mlp, unembed = block.attn, block.mlp, model.unembed.weight

    def by_head(x: Tensor) -> Tensor:
        return x.unflatten(-1, (attention.n_heads, -1))

    tokens, positions = model.embed.weight, model.pos_embed.weight
    last = tokens[n] + positions[2]
    every = torch.cat([tokens[:n] + positions[0], tokens[:n] + positions[1], last[None]])
    query, key = by_head(attention.query(last)), by_head(attention.key(every))
    scores = torch.einsum("hd,rhd->rh", query, key) / math.sqrt(query.shape[-1])
    a, b = pairs[:, 0], pairs[:, 1] + n
    of_pair = [scores.index_select(0, a), scores.index_select(0, b), scores[-1].expand(len(pairs), -1)]
    to_a, to_b, _ = torch.stack(of_pair).softmax(0)
    weights = torch.cat([to_a, to_b, to_a.new_ones(len(pairs), 1)], dim=1)

    # Attention adds up to one: the value of ``=`` is a constant, to which a and b add the differences from it.
    value_of_last = attention.value(last)
    beyond = by_head(attention.value(every[:-1]) - value_of_last)
    # resid_mid = constant + W_O heads is read by the MLP and, through the skip connection, by the unembedding.
    constant = last + attention.out(value_of_last)
    maps = by_head(torch.cat([mlp.hidden.weight, unembed]) @ attention.out.weight)
    rows = torch.einsum("rhd,whd->rhw", beyond, maps).flatten(0, 1)
    bias = torch.cat([mlp.hidden(constant), unembed @ (constant + mlp.out.bias)])
    table = F.pad(torch.cat([rows, bias[None]]), (0, -len(bias) % ALIGNED))
    return table, weights, (unembed @ mlp.out.weight).T


class _Loss(torch.autograd.Function):
    """The mean cross-entropy from sums of the table's rows, with an explicit gradient that overwrites these sums.

    Without large intermediates, a step costs little more than its matrix products.
    """

    @staticmethod
    def forward(ctx: Any, of: TableLoss, x: Tensor, _table: Tensor, weights: Tensor, outward: Tensor) -> Tensor:
        d_mlp, classes = outward.shape
        neurons, skip = x[:, :d_mlp].relu_(), x[:, d_mlp : d_mlp + classes]
        losses, of_logits = _cross_entropy_(torch.addmm(skip, neurons, outward), of.answers[:, None])
        of_outward = neurons.T @ of_logits
        neurons.sign_().mul_(of_logits @ outward.T)  # a neuron that is off passes nothing on
        skip.copy_(of_logits)
        # x now holds its own gradient. The table's gradient is a weighted sum of rows of x, as x was of the table's.
        in_order = weights.flatten()[of.order]
        of_table = F.embedding_bag(of.at_pairs, x, of.starts, per_sample_weights=in_order, mode="sum")
        ctx.save_for_backward(x, of_table, of_outward)
        return losses.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_loss: Tensor) -> tuple[Tensor | None, ...]:
        of_x, of_table, of_outward = (of_loss.to(x.dtype) * x for x in ctx.saved_tensors)
        return None, of_x, of_table, None, of_outward


def _cross_entropy_(logits: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of each pair, ``(pair, 1)``, float64, and the gradient of the mean loss, which overwrites the logits."""
    margins = logits.sub_(logits.gather(1, right)).scatter_(1, right, -torch.inf)
    largest = margins.amax(1, keepdim=True)
    exponentials = margins.sub_(largest).exp_()
    sums = exponentials.sum(1, keepdim=True)
    log_odds = largest.double() + sums.double().log()  # of all wrong answers against the right one
    wrong = log_odds.sigmoid() / len(logits)  # their probability, divided by the number of pairs
    gradient = exponentials.mul_((wrong / sums).to(logits.dtype)).scatter_(1, right, -wrong.to(logits.dtype))
    return F.softplus(log_odds, threshold=40), gradient
