"""What docs/measures.md says makes the measures mislead is computed again."""

import math
import re
from pathlib import Path

import pytest
import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE, RUNS, final
from tests.docs._numbers import assert_has_numbers
from tests.docs._pages import marked_code, section

PAGE = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")


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


def test_all_code_is_marked_as_run():
    assert marked_code(PAGE)


def test_attention_to_a_fixed_distance():
    text = section(PAGE, "Attention")
    place, scores = torch.arange(32), []
    for periods in (torch.full((900, 1), 12), torch.arange(8, 17).repeat(100)[:, None]):
        tokens = torch.randint(50_000, (900, 32), generator=torch.Generator().manual_seed(0)).gather(1, place % periods)
        fixed = torch.eye(32)[(place - 11).clamp(min=0)].expand(900, 1, 32, 32)
        scores.append(pm.attention.prefix_matching_score(fixed, tokens))
    assert_has_numbers(text, *scores)


def loss_on(rows, config):
    inputs, answers = config.op.inputs[rows.flatten()], config.op.table[rows]
    return lambda model: torch.nn.functional.cross_entropy(model(inputs)[:, : config.op.n].double(), answers)


def at_step(step):
    return checkpoints.load(checkpoints.path_of(MAINLINE, step))


def test_gradients_of_two_losses():
    text, (_, config) = section(PAGE, "Gradients of two losses"), final(MAINLINE)
    train, test = loss_on(config.train_mask, config), loss_on(~config.train_mask, config)
    assert_has_numbers(text, *(pm.gradients.cosine(train, test, at_step(step)) for step in (0, 3600)))
    where = config.train_mask.flatten().nonzero().flatten()
    generator = torch.Generator().manual_seed(0)
    torch.randperm(len(where), generator=generator)
    shuffled = where[torch.randperm(len(where), generator=generator)]
    batches = [
        loss_on(torch.zeros(113**2, dtype=torch.bool).index_fill(0, rows, True).view(113, 113), config)
        for rows in shuffled[: 8 * 478].split(478)
    ]
    assert pm.gradients.noise_scale(batches, at_step(5400)) == math.inf
    assert_has_numbers(text, 478, 5400, round(float(pm.gradients.noise_scale(batches, at_step(5600)))), 5600)


def test_curvature():
    text, (_, config) = section(PAGE, "Curvature"), final(MAINLINE)
    train = loss_on(config.train_mask, config)
    assert_has_numbers(text, *(pm.curvature.hessian_trace(train, at_step(step)) for step in (100, 1600)))
    for step, share in ((400, 0.06), (40_000, 0.10)):
        draws = [pm.curvature.hessian_trace(train, at_step(step), samples=1, seed=seed) for seed in range(10)]
        assert_has_numbers(text, torch.stack(draws).std() / torch.stack(draws).mean())
        assert float(torch.stack(draws).std() / torch.stack(draws).mean()) == pytest.approx(share, abs=0.005)


def test_losses_and_accuracies(run):
    text = section(PAGE, "Loss and accuracy")
    assert_has_numbers(text, round(pm.find_phases(run, answers=113).circuit_formation_end, -2))
    always = int((run["test_accuracy"] < 1).nonzero().max()) + 1
    assert_has_numbers(text, run.steps[always])
    assert 1 / 22 < run["test_loss"][-1] / run["test_loss"][always] < 1 / 18  # a twentieth
    ahead = torch.arange(0, 30, 0.01)
    losses = torch.nn.functional.cross_entropy(
        torch.stack([ahead, torch.zeros_like(ahead)], 1), torch.zeros(len(ahead), dtype=torch.long), reduction="none"
    )
    assert_has_numbers(text, losses[losses > 0].min())


def test_restricted_loss_of_what_has_no_circuit(mainline):
    _, op, _, keys, _ = mainline
    text = section(PAGE, "Restricted loss")
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(113, 113, 113, generator=generator, dtype=torch.float64)
    remembered = torch.rand(113, 113, generator=generator) < 0.3
    noise.scatter_add_(2, op.table[..., None], torch.where(remembered, 20.0, 0.0)[..., None].double())
    assert_has_numbers(text, pm.restricted_loss(noise, op, keys), math.log(113))

    table = 20.0 * torch.nn.functional.one_hot(op.table, 113)
    assert pm.key_frequencies(pm.logit_spectrum(table, op), op) == ()
    assert_has_numbers(text, pm.cross_entropy(table, op), pm.restricted_loss(table, op, keys))


