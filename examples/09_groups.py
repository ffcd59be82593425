"""
9. Groups
=========

What frequencies are to addition, irreducible representations are to the composition of permutations. The same
transformer, trained on the 120 permutations of five things, comes to use few of them. Chughtai et al. (2023), "A toy
model of universality: reverse engineering how networks learn group operations".
"""

# %%
# The group of all permutations of five things has six non-trivial representations. They are found from its table, and
# each is known by its character, the trace of its matrices on each class of permutations. One of dimension d has d²
# functions.
import matplotlib.pyplot as plt
import numpy as np
import torch

import progress_measures as pm
from examples.modular_addition.analysis import NEURONS, inspect
from examples.modular_addition.bundled import RUNS, final
from examples.report import compare, save
from progress_measures import plotting

run = RUNS / "symmetric_5"
model, config = final(run)
op, mask = config.op, config.train_mask
NAMES = ["sign", "standard", "standard × sign", "5-dim.", "5-dim. × sign", "6-dim."]  # by character, in this order
for name, irrep, rows in zip(NAMES, op.irreps, op.rows_per_frequency, strict=True):
    print(f"{name:15} {rows:2} functions, character {irrep.character.round().int().tolist()}")

# %%
# Key representations are found as key frequencies are: from what W_L, and the logits, have per function.
found = inspect(model, op)
keys = found.key_frequencies
counts = torch.tensor(op.rows_per_frequency)
with pm.captured(model, NEURONS) as activations:
    logits = pm.grid_logits(model, op)


def named(frequencies):
    """Representations by name."""
    return ", ".join(NAMES[k - 1] for k in frequencies) or "none"


# %%
# In the paper's algorithm the logit of c is the character of a b c⁻¹: traces of matrices that were multiplied. The
# character is the same tensor as cos w_k (s − c) is for addition. What else is in the logits are other products of the
# same matrices' entries at a and at b: the neurons make them as well, and they add to the loss but change no answer.
centred = logits - logits.mean((0, 1))
of_characters = pm.cosine_coefficients(logits, op).square() / centred.double().square().sum()
fitted = pm.restrict(centred, op, keys, terms="aligned")
in_products = pm.restrict(centred, op, keys, terms="product")

# %%
# Loss with and without the key representations: of the logits, and of the neurons, where what depends on a∘b through
# these representations is kept or removed while the model runs.
restricted, excluded = pm.restricted_loss(logits, op, keys), pm.excluded_loss(logits, op, keys, mask=mask)
without = pm.excluded_loss_per_frequency(logits, op, mask=mask)
with pm.ablated(model, NEURONS, pm.project_onto_frequencies(op, keys, terms="sum")):
    neurons_restricted = pm.cross_entropy(pm.grid_logits(model, op), op)
with pm.ablated(model, NEURONS, pm.project_out_frequencies(op, keys, terms="sum")):
    neurons_excluded = pm.cross_entropy(pm.grid_logits(model, op), op, mask=mask)
others = [k for k in op.frequencies if k not in keys]

# %%
# A neuron belongs to the representation that explains the most of it, as a polynomial in its entries at a and at b.
best = pm.neuron_frequencies(found.neuron_share[found.alive], min_share=0.5)
clusters = torch.bincount(best, minlength=1 + len(counts))
share = found.neuron_share[found.alive].max(1).values

# %%
# The same losses at recorded steps of the run. The key representations are those of the last.
curves = pm.Trajectory.load(run / "curves.npz")
losses = pm.Trajectory.load(run / "losses.npz")
phases = pm.find_phases(curves, answers=op.n)

figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
plotting.plot_curves(losses, {"train_loss": "train", "test_loss": "test"}, phases=phases, ax=axes[0, 0])
kinds = {"restricted_loss": "restricted, all pairs", "excluded_loss": "excluded, training pairs"}
plotting.plot_curves(curves, kinds, ax=axes[0, 0])
axes[0, 0].set(title="composition of permutations of five things", ylabel="loss (nats)")

plotting.plot_curves(curves, {"train_loss": "nothing"}, phases=phases, ax=axes[0, 1])
for name, values in zip(NAMES, curves["excluded_loss_per_frequency"].T, strict=True):
    axes[0, 1].plot(curves.steps, values, label=name)
axes[0, 1].set(title="training loss without one representation", ylabel="loss (nats)")
axes[0, 1].legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))

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

# %%
print(f"phases: {phases}")
for k, name in enumerate(NAMES, start=1):
    alone = pm.restricted_loss(logits, op, [k])
    print(f"{name:15} alone: loss {alone:.2g}; without it: {without[k - 1]:.2g}; {int(clusters[k])} neurons")
compare(
    [
        ("key representations of W_L", "few, not always the same", named(keys)),
        ("key representations of the logits", "the same", named(found.logit_key_frequencies)),
        (
            "logits' variance explained by their characters",
            "95% to 98% (Z/113)",
            f"{pm.explained_variance(centred, fitted):.1%}",
        ),
        ("logits' variance in products of their entries", "-", f"{pm.explained_variance(centred, in_products):.2%}"),
        ("loss, training pairs", "-", f"{pm.cross_entropy(logits, op, mask=mask):.2g}"),
        ("loss, test pairs", "small", f"{pm.cross_entropy(logits, op, mask=~mask):.2g}"),
        ("restricted loss, all pairs", "small", f"{restricted:.2g}"),
        (
            "restricted loss, key characters alone",
            "small",
            f"{pm.restricted_loss(logits, op, keys, terms='aligned'):.2g}",
        ),
        ("restricted loss, all other representations", "-", f"{pm.restricted_loss(logits, op, others):.2g}"),
        ("excluded loss, training pairs", "large", f"{excluded:.2g}"),
        ("loss with neurons restricted, all pairs", "small", f"{neurons_restricted:.2g}"),
        ("loss with neurons excluded, training pairs", "large", f"{neurons_excluded:.2g}"),
        ("neurons alive", "-", f"{len(best)}"),
        ("neurons with most of their variance in one", "most", f"{(best > 0).double().mean():.0%}"),
        (
            "of those, in a key representation",
            "all",
            f"{torch.isin(best[best > 0], torch.tensor(keys)).double().mean():.0%}",
        ),
        ("neurons' variance in their best, median", "-", f"{share.median():.0%}"),
    ]
)
save(figure, "09_groups")
