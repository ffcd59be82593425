"""
7. Runs that do not grok
========================

Without weight decay no frequency ever matters; with most of the pairs there is no delay to predict.

*Weight decay* pulls all weights towards 0 at every step. Without it, the network memorizes its training pairs and
stops there: with any one frequency removed, its training loss never rises. With 80 % of the pairs, the network
generalizes at once: training and test loss fall together, so there is no delay to predict.

This page measures section 5 and appendices C.2.2 and D.1 of the paper. See `excluded loss
<../measures.html#excluded-loss>`__ and `Gini coefficient <../measures.html#gini-coefficient>`__ for the formulas,
`why does excluded loss not rise? <../questions.html#why-does-excluded-loss-not-rise>`__ for your own runs, and the
`glossary <../glossary.html>`__ for the words.
"""

# %%
# Compare three runs: the mainline, a run without weight decay, and one on 80 % of all pairs. Their measures were
# recorded by ``python -m examples.modular_addition``.
import matplotlib.pyplot as plt

import progress_measures as pm
from examples.claims import no_grokking as claims
from examples.modular_addition.analysis import inspect
from examples.modular_addition.bundled import RUNS, final
from examples.report import compare, save
from progress_measures import plotting

TITLES = {"mainline": "mainline", "no_weight_decay": "no weight decay", "fraction_80": "80 % of the pairs"}
curves = {name: pm.Trajectory.load(RUNS / name / "curves.npz") for name in TITLES}
keys = {}
for name in TITLES:
    model, config = final(RUNS / name)
    keys[name] = inspect(model, config.op).key_frequencies

# %%
# A run without key frequencies has no restricted or excluded loss. Use a measure that needs none instead (footnote 3
# of the paper): remove each frequency on its own, and take the largest training loss. If a frequency matters, this
# loss rises above its minimum.
for name, recorded in curves.items():
    excluded_loss_of_worst = recorded["excluded_loss_per_frequency"].max(1).values
    curves[name] = pm.Trajectory(recorded.steps, recorded.columns | {"excluded_loss_of_worst": excluded_loss_of_worst})

# %%
# Load the loss curves of runs on other shares of the pairs, and modulo other primes.
SHARES = {"10 %": "fraction_10", "20 %": "fraction_20", "30 %": "mainline", "40 %": "fraction_40"}
SHARES |= {"50 %": "fraction_50", "60 %": "fraction_60", "80 %": "fraction_80"}
PRIMES = {"53": "prime_53", "53, weight decay 5": "prime_53_decay_5", "401": "prime_401"}
losses = {name: pm.Trajectory.load(RUNS / name / "losses.npz") for name in [*SHARES.values(), *PRIMES.values()]}

# %%
figure, axes = plt.subplots(5, 2, figsize=(9, 14), height_ratios=[1, 1, 1, 1.2, 1.2], layout="constrained")
kinds = {"train_loss": "training", "test_loss": "test", "excluded_loss_of_worst": "excluded: the worst frequency"}
ginis = {"gini_W_E": "$W_E$", "gini_W_L": "$W_L$"}
for (left, right), (name, title) in zip(axes[:3], TITLES.items(), strict=True):
    plotting.plot_curves(curves[name], kinds, ax=left).set(title=title, ylabel="loss (nats)", ylim=(1e-12, 100))
    plotting.plot_curves(curves[name], ginis, scale="linear", ax=right)
    right.set(title=title, ylabel="Gini coefficient", ylim=(0, 1))
    for ax in (left, right):
        ax.get_legend().remove()
axes[1, 0].legend(loc="center right")
axes[0, 1].legend(loc="lower right")
for ax in axes[0]:
    ax.set(xlim=(0, 15_000), xticks=range(0, 15_001, 5_000))


def draw_losses(ax, names, kind, title):
    """One loss of several runs, over steps from 1 on."""
    runs = {label: pm.Trajectory(losses[name].steps + 1, losses[name].columns) for label, name in names.items()}
    plotting.plot_runs(runs, kind, spread="each", x="log", ax=ax)
    ax.set(title=title, xlabel="step + 1", ylabel="loss (nats)", ylim=(1e-9, 100))
    ax.legend(loc="lower left")


draw_losses(axes[3, 0], SHARES, "train_loss", "training loss, by share of the pairs")
draw_losses(axes[3, 1], SHARES, "test_loss", "test loss, by share of the pairs")
draw_losses(axes[4, 0], PRIMES, "train_loss", "training loss, modulo other primes")
draw_losses(axes[4, 1], PRIMES, "test_loss", "test loss, modulo other primes")
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[1, 0].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# - *First three rows:* losses of the three runs, and how sparse their W_E and W_L are in the Fourier basis. In the
#   mainline, the loss without the worst frequency rises, and the matrices become sparse. Without weight decay neither
#   happens, and test loss stays worse than a guess. With 80 % of the pairs, a frequency matters from the start, and
#   test loss falls with training loss.
# - *Fourth row:* the training loss falls at about the same step for all shares of the pairs, and the test loss falls
#   earlier with more pairs.
# - *Last row:* modulo 401 there is hardly a delay, because 30 % of its pairs are many; modulo 53, more weight decay
#   shortens the delay.
#
# So in these runs, a long delay needs few training pairs, and weight decay ends it.
#
# The paper's numbers and ours follow. Our run modulo 53 differs: it groks late, and the paper's never does. `The
# paper, appendices C.2.2 and D.1 <../paper.html#appendices-c22-and-d1-no-grokking>`__ says how to read each row.
compare(claims.rows(curves, keys, losses, SHARES))
save(figure, "07_no_grokking")
