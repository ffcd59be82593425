"""The paper's one-layer transformer, in which every intermediate activation is a named submodule.

Activations at all three positions ``a b =`` have axes ``(pair, position, feature)``. Later ones have axes
``(pair, feature)`` or ``(pair, head, …)``, because the model only reads the answer position, ``=``. Paths for
``captured`` and ``ablated``:

=============================  ====================  ================================================================
path                           shape                 activation
=============================  ====================  ================================================================
``embed``                      (pair, 3, d)          token embedding
``pos_embed``                  (3, d)                position embedding
``blocks.0.resid_pre``         (pair, 3, d)          their sum: the block's input
``blocks.0.attn.query``        (pair, d)             queries of ``=``, all heads side by side
``blocks.0.attn.key``          (pair, 3, d)          keys, all heads side by side
``blocks.0.attn.value``        (pair, 3, d)          values, all heads side by side
``blocks.0.attn.scores``       (pair, head, 3)       query times key over the root of the head's width
``blocks.0.attn.pattern``      (pair, head, 3)       softmax of the scores: attention from ``=`` to a, b and ``=``
``blocks.0.attn.heads``        (pair, head, d/head)  values weighted by the pattern
``blocks.0.attn``              (pair, d)             the attention's output
``blocks.0.attn_skip``         (pair, d)             the skip connection around it
``blocks.0.resid_mid``         (pair, d)             their sum
``blocks.0.mlp.hidden``        (pair, d_mlp)         neurons before the ReLU
``blocks.0.mlp.relu``          (pair, d_mlp)         neurons after the ReLU
``blocks.0.mlp``               (pair, d)             the MLP's output
``blocks.0.mlp_skip``          (pair, d)             the skip connection around it
``blocks.0.resid_post``        (pair, d)             their sum: the block's output
``unembed``                    (pair, n + 1)         logits, the last column for ``=``
=============================  ====================  ================================================================
"""

import math

import torch
from torch import Tensor, nn


class Transformer(nn.Module):
    """A one-layer transformer on the tokens ``a b =``, read at ``=``.

    It has learned positions, an untied embedding and unembedding, no LayerNorm, and biases only in the MLP. Initial
    weights are normal with variance 1/d_model (1/(n + 1) for the unembedding); biases are zero.

    Args:
        n: Number of numbers; token n is ``=``.
        d_model: Width of the residual stream.
        heads: Number of attention heads that share this width.
        d_mlp: Number of neurons.
        generator: Source of the initial weights; by default, PyTorch's global generator.

    References:
        Nanda et al. (2023), section 3 and the released code.
    """

    def __init__(
        self,
        n: int = 113,
        *,
        d_model: int = 128,
        heads: int = 4,
        d_mlp: int = 512,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.n = n
        self.embed = nn.Embedding(n + 1, d_model)
        self.pos_embed = nn.Embedding(3, d_model)
        self.blocks = nn.ModuleList([Block(d_model, heads, d_mlp)])
        self.unembed = nn.Linear(d_model, n + 1, bias=False)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.ndim == 1:
                    weight.zero_()
                else:
                    variance = 1 / (n + 1) if name == "unembed.weight" else 1 / d_model
                    weight.normal_(0, math.sqrt(variance), generator=generator)

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits at ``=``, shape ``(pair, n + 1)``, for pairs of numbers, shape ``(pair, 2)``."""
        tokens = torch.cat([pairs, pairs.new_full((len(pairs), 1), self.n)], dim=1)
        residual = self.embed(tokens) + self.pos_embed(torch.arange(3, device=pairs.device))
        for block in self.blocks:
            residual = block(residual)
        return self.unembed(residual)

    @property
    def W_E(self) -> Tensor:
        """The embedding of the numbers, shape ``(n, d_model)``."""
        return self.embed.weight[: self.n]

    @property
    def W_L(self) -> Tensor:
        """The neuron-logit map W_U W_out, shape ``(n, d_mlp)``: each neuron's effect on each answer's logit."""
        return self.unembed.weight[: self.n] @ self.blocks[0].mlp.out.weight


class Block(nn.Module):
    """Attention from the last position to all positions, then an MLP, each with a skip connection."""

    def __init__(self, d_model: int, heads: int, d_mlp: int) -> None:
        super().__init__()
        self.resid_pre = nn.Identity()
        self.attn = Attention(d_model, heads)
        self.attn_skip = nn.Identity()
        self.resid_mid = nn.Identity()
        self.mlp = MLP(d_model, d_mlp)
        self.mlp_skip = nn.Identity()
        self.resid_post = nn.Identity()

    def forward(self, residual: Tensor) -> Tensor:
        residual = self.resid_pre(residual)
        middle = self.resid_mid(self.attn(residual) + self.attn_skip(residual[:, -1]))
        return self.resid_post(self.mlp(middle) + self.mlp_skip(middle))


class Attention(nn.Module):
    """Attention of the last position to all three, from which a causal mask would hide nothing."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        self.n_heads = heads
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.scores = nn.Identity()
        self.pattern = nn.Softmax(dim=-1)
        self.heads = nn.Identity()
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, residual: Tensor) -> Tensor:
        query = self.query(residual[:, -1]).unflatten(-1, (self.n_heads, -1))
        key = self.key(residual).unflatten(-1, (self.n_heads, -1))
        value = self.value(residual).unflatten(-1, (self.n_heads, -1))
        scores = self.scores(torch.einsum("phd,pshd->phs", query, key) / math.sqrt(query.shape[-1]))
        heads = self.heads(torch.einsum("phs,pshd->phd", self.pattern(scores), value))
        return self.out(heads.flatten(1))


class MLP(nn.Module):
    """One layer of ReLU neurons."""

    def __init__(self, d_model: int, d_mlp: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(d_model, d_mlp)
        self.relu = nn.ReLU()
        self.out = nn.Linear(d_mlp, d_model)

    def forward(self, residual: Tensor) -> Tensor:
        return self.out(self.relu(self.hidden(residual)))
