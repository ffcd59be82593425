"""
7. What the measures say when there is no grokking
==================================================

Without weight decay the network memorizes and stays there: no frequency comes to matter, and the training loss without
any one of them never rises. With most of the pairs it generalizes at once: there is no gap between training and test
loss whose end the measures could foretell. Section 5, appendices C.2.2 and D.1.
"""

# %%
# Three runs: the mainline, one without weight decay, and one on 80 % of all pairs. Their measures were recorded by
# ``python -m examples.modular_addition``.
import matplotlib.pyplot as plt

import progress_measures as pm
from examples.modular_addition.analysis import inspect
from examples.modular_addition.bundled import RUNS, final
from examples.report import compare, save, stays_below
from progress_measures import plotting

TITLES = {"mainline": "mainline", "no_weight_decay": "no weight decay", "fraction_80": "80 % of the pairs"}
curves = {name: pm.Trajectory.load(RUNS / name / "curves.npz") for name in TITLES}
keys = {}
for name in TITLES:
    model, config = final(RUNS / name)
    keys[name] = inspect(model, config.op).key_frequencies

# %%
# A run without key frequencies has no restricted and no excluded loss of its own. The largest loss without any one
# frequency needs none (footnote 3 of the paper): it rises from the least that it has been when one comes to matter.
for name, recorded in curves.items():
    without_worst = recorded["excluded_loss_per_frequency"].max(1).values
    curves[name] = pm.Trajectory(recorded.steps, recorded.columns | {"without_worst": without_worst})

# %%
# The loss curves of runs on other shares of the pairs, and modulo other primes.
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


# %%
def below(name, bound=0.1):
    """The recorded step from which on the test loss is below a bound."""
    step = stays_below(losses[name], "test_loss", bound)
    return f"not in {int(losses[name].steps[-1])}" if step is None else str(step)


def listed(name):
    """The key frequencies of a run."""
    return ", ".join(map(str, keys[name])) or "none"


def last(name, column):
    """The last value of a column."""
    return f"{curves[name][column][-1]:.2g}"


def rise(name):
    """By what factor the loss without any one frequency rises above the least that it has been."""
    without_worst = curves[name]["without_worst"]
    return f"factor {(without_worst / without_worst.cummin(0).values).max():.2g}"


paper_shares = {"40%": "3109", "50%": "956", "60%": "440", "80%": "252"}
compare(
    [
        ("no weight decay: key frequencies", "none", listed("no_weight_decay")),
        ("no weight decay: training loss at the end", "-", last("no_weight_decay", "train_loss")),
        ("no weight decay: test loss at the end", "never groks", last("no_weight_decay", "test_loss")),
        ("no weight decay: rise of the loss without a frequency", "never rises", rise("no_weight_decay")),
        ("mainline: rise of the loss without a frequency", "rises", rise("mainline")),
        ("80% of the pairs: key frequencies", "not given", listed("fraction_80")),
        ("80% of the pairs: restricted loss at the end", "not given", last("fraction_80", "restricted_loss")),
        ("80% of the pairs: excluded loss at the end", "not given", last("fraction_80", "excluded_loss")),
        ("test loss below 0.1, 30% of the pairs", "7930", below("mainline")),
        *((f"test loss below 0.1, {s} of the pairs", paper, below(SHARES[s])) for s, paper in paper_shares.items()),
        ("test loss below 0.1, 20% of the pairs", "not in 40000", below("fraction_20")),
        ("test loss below 0.1, 10% of the pairs", "not in 40000", below("fraction_10")),
        ("test loss below 0.1, modulo 53", "never", below("prime_53")),
        ("test loss below 0.1, modulo 53, weight decay 5", "groks", below("prime_53_decay_5")),
        ("test loss below 0.1, modulo 401", "at once", below("prime_401")),
    ]
)
save(figure, "07_no_grokking")
