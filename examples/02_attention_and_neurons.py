"""
2. Periodic attention and neurons
=================================

Attention patterns are sums of waves of the two inputs, and most neurons are polynomials of degree two in the waves of
one frequency. What such a neuron adds to the logits is a wave of the same frequency. Sections 4.1 and 4.3, figures 4
and 5, appendices A.1 and C.1.
"""

# %%
# One forward pass over all pairs, with the attention patterns and the neurons recorded on the way.
import matplotlib.pyplot as plt
import torch

import progress_measures as pm
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
# Attention to a as 0.5 + α (cos w_k a − cos w_k b) + β (sin w_k a − sin w_k b), fitted for each head with one key
# frequency, and with all of them.
rows = op.rows(keys)
waves = (rows[:, :, None] - rows[:, None]).flatten(1).unflatten(0, (len(keys), 2))  # (K, cosine or sine, pair)
fits = [pm.fit_waves(to_a, wave) for wave in waves]
share = torch.stack([fit.explained_variance for fit in fits])  # (K, head)
best = share.argmax(0).tolist()
with_all = pm.fit_waves(to_a, waves.flatten(0, 1)).explained_variance
for head, i in enumerate(best):
    alpha, beta = (fits[i].coefficients[:, head] * (2 / op.n) ** 0.5).tolist()  # of waves of amplitude 1
    print(
        f"head {head}: {fits[i].constant[head]:.3f} {alpha:+.3f} (cos w_{keys[i]} a - cos w_{keys[i]} b) "
        f"{beta:+.3f} (sin w_{keys[i]} a - sin w_{keys[i]} b)"
    )

self_least, self_most = to_equals.mean(0).aminmax()

# %%
# Two heads may have opposite patterns, so that their sum is 1 and hardly varies.
sums = to_a[:, :, None] + to_a[:, None]  # (pair, head, head)
opposite = divmod(int(sums.std(0).argmin()), to_a.shape[1])
their_sum = sums[:, *opposite]

# %%
# What the heads write are products of the waves of their patterns and those of the embedding: the share of a head's
# variance in the polynomial of one frequency, and in those of all key frequencies.
heads = activations[HEADS].double().unbind(1)  # (pair, d_head) each


def share_of_heads(frequencies):
    """The share of each head's variance in products of waves of the same frequency, (head,)."""
    project = pm.project_onto_frequencies(op, frequencies)
    return torch.stack([pm.explained_variance(x - x.mean(0), project(x) - x.mean(0)) for x in heads])


by_one = torch.stack([share_of_heads([k]) for k in keys]).max(0).values
by_all = share_of_heads(keys)

# %%
# The share of each neuron's variance that one frequency explains; above 85 % the neuron belongs to its cluster.
neuron_share = pm.neuron_spectrum(neurons, op)
cluster = pm.neuron_frequencies(neuron_share)
sizes = {k: int((cluster == k).sum()) for k in keys}
clustered = int((cluster > 0).sum())

# %%
# Figure 5: the columns of W_L that belong to one cluster, in the Fourier basis of the answer.
to_logits = torch.stack([pm.spectrum(model.W_L[:, cluster == k], op) for k in keys])
to_logits = to_logits / to_logits.sum(1, keepdim=True)  # (cluster, frequency)
own = torch.stack([to_logits[i, k - 1] for i, k in enumerate(keys)])

# %%
figure, axes = plt.subplots(2, 2, figsize=(9.5, 8), layout="constrained")
head = max(range(len(best)), key=lambda head: float(share[best[head], head]))
plotting.plot_grid(to_a[:, head].reshape(op.n, op.n), ax=axes[0, 0])
axes[0, 0].set_title(f"attention of head {head} from = to a")
plotting.plot_grid(neurons[:, 0].reshape(op.n, op.n), ax=axes[0, 1])
axes[0, 1].set_title(f"neuron 0, {neuron_share[0].max():.0%} of it frequency {int(neuron_share[0].argmax()) + 1}")
axes[1, 0].hist(neuron_share.max(1).values, bins=40)
axes[1, 0].axvline(0.85, color="0.4", linestyle="--")
axes[1, 0].set(title="how much of a neuron its best frequency explains", xlabel="share of variance", ylabel="neurons")
extent = (0.5, 56.5, len(keys) - 0.5, -0.5)
image = axes[1, 1].imshow(to_logits.sqrt().numpy(), aspect="auto", extent=extent, cmap="Reds")
axes[1, 1].set(title="$W_L$ of each cluster", xlabel="frequency of the answer", ylabel="cluster")
axes[1, 1].set_yticks(range(len(keys)), keys)
figure.colorbar(image, ax=axes[1, 1], label="share of the cluster's norm")


# %%
def listed(shares):
    """Shares of the four heads."""
    return ", ".join(f"{share:.1%}" for share in shares)


paper_heads = ("99.03%, k = 35", "98.49%, k = 42", "99.07%, k = 52", "97.91%, k = 42")
compare(
    [
        *(
            (f"head {head}: variance explained by one frequency", paper, f"{share[i, head]:.2%}, k = {keys[i]}")
            for head, (paper, i) in enumerate(zip(paper_heads, best, strict=True))
        ),
        ("heads 0 to 3: by all key frequencies", "not given", listed(with_all)),
        ("heads with opposite patterns", "1 and 3", f"{opposite[0]} and {opposite[1]}"),
        ("the sum of their patterns", "about 1", f"{their_sum.mean():.2f} ± {their_sum.std():.2f}"),
        ("one of them alone", "not given", f"{to_a[:, opposite[0]].mean():.2f} ± {to_a[:, opposite[0]].std():.2f}"),
        ("attention from = to =, mean per head", "0.1% to 0.4%", f"{self_least:.2%} to {self_most:.2%}"),
        ("heads' outputs: by their best frequency", "one each in heads 0 and 2", listed(by_one)),
        ("heads' outputs: by all key frequencies", "not given", listed(by_all)),
        ("neurons with over 85% in one frequency", "433 of 512", f"{clustered} of {len(cluster)}"),
        ("clusters", "14: 44, 35: 93, 41: 145, 42: 87, 52: 64", ", ".join(f"{k}: {size}" for k, size in sizes.items())),
        ("norm of a cluster's W_L in its own frequency, least", "nearly all", f"{own.sqrt().min():.1%}"),
    ]
)
save(figure, "02_attention_and_neurons")
