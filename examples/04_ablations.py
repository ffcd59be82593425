"""
4. Ablations
============

Keeping only what the paper's algorithm computes does no harm; removing it destroys the model.

This page replaces the output of one component at a time by what the paper says that the component computes, or by
everything else. It measures section 4.4, figure 6 and appendix A.1 of the paper.
"""

# %%
# Most numbers are losses over all pairs, of a full forward pass in which one submodule's output is replaced.
import math

import matplotlib.pyplot as plt
import torch

import progress_measures as pm
from examples.claims import ablations as claims
from examples.modular_addition.bundled import MAINLINE, final
from examples.report import compare, save
from progress_measures import plotting

SCORES, PATTERN = "blocks.0.attn.scores", "blocks.0.attn.pattern"
NEURONS, LOGITS = "blocks.0.mlp.relu", "unembed"
model, config = final(MAINLINE)
op = config.op
with pm.captured(model, [SCORES, NEURONS]) as activations:
    logits = pm.grid_logits(model, op)
losses = {"nothing": float(pm.cross_entropy(logits, op))}
keys = pm.key_frequencies(pm.spectrum(model.W_L, op))


def loss(path, replacement):
    """Loss over all pairs with a submodule's output replaced."""
    with pm.ablated(model, path, replacement):
        return float(pm.cross_entropy(pm.grid_logits(model, op), op))


# %%
# Neurons: replace each neuron of a cluster by a polynomial in the waves of its frequency, and keep the others.
cluster = pm.neuron_frequencies(pm.neuron_spectrum(activations[NEURONS], op))
losses["polynomials"] = loss(NEURONS, pm.project_each_onto_frequency(op, cluster))

# %%
# Logits: keep the constant and, of each key frequency, only the terms in a + b, or all products of its waves.
losses["sum"] = loss(LOGITS, pm.project_onto_frequencies(op, keys, terms="sum"))
losses["products"] = loss(LOGITS, pm.project_onto_frequencies(op, keys, terms="polynomial"))

# %%
# W_L: keep only the directions of the neurons that W_L turns into waves, or only their orthogonal complement. The
# neurons' mean over all pairs carries no information about the inputs: project it too, or leave it in place.
directions = op.rows(keys) @ model.W_L.double()
losses["directions"] = loss(NEURONS, pm.project_onto(directions))
losses["directions, mean kept"] = loss(NEURONS, pm.project_onto(directions, center="mean"))
losses["null space"] = loss(NEURONS, pm.project_out(directions))
# The skip connection around the MLP carries a little of the answer, too.
with pm.ablated(model, "blocks.0.mlp_skip", pm.zero_ablation()):
    losses["null space, no skip"] = loss(NEURONS, pm.project_out(directions))

# %%
# Attention: the softmax over two tokens is a sigmoid of the difference of their scores. Replace it in each head by
# the line that fits it best.
score_a, score_b, _ = activations[SCORES].double().unbind(-1)  # (pair, head)
to_a_minus_b = score_a - score_b


def linear_attention(pattern):
    """Attention to a becomes the line, attention to b the remainder of both."""
    to_a, to_b, to_equals = pattern.unbind(-1)
    heads = zip(to_a.T, to_a_minus_b.T, strict=True)
    line = torch.stack([pm.fit_waves(attention, score[None]).fitted for attention, score in heads], dim=1)
    return torch.stack([line, to_a + to_b - line, to_equals], dim=-1)


def without_equals(pattern):
    """No attention from = to itself."""
    return torch.cat([pattern[..., :2], torch.zeros_like(pattern[..., 2:])], dim=-1)


losses["linear attention"] = loss(PATTERN, linear_attention)
losses["no attention to ="] = loss(PATTERN, without_equals)

# %%
# Remove one frequency at a time from the neurons, or from the logits.
from_neurons = {k: loss(NEURONS, pm.project_out_frequencies(op, [k])) for k in keys}
from_logits = pm.excluded_loss_per_frequency(logits, op)
from_logits_train = pm.excluded_loss_per_frequency(logits, op, mask=config.train_mask)

# %%
# Remove whole components: the skip connection around the MLP, which the paper's account of the model leaves out, and
# the heads and the skip connection around attention, which it needs.
losses["no MLP skip"] = loss("blocks.0.mlp_skip", pm.zero_ablation())
losses["mean MLP skip"] = loss("blocks.0.mlp_skip", pm.mean_ablation())
losses["no heads"] = loss("blocks.0.attn", pm.zero_ablation())
losses["no attention skip"] = loss("blocks.0.attn_skip", pm.zero_ablation())

# %%
figure, ax = plt.subplots(figsize=(9.5, 5), layout="constrained")
plotting.plot_spectrum(from_logits, key_frequencies=keys, ax=ax)
base, kept, chance = losses["nothing"], losses["sum"], math.log(op.n)
ax.axhline(base, linestyle="--", color="0.3", label=f"nothing removed: {base:.1e}")
ax.axhline(kept, linestyle="--", color="tab:blue", label=f"only a + b terms of key frequencies kept: {kept:.1e}")
ax.axhline(chance, linestyle=":", color="0.5", label=f"chance: {chance:.2f}")
ax.set(yscale="log", ylim=(1e-8, 20), ylabel="loss over all pairs (nats)", title="One frequency of the logits removed")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
ax.set_gid("card")
# sphinx_gallery_end_ignore

# %%
# The paper's numbers and ours:
compare(claims.rows(losses, keys, len(directions), from_neurons, from_logits, from_logits_train))
save(figure, "04_ablations")
