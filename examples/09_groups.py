"""
9. Groups
=========

A transformer that composes permutations comes to use few irreducible representations of the group.

Irreducible representations are to the composition of permutations what frequencies are to addition. This page trains
nothing: it measures a bundled run of the same transformer on the 120 permutations of five things, as in Chughtai et
al. (2023), "A toy model of universality: reverse engineering how networks learn group operations".
"""

# %%
# The group of all permutations of five things has six non-trivial representations. The library finds them from the
# group's table. Recognize each by its character, the trace of its matrices on each class of permutations. Two
# permutations are in one class if their cycles have the same lengths. A representation of dimension d has d² functions.
import itertools

import matplotlib.pyplot as plt
import numpy as np
import torch

import progress_measures as pm
from examples.claims import groups as claims
from examples.modular_addition.analysis import NEURONS, inspect
from examples.modular_addition.bundled import RUNS, final
from examples.report import compare, save
from progress_measures import plotting

run = RUNS / "symmetric_5"
model, config = final(run)
op, mask = config.op, config.train_mask
NAMES = ["sign", "standard", "standard × sign", "5-dim.", "5-dim. × sign", "6-dim."]  # by character, in this order
print(f"{'cycles':28}", *(f"{lengths:>5}" for lengths in claims.cycles_of_classes(op.classes)))
for name, irrep, rows in zip(NAMES, op.irreps, op.rows_per_frequency, strict=True):
    print(f"{name:15} {rows:2} functions", *(f"{x + 0.0:5.0f}" for x in irrep.character.round()))

# %%
# Find key representations the way key frequencies are found: from the power of W_L and of the logits, divided by the
# number of functions.
found = inspect(model, op)
keys = found.key_frequencies
counts = torch.tensor(op.rows_per_frequency)
with pm.captured(model, NEURONS) as activations:
    logits = pm.grid_logits(model, op)

# %%
# In the paper's algorithm the logit of c is the character of a b c⁻¹, the trace of a product of matrices. It plays
# the role of cos w_k (s − c) for addition. The rest of the logits are products of an entry at a and an entry at b that
# are not functions of a∘b. These products raise the loss, but change no answer.
centred = logits - logits.mean((0, 1))
of_characters = pm.cosine_coefficients(logits, op).square() / centred.double().square().sum()

# %%
# Measure the loss with and without the key representations: first of the logits, then with an ablation that keeps or
# removes the part of the neurons that depends on a∘b through these representations, ``terms="sum"``. The
# conventions list this and `other meanings of "part" <../conventions.html#losses>`__.
losses = {
    "restricted": pm.restricted_loss(logits, op, keys),
    "excluded": pm.excluded_loss(logits, op, keys, mask=mask),
}
without = pm.excluded_loss_per_frequency(logits, op, mask=mask)
with pm.ablated(model, NEURONS, pm.project_onto_frequencies(op, keys, terms="sum")):
    losses["neurons restricted"] = pm.cross_entropy(pm.grid_logits(model, op), op)
with pm.ablated(model, NEURONS, pm.project_out_frequencies(op, keys, terms="sum")):
    losses["neurons excluded"] = pm.cross_entropy(pm.grid_logits(model, op), op, mask=mask)

# %%
# A neuron belongs to the representation that explains the most of its variance by polynomials in the representation's
# matrix entries at a and at b.
best = pm.neuron_frequencies(found.neuron_share[found.alive], min_share=0.5)
clusters = torch.bincount(best, minlength=1 + len(counts))
for k, name in enumerate(NAMES, start=1):
    alone = pm.restricted_loss(logits, op, [k])
    print(f"{name:15} alone: loss {alone:.2g}; without it: {without[k - 1]:.2g}; {int(clusters[k])} neurons")

# %%
# ``sufficient_frequencies`` names the standard representation only. It adds the representation with the largest share
# of the logits first, and stops at a loss of at most 0.01. The sign lowers the loss further, but is not needed: without
# it, the training loss is still 0.00035. Other networks may have several such sets. A group has few representations, so
# print the restricted loss of their sets before you say which ones a network uses.
print("sufficient:", *(NAMES[k - 1] for k in pm.sufficient_frequencies(logits, op)))
sets = [members for size in (1, 2) for members in itertools.combinations(op.frequencies, size)]
restricted = {members: float(pm.restricted_loss(logits, op, members)) for members in sets}
for members in sorted(sets, key=restricted.get)[:7]:
    print(f"{' and '.join(NAMES[k - 1] for k in members):28} {restricted[members]:.2g}")

# %%
# Neurons can also be compared with the cosets of a subgroup, see `coset concentration <../measures.html#cosets>`__.
#
# Follow the same losses through training, with the key representations of the last step. The grey phase ends
# where test loss falls below chance. ``find_phases`` cannot divide it into memorization and circuit formation, because
# excluded loss has its minimum in a slingshot, where training loss jumps up.
curves = pm.Trajectory.load(run / "curves.npz")
of_steps = pm.Trajectory.load(run / "losses.npz")
phases = pm.find_phases(curves, answers=op.n)
print(phases)

figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
plotting.plot_curves(of_steps, {"train_loss": "train", "test_loss": "test"}, phases=phases, ax=axes[0, 0])
kinds = {"restricted_loss": "restricted, all pairs", "excluded_loss": "excluded, training pairs"}
plotting.plot_curves(curves, kinds, ax=axes[0, 0])
axes[0, 0].set(title="composition of permutations of five things", ylabel="loss (nats)")

plotting.plot_curves(curves, {"train_loss": "whole network"}, phases=phases, ax=axes[0, 1])
for name, values in zip(NAMES, curves["excluded_loss_per_frequency"].T, strict=True):
    axes[0, 1].plot(curves.steps, values, label=name)
axes[0, 1].set(title="training loss without one representation", ylabel="loss (nats)")
for ax, place in zip(axes[0], ("lower left", (0.67, 0.5)), strict=True):
    handles, labels = ax.get_legend_handles_labels()  # first the phases
    ax.legend(handles[3:], labels[3:], fontsize="small", loc=place)
figure.legend(handles[:3], labels[:3], loc="outside upper center", ncols=3, fontsize="small", frameon=False)

place = np.arange(len(counts))
for index, (name, power) in enumerate({"W_E": found.W_E_power, "W_L": found.W_L_power}.items()):
    per_function = (power / counts).numpy()
    axes[1, 0].bar(place + 0.4 * index - 0.2, per_function / per_function.sum(), width=0.4, label=f"${name}$")
axes[1, 0].set(title="power per function of the representation", ylabel="share")
axes[1, 1].bar(place, of_characters.numpy(), width=0.6)
axes[1, 1].set(title="logits: variance explained by each character", ylabel="share")
for ax in axes[1]:
    ax.set_xticks(place, NAMES, rotation=35, ha="right", rotation_mode="anchor")
axes[1, 0].legend()
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[1, 1].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# The paper's numbers and ours:
compare(claims.rows(NAMES, found, logits, op, mask, losses, best))
save(figure, "09_groups")
