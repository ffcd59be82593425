"""
4. Ablations: which parts the model needs
=========================================

Keep only what the paper's algorithm uses, and the loss stays tiny; remove it, and the model fails.

The algorithm is what pages 1 to 3 found. The embedding turns a and b into waves of the key frequencies; attention and
neurons multiply them, which gives waves of a + b; and W_L turns these into waves cos w_k (a + b − c) of the answer.
If the model works this way, everything else in it can be removed without harm.

An *ablation* tests this: it replaces the output of one part of the model, and measures the loss of the full forward
pass. This page measures section 4.4, figure 6 and appendix A.1 of the paper. See `ablations
<../measures.html#ablations>`__ for the formulas, and the `glossary <../glossary.html>`__ for the words.
"""

# %%
# Every part of the `transformer <index.html#transformer-picture>`__ is a submodule with a path. ``loss`` replaces the
# output of the submodule at a path, and returns the loss over all pairs.
import math

import matplotlib.pyplot as plt
import torch

import progress_measures as pm
from examples.claims import ablations as claims
from examples.modular_addition.bundled import MAINLINE, final
from examples.report import compare, save

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
# Neurons: replace each neuron of a `cluster <02_attention_and_neurons.html>`__ by its projection on the polynomials
# in the waves of its frequency, and keep the other neurons.
cluster = pm.neuron_frequencies(pm.neuron_spectrum(activations[NEURONS], op))
losses["polynomials"] = loss(NEURONS, pm.project_each_onto_frequency(op, cluster))

# %%
# Logits: keep the constant and, of each key frequency, only the waves of a + b (``terms="sum"``), or all waves of a
# and of b and their products (``terms="polynomial"``, 8 per frequency). The `table of terms
# <../conventions.html#losses>`__ has the definitions.
losses["sum"] = loss(LOGITS, pm.project_onto_frequencies(op, keys, terms="sum"))
losses["products"] = loss(LOGITS, pm.project_onto_frequencies(op, keys, terms="polynomial"))

# %%
# W_L: keep only the part of the neurons along the `directions <01_weights.html>`__ u_k and v_k that W_L reads, or only
# the rest. W_L turns the rest into almost nothing: it is nearly the null space of W_L. The neurons' mean over all pairs
# says nothing about the inputs: project it too, or leave it in place.
directions = op.rows(keys) @ model.W_L.double()
losses["directions"] = loss(NEURONS, pm.project_onto(directions))
losses["directions, mean kept"] = loss(NEURONS, pm.project_onto(directions, center="mean"))
losses["null space"] = loss(NEURONS, pm.project_out(directions))
# The skip connection, which adds the MLP's input to its output, carries a little of the answer too.
with pm.ablated(model, "blocks.0.mlp_skip", pm.zero_ablation()):
    losses["null space, no skip"] = loss(NEURONS, pm.project_out(directions))

# %%
# Attention: a head turns scores of the tokens into weights by a softmax, exp(score) divided by the sum over the
# tokens. ``=`` has almost no weight, and over the other two tokens a softmax is a sigmoid of the difference of their
# scores. Replace it in each head by the straight line that fits it best.
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
# Remove one frequency at a time, from the neurons or from the logits.
from_neurons = {k: loss(NEURONS, pm.project_out_frequencies(op, [k])) for k in keys}
from_logits = pm.excluded_loss_per_frequency(logits, op)
from_logits_train = pm.excluded_loss_per_frequency(logits, op, mask=config.train_mask)

# %%
# Remove whole parts. The paper's description of the model leaves out the skip connection around the MLP. It needs the
# heads, and the skip connection around attention.
losses["no MLP skip"] = loss("blocks.0.mlp_skip", pm.zero_ablation())
losses["mean MLP skip"] = loss("blocks.0.mlp_skip", pm.mean_ablation())
losses["no heads"] = loss("blocks.0.attn", pm.zero_ablation())
losses["no attention skip"] = loss("blocks.0.attn_skip", pm.zero_ablation())

# %%
figure, ax = plt.subplots(figsize=(9.5, 5), layout="constrained")
base, kept, chance = losses["nothing"], losses["sum"], math.log(op.n)
colours = ["#c0392b" if k in keys else "#68737f" for k in op.frequencies]
ax.bar(
    op.frequencies, (from_logits - base).numpy(), bottom=base, color=colours, width=0.5
)  # from the loss of the whole model
ax.scatter(op.frequencies, from_logits.numpy(), color=colours, s=22, zorder=3)
for k in keys:
    side = "right" if k + 1 in keys else "left" if k - 1 in keys else "center"
    ax.annotate(str(k), (k, float(from_logits[k - 1])), (0, 6), textcoords="offset points", ha=side, color="#c0392b")
ax.axhline(chance, linestyle=":", color="0.5", label=f"chance: {chance:.2f}")
ax.axhline(base, linestyle="--", color="0.3", label=f"nothing removed: {base:.1e}")
ax.axhline(kept, linestyle="-.", color="tab:green", label=f"only a + b waves of key frequencies: {kept:.1e}")
ax.set(yscale="log", ylim=(1e-8, 20), xlim=(0, op.n // 2 + 1), xlabel="frequency removed from the logits")
ax.set(ylabel="loss over all pairs (nats)", title="Loss without one frequency")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, frameon=False)
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
ax.set_gid("card")
# sphinx_gallery_end_ignore

# %%
# Each point is the loss without one frequency. Without one of the four key frequencies, the loss rises by a factor of
# 5e4 or more. Without any other, the point lies on the dashed line: almost nothing changes. With the key frequencies
# alone, the loss is even lower than the whole model's. So the model answers with these four frequencies, and the rest
# is noise to it.
#
# The paper's numbers and ours follow. Three differ clearly: with only the directions of W_L the loss does not halve;
# without them it is below chance; and removing the skip connection around attention harms this model less. `The
# paper, section 4.4 <../paper.html#44-ablations>`__ says how to read each row, and `its appendices
# <../paper.html#appendices-a-b-and-c12>`__ have the rows about attention and skip connections.
compare(claims.rows(losses, keys, len(directions), from_neurons, from_logits, from_logits_train))
save(figure, "04_ablations")
