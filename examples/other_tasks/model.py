"""A small causal transformer, as simple as the paper's: no LayerNorm, no dropout, untied embeddings."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Transformer(nn.Module):
    """A decoder with learned positions; attention-only if there are no neurons.

    Initial weights are normal with variance 1/d_model (1/answers for the unembedding); biases are zero.

    Args:
        vocabulary: Number of tokens.
        answers: Number of tokens that can be an answer, the columns of the logits.
        length: Length of the longest sequence.
        layers: Number of blocks.
        d_model: Width of the residual stream.
        heads: Number of attention heads that share this width.
        d_mlp: Neurons per block; 0 for blocks without MLP.
        generator: Source of the initial weights.

    References:
        Nanda et al. (2023), appendix D.3.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        answers: int,
        length: int,
        layers: int,
        d_model: int,
        heads: int,
        d_mlp: int = 0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, d_model)
        self.pos_embed = nn.Embedding(length, d_model)
        self.blocks = nn.ModuleList([Block(d_model, heads, d_mlp) for _ in range(layers)])
        self.unembed = nn.Linear(d_model, answers, bias=False)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.ndim == 1:
                    weight.zero_()
                else:
                    variance = 1 / answers if name == "unembed.weight" else 1 / d_model
                    weight.normal_(0, math.sqrt(variance), generator=generator)

    def forward(self, tokens: Tensor, read: slice = slice(None)) -> Tensor:
        """Logits at the positions ``read``, shape ``(sequence, read positions, answers)``."""
        residual = self.embed(tokens) + self.pos_embed.weight[: tokens.shape[1]]
        *first, last = self.blocks
        for block in first:
            residual = block(residual, slice(None))
        # No later block needs the last block's other positions.
        return self.unembed(last(residual, read))


class Block(nn.Module):
    """Causal attention, then an MLP if it has neurons, each with a skip connection."""

    def __init__(self, d_model: int, heads: int, d_mlp: int) -> None:
        super().__init__()
        self.attn = Attention(d_model, heads)
        self.mlp = nn.Sequential(nn.Linear(d_model, d_mlp), nn.ReLU(), nn.Linear(d_mlp, d_model)) if d_mlp else None

    def forward(self, residual: Tensor, read: slice) -> Tensor:
        middle = residual[:, read] + self.attn(residual, read)
        return middle if self.mlp is None else middle + self.mlp(middle)


class Attention(nn.Module):
    """Attention from the positions ``read`` to themselves and all previous positions, without biases."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        self.n_heads = heads
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, residual: Tensor, read: slice) -> Tensor:
        length = residual.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=residual.device).tril()[read]
        query, key, value = (
            x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for x in (self.query(residual[:, read]), self.key(residual), self.value(residual))
        )
        heads = F.scaled_dot_product_attention(query, key, value, attn_mask=causal)
        return self.out(heads.transpose(1, 2).flatten(2))
