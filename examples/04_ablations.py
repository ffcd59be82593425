"""
4. Ablations
============

In this model, replacing a component by what the paper says that it computes leaves the loss nearly unchanged, or lowers
it; taking that away destroys the model. Section 4.4, figure 6, appendix A.1.
"""

# %%
# Most numbers are the loss over all pairs of a full forward pass with one submodule's output replaced.
import math

import matplotlib.pyplot as plt
import torch

import progress_measures as pm
from examples.modular_addition.bundled import MAINLINE, final
from examples.report import compare, save
from progress_measures import plotting

SCORES, PATTERN = "blocks.0.attn.scores", "blocks.0.attn.pattern"
NEURONS, LOGITS = "blocks.0.mlp.relu", "unembed"
model, config = final(MAINLINE)
op = config.op
with pm.captured(model, [SCORES, NEURONS]) as activations:
    logits = pm.grid_logits(model, op)
base = float(pm.cross_entropy(logits, op))
keys = pm.key_frequencies(pm.spectrum(model.W_L, op))


def loss(path, replacement):
    """Loss over all pairs with a submodule's output replaced."""
    with pm.ablated(model, path, replacement):
        return float(pm.cross_entropy(pm.grid_logits(model, op), op))


# %%
# Neurons: each neuron of a cluster becomes a polynomial in the waves of its frequency, the others stay.
cluster = pm.neuron_frequencies(pm.neuron_spectrum(activations[NEURONS], op))
polynomials = loss(NEURONS, pm.project_each_onto_frequency(op, cluster))

# %%
# Logits: only the terms in a + b, or all products of waves of the same key frequency, and the constant.
only_sum = loss(LOGITS, pm.project_onto_frequencies(op, keys, terms="sum"))
only_products = loss(LOGITS, pm.project_onto_frequencies(op, keys, terms="polynomial"))

# %%
# W_L: the neurons on the directions that it turns into waves, and on what is orthogonal to them. The neurons' mean over
# all pairs is projected with the rest, or left in place, because it says nothing about the inputs.
directions = op.rows(keys) @ model.W_L.double()
on_directions = loss(NEURONS, pm.project_onto(directions))
with_mean = loss(NEURONS, pm.project_onto(directions, center="mean"))
on_null_space = loss(NEURONS, pm.project_out(directions))
# The skip connection around the MLP carries a little of the answer, too.
with pm.ablated(model, "blocks.0.mlp_skip", pm.zero_ablation()):
    nothing_left = loss(NEURONS, pm.project_out(directions))

# %%
# Attention: the softmax over two tokens is a sigmoid of the difference of their scores; replaced, head by head, by the
# best line through it.
score_a, score_b, _ = activations[SCORES].double().unbind(-1)  # (pair, head)
to_a_minus_b = score_a - score_b


def linear_attention(pattern):
    """Attention to a becomes the line, attention to b what is left of both."""
    to_a, to_b, to_equals = pattern.unbind(-1)
    heads = zip(to_a.T, to_a_minus_b.T, strict=True)
    line = torch.stack([pm.fit_waves(attention, score[None]).fitted for attention, score in heads], dim=1)
    return torch.stack([line, to_a + to_b - line, to_equals], dim=-1)


def without_equals(pattern):
    """No attention from = to itself."""
    return torch.cat([pattern[..., :2], torch.zeros_like(pattern[..., 2:])], dim=-1)


linear, no_equals = loss(PATTERN, linear_attention), loss(PATTERN, without_equals)

# %%
# One frequency at a time, taken from the neurons or from the logits.
from_neurons = {k: loss(NEURONS, pm.project_out_frequencies(op, [k])) for k in keys}
from_logits = pm.excluded_loss_per_frequency(logits, op)
from_logits_train = pm.excluded_loss_per_frequency(logits, op, mask=config.train_mask)

# %%
# The components that the paper's account of the model leaves out, and those that it needs.
no_mlp_skip = loss("blocks.0.mlp_skip", pm.zero_ablation())
mean_mlp_skip = loss("blocks.0.mlp_skip", pm.mean_ablation())
no_heads = loss("blocks.0.attn", pm.zero_ablation())
no_attention_skip = loss("blocks.0.attn_skip", pm.zero_ablation())

# %%
figure, ax = plt.subplots(figsize=(9.5, 5), layout="constrained")
plotting.plot_spectrum(from_logits, key_frequencies=keys, ax=ax)
for value, label in ((base, "nothing removed"), (only_sum, "only the a + b terms of the key frequencies kept")):
    ax.axhline(value, linestyle="--", color="0.3" if value == base else "tab:blue", label=f"{label}: {value:.1e}")
ax.axhline(math.log(op.n), linestyle=":", color="0.5", label=f"chance: {math.log(op.n):.2f}")
ax.set(yscale="log", ylim=(1e-8, 20), ylabel="loss over all pairs (nats)", title="One frequency of the logits removed")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)

# %%
neurons = f"{min(from_neurons.values()):.1e} to {max(from_neurons.values()):.1e}"
at_logits = [float(from_logits_train[k - 1]) for k in keys]
elsewhere = max(float(from_logits[k - 1]) for k in op.frequencies if k not in keys)


def change(value):
    """A loss, and how it compares with that of the whole model."""
    return f"{value:.2e}, {value / base - 1:+.1%}"


compare(
    [
        ("loss of the whole model, all pairs", "2.41e-07", f"{base:.2e}"),
        ("neurons of a cluster -> their polynomials", "2.48e-07, +3%", change(polynomials)),
        ("logits: only the a + b terms", "5.54e-08, -77%", change(only_sum)),
        (f"logits: only the {8 * len(keys)} key components (40)", "7.24e-08, -70%", change(only_products)),
        (f"neurons on the {len(directions)} directions of W_L (10)", "1.19e-07, -50%", change(on_directions)),
        ("the same, their mean left in place", "not given", change(with_mean)),
        ("neurons on the null space of those", "5.27", f"{on_null_space:.2f}"),
        ("the same without the skip connection", "not given", f"{nothing_left:.2f}"),
        ("attention -> linear in the scores", "2.12e-07, -12%", change(linear)),
        ("no attention from = to =", "no change", change(no_equals)),
        ("one key frequency removed, neurons", "2.0e-04 to 2.4e-02", neurons),
        (
            "one key frequency removed, logits, training pairs",
            "2.8e-04 to 7.2e-02",
            f"{min(at_logits):.1e} to {max(at_logits):.1e}",
        ),
        ("any other frequency removed, logits", "no harm", f"at most {elsewhere:.2e}"),
        ("no skip connection around the MLP", "9.12e-07, +278%", change(no_mlp_skip)),
        ("its mean instead", "7.25e-07, +201%", change(mean_mlp_skip)),
        ("no attention heads", "24.3", f"{no_heads:.1f}"),
        ("no skip connection around attention", "19.1", f"{no_attention_skip:.2f}"),
    ]
)
save(figure, "04_ablations")
