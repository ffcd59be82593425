"""
1. Weights in the Fourier basis
===============================

The embedding W_E and the neuron-logit map W_L = W_U W_out of a transformer that has learned addition modulo 113 are
sparse in the Fourier basis: each uses a handful of frequencies. Those of W_L are the *key frequencies*. Figures 3a and
3b and equation 2 of the paper.
"""

# %%
# The last checkpoint of the bundled run, 40,000 epochs of full-batch training on 30 % of all pairs.
import matplotlib.pyplot as plt
import torch

import progress_measures as pm
from examples.modular_addition.bundled import MAINLINE, final
from examples.report import compare, save
from progress_measures import plotting

model, config = final(MAINLINE)
op = config.op
W_E, W_L = model.W_E, model.W_L  # (n, d_model), (n, d_mlp)

# %%
# The power of a matrix per frequency is the sum of squares of its coefficients along the cosine and the sine. The Gini
# coefficient of its roots is 0 when all frequencies are equal and nearly 1 when one has everything.
embedding_power, logit_map_power = pm.spectrum(W_E, op), pm.spectrum(W_L, op)
keys = pm.key_frequencies(logit_map_power)
embedding_share = embedding_power / embedding_power.sum()
in_embedding = [k for k in op.frequencies if embedding_share[k - 1] > 0.01]
embedding_gini, logit_map_gini = pm.gini(embedding_power.sqrt()), pm.gini(logit_map_power.sqrt())
gini_noise = pm.gini(pm.spectrum(torch.randn(113, 512, generator=torch.Generator().manual_seed(0)), op).sqrt())

# %%
# The rank of W_L is the place where its singular values fall. Equation 2 says more than the rank: W_L is a sum over the
# key frequencies of cos(w_k) u_k and sin(w_k) v_k, with the waves of the answer on its left. The residual of the best
# matrix of that rank is what is left of the singular values; that of equation 2 can only be larger.
singular_values = torch.linalg.svdvals(W_L.double())
rank = int((singular_values[:-1] / singular_values[1:]).argmax()) + 1
beyond_rank = float(singular_values[rank:].norm() / singular_values.norm())
rows = op.rows(keys)  # the unit vectors cos(w_k), sin(w_k), shape (2K, n)
directions = rows @ W_L.double()  # u_k and v_k, shape (2K, d_mlp)
residual = float((W_L.double() - rows.T @ directions).norm() / W_L.double().norm())

# %%
figure, axes = plt.subplots(3, 1, figsize=(9, 9), layout="constrained")
for ax, name, power in zip(axes, ("W_E", "W_L"), (embedding_power, logit_map_power), strict=False):
    plotting.plot_spectrum(power.sqrt(), key_frequencies=keys, ax=ax)
    ax.set(title=f"${name}$: norm per frequency", ylabel="norm")
axes[2].semilogy(torch.arange(1, 41), singular_values[:40], "o-", markersize=4)
axes[2].axvline(2 * len(keys) + 0.5, color="0.6", linestyle="--")
axes[2].set(title=f"$W_L$: singular values, {rank} before the fall", xlabel="rank", ylabel="singular value")

# %%
compare(
    [
        ("key frequencies (any will do)", "14, 35, 41, 42, 52", ", ".join(map(str, keys))),
        ("frequencies that W_E uses (over 1% of its power)", "6", f"{len(in_embedding)}: {in_embedding}"),
        ("rank of W_L; twice the key frequencies", "10; 2 × 5", f"{rank}; 2 × {len(keys)}"),
        ("residual of equation 2, Frobenius", "< 0.55%", f"{residual:.2%}"),
        ("residual of the best matrix of that rank, Frobenius", "not given", f"{beyond_rank:.2%}"),
        ("Gini coefficient of W_E's norms", "not given", f"{embedding_gini:.3f}"),
        ("Gini coefficient of W_L's norms", "not given", f"{logit_map_gini:.3f}"),
        ("Gini coefficient of Gaussian noise, 113 × 512", "-", f"{gini_noise:.3f}"),
    ]
)
save(figure, "01_weights")
