"""
5. Progress measures through training
=====================================

Excluded loss rises and restricted loss falls long before the test loss shows that the network is learning.

A network that *groks* memorizes its training pairs first, and answers the other pairs, the test pairs, much later.
During all of that time it builds its *circuit*, the part that computes the answer. *Progress measures* show this.
Excluded loss is the training loss without the key frequencies: it rises once the network relies on them. Restricted
loss is the loss with only the key frequencies: it falls as the circuit becomes able to answer alone.

This page measures section 5, figure 7, and figures 13 to 15 of the paper. See `restricted loss
<../measures.html#restricted-loss>`__ and `excluded loss <../measures.html#excluded-loss>`__ for the formulas, `phases
<../phases.html>`__ for the boundaries, and the `glossary <../glossary.html>`__ for the words.
"""

# %%
# Take the key frequencies of the last checkpoint, and measure every checkpoint with them. Then find the ends of the
# three phases: memorization, circuit formation and cleanup.
import matplotlib.pyplot as plt

import progress_measures as pm
from examples.claims import progress as claims
from examples.modular_addition import checkpoints
from examples.modular_addition.analysis import measures
from examples.modular_addition.bundled import MAINLINE, final
from examples.report import compare, save
from progress_measures import plotting

model, config = final(MAINLINE)
op = config.op
keys = pm.key_frequencies(pm.spectrum(model.W_L, op))


def measure(model):
    """What figure 7 and figures 13 to 15 show of one checkpoint."""
    logits = pm.grid_logits(model, op)
    found = measures(model, logits, op, keys, train_mask=config.train_mask)
    return found | {"cosine_coefficients": pm.cosine_coefficients(logits, op)}


trajectory = pm.track(checkpoints.load_all(MAINLINE), measure)
phases = pm.find_phases(trajectory, answers=op.n)

# %%
# Add columns for each key frequency, and the ratio of test to restricted loss, which the paper's notebook draws.
curves = pm.Trajectory(
    trajectory.steps,
    {"ratio": trajectory["test_loss"] / trajectory["restricted_loss"]}
    | {f"coefficient {k}": trajectory["cosine_coefficients"][:, k - 1] for k in keys}
    | {f"excluded {k}": trajectory["excluded_loss_per_frequency"][:, k - 1] for k in keys},
)

# %%
figure, axes = plt.subplots(4, 2, figsize=(10.5, 13), sharex=True, layout="constrained")
panels = [
    (
        "Excluded loss (training pairs)",
        "loss (nats)",
        trajectory,
        {"train_loss": "training", "excluded_loss": "excluded"},
    ),
    ("Restricted loss (all pairs)", "loss (nats)", trajectory, {"test_loss": "test", "restricted_loss": "restricted"}),
    ("Sparsity of the norms per frequency", "Gini coefficient", trajectory, {"gini_W_E": "$W_E$", "gini_W_L": "$W_L$"}),
    ("Size of the weights", "sum of squares", trajectory, {"sum_squared_weights": "all weights"}),
    ("Accuracy", "share", trajectory, {"test_accuracy": "test", "restricted_accuracy": "restricted (all pairs)"}),
    ("$\\cos w_k (a + b - c)$ in the logits", "coefficient", curves, {f"coefficient {k}": f"k = {k}" for k in keys}),
    ("Excluded loss, one key frequency removed", "loss (nats)", curves, {f"excluded {k}": f"k = {k}" for k in keys}),
    ("Test loss over restricted loss (all pairs)", "ratio", curves, {"ratio": "ratio"}),
]
for ax, (title, unit, source, columns) in zip(axes.flat, panels, strict=True):
    scale = "log" if unit in ("loss (nats)", "ratio") else "linear"
    plotting.plot_curves(source, columns, phases=phases, scale=scale, ax=ax)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[3:], labels[3:], fontsize="small")  # the three phases are the same in all
    ax.set(title=title, ylabel=unit, xlabel="", xlim=(0, 2 * (phases.cleanup_end or int(trajectory.steps[-1]) / 2)))
for ax in axes[-1]:
    ax.set_xlabel("step")
figure.legend(handles[:3], labels[:3], loc="outside lower center", ncols=3)

# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[0, 0].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# Read the panels row by row:
#
# - *Excluded and restricted loss.* Training loss is tiny from step 1,200 on. Yet excluded loss rises from then on,
#   and restricted loss falls from the start, while test loss stays above 4.73, the loss of a guess, until step 4,630.
# - *Sparsity and size of the weights.* The weights shrink and concentrate on few frequencies, mostly in cleanup:
#   weight decay, which pulls all weights towards 0, removes what only memorized.
# - *Accuracy and waves.* With the key frequencies alone, the network answers a third of all pairs at the end of
#   memorization, when the test accuracy is 5 %. The waves cos w_k (a + b − c) in the logits grow from the start.
# - *One frequency removed, and a ratio.* Each frequency becomes necessary at its own time, and 6 last. The ratio
#   tells by how much the rest of the logits spoils the answers: it rises while the circuit waits behind the memory,
#   is largest in the middle of cleanup, and falls as the memory disappears.
#
# So the network learns the circuit gradually, although its test loss falls suddenly.
#
# The paper's numbers and ours follow. This run groks about twice as fast as the paper's, and its excluded loss falls
# much further before it rises. `The paper, section 5
# <../paper.html#5-and-appendix-c1-progress-measures-and-phases>`__ says how to read each row.
compare(claims.rows(trajectory, curves, phases, keys))
save(figure, "05_progress_measures")
