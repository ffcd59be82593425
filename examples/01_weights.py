"""
1. Weights in the Fourier basis
===============================

A transformer that learned addition modulo 113 uses only a handful of frequencies in its weights.

The embedding W_E and the neuron-logit map W_L = W_U W_out are sparse in the Fourier basis. The frequencies that stand
out in W_L are the *key frequencies*. This page measures figures 3a and 3b and equation 2 of the paper.
"""

# %%
# Load the last checkpoint of the bundled run: 40,000 epochs of full-batch training on 30 % of all pairs.
import matplotlib.pyplot as plt
import torch

import progress_measures as pm
from examples.claims import weights as claims
from examples.modular_addition.bundled import MAINLINE, final
from examples.report import compare, save
from progress_measures import plotting

model, config = final(MAINLINE)
op = config.op
W_E, W_L = model.W_E, model.W_L  # (n, d_model), (n, d_mlp)

# %%
# The power of a matrix at a frequency is the sum of its squared coefficients along the cosine and the sine. The Gini
# coefficient of the norms (square roots of the powers) is 0 if all frequencies are equal and close to 1 if one has
# everything.
embedding_power, logit_map_power = pm.spectrum(W_E, op), pm.spectrum(W_L, op)
keys = pm.key_frequencies(logit_map_power)
print(f"key frequencies: {keys}")
print(f"Gini coefficient of W_E: {pm.gini(embedding_power.sqrt()):.3f}, of W_L: {pm.gini(logit_map_power.sqrt()):.3f}")

# %%
# The rank of W_L is where its singular values drop. Equation 2 claims more: W_L is a sum over the key frequencies of
# cos(w_k) u_k and sin(w_k) v_k, with waves of the answer on its left. Compare its residual with the residual of the
# best matrix of the same rank, which is a lower bound.
singular_values = torch.linalg.svdvals(W_L.double())
rank = int((singular_values[:-1] / singular_values[1:]).argmax()) + 1
best_residual = float(singular_values[rank:].norm() / singular_values.norm())
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
axes[2].set(title=f"$W_L$: singular values, {rank} before the drop", xlabel="rank", ylabel="singular value")
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[1].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# The paper's numbers and ours:
compare(claims.rows(embedding_power, logit_map_power, keys, rank, (residual, best_residual)))
save(figure, "01_weights")
