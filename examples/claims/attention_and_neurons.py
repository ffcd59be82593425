"""The table of ``examples/02_attention_and_neurons.py``."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from examples.claims import Row

PAPER_HEADS = ("99.03%, k = 35", "98.49%, k = 42", "99.07%, k = 52", "97.91%, k = 42")


def percent(shares: Iterable[float]) -> str:
    """Shares of the four heads."""
    return ", ".join(f"{share:.1%}" for share in shares)


def rows(
    keys: Sequence[int],
    to_a: Tensor,
    to_equals: Tensor,
    fits: tuple[Tensor, Tensor],
    outputs: tuple[Tensor, Tensor],
    cluster: Tensor,
    to_logits: Tensor,
) -> list[Row]:
    """``fits`` and ``outputs`` are shares of variance: (K, head) by one frequency each, (head,) by all of them."""
    share, with_all = fits
    by_one, by_all = outputs
    self_least, self_most = to_equals.mean(0).aminmax()
    sums = to_a[:, :, None] + to_a[:, None]  # (pair, head, head)
    opposite = divmod(int(sums.std(0).argmin()), to_a.shape[1])
    their_sum = sums[:, *opposite]
    one = to_a[:, opposite[0]]
    sizes = {k: int((cluster == k).sum()) for k in keys}
    own = torch.stack([to_logits[i, k - 1] for i, k in enumerate(keys)])
    return [
        *(
            (f"head {head}: variance explained by one frequency", paper, f"{share[i, head]:.2%}, k = {keys[i]}")
            for head, (paper, i) in enumerate(zip(PAPER_HEADS, share.argmax(0).tolist(), strict=True))
        ),
        ("heads 0 to 3: variance explained by all key frequencies", "not given", percent(with_all)),
        ("two heads with opposite attention", "1 and 3", f"{opposite[0]} and {opposite[1]}"),
        ("their attention to a, added: mean ± std", "about 1", f"{their_sum.mean():.2f} ± {their_sum.std():.2f}"),
        ("attention of one of them to a: mean ± std", "not given", f"{one.mean():.2f} ± {one.std():.2f}"),
        ("attention from = to =, mean per head", "0.1% to 0.4%", f"{self_least:.2%} to {self_most:.2%}"),
        (
            "heads' outputs: variance in their best frequency",
            "one frequency each in heads 0 and 2",
            percent(by_one.max(0).values),
        ),
        ("heads' outputs: variance in all key frequencies", "not given", percent(by_all)),
        ("neurons with over 85% in one frequency", "433 of 512", f"{int((cluster > 0).sum())} of {len(cluster)}"),
        (
            "neurons per cluster",
            "14: 44, 35: 93, 41: 145, 42: 87, 52: 64",
            ", ".join(f"{k}: {size}" for k, size in sizes.items()),
        ),
        ("share of a cluster's W_L at its own frequency, at least", "nearly all", f"{own.sqrt().min():.1%}"),
    ]
