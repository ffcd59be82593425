"""The transformer on many pairs, computed exactly from tables with one row per token.

The inputs are all pairs of the same few numbers, and the block is the first, so keys, values and scores depend on one
token and its position: 2n + 1 rows hold them all, where a plain forward pass computes three per pair. What remains
per pair is a softmax over three scores, a weighted sum of three rows, and the MLP. Linear maps that follow each other
are multiplied first: neurons = ReLU(heads · inward + bias), logits = neurons · outward + heads · skip + bias. This is
the same function as ``Transformer.forward`` up to rounding, without its hook points: training uses it, analysis does
not.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from examples.modular_addition.model import Transformer

CHUNK = 1280  # pairs at a time: as many as stay in a processor's cache


def logits_from_tables(model: Transformer, pairs: Tensor) -> Tensor:
    """Logits at ``=``, shape ``(pair, n + 1)``, for pairs of numbers, shape ``(pair, 2)``."""
    rows, to_rows, values, inward, inward_bias, outward, skip, bias = _tables(model, pairs)
    heads = (to_rows[..., None] * values[rows]).sum(0).flatten(1)
    neurons = torch.addmm(inward_bias, heads, inward).relu()
    return torch.addmm(bias, heads, skip).addmm(neurons, outward)


def loss_from_tables(model: Transformer, pairs: Tensor, answers: Tensor) -> Tensor:
    """Mean cross-entropy in nats, float64, shape ``()``, for answers that are tokens, shape ``(pair,)``.

    It keeps its relative precision however small it is.
    """
    loss: Tensor = _Loss.apply(answers, *_tables(model, pairs))
    return loss


def _tables(model: Transformer, pairs: Tensor) -> tuple[Tensor, ...]:
    """What the logits of pairs are computed from.

    Returns:
        The rows of a and of b in the table of values, ``(2, pair)``; the attention to them, ``(2, pair, head)``; that
        table, ``(row, head, d/head)``; and the maps that follow: inward and its bias, outward, skip, and their bias.
    """
    block, n = model.blocks[0], model.n
    attention, mlp, unembed = block.attn, block.mlp, model.unembed.weight

    def by_head(rows: Tensor) -> Tensor:
        return rows.unflatten(-1, (attention.n_heads, -1))

    tokens, positions = model.embed.weight, model.pos_embed.weight
    last = tokens[n] + positions[2]
    every = torch.cat([tokens[:n] + positions[0], tokens[:n] + positions[1], last[None]])
    query, key = by_head(attention.query(last)), by_head(attention.key(every))
    scores = torch.einsum("hd,rhd->rh", query, key) / math.sqrt(query.shape[-1])
    rows = torch.stack([pairs[:, 0], pairs[:, 1] + n, torch.full_like(pairs[:, 0], 2 * n)])
    to_rows = scores.index_select(0, rows.flatten()).view(3, len(pairs), -1).softmax(0)

    # Attention adds up to one: the value of ``=`` is a constant, and a and b add what theirs are beyond it.
    value_of_last = attention.value(last)
    beyond = by_head(attention.value(every) - value_of_last)
    # resid_mid = constant + W_O heads is read by the MLP and, through the skip connection, by the unembedding.
    constant = last + attention.out(value_of_last)
    inward, skip = (weight @ attention.out.weight for weight in (mlp.hidden.weight, unembed))
    outward, bias = unembed @ mlp.out.weight, unembed @ (constant + mlp.out.bias)
    return rows[:2], to_rows[:2], beyond, inward.T, mlp.hidden(constant), outward.T, skip.T, bias


class _Loss(torch.autograd.Function):
    """The mean cross-entropy from the tables on, with its gradient written out.

    A step is hardly more than its matrix products as long as what is computed from each stays in the cache. So chunks
    of pairs go all the way and back before the next ones do, and nothing is kept but the gradient.
    """

    @staticmethod
    def forward(ctx: Any, answers: Tensor, rows: Tensor, *arguments: Tensor) -> Tensor:
        to_rows, values, inward, inward_bias, outward, skip, bias = arguments
        gradients = [torch.zeros_like(x) for x in arguments]
        of_to_rows, of_values, of_inward, of_inward_bias, of_outward, of_skip, of_bias = gradients
        losses = []
        for chunk in torch.arange(len(answers)).split(CHUNK):
            here = slice(int(chunk[0]), int(chunk[-1]) + 1)
            (a, b), (to_a, to_b) = rows[:, here], to_rows[:, here, :, None]
            value_of_a, value_of_b = values.index_select(0, a), values.index_select(0, b)
            heads = (to_a * value_of_a).addcmul_(to_b, value_of_b).flatten(1)
            neurons = (heads @ inward).add_(inward_bias).relu_()
            logits = (heads @ skip).add_(bias).addmm_(neurons, outward)
            loss, of_logits = _cross_entropy_(logits, answers[here, None])
            losses.append(loss)

            of_bias += of_logits.sum(0)
            of_skip.addmm_(heads.T, of_logits)
            of_outward.addmm_(neurons.T, of_logits)
            of_neurons = (of_logits @ outward.T).mul_(neurons.sign_())  # a neuron that is off passes nothing on
            of_inward_bias += of_neurons.sum(0)
            of_inward.addmm_(heads.T, of_neurons)
            of_heads = (of_logits @ skip.T).addmm_(of_neurons, inward.T).view_as(value_of_a)
            of_values.index_add_(0, a, to_a * of_heads).index_add_(0, b, to_b * of_heads)
            of_to_rows[0, here] = value_of_a.mul_(of_heads).sum(-1)
            of_to_rows[1, here] = value_of_b.mul_(of_heads).sum(-1)
        ctx.save_for_backward(*gradients)
        return torch.cat(losses).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_loss: Tensor) -> tuple[Tensor | None, ...]:
        scale = of_loss / ctx.saved_tensors[0].shape[1]  # a mean over pairs
        return None, None, *(scale.to(gradient.dtype) * gradient for gradient in ctx.saved_tensors)


def _cross_entropy_(logits: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of each pair, ``(pair, 1)``, float64, and its gradient, which takes the place of the logits."""
    margins = logits.sub_(logits.gather(1, right)).scatter_(1, right, -torch.inf)
    largest = margins.amax(1, keepdim=True)
    exponentials = margins.sub_(largest).exp_()
    sums = exponentials.sum(1, keepdim=True)
    log_odds = largest.double() + sums.double().log()  # of all wrong answers together against the right one
    wrong = log_odds.sigmoid()  # their probability
    gradient = exponentials.mul_((wrong / sums).to(logits.dtype)).scatter_(1, right, -wrong.to(logits.dtype))
    return F.softplus(log_odds, threshold=40), gradient
