"""
9. Composition of permutations
==============================

A transformer that composes permutations comes to use few irreducible representations of the group.

A *group* is a set of things that can be composed, such as the 120 permutations of five things. For its composition,
*irreducible representations* are what frequencies are for addition: they split the functions on the group into parts,
as waves of one frequency are a part of the functions on the numbers. A representation writes each permutation as a
matrix, so that composing permutations multiplies their matrices.

This page measures a bundled run of the same transformer on these permutations, as in Chughtai et al. (2023), "A toy
model of universality: reverse engineering how networks learn group operations". See `groups
<../conventions.html#groups>`__ for the definitions, and the `glossary <../glossary.html>`__ for the words.
"""

# %%
# The group of all permutations of five things has six non-trivial irreducible representations. The library finds them
# from the group's table. To recognize each, print its *character*: the trace of its matrices, which is the same for
# all permutations whose cycles have the same lengths. A representation with matrices of size d × d has d² functions
# on the group, one per entry.
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
# Find key representations as key frequencies are found: from the power of W_L and of the logits. Divide each power by
# the number of functions first, because a representation with more functions has more power by chance.
found = inspect(model, op)
keys = found.key_frequencies
counts = torch.tensor(op.rows_per_frequency)
with pm.captured(model, NEURONS) as activations:
    logits = pm.grid_logits(model, op)

# %%
# In that paper's algorithm, the logit of c is the character of a b c⁻¹, the trace of a product of matrices. It plays
# the role of cos w_k (s − c) for addition: it is largest for the right answer c. Measure which share of the logits'
# variance each character explains.
#
# Here the characters do not explain everything. The rest of the logits are products of a matrix entry at a and one at
# b that are not functions of the composition a∘b. These products raise the loss, but change no answer.
centred = logits - logits.mean((0, 1))
of_characters = pm.cosine_coefficients(logits, op).square() / centred.double().square().sum()

# %%
# Measure the loss with only the key representations, and without them: first of the logits, then of the neurons. The
# ablation of the neurons keeps or removes the part that depends on a∘b through these representations,
# ``terms="sum"``; the `table of terms <../conventions.html#losses>`__ lists other meanings of "part".
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
# A neuron belongs to the representation that explains most of its variance, by polynomials in the matrix entries at a
# and at b. For each representation, print the loss with it alone, the loss without it, and its neurons.
best = pm.neuron_frequencies(found.neuron_share[found.alive], min_share=0.5)
clusters = torch.bincount(best, minlength=1 + len(counts))
for k, name in enumerate(NAMES, start=1):
    alone = pm.restricted_loss(logits, op, [k])
    print(f"{name:15} alone: loss {alone:.2g}; without it: {without[k - 1]:.2g}; {int(clusters[k])} neurons")

# %%
# Which representations are needed? ``sufficient_frequencies`` adds representations, the largest share of the logits
# first, until the restricted loss is at most 0.01. It names only the standard one. The sign lowers the loss further,
# but is not needed: without it, the training loss is still 0.00035. Other networks may have several such sets. A
# group has few representations, so print the restricted loss of all pairs of them before you say which ones a network
# uses.
print("sufficient:", *(NAMES[k - 1] for k in pm.sufficient_frequencies(logits, op)))
sets = [members for size in (1, 2) for members in itertools.combinations(op.frequencies, size)]
restricted = {members: float(pm.restricted_loss(logits, op, members)) for members in sets}
for members in sorted(sets, key=restricted.get)[:7]:
    print(f"{' and '.join(NAMES[k - 1] for k in members):28} {restricted[members]:.2g}")

# %%
# Follow the losses through training, with the key representations of the last step. `Coset concentration
# <../measures.html#cosets>`__ says more about the neurons.
curves = pm.Trajectory.load(run / "curves.npz")
of_steps = pm.Trajectory.load(run / "losses.npz")
phases = pm.find_phases(curves, answers=op.n)
print(phases)

figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
plotting.plot_curves(of_steps, {"train_loss": "training", "test_loss": "test"}, phases=phases, ax=axes[0, 0])
kinds = {"restricted_loss": "restricted, all pairs", "excluded_loss": "excluded, training pairs"}
plotting.plot_curves(curves, kinds, ax=axes[0, 0])
axes[0, 0].set(title="losses of the whole network and of its parts", ylabel="loss (nats)")

plotting.plot_curves(curves, {"train_loss": "whole network"}, phases=phases, ax=axes[0, 1])
(whole,) = axes[0, 1].get_lines()
whole.set(linewidth=5, alpha=0.4)  # so that it is seen behind the others
without_one = dict(zip(NAMES, curves["excluded_loss_per_frequency"].T, strict=True))
plotting.plot_curves(pm.Trajectory(curves.steps, without_one), NAMES, ax=axes[0, 1])
axes[0, 1].set(title="training loss without one representation", ylabel="loss (nats)")
for ax, place in zip(axes[0], ("lower left", (0.67, 0.5)), strict=True):
    handles, labels = ax.get_legend_handles_labels()  # first the phases
    ax.legend(handles[3:], labels[3:], fontsize="small", loc=place)
figure.legend(handles[:3], labels[:3], loc="outside upper center", ncols=3, fontsize="small", frameon=False)

place = np.arange(len(counts))
for index, (name, power) in enumerate({"W_E": found.W_E_power, "W_L": found.W_L_power}.items()):
    per_function = (power / counts).numpy()
    axes[1, 0].bar(place + 0.4 * index - 0.2, per_function / per_function.sum(), width=0.4, label=f"${name}$")
axes[1, 0].set(title="power per function of each representation", ylabel="share")
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
# - *Top left:* as for addition, restricted loss falls and excluded loss rises before the test loss falls. The peaks
#   of the training loss are *slingshots*: it jumps up and falls again. One of them has the minimum of excluded loss,
#   so ``find_phases`` cannot tell memorization from circuit formation; the grey phase is both, and ends where test
#   loss falls below a guess.
# - *Top right:* at the end, only the standard representation and the sign matter.
# - *Bottom:* W_E, W_L and the characters in the logits use these two of six representations.
#
# So the network solves this task as it solves addition, with few parts of all functions.
#
# The numbers of Chughtai et al. and ours follow; a word is a claim that they make in words. Characters explain less
# of the logits here. `The paper, a later paper <../paper.html#a-later-paper-groups>`__ says how to read each row.
compare(claims.rows(NAMES, found, logits, op, mask, losses, best))
save(figure, "09_groups")
