"""
5. Progress measures through training
=====================================

Long before the test loss falls below chance, excluded loss has risen and restricted loss has fallen: the circuit was
being built all the while. The test loss falls below chance when the circuit is there, and to nothing while the weights
are cleaned up. Section 5, figure 7, and figures 13 to 15.
"""

# %%
# The key frequencies are those of the last checkpoint; they are used at all of them.
import matplotlib.pyplot as plt
from tqdm import tqdm

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.analysis import measures
from examples.modular_addition.bundled import MAINLINE, final
from examples.report import compare, save
from progress_measures import plotting

model, config = final(MAINLINE)
op = config.op
keys = pm.key_frequencies(pm.spectrum(model.W_L, op))


def measure(model):
    """Everything that figure 7 and figures 13 to 15 show of one checkpoint."""
    logits = pm.grid_logits(model, op)
    found = measures(model, logits, op, keys, train_mask=config.train_mask)
    return found | {"cosine_coefficients": pm.cosine_coefficients(logits, op)}


bar = tqdm(checkpoints.load_all(MAINLINE), total=len(checkpoints.steps(MAINLINE)), desc="checkpoints")
trajectory = pm.track(bar, measure)
phases = pm.find_phases(trajectory, answers=op.n)

# %%
# One column for each key frequency, and the ratio that the notebook draws: test over restricted loss.
steps = trajectory.steps
curves = pm.Trajectory(
    steps,
    {"ratio": trajectory["test_loss"] / trajectory["restricted_loss"]}
    | {f"coefficient {k}": trajectory["cosine_coefficients"][:, k - 1] for k in keys}
    | {f"excluded {k}": trajectory["excluded_loss_per_frequency"][:, k - 1] for k in keys},
)

# %%
figure, axes = plt.subplots(4, 2, figsize=(10.5, 13), sharex=True, layout="constrained")
panels = [
    ("Excluded loss (training pairs)", "loss (nats)", trajectory, {"train_loss": "train", "excluded_loss": "excluded"}),
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
    ax.set(title=title, ylabel=unit, xlabel="", xlim=(0, 2 * (phases.cleanup_end or int(steps[-1]) / 2)))
for ax in axes[-1]:
    ax.set_xlabel("step")
figure.legend(handles[:3], labels[:3], loc="outside lower center", ncols=3)


# %%
def short(value, digits=2):
    """So many digits, or all of them before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.{digits}g}"


def extreme(name, choose):
    """The least or largest value of a column, and its step."""
    values = trajectory[name]
    index = int(getattr(values, choose)())
    return f"{short(values[index], 3)} at {int(steps[index])}"


def at(step, name, source=trajectory):
    """A column at a step, or at the checkpoint before."""
    return short(source[name][steps <= step][-1])


def through(name, source=trajectory):
    """A column at the three boundaries, or at the checkpoints before them."""
    return ", ".join(at(step, name, source) for step in vars(phases).values())


def at_end(kind):
    """The last values of a curve of each key frequency."""
    return ", ".join(short(curves[f"{kind} {k}"][-1]) for k in keys)


last = int(steps[-1])
compare(
    [
        ("memorization ends", "1400", str(phases.memorization_end)),
        ("circuit formation ends", "9400", str(phases.circuit_formation_end)),
        ("cleanup ends", "14000", str(phases.cleanup_end)),
        ("excluded loss: least", "0.311 at 1340", extreme("excluded_loss", "argmin")),
        ("excluded loss: largest", "13.5 at 10300", extreme("excluded_loss", "argmax")),
        ("test loss: largest", "25.8 at 1340", extreme("test_loss", "argmax")),
        ("sum of squared weights: largest", "3658 at 940", extreme("sum_squared_weights", "argmax")),
        ("at the three boundaries: training loss", "4.6e-7, 2.2e-7, 1.1e-7", through("train_loss")),
        ("at the three boundaries: excluded loss", "0.31, 12, 6.2", through("excluded_loss")),
        ("at the three boundaries: restricted loss", "3.1, 8.0e-3, 4.2e-8", through("restricted_loss")),
        ("at the three boundaries: restricted accuracy", "0.46, 0.97, 1", through("restricted_accuracy")),
        ("at the three boundaries: test loss", "26, 4.2, 7.5e-7", through("test_loss")),
        ("at the three boundaries: test / restricted loss", "8.4, 525, 18", through("ratio", curves)),
        ("at the three boundaries: sum of squared weights", "3410, 2010, 996", through("sum_squared_weights")),
        ("at the three boundaries: Gini of W_E", "rises sharply in cleanup", through("gini_W_E")),
        ("at the three boundaries: Gini of W_L", "rises sharply in cleanup", through("gini_W_L")),
        ("at the end: train loss", "9.9e-8", at(last, "train_loss")),
        ("at the end: test loss", "3.0e-7", at(last, "test_loss")),
        ("at the end: restricted loss", "5.5e-8", at(last, "restricted_loss")),
        ("at the end: coefficients of cos w_k (a + b - c)", "in figure 14 only", at_end("coefficient")),
        ("at the end: excluded loss per key frequency", "2.8e-4 to 7.2e-2", at_end("excluded")),
        ("at the end: excluded loss", "6.0", at(last, "excluded_loss")),
    ]
)
save(figure, "05_progress_measures")
