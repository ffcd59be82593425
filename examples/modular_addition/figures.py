"""The pictures of a run, one function for each."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import progress_measures as pm
from examples.modular_addition.analysis import Analysis
from progress_measures import plotting

SIZE = (6.4, 4.4)  # of inches: its text can be read at half of a page's width
TALL = (6.4, 6.4)


def losses(run: Analysis) -> Figure:
    """Training, test, restricted and excluded loss, with shaded phases."""
    figure, ax = plt.subplots(figsize=SIZE, layout="constrained")
    every_epoch = {"train_loss": "training loss", "test_loss": "test loss"}
    plotting.plot_curves(run.epoch_losses, every_epoch, phases=run.phases, answers=run.op.n, ax=ax)
    checkpoints = {"restricted_loss": "restricted loss", "excluded_loss": "excluded loss"}
    plotting.plot_curves(run.trajectory, checkpoints, ax=ax)
    ax.set(ylabel="loss (nats)", title="Training, test, restricted and excluded loss")
    _finish(figure, ax, run)
    return figure


def weights(run: Analysis) -> Figure:
    """Sum of squared weights and Gini coefficients, with shaded phases."""
    figure, (top, bottom) = plt.subplots(2, 1, figsize=TALL, sharex=True, layout="constrained")
    plotting.plot_curves(run.trajectory, ["sum_squared_weights"], phases=run.phases, scale="linear", ax=top)
    plotting.plot_curves(
        run.trajectory,
        {"gini_W_E": "$W_E$", "gini_W_L": "$W_L$"},
        phases=run.phases,
        scale="linear",
        ax=bottom,
    )
    top.set(xlabel="", ylabel="sum of squared weights")
    top.set_title("Size of the weights, and sparsity of their spectra")
    bottom.set(ylabel="Gini coefficient")
    top.get_legend().remove()
    _finish(figure, bottom, run)
    return figure


def excluded_per_key_frequency(run: Analysis) -> Figure:
    """Training loss with one frequency removed at a time, with shaded phases."""
    figure, ax = plt.subplots(figsize=SIZE, layout="constrained")
    plotting.plot_curves(run.trajectory, {"train_loss": "nothing"}, phases=run.phases, ax=ax)
    steps, per_frequency = run.trajectory.steps, run.trajectory["excluded_loss_per_frequency"]
    if keys := {f"$k = {k}$": per_frequency[:, k - 1] for k in run.final.key_frequencies}:
        plotting.plot_curves(pm.Trajectory(steps, keys), {name: name for name in keys}, ax=ax)
    others = [k - 1 for k in run.op.frequencies if k not in run.final.key_frequencies]
    ax.plot(steps, per_frequency[:, others], linewidth=0.4, color="0.6", zorder=1.8)
    ax.plot([], [], linewidth=0.8, color="0.6", label="any other")
    ax.set(ylabel="loss on the training pairs (nats)", title="Training loss with one frequency removed at a time")
    _finish(figure, ax, run)
    return figure


def spectra(run: Analysis) -> Figure:
    """Norms of W_E and W_L per frequency, with the key frequencies marked."""
    figure, axes = plt.subplots(2, 1, figsize=TALL, sharex=True, layout="constrained")
    final = run.final
    for ax, name, power in zip(axes, ("W_E", "W_L"), (final.W_E_power, final.W_L_power), strict=True):
        plotting.plot_spectrum(power.sqrt(), key_frequencies=final.key_frequencies, ax=ax)
        ax.set(ylabel="norm", title=f"${name}$")
    axes[0].set_xlabel("")
    return figure


def logit_components(run: Analysis) -> Figure:
    """Norms of the logits' 2-D Fourier components."""
    figure, ax = plt.subplots(figsize=TALL, layout="constrained")
    plotting.plot_fourier_grid(run.final.logit_components, key_frequencies=run.final.key_frequencies, ax=ax)
    ax.set_title("Norm of the logits' Fourier components over (a, b)")
    return figure


def _finish(figure: Figure, ax: Axes, run: Analysis) -> None:
    """Moves the legend below the axes, and ends the steps at twice the end of cleanup: little happens later."""
    ax.get_legend().remove()
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    if run.phases.cleanup_end is not None:
        ax.set_xlim(0, min(2 * run.phases.cleanup_end, int(run.trajectory.steps[-1])))
    if ax.get_xlim()[1] < run.trajectory.steps[-1]:
        ax.set_xlabel(f"step (of {int(run.trajectory.steps[-1]):,})")


FIGURES = {
    "losses": losses,
    "excluded_per_key_frequency": excluded_per_key_frequency,
    "spectra": spectra,
    "logit_components": logit_components,
    "weights": weights,
}
