"""
10. Twelve operations
=====================

Of twelve operations, see which a small network learns rather than memorizes, and in which frequencies.

Power et al. (2022), "Grokking", trained networks on these operations: nine on numbers, and three on permutations of
five things, the group S5. Each takes a line or two of code here. See `any function
<../conventions.html#any-function>`__ for the definitions, `measures <../measures.html>`__ for all of them, and the
`glossary <../glossary.html>`__ for the words.
"""

# %%
# An operation is any function of the inputs. The functions of its answers have a basis, split into frequencies: waves
# for a + b; waves of the discrete logarithm for division; `representations <09_groups.html>`__ for permutations. Some
# answers of x² + y² have more inputs than others; each answer counts once.
import sys

import matplotlib.pyplot as plt
import torch
from tqdm import tqdm

import progress_measures as pm
from examples.any_operation.tasks import OPERATIONS, TRAINING, file_name
from examples.any_operation.training import CURVES, Run
from examples.claims import any_operation as claims
from examples.report import OUTPUT, compare, save

folder = CURVES
operations = {name: make() for name, make in OPERATIONS.items()}
for name, op in operations.items():
    counts = torch.bincount(op.table.flatten())
    per_answer = f"{counts.min()} to {counts.max()} per answer"
    print(f"{name:18} {len(op.inputs):5} inputs, {per_answer}, {len(op.frequencies)} frequencies")

# %%
# Train the same network on each: 256 neurons that square the sum of one number per operand. The curves are bundled;
# to train again, which takes half an hour, pass ``--train``.
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
# Draw the accuracies of each network, and below them the share of its logits in each frequency of the answer. Call a
# network *generalized* once it answers nine of ten test inputs, those that it was not trained on.
figure, axes = plt.subplots(8, 3, figsize=(11, 12), height_ratios=[3, 1.4] * 4, layout="constrained")
panels = zip(axes[::2].flat, axes[1::2].flat, curves.items(), strict=True)
for above, below, (name, run) in panels:
    color, style = ("tab:orange", "--") if claims.generalized(run) is not None else ("0.45", ":")
    above.plot(run.steps, run["train_accuracy"], color="tab:blue", linewidth=1.4, label="training")
    above.plot(run.steps, run["test_accuracy"], style, color=color, linewidth=2, label="test")
    above.set(xscale="symlog", xlim=(0, int(run.steps[-1])), ylim=(-0.04, 1.06), yticks=[0, 1], xticks=[0, 10, 1000])
    above.set_title(name, fontsize="medium", fontweight="bold")
    spectrum = run["logit_spectrum"][-1]
    below.bar(range(1, len(spectrum) + 1), spectrum.numpy(), color=color)
    below.set(ylim=(0, max(0.1, 1.15 * float(spectrum.max()))), xlim=(0.2, len(spectrum) + 0.8), yticks=[])
    share = f"{100 * float(spectrum.sum()):.0f} % of the logits, by frequency of the answer"
    below.set_title(share, fontsize="small", color=color, pad=2)
    for ax in (above, below):
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize="small")
    above.set_xlabel("step", fontsize="small", labelpad=1)
for ax in axes[::2, 0]:
    ax.set_ylabel("accuracy", fontsize="small")
figure.suptitle(
    "Accuracy over training steps: training (solid, blue); test (dashed and orange where it generalizes, else dotted)",
    fontsize="medium",
)
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[0, 0].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# - *Curves:* every network knows its training inputs early. Seven generalize later (orange); the others do not reach
#   90 %.
# - *Bars:* on numbers, the logits of a network that generalizes are mostly a function of the answer. The converse is
#   false: most networks are trained on four of five inputs, so the logits of one that only memorized are half a
#   function of the answer too. Only the test inputs tell them apart. For numbers, all frequencies are used alike. For
#   xy and xyx in S5 the sign, frequency 1, has the largest share; the sign of xyx is the sign of y, which is the
#   largest frequency of the inputs too.
#
# The table has what each network reached. The paper has no such numbers. `The paper, an earlier paper
# <../paper.html#an-earlier-paper-twelve-operations>`__ sums it up.
compare(claims.rows(operations, curves, final))
save(figure, "10_any_operation")
