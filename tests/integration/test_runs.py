"""The runs that are bundled as last checkpoints and recorded curves."""

import math

import pytest
import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.analysis import measures
from examples.modular_addition.bundled import RUNS, final
from examples.modular_addition.training import Config
from tests._asserts import assert_close

SEEDS = ["seed1", "seed2", "seed3", "seed4"]
MEASURED = [*SEEDS, "no_weight_decay", "fraction_80", "symmetric_5"]
LOSSES_ONLY = ["fraction_10", "fraction_20", "fraction_40", "fraction_50", "fraction_60"]
LOSSES_ONLY += ["prime_53", "prime_53_decay_5", "prime_401"]


def test_every_folder_is_known():
    assert {path.name for path in RUNS.iterdir() if path.is_dir()} == {"mainline", *MEASURED, *LOSSES_ONLY}


def test_configs_differ_from_the_mainline_as_their_names_say():
    mainline = vars(Config.load(RUNS / "mainline")) | {"epochs": 0}
    for name in [*MEASURED, *LOSSES_ONLY]:
        config = vars(Config.load(RUNS / name)) | {"epochs": 0}
        changed = {field: value for field, value in config.items() if value != mainline[field]}
        kind, _, value = name.partition("_")
        if name in SEEDS:
            assert changed == {"seed": int(name[-1])}
            assert Config.load(RUNS / name).epochs == 20_000
        elif kind == "fraction":
            assert changed == {"fraction": int(value) / 100}
        elif kind == "prime":
            n, _, decay = value.partition("_decay_")
            assert changed == {"n": int(n)} | ({"weight_decay": float(decay)} if decay else {})
        elif kind == "symmetric":
            assert changed == {"operation": "symmetric_group", "n": int(value), "fraction": 0.7}
        else:
            assert changed == {"weight_decay": 0.0}


@pytest.mark.filterwarnings("ignore:.frequencies. are none")
@pytest.mark.parametrize("name", MEASURED)
def test_last_checkpoint_has_the_recorded_measures(name):
    model, config = final(RUNS / name)
    curves, losses = (pm.Trajectory.load(RUNS / name / f"{kind}.npz") for kind in ("curves", "losses"))
    assert checkpoints.steps(RUNS / name) == [config.epochs]
    assert curves.steps[-1] == losses.steps[-1] == config.epochs
    op = config.op
    keys = pm.key_frequencies(pm.spectrum(model.W_L, op), op)
    found = measures(model, pm.grid_logits(model, op), op, keys, train_mask=config.train_mask)
    found.pop("logit_power")  # which was not recorded in these runs
    assert set(found) == set(curves.columns)
    for column, value in found.items():
        # On another machine a pair or two may change sides.
        assert_close(curves[column][-1], value, rtol=1e-3, atol=1e-3 if column.endswith("accuracy") else 0)
    assert_close(losses["test_loss"][-1], found["test_loss"], rtol=1e-3)


@pytest.mark.parametrize("name", [*MEASURED, *LOSSES_ONLY])
def test_losses_were_recorded_to_the_end(name):
    config, losses = Config.load(RUNS / name), pm.Trajectory.load(RUNS / name / "losses.npz")
    assert losses.steps[0] == 0
    assert losses.steps[-1] == config.epochs
    assert torch.stack([losses["train_loss"], losses["test_loss"]]).isfinite().all()


def test_runs_stay_small():
    size = {name: sum(file.stat().st_size for file in (RUNS / name).iterdir()) for name in [*MEASURED, *LOSSES_ONLY]}
    assert sum(size[name] for name in SEEDS) < 5 * 2**20
    assert all(size[name] < 2**20 for name in MEASURED)
    assert all(size[name] < 2**17 for name in LOSSES_ONLY)


def test_few_representations_carry_the_group():
    model, config = final(RUNS / "symmetric_5")
    op, mask = config.op, config.train_mask
    logits = pm.grid_logits(model, op)
    assert pm.accuracy(logits, op) == 1
    keys = pm.key_frequencies(pm.spectrum(model.W_L, op), op)
    assert keys == pm.key_frequencies(pm.logit_spectrum(logits, op), op) == (1, 2)
    assert [irrep.dimension for irrep in op.irreps[:2]] == [1, 4]
    assert pm.restricted_loss(logits, op, keys) < pm.cross_entropy(logits, op)
    assert pm.excluded_loss(logits, op, keys, mask=mask) > math.log(op.n)
    assert pm.restricted_loss(logits, op, op.frequencies[2:]) > 0.99 * math.log(op.n)
    phases = pm.find_phases(pm.Trajectory.load(RUNS / "symmetric_5" / "curves.npz"), answers=op.n)
    assert phases.memorization_end is None  # excluded loss is below its start in slingshots only
    assert phases.circuit_formation_end < phases.cleanup_end


def test_mainline_curves_are_those_of_its_checkpoints():
    curves = pm.Trajectory.load(RUNS / "mainline" / "curves.npz")
    assert curves.steps.tolist() == checkpoints.steps(RUNS / "mainline")
    config = Config.load(RUNS / "mainline")
    keys = pm.key_frequencies(pm.spectrum(final(RUNS / "mainline")[0].W_L, config.op))
    for index in (0, 20):
        model = checkpoints.load(checkpoints.path_of(RUNS / "mainline", int(curves.steps[index])))
        logits = pm.grid_logits(model, config.op)
        found = measures(model, logits, config.op, keys, train_mask=config.train_mask)
        for column, value in found.items():
            assert_close(curves[column][index], value, rtol=1e-3, atol=1e-3 if column.endswith("accuracy") else 0)