def test_excluded_losses(mainline, run):
    _, op, logits, keys, mask = mainline
    alone = [pm.excluded_loss_per_frequency(logits, op, mask=mask)[k - 1] for k in keys]
    together = pm.excluded_loss(logits, op, keys, mask=mask)
    high = at(run, 5400, "excluded_loss")
    assert_has_numbers(section(PAGE, "Excluded loss"), *alone, together, high, 5400, together)


def test_a_frequency_that_only_the_embedding_has(mainline):
    model, op, logits, _, _ = mainline
    power = pm.spectrum(model.W_E, op)
    (unused,) = [
        k
        for k, share, used in zip(op.frequencies, power / power.sum(), pm.logit_spectrum(logits, op), strict=True)
        if share > 0.05 and used < 1e-4
    ]
    assert_has_numbers(section(PAGE, "Spectra"), unused)


def test_a_neuron_of_one_frequency():
    wave = torch.cos(2 * torch.pi * 5 / 113 * torch.arange(113))
    share = pm.neuron_spectrum((wave[:, None] + wave).relu()[..., None], pm.addition(113))[0]
    assert_has_numbers(section(PAGE, "Neurons"), share[4], share[9])


def test_gini_coefficients(mainline):
    model, op, *_ = mainline
    text = section(PAGE, "Gini coefficient")
    power = pm.spectrum(model.W_E, op)
    assert_has_numbers(text, pm.gini(power.sqrt()), pm.gini(power))
    generator = torch.Generator().manual_seed(0)
    means = [
        torch.stack([pm.gini(pm.spectrum(torch.randn(113, width, generator=generator), op).sqrt()) for _ in range(100)])
        .mean()
        .item()
        for width in (1, 4, 512)
    ]
    assert_has_numbers(text, *means)


def test_weights_that_only_grow():
    squares = pm.Trajectory.load(RUNS / "no_weight_decay" / "curves.npz")["sum_squared_weights"]
    assert (squares.diff() > 0).all()
    assert_has_numbers(section(PAGE, "Size of the weights"), squares[0], squares[-1])


def test_concentration_of_the_embedding(mainline, run):
    _, op, *_ = mainline
    text = section(PAGE, "Concentration and rank")
    ends = [checkpoints.load(checkpoints.path_of(MAINLINE, step)).W_E for step in (0, 4200, 40000)]
    first, _, last = (pm.concentration.fourier_coefficient_ratio(W_E, op) for W_E in ends)
    assert_has_numbers(text, first, last)
    _, early, last = (pm.concentration.fourier_frequency_density(W_E, op) for W_E in ends)
    assert_has_numbers(text, early, 4200, last)
    assert pm.find_phases(run, answers=113).circuit_formation_end > 4200


def test_periods_of_a_last_digit():
    (block,) = re.findall(r"```python\n(generator = .*?)```", PAGE, flags=re.DOTALL)
    code = block[: block.index("fig, ax")]
    found = {"pm": pm, "torch": torch}
    exec(code, found)
    assert found["control"].standing_out() == (2, 2.5, 10 / 3, 5, 10)
    assert "standing_out: 2, 2.5, 10/3, 5 and 10" in code
    four = pm.embeddings.circle_fit(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]), draws=3000)
    assert four.p_value == pytest.approx(1 / 3, rel=0.1)
    assert pm.embeddings.circle_fit(torch.eye(7), draws=1).chance == 1 / 3


def test_an_ablation_by_zero(mainline):
    model, op, logits, *_ = mainline
    losses = []
    for replacement in (pm.zero_ablation(), pm.mean_ablation()):
        with pm.ablated(model, "blocks.0.attn_skip", replacement):
            losses.append(pm.cross_entropy(pm.grid_logits(model, op), op))
    assert_has_numbers(section(PAGE, "Ablations"), losses[0])
    torch.testing.assert_close(losses[1], pm.cross_entropy(logits, op), rtol=0.01, atol=0)
