"""
10. Any operation
=================

Addition is one of twelve operations on which Power et al. (2022), "Grokking", trained networks. Each is a line of code
here, zeros, unequal numbers of inputs per answer and all. Which of them does a small network learn rather than
memorize, and in which frequencies?
"""

# %%
# An operation is any function. Its answers have a basis: waves of a + b, discrete logarithms where numbers are divided,
# representations where permutations are composed. Some answers of x² + y² have more inputs than others; each counts
# once.
import sys

import matplotlib.pyplot as plt
import torch
from tqdm import tqdm

import progress_measures as pm
from examples.any_operation.tasks import OPERATIONS, TRAINING, file_name
from examples.any_operation.training import CURVES, Run
from examples.report import OUTPUT, compare, save

folder = CURVES
operations = {name: make() for name, make in OPERATIONS.items()}
for name, op in operations.items():
    counts = torch.bincount(op.table.flatten())
    per_answer = f"{counts.min()} to {counts.max()} per answer"
    print(f"{name:18} {len(op.inputs):5} inputs, {per_answer}, {len(op.frequencies)} frequencies")

# %%
# The same network is trained on each: 256 neurons that square the sum of a number for each operand. The curves are
# bundled; with the flag ``--train`` they are trained again, which takes half an hour.
if "--train" in sys.argv:
    folder = OUTPUT / "any_operation"
    folder.mkdir(parents=True, exist_ok=True)
    for name, op in operations.items():
        run = Run(op, *TRAINING[name])
        steps = sum(pm.log_spaced(per_decade=20)(step) or step == run.steps for step in range(run.steps + 1))
        run.save(folder, file_name(name), pm.track(tqdm(run.checkpoints(), name, total=steps), run.measure))
curves = {name: pm.Trajectory.load(folder / f"{file_name(name)}.npz") for name in operations}
final = {name: pm.Trajectory.load(folder / f"{file_name(name)}_inputs.npz") for name in operations}


# %%
# A network has generalized where it answers nine of ten test inputs. Then the logits are mostly a function of the
# answer. The reverse does not hold: four of five inputs are trained on, so the logits of a network that only memorized
# are half a function of the answer too. What tells them apart is the test inputs.
def generalized(name):
    """The first step with a test accuracy of at least 90 %, or None."""
    at = (curves[name]["test_accuracy"] >= 0.9).nonzero()
    return int(curves[name].steps[at[0]]) if len(at) else None


def largest_of_inputs(name):
    """The frequency of the inputs with the largest share, in words, and that share."""
    spectrum = final[name]["input_spectrum"][0]
    frequency = tuple(int(k) for k in (spectrum == spectrum.max()).nonzero()[0])
    return f"{operations[name].label(frequency)} ({spectrum.max():.1%})"


rows = []
for name, run in curves.items():
    op, last, spectrum = operations[name], run["test_accuracy"][-1], run["logit_spectrum"][-1]
    of_answer = f"{op.label(int(spectrum.argmax()) + 1)} ({spectrum.max():.1%})"
    step = generalized(name)
    here = f"test accuracy {last:.1%}, " + (f"90 % at step {step}" if step is not None else "90 % not reached")
    rows += [
        (f"{name}, {TRAINING[name][0]:.0%} of the inputs", "not compared", here),
        (f"{name}: logits in functions of the answer", "not compared", f"{spectrum.sum():.1%}"),
        (f"{name}: the largest of these", "not compared", of_answer),
        (f"{name}: the largest in functions of the inputs", "not compared", largest_of_inputs(name)),
    ]

# %%
# Each panel has the accuracies of one network, and below them the share of its logits in each frequency of the answer.
# Numbers modulo p are answered with all frequencies alike. Of xy and of xyx in S5 the sign, frequency 1, has the
# largest share. The sign of xyx is that of y alone, which is the largest frequency of the inputs too.
figure = plt.figure(figsize=(11, 10.5), layout="constrained")
for (name, run), cell in zip(curves.items(), figure.subfigures(4, 3).flat, strict=True):
    above, below = cell.subplots(2, 1, height_ratios=[3, 1.4])
    color = "tab:red" if generalized(name) is not None else "0.45"
    above.plot(run.steps, run["train_accuracy"], color="tab:blue", linestyle="--", linewidth=1.4)
    above.plot(run.steps, run["test_accuracy"], color=color, linewidth=2)
    above.set(xscale="symlog", xlim=(0, int(run.steps[-1])), ylim=(-0.04, 1.06), yticks=[0, 1], xticks=[0, 10, 1000])
    above.set_title(name, fontsize="medium", fontweight="bold")
    spectrum = run["logit_spectrum"][-1]
    below.bar(range(1, len(spectrum) + 1), spectrum.numpy(), color=color)
    below.set(ylim=(0, max(0.1, 1.15 * float(spectrum.max()))), xlim=(0.2, len(spectrum) + 0.8), yticks=[])
    share = f"{float(spectrum.sum()):.0%} of the logits are functions of the answer, by frequency"
    below.set_title(share, fontsize="small", color=color, pad=2)
    for ax in (above, below):
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize="small")
figure.suptitle(
    "Accuracy over training steps: training (blue, dashed), test (red where it generalizes)", fontsize="medium"
)
compare(rows)
save(figure, "10_any_operation")
