"""
8. Other tasks, with limited and with fresh data
================================================

5-digit addition, repeated subsequences and skip trigrams are grokked only from limited data.

A network that sees the same few sequences again and again memorizes them first. With fresh sequences at every step,
training and test loss fall together, in abrupt phase changes. This page measures appendix D.3 of the paper.
"""

# %%
# Each task is trained twice: on a few hundred sequences, and on fresh ones. The curves of all six runs are bundled.
# Pass ``--train`` to train them again, which takes about 15 minutes.
import sys

import matplotlib.pyplot as plt
from tqdm import tqdm

import progress_measures as pm
from examples.claims import other_tasks as claims
from examples.other_tasks.training import CURVES, RUNS, Run
from examples.report import OUTPUT, compare, save
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
# With limited data the training loss falls first, by memorization, and the test loss long after it. With fresh data
# there is nothing to memorize, and no gap: both fall at once, just as abruptly. Repeated subsequences have the
# smallest gap, and 512 of them are too few to learn the task: the test loss stays above 0.2, where fresh data reach
# 0.01.
#
# One loss can hide several phase changes: each of the six digits of a sum, written with the highest first, has its
# own.
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
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[1, 0].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# The paper's numbers and ours. A loss has fallen at the step from which on it stays below a bound. For a single digit
# the bound is half of the loss of a guess.
compare(claims.rows(curves))
save(figure, "08_other_tasks")
