"""Bands of several runs: the standard deviation, or quantiles, and what the picture says of them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import progress_measures as pm
from progress_measures import plotting

STEPS = [0, 1, 2]
RUNS = {
    str(seed): pm.Trajectory(STEPS, {"loss": [1.0 + seed, 2.0, 10.0**-seed], "acc": [0.0, seed / 4, 1.0]})
    for seed in range(5)
}


@pytest.fixture(autouse=True)
def _close_figures():
    plt.close("all")
    yield
    plt.close("all")


def band(axes):
    """The lowest and the highest of each step."""
    places = axes.collections[-1].get_paths()[0].vertices
    return [(places[places[:, 0] == step, 1].min(), places[places[:, 0] == step, 1].max()) for step in STEPS]


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_quantiles_are_the_median_in_the_band_of_eight_in_ten_runs(scale):
    axes = plotting.plot_runs(RUNS, "loss", spread="quantiles", scale=scale)
    losses = torch.stack([run["loss"] for run in RUNS.values()])
    (line,) = axes.get_lines()
    np.testing.assert_allclose(line.get_ydata(), losses.quantile(0.5, 0))
    low, high = losses.quantile(torch.tensor([0.1, 0.9], dtype=torch.float64), 0)
    np.testing.assert_allclose(band(axes), list(zip(low, high, strict=True)))
    assert axes.get_ylabel() == "loss (median of 5 runs, 10–90 %)"


@pytest.mark.parametrize(
    ("scale", "label"),
    [("log", "loss (geometric mean of 5 runs, ×÷ 1 sd)"), ("linear", "loss (mean of 5 runs, ± 1 sd)")],
)
def test_the_label_says_what_the_band_is(scale, label):
    assert plotting.plot_runs(RUNS, "loss", scale=scale).get_ylabel() == label


def test_one_run_alone_has_no_band_and_no_words_of_one():
    for spread in ("std", "quantiles"):
        axes = plotting.plot_runs({"0": RUNS["0"]}, "acc", spread=spread)
        assert axes.get_ylabel() in ("acc (mean of 1 run)", "acc (median of 1 run)")
        assert len(axes.collections) == 0


@pytest.mark.parametrize("factor", [1, 100])
def test_the_band_of_accuracies_ends_where_accuracies_do(factor):
    runs = {
        name: pm.Trajectory(STEPS, {"loss": run["loss"], "acc": factor * run["acc"].clamp(max=0.99)})
        for name, run in RUNS.items()
    }
    runs["wild"] = pm.Trajectory(STEPS, {"loss": [1.0, 1.0, 1.0], "acc": [0.0, factor, 0.0]})
    left = band(plotting.plot_runs(runs, "acc"))
    right = band(plotting.plot_runs(runs, ["loss", "acc"]).figure.axes[1])
    assert left == right
    assert left[2][1] == factor
    assert min(low for low, _ in left) >= 0


def test_no_quantile_of_a_column_without_numbers():
    runs = {name: pm.Trajectory(STEPS, {"loss": [1.0, np.nan, 2.0]}) for name in "ab"}
    (line,) = plotting.plot_runs(runs, "loss", spread="quantiles").get_lines()
    assert line.get_xdata().tolist() == [0, 2]
