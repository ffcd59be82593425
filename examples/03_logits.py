"""
3. Logits
=========

The logits are a sum of waves cos w_k (a + b − c) at the key frequencies. The neurons, projected on the directions that
W_L reads, are the cosine and the sine of the sum a + b, multiplied out into products of waves of a and of b. Sections
4.1 and 4.2, table 1, appendix B.
"""

# %%
import matplotlib.pyplot as plt
import torch

import progress_measures as pm
from examples.modular_addition.bundled import MAINLINE, final
from examples.report import compare, save
from progress_measures import plotting

NEURONS = "blocks.0.mlp.relu"
model, config = final(MAINLINE)
op, n = config.op, config.n
with pm.captured(model, NEURONS) as activations:
    logits = pm.grid_logits(model, op)  # (a, b, c)
keys = pm.key_frequencies(pm.logit_spectrum(logits, op))
centred = (logits - logits.mean((0, 1))).double()

# %%
# The 2-D Fourier components of the logits over (a, b). The significant ones are products of a wave of a and a wave of b
# of the same key frequency, four per frequency.
components = pm.to_fourier(centred, (0, 1)).norm(dim=2)
largest = components.flatten().sort(descending=True).values
count = int((largest[:60] / largest[1:61]).argmax()) + 1  # before the sharpest fall
of_keys = op.row_frequency == torch.tensor(keys)[:, None]  # (K, row): which rows of the basis belong to which
blocks = (of_keys[:, :, None] & of_keys[:, None]).any(0)  # (row of a, row of b)
significant = components >= largest[count - 1]
in_products = pm.restrict(centred, op, keys, terms="product").square().sum() / centred.square().sum()

# %%
# The least-squares fit by one number per frequency. The waves are orthogonal, so the fit is a restriction.
amplitudes = pm.cosine_coefficients(logits, op) * (2 / n**3) ** 0.5
fitted = pm.restrict(centred, op, keys, terms="aligned")
explained = pm.explained_variance(centred, fitted)
other = max(abs(float(amplitudes[k - 1])) for k in op.frequencies if k not in keys)

# %%
# Table 1: the neurons on the direction u_k that W_L turns into cos w_k c, fitted by cos cos and sin sin, and on v_k,
# fitted by sin cos and cos sin. A wave of the sum has equal coefficients, with opposite signs for the cosine.
rows = op.rows(keys)
projections = activations[NEURONS].double() @ (rows @ model.W_L.double()).T  # (pair, 2K)
table = []
for k, (cosine, sine), u, v in zip(keys, rows.split(2), projections.T[::2], projections.T[1::2], strict=True):
    cos_cos, sin_sin, sin_cos, cos_sin = (
        torch.outer(of_a, of_b).flatten() * n / 2  # of amplitude 1
        for of_a, of_b in ((cosine, cosine), (sine, sine), (sine, cosine), (cosine, sine))
    )
    table.append((k, "cos", pm.fit_waves(u, torch.stack([cos_cos, -sin_sin]))))
    table.append((k, "sin", pm.fit_waves(v, torch.stack([sin_cos, cos_sin]))))

# %%
# Appendix B: the waves add up at c = a + b alone. One frequency cannot tell neighbours of the answer apart.
offset = torch.arange(n)
turns = torch.tensor(keys)[:, None] * offset % n / n
interference = torch.cos(2 * torch.pi * turns).sum(0)
alone = torch.cos(2 * torch.pi * turns)[:, 1:].max()

# %%
figure, axes = plt.subplots(2, 2, figsize=(9.5, 8.5), layout="constrained")
plotting.plot_fourier_grid(components, key_frequencies=keys, ax=axes[0, 0])
axes[0, 0].set_title("norm of the logits' Fourier components")
plotting.plot_spectrum(amplitudes.abs(), key_frequencies=keys, ax=axes[0, 1])
axes[0, 1].set(title=r"amplitude of $\cos w_k (a + b - c)$ in the logits", ylabel="amplitude")
axes[1, 0].plot(offset, interference)
axes[1, 0].set(
    title=r"appendix B: $\Sigma_k \cos w_k x$ over the key frequencies", xlabel="x = a + b − c", ylabel="sum"
)
pairs = torch.randint(n**2, (1500,), generator=torch.Generator().manual_seed(0))
for k, _, fit in table[::2]:
    axes[1, 1].scatter(fit.fitted[pairs], projections[pairs, 2 * keys.index(k)], s=3, label=f"k = {k}")
axes[1, 1].set(title="neurons on $u_k$, 1500 pairs", xlabel="fit by cos cos and sin sin", ylabel="projection")
axes[1, 1].legend(markerscale=4)

# %%
for k, wave, fit in table:
    products = ("cos cos", "-sin sin") if wave == "cos" else ("sin cos", "cos sin")
    numbers = ", ".join(f"{c:.1f} {name}" for c, name in zip(fit.coefficients.tolist(), products, strict=True))
    print(f"k = {k:2}, {wave} direction: {numbers}; {fit.explained_variance:.1%} explained")

shares = [float(fit.explained_variance) for *_, fit in table]
gap = max(abs(float(fit.coefficients[0] / fit.coefficients[1]) - 1) for *_, fit in table)
compare(
    [
        ("significant 2-D components", "20", str(count)),
        ("of those, products of waves of one key frequency", "5 × 4", str(int((significant & blocks).sum()))),
        ("variance in those products", "not given", f"{in_products:.1%}"),
        ("variance explained by cos w_k (a + b - c)", "95%", f"{explained:.1%}"),
        ("amplitudes at the key frequencies", "not given", ", ".join(f"{amplitudes[k - 1]:.2f}" for k in keys)),
        ("largest amplitude at another frequency", "not given", f"{other:.3f}"),
        ("loss, all pairs", "2.4e-7", f"{pm.cross_entropy(logits, op):.2e}"),
        ("loss of the fitted logits", "4.7e-8", f"{pm.cross_entropy(fitted, op):.2e}"),
        ("table 1: variance explained, least and most", "93.2%, 98.2%", f"{min(shares):.1%}, {max(shares):.1%}"),
        ("table 1: coefficients of a direction differ by at most", "2% (k = 14 alone)", f"{gap:.0%}"),
        ("appendix B: best wrong offset, one frequency", "0.998 of 1", f"{alone:.4f} of 1"),
        (
            "appendix B: best wrong offset, all key frequencies",
            "2.59 of 5",
            f"{interference[1:].max():.2f} of {len(keys)}",
        ),
    ]
)
save(figure, "03_logits")
