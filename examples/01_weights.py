"""
1. Weights in the Fourier basis
===============================

A transformer that learned addition modulo 113 uses only a handful of frequencies in its weights.

Two matrices of the `transformer <index.html#transformer-picture>`__ show this. The embedding W_E turns each number
into a vector. The neuron-logit map W_L = W_U W_out has the effect of each of the 512 neurons on the logit of each
answer: W_out writes the neurons into the residual stream, and the unembedding W_U turns the stream into logits. Both
matrices are *sparse in the Fourier basis*: written as sums of cosines and sines of the numbers 0 to 112, they need
few of the 56 frequencies. The frequencies that stand out in W_L are the *key frequencies*.

This page measures figures 3a and 3b and equation 2 of the paper (Nanda et al., 2023). See `spectra
<../measures.html#spectra>`__ and `key frequencies <../measures.html#key-frequencies>`__ for the formulas, and the
`glossary <../glossary.html>`__ for the words.
"""

# %%
# Load the last checkpoint of the bundled run: 40,000 steps on 30 % of all pairs. Training is full-batch, which means
# that every step uses all training pairs. So one step is one epoch, the paper's word.
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
# The power of a matrix at a frequency k is the sum of its squared coefficients along cos w_k and sin w_k, the waves
# that turn k times over the 113 numbers. The norm is the square root of the power. The Gini coefficient of the norms
# is 0 if all frequencies have the same norm, and close to 1 if a single frequency has everything.
embedding_power, logit_map_power = pm.spectrum(W_E, op), pm.spectrum(W_L, op)
keys = pm.key_frequencies(logit_map_power)
print(f"key frequencies: {keys}")
print(f"Gini coefficient of W_E: {pm.gini(embedding_power.sqrt()):.3f}, of W_L: {pm.gini(logit_map_power.sqrt()):.3f}")

# %%
# The rank of a matrix is the number of independent directions that it reads, and its singular values say how much
# each of them matters: the rank of W_L is where they drop.
#
# Equation 2 of the paper says which directions these are. For each key frequency k there are two directions of the
# neurons, u_k and v_k. W_L reads the neurons along u_k and turns the result into cos w_k c, a wave of the answer c;
# it turns the result along v_k into sin w_k c. W_L is the sum of these pieces over the key frequencies, and a
# residual.
#
# The residual is given as a share of the Frobenius norm, the root of the sum of all squared entries. Compare it with
# the residual of the best matrix of the same rank, which is a lower bound.
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
# - *Top and middle:* W_E and W_L are large at the same four frequencies and close to 0 at nearly all others. W_E has
#   one frequency more, 10 = 2 × 5, which W_L does not use.
# - *Bottom:* the singular values of W_L fall by a factor of 300 after the eighth, and 8 is two for each key
#   frequency.
#
# So the neurons reach the logits only through waves of four frequencies.
#
# The paper's numbers and ours follow. Our residual of equation 2 is larger than the paper's: `the paper, sections 4.1
# and 4.2 <../paper.html#41-and-42-periodic-weights-and-logits>`__ says how to read it and every other row.
compare(claims.rows(embedding_power, logit_map_power, keys, rank, (residual, best_residual)))
save(figure, "01_weights")
