"""The transformer's logits on many pairs, computed exactly from tables with one row per token.

The inputs are all pairs of the same few numbers, and the block is the first, so keys, values and scores depend on one
token and its position: 2n + 1 rows hold them all, where a plain forward pass computes three per pair. What remains
per pair is a softmax over three scores, a weighted sum of three rows, and the MLP. Linear maps that follow each other
are multiplied first. This is the same function as ``Transformer.forward`` up to rounding, at a third of the time, but
without its hook points: training uses it, analysis does not.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from examples.modular_addition.model import Transformer


def logits_from_tables(model: Transformer, pairs: Tensor) -> Tensor:
    """Logits at ``=``, shape ``(pair, n + 1)``, for pairs of numbers, shape ``(pair, 2)``."""
    block, n = model.blocks[0], model.n
    attention, mlp, unembed = block.attn, block.mlp, model.unembed.weight

    tokens, positions = model.embed.weight, model.pos_embed.weight
    last = tokens[n] + positions[2]
    rows = torch.cat([tokens[:n] + positions[0], tokens[:n] + positions[1], last[None]])
    query = attention.query(last).unflatten(-1, (attention.n_heads, -1))
    key = attention.key(rows).unflatten(-1, (attention.n_heads, -1))
    scores = torch.einsum("hd,rhd->rh", query, key) / math.sqrt(query.shape[-1])
    values = attention.value(rows)

    a, b = pairs[:, 0], pairs[:, 1] + n
    scores_of_pair = torch.stack(
        [F.embedding(a, scores), F.embedding(b, scores), scores[-1].expand(len(pairs), -1)], dim=-1
    )
    to_a, to_b, to_last = scores_of_pair.softmax(-1)[..., None].unbind(-2)

    def by_head(rows: Tensor) -> Tensor:
        return rows.unflatten(-1, (attention.n_heads, -1))

    heads = (
        to_a * by_head(F.embedding(a, values)) + to_b * by_head(F.embedding(b, values)) + to_last * by_head(values[-1])
    ).flatten(1)

    # resid_mid = last + W_O heads is read by the MLP and, through the skip connection, by the unembedding.
    neurons = F.linear(heads, mlp.hidden.weight @ attention.out.weight, mlp.hidden(last)).relu()
    skip = F.linear(heads, unembed @ attention.out.weight, unembed @ (last + mlp.out.bias))
    return torch.addmm(skip, neurons, (unembed @ mlp.out.weight).T)
