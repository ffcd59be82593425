"""
2. Periodic attention and neurons
=================================

Attention patterns and neurons are waves of the inputs, and most neurons use a single frequency.

The `transformer <index.html#transformer-picture>`__ reads the tokens ``a b =`` and answers at ``=``. Each of its four
attention *heads* copies information from the three tokens to ``=``. The weights of the three tokens are the head's
attention *pattern*; they add up to 1. The *MLP* is a layer of 512 neurons that reads the result.

Most neurons are polynomials of degree two in the waves of one frequency: sums of cos w_k a, sin w_k a, cos w_k b, sin
w_k b, and products of a wave of a and a wave of b. These neurons add a wave of the same frequency to the logits.

This page measures sections 4.1 and 4.3, figures 4 and 5, and appendices A.1 and C.1 of the paper. See `neurons
<../measures.html#neurons>`__ and `explained variance <../measures.html#explained-variance>`__ for the formulas, and
the `glossary <../glossary.html>`__ for the words.
"""

# %%
# Run one forward pass over all pairs, and capture the attention patterns, the heads' outputs and the neurons.
import matplotlib.pyplot as plt
import torch

import progress_measures as pm
from examples.claims import attention_and_neurons as claims
from examples.modular_addition.bundled import MAINLINE, final
from examples.report import compare, save
from progress_measures import plotting

PATTERN, HEADS, NEURONS = "blocks.0.attn.pattern", "blocks.0.attn.heads", "blocks.0.mlp.relu"
model, config = final(MAINLINE)
op = config.op
with pm.captured(model, [PATTERN, HEADS, NEURONS]) as activations:
    pm.grid_logits(model, op)
keys = pm.key_frequencies(pm.spectrum(model.W_L, op))
pattern, neurons = activations[PATTERN], activations[NEURONS]  # (pair, head, 3), (pair, d_mlp)
to_a, to_b, to_equals = pattern.double().unbind(-1)  # attention from "=" to each token, (pair, head)

# %%
# Fit each head's attention from = to a by 0.5 + α (cos w_k a − cos w_k b) + β (sin w_k a − sin w_k b), with α and β
# chosen by least squares: first with one key frequency, then with all of them. *Variance explained* is the share of
# the attention's variance over all pairs that the fit reproduces. The best fit of each head is printed.
rows = op.rows(keys)
waves = (rows[:, :, None] - rows[:, None]).flatten(1).unflatten(0, (len(keys), 2))  # (K, cosine or sine, pair)
fits = [pm.fit_waves(to_a, wave) for wave in waves]
share = torch.stack([fit.explained_variance for fit in fits])  # (K, head)
with_all = pm.fit_waves(to_a, waves.flatten(0, 1)).explained_variance
for head, i in enumerate(share.argmax(0).tolist()):
    alpha, beta = (fits[i].coefficients[:, head] * (2 / op.n) ** 0.5).tolist()  # of waves of amplitude 1
    print(
        f"head {head}: {fits[i].constant[head]:.3f} {alpha:+.3f} (cos w_{keys[i]} a - cos w_{keys[i]} b) "
        f"{beta:+.3f} (sin w_{keys[i]} a - sin w_{keys[i]} b)"
    )

# %%
# A head's output is its pattern times what it reads from the embedding. Both are waves, so the output has products of
# waves. Measure the share of its variance in the polynomials of a single frequency, and of all key frequencies.
heads = activations[HEADS].double().unbind(1)  # (pair, d_head) each


def share_of_heads(frequencies):
    """The share of each head's variance in products of waves of the same frequency, (head,)."""
    project = pm.project_onto_frequencies(op, frequencies)
    return torch.stack([pm.explained_variance(x - x.mean(0), project(x) - x.mean(0)) for x in heads])


by_one = torch.stack([share_of_heads([k]) for k in keys])  # (K, head)
by_all = share_of_heads(keys)

# %%
# Measure which share of each neuron's variance the polynomials of each frequency explain. The neurons of which one
# frequency explains over 85 % form the *cluster* of that frequency.
neuron_share = pm.neuron_spectrum(neurons, op)
cluster = pm.neuron_frequencies(neuron_share)

# %%
# Figure 5: take the columns of W_L that belong to the neurons of each cluster, and measure their share at each
# frequency of the answer.
to_logits = torch.stack([pm.spectrum(model.W_L[:, cluster == k], op) for k in keys])
to_logits = to_logits / to_logits.sum(1, keepdim=True)  # (cluster, frequency)

# %%
figure, axes = plt.subplots(2, 2, figsize=(9.5, 8), layout="constrained")
plotting.plot_grid(to_a[:, 0].reshape(op.n, op.n), ax=axes[0, 0])
axes[0, 0].set_title(
    f"attention of head 0 to a, {100 * share[:, 0].max():.0f} % of it frequency {keys[share[:, 0].argmax()]}"
)
plotting.plot_grid(neurons[:, 0].reshape(op.n, op.n), ax=axes[0, 1])
axes[0, 1].set_title(
    f"neuron 0, {100 * neuron_share[0].max():.0f} % of it frequency {int(neuron_share[0].argmax()) + 1}"
)
axes[1, 0].hist(neuron_share.max(1).values, bins=40)
axes[1, 0].axvline(0.85, color="0.4", linestyle="--")
axes[1, 0].set(title="how much of a neuron its best frequency explains", xlabel="share of variance", ylabel="neurons")
extent = (0.5, 56.5, len(keys) - 0.5, -0.5)
image = axes[1, 1].imshow(to_logits.sqrt().numpy(), aspect="auto", extent=extent, cmap="Reds")
axes[1, 1].set(
    title="$W_L$ of each cluster's neurons", xlabel="frequency of the answer", ylabel="cluster (its frequency)"
)
axes[1, 1].set_yticks(range(len(keys)), keys)
figure.colorbar(image, ax=axes[1, 1], label="share of the cluster's norm")
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[0, 1].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# - *Top left:* how strongly head 0 attends to a, for each pair. The attention is a wave of frequency 6 in a and in b:
#   it rises and falls six times over the 113 numbers.
# - *Top right:* one neuron, which is a wave of frequency 6 too.
# - *Bottom left:* the best frequency of most neurons explains over 85 % of their variance (dashed line).
# - *Bottom right:* each row is a cluster. Its neurons add a wave of their own frequency to the logits, and almost
#   nothing else.
#
# So each frequency has its own neurons, from the inputs to the answer.
#
# The paper's numbers and ours follow. Three of our four heads mix key frequencies, which the paper's heads do not:
# `the paper, section 4.3 <../paper.html#43-and-appendix-c1-attention-and-neurons>`__ says how to read each row, and
# `its appendices <../paper.html#appendices-a-b-and-c12>`__ have the row about attention from ``=`` to ``=``.
attention = (share, with_all)
outputs = (by_one, by_all)
compare(claims.rows(keys, to_a, to_equals, attention, outputs, cluster, to_logits))
save(figure, "02_attention_and_neurons")
