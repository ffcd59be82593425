"""
7. Measures without grokking
============================

Without weight decay no frequency ever matters; with most of the pairs there is no delay to predict.

Without weight decay the network memorizes and stops there: with any one frequency removed, its training loss never
rises. With 80 % of the pairs the network generalizes at once: training and test loss have no gap whose end the
measures could predict. This page measures section 5 and appendices C.2.2 and D.1 of the paper.
"""

# %%
# Compare three runs: the mainline, one without weight decay, and one on 80 % of all pairs. Their measures were
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
# A run without key frequencies has no restricted or excluded loss. Use a measure that needs no key frequencies
# instead (footnote 3 of the paper): the largest training loss after removing any one frequency. It rises above its
# minimum once a frequency matters.
for name, recorded in curves.items():
    without_worst = recorded["excluded_loss_per_frequency"].max(1).values
    curves[name] = pm.Trajectory(recorded.steps, recorded.columns | {"without_worst": without_worst})

# %%
# Load the loss curves of runs on other shares of the pairs, and modulo other primes.
SHARES = {"10%": "fraction_10", "20%": "fraction_20", "30%": "mainline", "40%": "fraction_40", "50%": "fraction_50"}
SHARES |= {"60%": "fraction_60", "80%": "fraction_80"}
PRIMES = {"53": "prime_53", "53, weight decay 5": "prime_53_decay_5", "401": "prime_401"}
losses = {name: pm.Trajectory.load(RUNS / name / "losses.npz") for name in [*SHARES.values(), *PRIMES.values()]}

# %%
figure, axes = plt.subplots(3, 3, figsize=(12, 11), layout="constrained")
for column, (name, title) in zip(axes[:2].T, TITLES.items(), strict=True):
    kinds = {"train_loss": "train", "test_loss": "test", "without_worst": "train, without the worst frequency"}
    plotting.plot_curves(curves[name], kinds, ax=column[0])
    column[0].set(title=title, ylabel="loss (nats)", ylim=(1e-12, 100))
    ginis = {"gini_W_E": "Gini of $W_E$", "gini_W_L": "Gini of $W_L$"}
    plotting.plot_curves(curves[name], ginis, scale="linear", ax=column[1])
    column[1].set(ylabel="Gini coefficient", ylim=(0, 1))
    column[1].legend(loc="upper left", fontsize="small")
for ax in axes[:2, 0]:
    ax.set(xlim=(0, 15_000), xticks=range(0, 15_001, 5_000))
for ax, names, kinds, title in [
    (axes[2, 0], SHARES, {"train_loss": "-"}, "training loss, by share of the pairs"),
    (axes[2, 1], SHARES, {"test_loss": "-"}, "test loss, by share of the pairs"),
    (axes[2, 2], PRIMES, {"test_loss": "-", "train_loss": ":"}, "other primes (dotted: training loss)"),
]:
    for index, (label, name) in enumerate(names.items()):
        for kind, style in kinds.items():
            named = label if style == "-" else "_"
            ax.loglog(losses[name].steps + 1, losses[name][kind], style, color=f"C{index}", label=named, linewidth=1)
    ax.set(title=title, xlabel="step + 1", ylabel="loss (nats)", ylim=(1e-9, 100))
    ax.legend(fontsize="small", loc="lower left")
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[0, 1].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# The paper's numbers and ours:
compare(claims.rows(curves, keys, losses, SHARES))
save(figure, "07_no_grokking")
