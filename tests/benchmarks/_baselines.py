"""The baselines of the benchmarks: a plain implementation of the paper's model, and bare matrix products."""

import torch
from torch import Tensor, nn

import progress_measures as pm
from examples.modular_addition.training import Config


class StockTransformer(nn.Module):
    """The paper's model from PyTorch's own modules: logits at all three positions of ``a b =``."""

    def __init__(self, n: int, d_model: int = 128, heads: int = 4, d_mlp: int = 512) -> None:
        super().__init__()
        self.n = n
        self.embed = nn.Embedding(n + 1, d_model)
        self.pos_embed = nn.Embedding(3, d_model)
        self.attention = nn.MultiheadAttention(d_model, heads, bias=False, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(d_model, d_mlp), nn.ReLU(), nn.Linear(d_mlp, d_model))
        self.unembed = nn.Linear(d_model, n + 1, bias=False)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(3))

    def forward(self, pairs: Tensor) -> Tensor:
        tokens = torch.cat([pairs, pairs.new_full((len(pairs), 1), self.n)], dim=1)
        x = self.embed(tokens) + self.pos_embed.weight
        x = x + self.attention(x, x, x, need_weights=False, attn_mask=self.mask, is_causal=True)[0]
        return self.unembed(x + self.mlp(x))


def forward_pass(n: int):
    """One forward pass of the stock model over all pairs."""
    model, pairs = StockTransformer(n), pm.addition(n).inputs

    @torch.no_grad()
    def run() -> Tensor:
        return model(pairs)

    return run


def products(step: str, config: Config = Config(), d: int = 128, d_mlp: int = 512):  # noqa: B008 (frozen)
    """The matrix products of a training step: of the plain model at ``=``, or with its maps folded."""
    pairs, classes = int(config.train_mask.sum()), config.n + 1
    plain = [(pairs, d, d), (pairs, d, d_mlp), (pairs, d_mlp, d), (pairs, d, classes)]
    folds = [(d_mlp, d, d), (classes, d, d), (classes, d, d_mlp)]
    folded = [(pairs, d, d_mlp), (pairs, d, classes), (pairs, d_mlp, classes), *folds]
    shapes = {"plain": plain, "folded": folded}[step]
    maps = [(torch.randn(rows, k), torch.randn(k, m), torch.randn(rows, m)) for rows, k, m in shapes]

    def run() -> None:
        for x, weight, _gradient in maps:
            x @ weight
        for x, weight, gradient in reversed(maps):
            gradient @ weight.T
            x.T @ gradient

    return run
