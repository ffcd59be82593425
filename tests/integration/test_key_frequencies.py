"""Which frequencies are key in the bundled runs, by each rule, and in networks of other people."""

from pathlib import Path

import pytest
import torch

import progress_measures as pm
from examples.key_frequencies.networks import OneHot, Small, of_others, train_small
from examples.key_frequencies.rules import measured
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE, RUNS, final

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
FINAL = {
    "mainline": ((5, 6, 14, 42), (5, 6, 42)),
    "seed1": ((7, 23, 26, 35), (7, 23, 35)),
    "seed2": ((18, 19, 26, 29, 31), (18, 26, 29, 31)),
    "seed3": ((18, 22, 30, 46), (18, 30, 46)),
    "seed4": ((8, 11, 14, 32), (8, 11, 14, 32)),
    "fraction_80": ((5, 42, 45), (5, 42, 45)),
    "symmetric_5": ((1, 2), (2,)),
    "no_weight_decay": ((), ()),
}


@pytest.mark.parametrize("run", FINAL)
def test_what_stands_out_at_the_end_and_what_suffices(run):
    model, config = final(RUNS / run)
    logits, (stand_out, suffice) = pm.grid_logits(model, config.op), FINAL[run]
    assert pm.key_frequencies(pm.logit_spectrum(logits, config.op), config.op) == stand_out
    assert pm.key_frequencies(pm.spectrum(model.W_L, config.op), config.op, weights=model.W_L) == stand_out
    assert pm.sufficient_frequencies(logits, config.op) == suffice


def test_on_the_mainline_nothing_flickers_once_the_circuit_has_formed():
    op, end = pm.addition(113), pm.find_phases(pm.Trajectory.load(MAINLINE / "curves.npz"), answers=113)
    sufficient = []
    for step in (step for step in checkpoints.steps(MAINLINE) if step >= end.circuit_formation_end and step <= 9000):
        model = checkpoints.load(checkpoints.path_of(MAINLINE, step)).requires_grad_(False)
        logits = pm.grid_logits(model, op)
        assert pm.key_frequencies(pm.logit_spectrum(logits, op), op) == (5, 6, 14, 42)
        for weights in (None, model.W_L):
            assert pm.key_frequencies(pm.spectrum(model.W_L, op), op, weights=weights) == (5, 6, 14, 42)
        sufficient.append(pm.sufficient_frequencies(logits, op))
    # As its own loss falls, the network needs a third one to keep up with it, once.
    assert sufficient == [(5, 42)] * 2 + [(5, 6, 42)] * (len(sufficient) - 2)


def test_what_random_embeddings_give_is_no_key_frequency():
    found = []
    for seed in range(20):
        torch.manual_seed(seed)
        op = pm.addition((31, 59)[seed % 2])
        logits = pm.grid_logits((Small if seed % 4 < 2 else OneHot)(op.n, 32), op).detach()
        found += [pm.key_frequencies(pm.logit_spectrum(logits, op), op), pm.sufficient_frequencies(logits, op)]
    assert set(found) == {()}


def test_a_network_that_memorizes_has_none_and_one_that_generalizes_has_some():
    op, mask = pm.addition(31), torch.rand(961, generator=torch.Generator().manual_seed(0)) < 0.6
    for decay, generalizes in ((0.0, False), (0.5, True)):
        shown = mask if generalizes else mask & (torch.rand(961, generator=torch.Generator().manual_seed(1)) < 0.3)
        *_, (_, model) = train_small(op, shown, 0, weight_decay=decay, steps=1500)
        logits = pm.grid_logits(model, op).detach()
        assert (pm.accuracy(logits, op, mask=~shown) > 0.9) == generalizes
        assert bool(pm.key_frequencies(pm.logit_spectrum(logits, op), op)) == generalizes
        assert bool(pm.sufficient_frequencies(logits, op)) == generalizes


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not beside this checkout")
def test_networks_of_other_people_have_keys_that_are_enough_and_needed():
    found = {case.run: measured(case)["rules"] for case in of_others(REFERENCE)}
    assert set(found) == {"mlp97_a", "mlp97_b", "authors"}
    for rules in found.values():
        for rule in ("default", "sufficient"):
            assert rules[rule]["enough"]
            assert rules[rule]["needed"]
        assert all(rules[rule]["keys"] for rule in ("default, W_L", "default, W_E"))
    assert found["authors"]["default"]["keys"] == found["authors"]["former"]["keys"]
