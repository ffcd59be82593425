"""
3. Logits as sums of waves
==========================

The logits are a sum of a few waves, which all reach their peak only at the right answer, c = a + b.

Each wave is cos w_k (a + b − c) at a key frequency k, which is largest where c = a + b. It consists of cos w_k (a +
b) and sin w_k (a + b). By the addition formulas, these are products of a wave of a and a wave of b:

- cos w_k (a + b) = cos w_k a cos w_k b − sin w_k a sin w_k b
- sin w_k (a + b) = sin w_k a cos w_k b + cos w_k a sin w_k b

The neurons have these products, and W_L turns them into the logits.

This page measures sections 4.1 and 4.2, table 1, and appendix B of the paper. See `spectra
<../measures.html#spectra>`__ and `restricted loss <../measures.html#restricted-loss>`__ for the formulas, and the
`glossary <../glossary.html>`__ for the words.
"""

# %%
# Compute the logits of all answers to all pairs, and capture the neurons.
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
# Take the 2-D Fourier components of the logits: each is the coefficient of the product of a wave of a and a wave of
# b. Its norm is over all answers c. The large ones are products of two waves of the same key frequency, four per
# frequency.
components = pm.to_fourier(centred, (0, 1)).norm(dim=2)

# %%
# Fit the logits by one wave cos w_k (a + b − c) per key frequency, which ``terms="aligned"`` means. The waves are
# orthogonal: to fit all amplitudes at once, take each wave's own. So ``restrict``, which keeps only the parts of the
# logits along given waves, returns the best fit.
amplitudes = pm.cosine_coefficients(logits, op) * (2 / n**3) ** 0.5
fitted = pm.restrict(centred, op, keys, terms="aligned")
print(f"variance explained: {100 * pm.explained_variance(centred, fitted):.1f} %")

# %%
# Table 1 of the paper: `equation 2 <01_weights.html>`__ says that W_L reads the neurons along a direction u_k, and
# turns the result into cos w_k c; along v_k, it turns the result into sin w_k c. If the network computes cos w_k (a +
# b − c), the neurons along u_k must be cos w_k (a + b), and along v_k sin w_k (a + b). So fit the neurons along u_k
# by cos cos and −sin sin, and along v_k by sin cos and cos sin. In a wave of a + b, the two coefficients are equal.
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
# Appendix B of the paper: all waves have their peak at x = a + b − c = 0, the right answer. A single wave is almost
# as high at the neighbouring answers. Added, the waves of all key frequencies are much lower at every wrong answer.
offset = torch.arange(n)
interference = torch.cos(2 * torch.pi * (torch.tensor(keys)[:, None] * offset % n) / n).sum(0)

# %%
figure, axes = plt.subplots(2, 2, figsize=(9.5, 8.5), layout="constrained")
plotting.plot_fourier_grid(components, ax=axes[0, 0])
axes[0, 0].set_title("norm of the logits' Fourier components")
for k in keys:
    side, shift = ("right", -5) if k + 1 in keys else ("left", 6)  # the numbers of neighbours would overlap
    place = (2 * k - 0.5, 2 * k - 0.5)  # between cos k and sin k
    axes[0, 0].annotate(str(k), place, (shift, -4), textcoords="offset points", ha=side, color="tab:red")
axes[0, 0].set(xlabel="component of b", ylabel="component of a", xticks=[], yticks=[])
zoom = axes[0, 0].inset_axes((0.54, 0.5, 0.42, 0.42))
of_keys = [row for k in keys for row in (2 * k - 1, 2 * k)]
labels = [f"{wave} {k}" for k in keys for wave in ("cos", "sin")]
zoom.imshow(components[of_keys][:, of_keys].numpy(), cmap="Reds", vmin=0)
zoom.set_xticks(range(len(labels)), labels, rotation=90, fontsize="x-small")
zoom.set_yticks(range(len(labels)), labels, fontsize="x-small")
zoom.set_title("key frequencies, enlarged", fontsize="small")
plotting.plot_spectrum(amplitudes.abs(), key_frequencies=keys, ax=axes[0, 1])
axes[0, 1].set(title=r"amplitude of $\cos w_k (a + b - c)$ in the logits", ylabel="amplitude")
from_answer = (offset + n // 2) % n - n // 2  # the right answer in the middle
order = from_answer.argsort()
axes[1, 0].plot(from_answer[order], interference[order])
axes[1, 0].plot(0, interference[0], "o", color="tab:red")
axes[1, 0].annotate("right answer", (0, float(interference[0])), (8, -3), textcoords="offset points", color="tab:red")
axes[1, 0].set(
    title=r"$\Sigma_k \cos w_k x$ over the key frequencies", xlabel="x = a + b − c, modulo 113", ylabel="sum"
)
pairs = torch.randint(n**2, (1500,), generator=torch.Generator().manual_seed(0))
for k, _, fit in table[::2]:
    axes[1, 1].scatter(fit.fitted[pairs], projections[pairs, 2 * keys.index(k)], s=3, label=f"k = {k}")
axes[1, 1].set(
    title="neurons along $u_k$, 1500 pairs", xlabel="fit by cos cos and −sin sin", ylabel="neurons along $u_k$"
)
axes[1, 1].legend(markerscale=4)
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[1, 0].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# - *Top left:* only four small blocks stand out among 113 × 113 components; the enlarged rows and columns show four
#   components in each block, 16 in all.
# - *Top right:* the logits have a wave cos w_k (a + b − c) at each key frequency, and at no other.
# - *Bottom left:* the sum of these four waves at each distance from the right answer. Some wrong answers reach 2.6,
#   but only x = 0 reaches 4, and the logits scale this lead up.
# - *Bottom right:* each point is a pair. The neurons along u_k are close to the fit, and so to cos w_k (a + b).
#
# Together, the panels are the paper's algorithm: multiply waves of a and b, and let W_L turn the products into waves
# that agree at the right answer.
#
# The two coefficients of each direction in table 1 are nearly equal, as a wave of a + b needs:
for k, wave, fit in table:
    products = ("cos cos", "(-sin sin)") if wave == "cos" else ("sin cos", "cos sin")
    numbers = ", ".join(f"{c:.1f} × {name}" for c, name in zip(fit.coefficients.tolist(), products, strict=True))
    print(f"k = {k:2}, {wave} direction: {numbers}; {100 * fit.explained_variance:.1f} % explained")

# %%
# The paper's numbers and ours. The paper's run has five key frequencies and ours has four, so the counts differ; and
# the two coefficients of one direction differ more than the paper's. `The paper, sections 4.1 and 4.2
# <../paper.html#41-and-42-periodic-weights-and-logits>`__ says how to read each row, and `its appendices
# <../paper.html#appendices-a-b-and-c12>`__ have the last two.
compare(claims.rows(logits, fitted, op, keys, components, amplitudes, table, interference))
save(figure, "03_logits")
