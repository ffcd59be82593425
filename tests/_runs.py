"""The curves of the bundled runs, intact and degraded."""

import numpy as np
from scipy.signal import lfilter

import progress_measures as pm
from examples.modular_addition.bundled import RUNS
from examples.modular_addition.training import Config

SEEDS = ["mainline", "seed1", "seed2", "seed3", "seed4"]
MEASURED = [*SEEDS, "fraction_80", "no_weight_decay", "symmetric_5"]
NEEDED = ["train_loss", "test_loss", "excluded_loss", "restricted_loss", "sum_squared_weights"]


def curves(name):
    """The recorded curves of a run, and the number of its answers."""
    recorded = pm.Trajectory.load(RUNS / name / "curves.npz")
    columns = {column: recorded[column] for column in NEEDED}
    return pm.Trajectory(recorded.steps, columns), Config.load(RUNS / name).op.n


def at(trajectory, index):
    """Some of the recorded steps."""
    return pm.Trajectory(trajectory.steps[index], {name: values[index] for name, values in trajectory.columns.items()})


def cuts(trajectory):
    """The run up to each recorded step except the last."""
    return [at(trajectory, slice(length)) for length in range(1, len(trajectory))]


def thinned(trajectory, generator, *, share):
    """A share of the recorded steps at random, and the first and the last."""
    count = len(trajectory) - 2
    kept = 1 + np.sort(generator.permutation(count)[: round(share * count)])
    return at(trajectory, [0, *kept.tolist(), len(trajectory) - 1])


def noisy(trajectory, generator, *, size, correlation=0.0):
    """Losses times the exponential of normal numbers, weights times that of a tenth of them.

    Each number is correlated with that of the previous recorded step, as in an autoregressive process of order one.
    """
    columns = {}
    for name, values in trajectory.columns.items():
        noise = size * generator.normal(size=len(trajectory))
        noise[1:] *= np.sqrt(1 - correlation**2)
        noise = lfilter([1], [1, -correlation], noise)
        columns[name] = values.numpy() * np.exp(noise / 10 if name == "sum_squared_weights" else noise)
    return pm.Trajectory(trajectory.steps, columns)


def spiked(trajectory, generator, *, share, apart=True):
    """Multiplies or divides a share of the values by ten; if apart, not the first and never two within three steps."""
    columns = {}
    for name, values in trajectory.columns.items():
        spikes = generator.random(len(trajectory)) < share
        spikes[0] &= not apart
        for index in range(1, len(trajectory)):
            spikes[index] &= not (apart and spikes[max(0, index - 2) : index].any())
        factor = np.where(generator.random(len(trajectory)) < 0.5, 0.1, 10.0)
        columns[name] = values.numpy() * np.where(spikes, factor, 1.0)
    return pm.Trajectory(trajectory.steps, columns)


def never_learned(count, generator, *, size=0.0, correlation=0.0, spikes=0.0):
    """A run whose losses stay at ln 113, except for noise as ``noisy`` makes it and for a share of spikes anywhere."""
    columns = {name: np.full(count, np.log(113)) for name in ("test_loss", "excluded_loss", "restricted_loss")}
    columns["sum_squared_weights"] = np.full(count, 1800.0)
    run = noisy(pm.Trajectory(100 * np.arange(count), columns), generator, size=size, correlation=correlation)
    return spiked(run, generator, share=spikes, apart=False) if spikes else run
