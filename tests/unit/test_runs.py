import copy
import dataclasses
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import progress_measures as pm
from tests._asserts import assert_close

NAN = float("nan")


@pytest.fixture
def runs():
    """Three runs of which every column is lognormal and no two have the same steps or columns."""
    steps = [[0, 10, 20, 30], [0, 20, 30, 40], [-10, 0, 20, 30]]
    generator = torch.Generator().manual_seed(0)
    found = {}
    for seed, at in enumerate(steps):
        columns = {"loss": torch.randn(4, generator=generator, dtype=torch.float64).mul(5).exp()}
        columns["vector"] = torch.rand(4, 3, generator=generator, dtype=torch.float64)
        found[f"seed {seed}"] = pm.Trajectory(at, {f"only {seed}": torch.zeros(4)} | columns)
    return pm.Runs(found)


def stacked(runs, name):
    """The column of all runs at the steps 0, 20 and 30, by hand."""
    rows = [[0, 2, 3], [0, 1, 2], [1, 2, 3]]
    return np.stack([run[name].numpy()[at] for run, at in zip(runs.values(), rows, strict=True)])


def test_runs_are_a_mapping(runs):
    assert list(runs) == ["seed 0", "seed 1", "seed 2"]
    assert len(runs) == 3
    assert "seed 1" in runs
    assert "seed 3" not in runs
    assert {name: len(run) for name, run in runs.items()} == {"seed 0": 4, "seed 1": 4, "seed 2": 4}
    assert runs["seed 2"].steps.tolist() == [-10, 0, 20, 30]


def test_phases_of_each_run_are_one_line():
    steps = [0, 1000, 2000, 3000, 4000, 5000, 9000]
    columns = {
        "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
        "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.0, 0.0],
        "sum_squared_weights": [1800.0, 3000.0, 2500.0, 2000.0, 1100.0, 1000.0, 1000.0],
    }
    whole = pm.Trajectory(steps, columns)
    runs = pm.Runs({"whole": whole, "cut short": whole.select(steps=range(2500))})
    phases = {name: pm.find_phases(run, answers=113) for name, run in runs.items()}
    assert [each.circuit_formation_end for each in phases.values()] == [2734, None]


def test_runs_do_not_change(runs):
    with pytest.raises(dataclasses.FrozenInstanceError):
        runs.runs = {}
    with pytest.raises(TypeError):
        runs.runs["seed 0"] = runs["seed 1"]
    given = dict(runs)
    made = pm.Runs(given)
    del given["seed 0"]
    assert len(made) == 3


def test_copies_and_pickles(runs):
    for again in (copy.deepcopy(runs), copy.copy(runs), pickle.loads(pickle.dumps(runs))):
        assert list(again) == list(runs)
        assert torch.equal(again["seed 1"]["loss"], runs["seed 1"]["loss"])


def test_repr_names_the_runs_and_how_far_they_go_together(runs):
    assert repr(runs) == "Runs(3 runs, 3 common steps; seed 0, seed 1, seed 2)"
    assert repr(pm.Runs({"a": pm.Trajectory([1], {})})) == "Runs(1 run, 1 common step; a)"
    apart = {"a": pm.Trajectory([1], {}), "b": pm.Trajectory([2], {})}
    assert repr(pm.Runs(apart)) == "Runs(2 runs, 0 common steps; a, b)"


def test_common_are_the_steps_and_columns_of_all(runs):
    assert runs.steps.tolist() == [0, 20, 30]
    common = runs.common()
    assert list(common) == list(runs)
    for index, run in enumerate(common.values()):
        assert run.steps.tolist() == [0, 20, 30]
        assert list(run.columns) == ["loss", "vector"]
        for name in run.columns:
            assert_close(run[name], stacked(runs, name)[index], rtol=0)


@pytest.mark.parametrize("name", ["loss", "vector"])
@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        (lambda runs: runs.mean(), lambda x: np.mean(x, axis=0)),
        (lambda runs: runs.std(), lambda x: np.std(x, axis=0, ddof=1)),
        (lambda runs: runs.mean(scale="log"), lambda x: stats.gmean(x, axis=0)),
        (lambda runs: runs.std(scale="log"), lambda x: stats.gstd(x, axis=0, ddof=1)),
        (lambda runs: runs.quantile(0.5), lambda x: np.median(x, axis=0)),
        (lambda runs: runs.quantile(0), lambda x: np.min(x, axis=0)),
        (lambda runs: runs.quantile(1), lambda x: np.max(x, axis=0)),
        (lambda runs: runs.quantile(0.3), lambda x: np.quantile(x, 0.3, axis=0)),
    ],
    ids=["mean", "std", "geometric mean", "geometric std", "median", "least", "greatest", "quantile"],
)
def test_statistics_are_those_of_the_runs(runs, statistic, expected, name):
    found = statistic(runs)
    assert isinstance(found, pm.Trajectory)
    assert found.steps.tolist() == [0, 20, 30]
    assert list(found.columns) == ["loss", "vector"]
    assert_close(found[name], expected(stacked(runs, name)), rtol=1e-12)


