"""
6. Five seeds
=============

Every seed uses its own few key frequencies, and learns at its own time.

A seed is the number that sets the initial weights and which pairs are trained on. The five runs here are equal in
everything else. They agree in restricted loss, excluded loss, and the variance that the key frequencies explain. They
differ in how well their neurons are polynomials, and in when the test loss falls.

This page measures section 5.3 and appendix C.2.1 of the paper. See `phases <../phases.html>`__ for the boundaries,
`compare several seeds <../how_to.html#compare-several-seeds>`__ for your own runs, and the `glossary
<../glossary.html>`__ for the words.
"""

# %%
# Load five runs: the mainline, which the earlier pages measured, and four more. Each has its last checkpoint, and
# measures at earlier steps that ``python -m examples.modular_addition`` recorded. The replacements of neurons are
# those of `page 4 <04_ablations.html>`__.
import matplotlib.pyplot as plt

import progress_measures as pm
from examples.claims import seeds as claims
from examples.modular_addition.analysis import inspect
from examples.modular_addition.bundled import RUNS, final
from examples.report import compare, save
from progress_measures import plotting

NAMES = ["mainline", "seed1", "seed2", "seed3", "seed4"]
NEURONS = "blocks.0.mlp.relu"


def measure(name):
    """Key frequencies, the spectrum of W_L, and losses of one run."""
    model, config = final(RUNS / name)
    op, found = config.op, inspect(model, config.op)
    logits = pm.grid_logits(model, op)
    keys = found.key_frequencies
    waves = pm.restrict(logits, op, keys, terms="aligned")
    polynomials = pm.project_each_onto_frequency(op, pm.neuron_frequencies(found.neuron_share))
    directions = op.rows(keys) @ model.W_L.double()
    numbers = pm.measure(logits, op, keys, train_mask=config.train_mask).as_dict() | {
        "loss": pm.cross_entropy(logits, op),
        "in key frequencies": found.logit_share_in_key,
        "by cosines": pm.explained_variance(logits - logits.mean((0, 1)), waves - waves.mean((0, 1))),
        "neurons": found.single_frequency_share,
        "without key frequencies": pm.excluded_loss(logits, op, keys),
    }
    replacements = {
        "polynomials": polynomials,
        "directions": pm.project_onto(directions),
        "directions, mean kept": pm.project_onto(directions, center="mean"),
        "null space": pm.project_out(directions),
    }
    for label, replacement in replacements.items():
        with pm.ablated(model, NEURONS, replacement):
            numbers[label] = pm.cross_entropy(pm.grid_logits(model, op), op)
    return found, numbers


results = {name: measure(name) for name in NAMES}
curves = {name: pm.Trajectory.load(RUNS / name / "curves.npz") for name in NAMES}
phases = {name: pm.find_phases(trajectory, answers=113) for name, trajectory in curves.items()}

# %%
figure, axes = plt.subplots(len(NAMES), 2, figsize=(10.5, 12), sharex="col", layout="constrained")
losses = {"test_loss": "test", "restricted_loss": "restricted", "excluded_loss": "excluded"}
for (left, right), (name, (found, _)) in zip(axes, results.items(), strict=True):
    plotting.plot_spectrum(found.W_L_power.sqrt(), key_frequencies=found.key_frequencies, ax=left)
    left.set(title=f"{name}: $W_L$", xlabel="", ylabel="norm")
    plotting.plot_curves(curves[name], losses, phases=phases[name], ax=right)
    right.set(title=name, xlim=(0, 20_000), xlabel="", ylabel="loss (nats)")
    right.get_legend().remove()
axes[-1, 0].set_xlabel("frequency")
axes[-1, 1].set_xlabel("step")
entries = {label: handle for ax in axes[:, 1] for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
figure.legend(entries.values(), entries.keys(), loc="outside lower right", ncols=4)
# sphinx_gallery_start_ignore
# sphinx_gallery_thumbnail_number = 2
axes[1, 1].set_gid("card")
# sphinx_gallery_end_ignore

# %%
# - *Left:* the norm of W_L per frequency. Each seed has four or five key frequencies of its own.
# - *Right:* the losses. In every run, excluded loss rises and restricted loss falls long before the test loss does,
#   but each run takes its own time. A dashed line is the end of a phase that may still move, because the weights are
#   still shrinking.
#
# So the algorithm does not depend on the seed, but its frequencies and its timing do.
#
# In the table, the rows of single runs list five things, separated by semicolons: key frequencies, variance explained
# by cosines, restricted loss, excluded loss, and the change of the loss if polynomials replace the neurons of
# clusters. The other rows give the range over the five runs. The last change differs from the paper's: it is large in
# some seeds. `The paper, appendix C.2.1 <../paper.html#appendix-c21-five-seeds>`__ says how to read each row.
keys = {name: found.key_frequencies for name, (found, _) in results.items()}
compare(claims.rows(keys, {name: numbers for name, (_, numbers) in results.items()}, phases))
save(figure, "06_five_seeds")
