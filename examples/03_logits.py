"""
3. Logits
=========

The logits are a sum of a few waves, which add up only at the right answer, c = a + b.

Each wave is cos w_k (a + b − c) at a key frequency k. On the directions that W_L reads, the neurons are the cosine
and the sine of the sum a + b, expanded into products of waves of a and of b. This page measures sections 4.1 and 4.2,
table 1, and appendix B of the paper.
"""

# %%
import matplotlib.pyplot as plt
import torch

import progress_measures as pm
from examples.claims import logits as claims
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
# Take the 2-D Fourier components of the logits over (a, b). The significant ones are products of a wave of a and a
# wave of b at the same key frequency, four per frequency.
components = pm.to_fourier(centred, (0, 1)).norm(dim=2)

# %%
# Fit the logits by one amplitude per frequency. The waves are orthogonal, so the least-squares fit is a restriction.
amplitudes = pm.cosine_coefficients(logits, op) * (2 / n**3) ** 0.5
fitted = pm.restrict(centred, op, keys, terms="aligned")
print(f"variance explained: {pm.explained_variance(centred, fitted):.1%}")

# %%
# Table 1: W_L turns the direction u_k of the neurons into cos w_k c, and v_k into sin w_k c. Fit the neurons on u_k
# by cos cos and sin sin, and on v_k by sin cos and cos sin. A wave of the sum a + b has equal coefficients, with
# opposite signs for the cosine.
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
# Appendix B: the waves of all key frequencies add up only at c = a + b. One frequency cannot tell neighbouring
# answers apart.
offset = torch.arange(n)
interference = torch.cos(2 * torch.pi * (torch.tensor(keys)[:, None] * offset % n) / n).sum(0)

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
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[1, 0].set_gid("card")
# sphinx_gallery_end_ignore

# %%
for k, wave, fit in table:
    products = ("cos cos", "-sin sin") if wave == "cos" else ("sin cos", "cos sin")
    numbers = ", ".join(f"{c:.1f} {name}" for c, name in zip(fit.coefficients.tolist(), products, strict=True))
    print(f"k = {k:2}, {wave} direction: {numbers}; {fit.explained_variance:.1%} explained")

# %%
# The paper's numbers and ours:
compare(claims.rows(logits, fitted, op, keys, components, amplitudes, table, interference))
save(figure, "03_logits")