def test_one_run_is_its_own_mean(runs):
    one = pm.Runs({"a": runs["seed 0"]})
    for scale in ("linear", "log"):
        assert_close(one.mean(scale=scale)["loss"], runs["seed 0"]["loss"], rtol=1e-14)


def pair(first, second, name="x"):
    return pm.Runs({"a": pm.Trajectory([0], {name: [first]}), "b": pm.Trajectory([0], {name: [second]})})


def test_what_one_run_did_not_measure_has_no_mean():
    runs = pair(1.0, NAN)
    for found in (runs.mean(), runs.mean(scale="log"), runs.std(), runs.std(scale="log"), runs.quantile(0.5)):
        assert found["x"].isnan().all()


def test_of_a_loss_that_is_zero_the_geometric_mean_is_zero_and_the_spread_unknown():
    runs = pair(1.0, 0.0)
    assert runs.mean(scale="log")["x"].tolist() == [0.0]
    assert runs.std(scale="log")["x"].isnan().all()


def test_a_run_that_diverged_leaves_quantiles_of_the_others():
    runs = pm.Runs({str(x): pm.Trajectory([0], {"x": [x]}) for x in (1.0, 2.0, torch.inf)})
    assert [float(runs.quantile(q)["x"]) for q in (0, 0.25, 0.5, 1)] == [1.0, 1.5, 2.0, torch.inf]


def test_selection_is_of_every_run(runs):
    chosen = runs.select({"loss": "test_loss"}, steps=range(15, 100))
    assert {name: (run.steps.tolist(), list(run.columns)) for name, run in chosen.items()} == {
        "seed 0": ([20, 30], ["test_loss"]),
        "seed 1": ([20, 30, 40], ["test_loss"]),
        "seed 2": ([20, 30], ["test_loss"]),
    }


ONE = pm.Trajectory([0, 5], {"x": [1.0, -2.0]})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pm.Runs([ONE]), TypeError, "`runs` must be a mapping from names to trajectories. Got list."),
        (lambda: pm.Runs({0: ONE}), TypeError, "`runs` must have strings as names. Got 0 (int)."),
        (lambda: pm.Runs({"a": {}}), TypeError, "`runs['a']` must be a Trajectory. Got dict."),
        (lambda: pm.Runs({}), ValueError, "`runs` must hold at least one trajectory. Got none."),
        (lambda: pm.Runs({"a": ONE}).std(), ValueError, "`runs` must be at least 2 to have a spread. Got only a."),
        (
            lambda: pm.Runs({"first": ONE, "second": pm.Trajectory([0], {"y": [1.0]})}).mean(),
            ValueError,
            "`runs` must have a column in common. Got first with x; second with y. Rename columns with select().",
        ),
        (
            lambda: pm.Runs({"a": pm.Trajectory([0], {})}).common(),
            ValueError,
            "`runs` must have a column in common. Got a with none. Rename columns with select().",
        ),
        (lambda: pm.Runs({"a": ONE}).quantile(2), ValueError, "`q` must lie between 0 and 1. Got 2."),
        (lambda: pm.Runs({"a": ONE}).quantile("5"), TypeError, "`q` must be a real number. Got '5' (str)."),
        (
            lambda: pm.Runs({"a": ONE}).mean(scale="lin"),
            ValueError,
            "`scale` must be one of 'linear', 'log'. Got 'lin'.",
        ),
        (lambda: pair(1, 2).std(scale="lin"), ValueError, "`scale` must be one of 'linear', 'log'. Got 'lin'."),
        (
            lambda: pm.Runs({"b": pm.Trajectory([0, 5], {"x": [1.0, 2.0]}), "a": ONE}).mean(scale="log"),
            ValueError,
            "`scale` must be 'linear' where numbers are below zero. Got -2 in 'x' of 'a' at step 5. "
            "Leave that column out with select().",
        ),
        (
            lambda: pm.Runs({"a": ONE, "b": pm.Trajectory([1, 9], {"x": [1, 2]})}).mean(),
            ValueError,
            "`runs` must have a step in common. Got a with 2 in 0..5, b with 2 in 1..9. "
            "Nothing is interpolated between steps.",
        ),
        (
            lambda: pair([1.0, 2.0], [1.0, 2.0, 3.0], "v").mean(),
            ValueError,
            "`runs` must have entries of the same shape in 'v'. Got (2,) in 'a' and (3,) in 'b'. "
            "Leave that column out with select().",
        ),
    ],
)
def test_what_has_no_mean_or_spread_is_an_error(call, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call()


def test_the_bundled_seeds_have_a_mean_over_their_common_steps():
    folder = Path(__file__).parents[2] / "examples" / "modular_addition" / "runs"
    names = ["mainline", "seed1", "seed2", "seed3", "seed4"]
    runs = pm.Runs({name: pm.Trajectory.load(folder / name / "curves.npz") for name in names})
    common = sorted(set.intersection(*(set(run.steps.tolist()) for run in runs.values())))
    mean = runs.select(["test_loss", "train_loss"]).mean(scale="log")
    assert mean.steps.tolist() == common
    last = [float(run["test_loss"][run.steps == common[-1]]) for run in runs.values()]
    assert_close(mean["test_loss"][-1], stats.gmean(last), rtol=1e-12)
