"""What docs/measures.md says makes the measures mislead is computed again."""

import math
import re
from pathlib import Path

import pytest
import torch

import progress_measures as pm
from examples.comparison.findings import CURVES
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


@pytest.mark.slow
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


def test_each_answer_counts_once_in_the_parts():
    """The page's formula, for answers with more or fewer inputs than there are answers."""
    for op in (pm.parity(6, of=(0, 2)), pm.operation(lambda a, b: (a + b) % 5, 10, 10, answers=range(5))):
        answers = op.table.flatten()
        logits = torch.randn(len(answers), op.n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        means = torch.stack([logits[answers == t].mean(0) for t in range(op.n)])
        rows = op.rows([1])
        part = rows[:, answers].T @ (rows @ means)
        torch.testing.assert_close(pm.restrict(logits, op, [1]).flatten(0, -2), means.mean(0) + part)
        noise = torch.stack([pm.logit_spectrum(torch.randn_like(logits), op).sum() for _ in range(400)])
        assert float(noise.mean()) == pytest.approx((op.n - 1) / (len(answers) - 1), rel=0.2)


def test_neurons_without_a_frequency(mainline):
    model, op, *_ = mainline
    share = pm.neuron_spectrum(neurons_of(model, op)[0], op)
    stray = share[pm.neuron_frequencies(share) == 0]
    assert_has_numbers(section(PAGE, "Neurons"), len(stray), len(share), 6, 42, 12, 29)
    assert set((stray.mean(0).topk(4).indices + 1).tolist()) == {6, 42, 12, 29}


def test_commutator_defects():
    recorded = pm.Trajectory.load(CURVES / "seed0.npz")
    steps, defect = recorded.steps, recorded["commutator_defect"]
    forming = defect[(steps >= 600) & (steps <= 4600)]
    assert_has_numbers(
        section(PAGE, "Gradients of two losses"),
        *(round(float(defect.max())), int(steps[defect.argmax()])),
        *(round(float(forming.min())), round(float(forming.max()))),
        *(round(float(defect[steps == 8000])), 8000),
    )


def test_milestones(run):
    text, reached = section(PAGE, "Milestones"), pm.milestones(run, answers=113)
    generalized = reached.events["generalized"]
    assert_has_numbers(text, generalized.step, *generalized.interval)
    assert_has_numbers(text, reached.memorized, pm.find_phases(run, answers=113).memorization_end)
    before, after = (float(run["test_accuracy"][run.steps == step]) for step in generalized.interval)
    assert before < 0.99 <= after
    assert run.steps[run["test_accuracy"] >= 0.95][0] == generalized.interval[0]


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


def test_circles_of_the_embedding(mainline):
    model, op, *_ = mainline
    text = section(PAGE, "Spectra")
    left, _, _ = torch.linalg.svd((model.W_E - model.W_E.mean(0)).detach().double(), full_matrices=False)
    first, second, third = (pm.spectrum(left[:, [i]], op) for i in range(3))
    assert_has_numbers(text, 6, 42, 14)
    assert min(first[5], second[5]) > 0.99
    assert third.topk(2).indices.tolist() == [41, 13]
    assert third[13] > 0.3


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
    below = PAGE[PAGE.index("## Embeddings without an operation") :]
    code = re.search(r"```python\n(generator = .*?)```", below, flags=re.DOTALL)[1]
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


RELU = "blocks.0.mlp.relu"


def frozen_at(step):
    return checkpoints.load(checkpoints.path_of(MAINLINE, step)).requires_grad_(False)


def neurons_of(model, op):
    with pm.captured(model, [RELU]) as activations:
        logits = pm.grid_logits(model, op)
    return activations[RELU], logits


def test_hidden_activations(mainline):
    model, op, logits, keys, _ = mainline
    text = section(PAGE, "Hidden activations")
    neurons, _ = neurons_of(model, op)
    spectrum, chosen = pm.input_spectrum(neurons, op), list(keys)
    of_answer = pm.spectra.answer_spectrum(neurons, op)[[k - 1 for k in keys]].sum()
    assert_has_numbers(text, of_answer, spectrum[chosen, 0].sum(), spectrum[0, chosen].sum())
    alone = (neurons @ model.W_L.T).view(113, 113, 113)
    assert_has_numbers(text, pm.cross_entropy(alone, op), pm.cross_entropy(logits, op))
    without_constant = pm.restricted_loss(alone - alone.mean((0, 1)), op, keys)
    kept = (pm.restricted_loss(x, op, keys) for x in (alone, logits))
    assert_has_numbers(text, without_constant, *kept)


def enough(model, op, rows):
    neurons, logits = neurons_of(model, op)
    h, size = neurons[rows], model.blocks[0].mlp.hidden.weight.norm(dim=1)
    rest = logits.flatten(0, 1)[rows] - h @ model.W_L.T
    return int(pm.sparsity.effective_sparsity(h, model.W_L, op.table.flatten()[rows], size, rest=rest))


@pytest.mark.slow
def test_few_neurons(mainline, run):
    model, op, _, _, train_mask = mainline
    text, rows = section(PAGE, "Sparsity of neurons"), train_mask.flatten()
    assert_has_numbers(text, enough(frozen_at(6000), op, rows), 6000, enough(model, op, rows), 40_000)
    share = lambda model: {"share": pm.sparsity.activation_sparsity(neurons_of(model, op)[0][rows])}  # noqa: E731 (short)
    found = pm.track(
        ((step, frozen_at(step)) for step in run.steps.tolist() if step > 5300 or step in (0, 3600)), share
    )
    assert_has_numbers(text, found["share"][1], found["share"][-1])
    half = pm.phases.onset(found, "share").step
    assert_has_numbers(text, half)
    assert (run["restricted_loss"][run.steps >= 5000] < 0.001).all()
    assert half > 5000


def test_scaled_weights_have_another_entropy():
    x, c = torch.tensor([0.2, -1.5, 0.7], dtype=torch.float64), 3.0
    more = pm.sparsity.absolute_weight_entropy(c * x) - c * pm.sparsity.absolute_weight_entropy(x)
    torch.testing.assert_close(more, -c * math.log(c) * x.abs().sum())


def test_margin_and_compression(mainline):
    model, *_ = mainline
    text = section(PAGE, "Margin and compression")
    models = frozen_at(0), model, final(RUNS / "no_weight_decay")[0]
    assert_has_numbers(text, *(pm.compression.compressed_size(model, step=0.01) for model in models))
    steps = checkpoints.steps(MAINLINE)
    assert_has_numbers(text, len(steps))
    assert all(pm.fits.parallelogram_quality(frozen_at(step).W_E) == 0 for step in steps)
