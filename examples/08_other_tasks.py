"""
8. Other tasks, with much data and with little
==============================================

5-digit addition, repeated subsequences and skip trigrams are grokked too, but only where the same few sequences are
seen again and again. With fresh ones at every step, training and test loss fall together, in abrupt phase changes.
Appendix D.3 of the paper.
"""

# %%
# Each task is trained twice: on a few hundred sequences, and on fresh ones. The curves of all six runs are bundled;
# with the flag ``--train`` they are trained again, which takes some 15 minutes.
import math
import sys

import matplotlib.pyplot as plt
from tqdm import tqdm

import progress_measures as pm
from examples.other_tasks.training import CURVES, RUNS, Run
from examples.report import OUTPUT, compare, save, stays_below
from progress_measures import plotting

folder = CURVES
if "--train" in sys.argv:
    folder = OUTPUT / "curves"
    folder.mkdir(parents=True, exist_ok=True)
    for name, config in RUNS.items():
        run = Run(config)
        checkpoints = tqdm(run.checkpoints(), name, total=len(run.schedule))
        pm.track(checkpoints, run.measure).save(folder / f"{name}.npz")
curves = {name: pm.Trajectory.load(folder / f"{name}.npz") for name in RUNS}

# %%
# With little data the training loss falls first, by memory, and the test loss long after it. With fresh data there is
# nothing to memorize, and no gap: both fall at once, though no less abruptly. Repeated subsequences have the smallest
# gap, and 512 of them do not suffice for all there is to know: test loss stays above 0.2, where fresh data reach 0.01.
#
# One loss can hide several phase changes: each of the six digits of a sum, written with the highest first, has its own.
figure, axes = plt.subplots(2, 2, figsize=(9.5, 7.5), layout="constrained")
titles = {"trigrams": "Skip trigrams", "repeats": "Repeated subsequences", "addition": "5-digit addition"}
for ax, (task, title) in zip(axes.flat, titles.items(), strict=False):
    limited, unlimited = curves[f"{task}_limited"], curves[f"{task}_unlimited"]
    count = RUNS[f"{task}_limited"].examples
    plotting.plot_curves(limited, {"train_loss": f"train, {count} sequences", "test_loss": "test"}, ax=ax)
    ax.plot(unlimited.steps, unlimited["test_loss"], linewidth=1.8, label="test, fresh data")
    ax.plot(unlimited.steps, unlimited["train_loss"], linewidth=0.8, color="0.3", label="train, fresh data")
    ax.set(title=title, ylabel="loss (nats)", xscale="log", xlim=(10, int(limited.steps[-1])))
    ax.legend(loc="lower left", fontsize="small")

digits = curves["addition_unlimited"]
for number, loss in enumerate(digits["position_loss"].T):
    axes[1, 1].plot(digits.steps, loss, linewidth=1.4, label=f"digit {number}")
axes[1, 1].set(title="5-digit addition, fresh data: by digit of the sum", xlabel="step", ylabel="loss (nats)")
axes[1, 1].set(xlim=(0, int(digits.steps[-1])), ylim=(0, None))
axes[1, 1].legend(fontsize="small")


# %%
# A loss has fallen where it stays below a bound from there on. For one digit the bound is half of what a guess costs.
def fall(name: str, column: str, bound: float, entry: int | None = None) -> str:
    """The step at which a loss, or one entry of a column of several, falls."""
    step = stays_below(curves[name], column, bound, entry)
    return f"not in {RUNS[name].steps}" if step is None else f"{step}"


def falls(name: str, bound: float = 0.5) -> str:
    """The steps at which training and test loss fall."""
    return f"{fall(name, 'train_loss', bound)}, {fall(name, 'test_loss', bound)}"


def digit(number: int) -> str:
    """The step at which the test loss of one digit of a sum falls; the first is 0 or 1."""
    return fall("addition_unlimited", "position_loss", math.log(10 if number else 2) / 2, number)


# Loss on repeats is over the tokens that can be known; over which the paper's is, is not known.
induction = curves["repeats_unlimited"]
first, last = induction["test_loss"][0], induction["test_loss"][-1]
at_1000 = induction["test_loss"][induction.steps <= 1000][-1]
rows = []
for task, size in {"trigrams": 512, "repeats": 512, "addition": 700}.items():
    rows += [
        (f"{task}: sequences, where limited", f"{size}", f"{RUNS[f'{task}_limited'].examples}"),
        (f"{task}, limited: training, test loss < 0.5 at", "far apart", falls(f"{task}_limited")),
        (f"{task}, fresh data: training, test loss < 0.5 at", "together", falls(f"{task}_unlimited")),
    ]
rows += [
    ("trigrams, limited: training loss < 0.01 at", "about 400", fall("trigrams_limited", "train_loss", 0.01)),
    ("trigrams, limited: test loss < 0.1 at", "about 1770", fall("trigrams_limited", "test_loss", 0.1)),
    ("repeats, fresh data: loss at step 0", "5.05 (128 tokens)", f"{first:.2f} (64 tokens)"),
    ("repeats, fresh data: loss at step 1000", "1.26", f"{at_1000:.2f}"),
    ("repeats, fresh data: loss at the end", "0.33 (6000)", f"{last:.2f} ({induction.steps[-1]})"),
    ("addition, fresh data: digit 0 falls at", "about 150", digit(0)),
    ("addition, fresh data: digit 1 falls at", "about 270", digit(1)),
    ("addition, fresh data: digits 2 to 5 fall at", "not given", ", ".join(digit(number) for number in range(2, 6))),
]
compare(rows)
save(figure, "08_other_tasks")
