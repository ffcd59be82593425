"""
8. Other tasks, with limited and with fresh data
================================================

5-digit addition, repeated subsequences and skip trigrams are grokked only from limited data.

A network that sees the same few sequences again and again memorizes them first. With fresh sequences at every step,
training and test loss fall together, in abrupt *phase changes*.

The tasks: *5-digit addition* writes the sum of two numbers, digit by digit. *Repeated subsequences* are random tokens
that occur again, so that a head which looks up what followed last time, an *induction head*, can predict them. A
*skip trigram* is a rule such as "if A came anywhere before and the token is B, then C follows".

This page measures appendix D.3 of the paper. See `attention <../measures.html#attention>`__ for measures of induction
heads, `my task is not arithmetic <../questions.html#my-task-is-not-arithmetic-what-can-i-use>`__ for your own, and
the `glossary <../glossary.html>`__ for the words.
"""

# %%
# Each task is trained twice: on a few hundred sequences (*limited data*), and on new sequences at every step (*fresh
# data*). The curves of all six runs are bundled. To train them again, which takes about 15 minutes, pass ``--train``.
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
# Draw the losses of each task, and the loss of each digit of a sum: one loss can hide several phase changes.
figure, axes = plt.subplots(2, 2, figsize=(9.5, 7.5), layout="constrained")
titles = {"trigrams": "Skip trigrams", "repeats": "Repeated subsequences", "addition": "5-digit addition"}
for ax, (task, title) in zip(axes.flat, titles.items(), strict=False):
    limited, unlimited = curves[f"{task}_limited"], curves[f"{task}_unlimited"]
    count = RUNS[f"{task}_limited"].examples
    plotting.plot_curves(limited, {"train_loss": f"training, {count} sequences", "test_loss": "test"}, ax=ax)
    ax.plot(unlimited.steps, unlimited["train_loss"], color="0.75", linewidth=4, label="training, fresh data", zorder=1)
    ax.plot(unlimited.steps, unlimited["test_loss"], ":", color="black", linewidth=1.8, label="test, fresh data")
    ax.set(title=title, ylabel="loss (nats)", xscale="log", xlim=(10, int(limited.steps[-1])))
    ax.legend(loc="lower left", fontsize="small")

digits = curves["addition_unlimited"]
losses = {f"digit {number}": loss for number, loss in enumerate(digits["position_loss"].T)}
plotting.plot_curves(pm.Trajectory(digits.steps, losses), [*losses], scale="linear", ax=axes[1, 1])
axes[1, 1].set(title="5-digit addition, fresh data: by digit of the sum", xlabel="step", ylabel="loss (nats)")
axes[1, 1].set(xlim=(0, int(digits.steps[-1])), ylim=(0, None))
axes[1, 1].legend(fontsize="small", loc="upper right")
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[1, 0].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# - *Skip trigrams, repeated subsequences, 5-digit addition:* with limited data, training loss (blue) falls first, by
#   memorization, and test loss (orange) long after it. With fresh data there is nothing to memorize: both losses
#   (dotted and grey) fall at once, just as abruptly. Repeated subsequences have the smallest gap, and 512 of them are
#   too few to learn the task: test loss stays above 0.2, where fresh data reach 0.01.
# - *Bottom right:* the six digits of a sum, digit 0 being the highest, are learned one after another.
#
# So phase changes also occur without grokking; limited data add the delay.
#
# The paper's numbers and ours follow. A loss has fallen at the step from which on it stays below a bound; for a
# single digit, the bound is half the loss of a guess. The numbers of repeats differ because the task is not quite the
# paper's: `the paper, appendix D.3 <../paper.html#appendix-d3-other-tasks>`__ says how to read each row.
compare(claims.rows(curves))
save(figure, "08_other_tasks")
