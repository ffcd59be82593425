"""The table of ``examples/03_logits.py``."""

from collections.abc import Sequence

import torch
from torch import Tensor

import progress_measures as pm
from examples.claims import Row


def rows(
    logits: Tensor,
    fitted: Tensor,
    op: pm.Operation,
    keys: Sequence[int],
    components: Tensor,
    amplitudes: Tensor,
    directions: Sequence[tuple[int, str, pm.fits.WaveFit]],
    interference: Tensor,
) -> list[Row]:
    """``fitted`` are centred logits; ``interference`` has the sum of the waves at each offset from the answer."""
    centred = (logits - logits.mean((0, 1))).double()
    in_products = pm.restrict(centred, op, keys, terms="product").square().sum() / centred.square().sum()
    largest = components.flatten().sort(descending=True).values
    count = int((largest[:60] / largest[1:61]).argmax()) + 1  # before the sharpest fall
    of_keys = op.row_frequency == torch.tensor(keys)[:, None]  # (K, row): which rows of the basis belong to which
    blocks = (of_keys[:, :, None] & of_keys[:, None]).any(0)  # (row of a, row of b)
    significant = components >= largest[count - 1]
    other = max(abs(float(amplitudes[k - 1])) for k in op.frequencies if k not in keys)
    shares = [float(fit.explained_variance) for *_, fit in directions]
    gap = max(abs(float(fit.coefficients[0] / fit.coefficients[1]) - 1) for *_, fit in directions)
    next_to_it = torch.cos(2 * torch.pi * (torch.tensor(keys)[:, None] * torch.arange(1, op.n) % op.n) / op.n).max()
    of_all = f"{interference[1:].max():.2f} of {len(keys)}"
    return [
        ("significant 2-D components", "20", str(count)),
        ("of those, products of waves of one key frequency", "5 × 4", str(int((significant & blocks).sum()))),
        ("variance in those products", "not given", f"{in_products:.1%}"),
        ("variance explained by cos w_k (a + b - c)", "95%", f"{pm.explained_variance(centred, fitted):.1%}"),
        ("amplitudes at the key frequencies", "not given", ", ".join(f"{amplitudes[k - 1]:.2f}" for k in keys)),
        ("largest amplitude at another frequency", "not given", f"{other:.3f}"),
        ("loss, all pairs", "2.4e-7", f"{pm.cross_entropy(logits, op):.2e}"),
        ("loss of the fitted logits", "4.7e-8", f"{pm.cross_entropy(fitted, op):.2e}"),
        ("table 1: variance explained, least and most", "93.2%, 98.2%", f"{min(shares):.1%}, {max(shares):.1%}"),
        ("table 1: a direction's two coefficients differ by at most", "2% (for k = 14)", f"{gap:.0%}"),
        ("appendix B: one wave at the best wrong answer", "0.998 of 1", f"{next_to_it:.4f} of 1"),
        ("appendix B: sum of all waves at the best wrong answer", "2.59 of 5", of_all),
    ]
