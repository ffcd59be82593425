"""What docs/measures.md says makes the measures mislead is computed again."""

import math
import re
from pathlib import Path

import pytest
import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE, RUNS, final
from tests.docs._pages import marked_code

TEXT = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
PAGE = " ".join(TEXT.split())


@pytest.fixture(scope="module")
def mainline():
    model, config = final(MAINLINE)
    op = config.op
    return model, op, pm.grid_logits(model, op), pm.key_frequencies(pm.spectrum(model.W_L, op), op), config.train_mask


@pytest.fixture(scope="module")
def run():
    return pm.Trajectory.load(MAINLINE / "curves.npz")


def at(run, step, name):
    return float(run[name][run.steps == step])


def test_every_section_says_when_it_misleads_and_whence_it_comes():
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
        heading = section.partition("\n")[0]
        assert "**Misleads when" in section, heading
        assert "\nSource: " in section, heading
        assert "$" in section, f"{heading} has no formula"
        assert re.search(r"<!-- plot measures_\w+: .+ -->\n```python\n", section), f"{heading} has no picture"


def test_all_code_is_marked_as_run():
    assert len(marked_code(TEXT)) > 14


def test_losses_and_accuracies(run):
    chance_at = pm.find_phases(run, answers=113).circuit_formation_end
    assert f"Until step {round(chance_at, -2):,} it is worse than a guess" in PAGE
    always = int((run["test_accuracy"] < 1).nonzero().max()) + 1
    assert f"test accuracy is 1 from step {int(run.steps[always]):,} on" in PAGE
    assert 1 / 22 < run["test_loss"][-1] / run["test_loss"][always] < 1 / 18  # a twentieth
    ahead = torch.arange(0, 30, 0.01)
    losses = torch.nn.functional.cross_entropy(
        torch.stack([ahead, torch.zeros_like(ahead)], 1), torch.zeros(len(ahead), dtype=torch.long), reduction="none"
    )
    assert f"a loss of 0 or of at least {losses[losses > 0].min():.1e}".replace("e-07", "e-7") in PAGE


def test_restricted_loss_of_what_has_no_circuit(mainline):
    _, op, _, keys, _ = mainline
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(113, 113, 113, generator=generator, dtype=torch.float64)
    remembered = torch.rand(113, 113, generator=generator) < 0.3
    noise.scatter_add_(2, op.table[..., None], torch.where(remembered, 20.0, 0.0)[..., None].double())
    restricted = pm.restricted_loss(noise, op, keys)
    assert f"has a restricted loss of {restricted:.2f}, below chance ({math.log(113):.2f})" in PAGE

    table = 20.0 * torch.nn.functional.one_hot(op.table, 113)
    assert pm.key_frequencies(pm.logit_spectrum(table, op), op) == ()
    loss, restricted = pm.cross_entropy(table, op), pm.restricted_loss(table, op, keys)
    assert f"has a loss of {loss:.1e} and no key frequency." in PAGE
    assert f"With the mainline's, its restricted loss is {restricted:.1f}." in PAGE


def test_excluded_losses(mainline, run):
    _, op, logits, keys, mask = mainline
    alone = [f"{pm.excluded_loss_per_frequency(logits, op, mask=mask)[k - 1]:.2g}" for k in keys]
    together = pm.excluded_loss(logits, op, keys, mask=mask)
    assert f"is {', '.join(alone[:-1])} and {alone[-1]}; without all of them {together:.1f}" in PAGE
    assert f"it is {at(run, 5400, 'excluded_loss'):.1f} at step 5,400 and {together:.1f} at the end" in PAGE


def test_a_frequency_that_only_the_embedding_has(mainline):
    model, op, logits, _, _ = mainline
    power = pm.spectrum(model.W_E, op)
    assert power[9] / power.sum() > 0.05
    assert pm.logit_spectrum(logits, op)[9] < 1e-4


def test_a_neuron_of_one_frequency():
    wave = torch.cos(2 * torch.pi * 5 / 113 * torch.arange(113))
    share = pm.neuron_spectrum((wave[:, None] + wave).relu()[..., None], pm.addition(113))[0]
    assert f"has {share[4]:.1%} in frequency 5 and {share[9]:.1%} in 10".replace("%", " %") in PAGE


def test_gini_coefficients(mainline):
    model, op, *_ = mainline
    power = pm.spectrum(model.W_E, op)
    assert f"has {pm.gini(power.sqrt()):.3f} in norms and {pm.gini(power):.3f} in powers" in PAGE
    generator = torch.Generator().manual_seed(0)
    one, four, many = (
        torch.stack([pm.gini(pm.spectrum(torch.randn(113, width, generator=generator), op).sqrt()) for _ in range(100)])
        for width in (1, 4, 512)
    )
    means = f"{one.mean():.2f} with one column, {four.mean():.2f} with 4 and {many.mean():.3f} with 512"
    assert f"Gaussian noise has {means}" in PAGE


def test_weights_that_only_grow():
    squares = pm.Trajectory.load(RUNS / "no_weight_decay" / "curves.npz")["sum_squared_weights"]
    assert (squares.diff() > 0).all()
    assert f"(from {squares[0]:.0f} to {squares[-1]:.0f} in the bundled run without)" in PAGE


def test_concentration_of_the_embedding(mainline, run):
    _, op, *_ = mainline
    ends = [checkpoints.load(checkpoints.path_of(MAINLINE, step)).W_E for step in (0, 4200, 40000)]
    first, _, last = (pm.concentration.fourier_coefficient_ratio(W_E, op) for W_E in ends)
    assert f"it goes from {first:.2f} to {last:.2f}" in PAGE
    _, early, last = (pm.concentration.fourier_frequency_density(W_E, op) for W_E in ends)
    assert f"It is at {early:.3f} by step 4,200 and ends at {last:.3f}" in PAGE
    assert pm.find_phases(run, answers=113).circuit_formation_end > 4200


def test_an_ablation_by_zero(mainline):
    model, op, logits, *_ = mainline
    losses = []
    for replacement in (pm.zero_ablation(), pm.mean_ablation()):
        with pm.ablated(model, "blocks.0.attn_skip", replacement):
            losses.append(pm.cross_entropy(pm.grid_logits(model, op), op))
    assert f"around the attention carries, the loss is {losses[0]:.2f}; with its mean" in PAGE
    torch.testing.assert_close(losses[1], pm.cross_entropy(logits, op), rtol=0.01, atol=0)
