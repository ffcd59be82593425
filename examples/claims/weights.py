"""The table of ``examples/01_weights.py``."""

import torch
from torch import Tensor

import progress_measures as pm
from examples.claims import Row


def rows(
    embedding_power: Tensor, logit_map_power: Tensor, keys: tuple[int, ...], rank: int, residuals: tuple[float, float]
) -> list[Row]:
    """``residuals`` are those of equation 2, and of the best matrix of the same rank."""
    share = embedding_power / embedding_power.sum()
    used = (share > 0.01).nonzero().flatten() + 1
    noise = pm.spectrum(torch.randn(113, 512, generator=torch.Generator().manual_seed(0)), pm.addition(113))
    return [
        ("key frequencies (any will do)", "14, 35, 41, 42, 52", ", ".join(map(str, keys))),
        ("frequencies that W_E uses (over 1% of its power)", "6", f"{len(used)}: {used.tolist()}"),
        ("rank of W_L; twice the key frequencies", "10; 2 × 5", f"{rank}; 2 × {len(keys)}"),
        ("residual of equation 2, Frobenius", "< 0.55%", f"{residuals[0]:.2%}"),
        ("residual of the best matrix of that rank, Frobenius", "not given", f"{residuals[1]:.2%}"),
        ("Gini coefficient of W_E's norms", "not given", f"{pm.gini(embedding_power.sqrt()):.3f}"),
        ("Gini coefficient of W_L's norms", "not given", f"{pm.gini(logit_map_power.sqrt()):.3f}"),
        ("Gini coefficient of Gaussian noise, 113 × 512", "-", f"{pm.gini(noise.sqrt()):.3f}"),
    ]
