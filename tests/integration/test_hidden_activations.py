"""Measures of hidden activations that are a line of this library each, beside numbers and lines of public code."""

import pytest
import torch

import progress_measures as pm
from examples.modular_addition.bundled import MAINLINE, RUNS, final
from tests._asserts import assert_close

RELU, SKIP = "blocks.0.mlp.relu", "blocks.0.mlp_skip"
# Of the last checkpoint of symmetric_5, computed once with the released code of Chughtai et al. (2023),
# github.com/bilal-chughtai/rep-theory-mech-interp: `Metrics.percent_hidden` and
# `Metrics.hidden_excluded_and_restricted_loss` of rep_theory/utils/metrics.py, on the irreps of
# rep_theory/utils/groups.py, all in float32. Its product is b∘a, so that its x is our b. By frequency:
# shares of ρ(a), ρ(b) and ρ(a∘b); excluded and restricted loss.
RELEASED = {
    1: (0.010918616, 0.010925601, 0.010896143, 0.0010672067, 4.0945481),
    2: (0.37613389, 0.37618911, 0.11360916, 20.070528, 8.1043265e-08),
    3: (1.4462912e-08, 7.687226e-09, 5.8528921e-10, 3.8860768e-07, 4.7874919),
    4: (1.7810646e-05, 1.7957645e-05, 5.1787188e-06, 3.8853823e-07, 4.7874897),
    5: (9.7051558e-09, 9.2839771e-09, 2.0861032e-08, 3.8860438e-07, 4.7874917),
    6: (6.3713038e-08, 4.7180006e-08, 1.8325439e-08, 3.8859817e-07, 4.7874921),
}


def captured(folder):
    model, config = final(folder)
    with pm.captured(model, [RELU]) as activations:
        logits = pm.grid_logits(model, config.op)
    return model, config, logits, activations[RELU]


@pytest.fixture(scope="module")
def permutations():
    return captured(RUNS / "symmetric_5")


@pytest.fixture(scope="module")
def mainline():
    return captured(MAINLINE)


@pytest.mark.parametrize("k", RELEASED)
def test_shares_and_losses_of_a_representation_are_those_of_the_released_code(permutations, k):
    model, config, _, hidden = permutations
    op, mask = config.op, config.train_mask
    *shares, excluded, restricted = RELEASED[k]
    spectrum = pm.input_spectrum(hidden.view(op.n, op.n, -1), op)
    of_answer = pm.spectra.answer_spectrum(hidden, op)[k - 1]
    assert_close(torch.stack([spectrum[k, 0], spectrum[0, k], of_answer]), shares, rtol=5e-5, atol=1e-11)
    through_W_L = (hidden @ model.W_L.T).view(op.n, op.n, op.n).double()
    assert_close(pm.excluded_loss(through_W_L, op, [k], mask=mask), excluded, rtol=1e-5)
    assert_close(pm.restricted_loss(through_W_L - through_W_L.mean((0, 1)), op, [k]), restricted, rtol=1e-5)


def test_losses_of_all_key_representations_are_those_of_the_released_code(permutations):
    # `total_hidden_excluded_and_restricted_loss`, `total_logit_excluded_and_restricted_loss` and
    # `logit_trace_similarity`, run likewise.
    model, config, logits, hidden = permutations
    op, mask, keys = config.op, config.train_mask, [1, 2]
    through_W_L = (hidden @ model.W_L.T).view(op.n, op.n, op.n).double()
    assert_close(pm.excluded_loss(through_W_L, op, keys, mask=mask), 21.000599801447205, rtol=1e-5)
    without_constant = through_W_L - through_W_L.mean((0, 1))
    assert_close(pm.restricted_loss(without_constant, op, keys), 1.826561320387933e-11, rtol=1e-4)
    x = logits.double() - logits.double().mean(2, keepdim=True)
    assert_close(pm.cosine_coefficients(x, op)[:2] / x.norm(), [0.3629743457, 0.6773880720], rtol=1e-5)
    assert_close(pm.excluded_loss(x, op, keys, mask=mask, terms="aligned"), 20.386531020424115, rtol=1e-5)
    restricted = pm.restricted_loss(x - x.mean((0, 1)), op, keys, terms="aligned")
    assert_close(restricted, 1.799199493078556e-11, rtol=1e-4)


def test_projecting_neurons_is_projecting_what_they_add_to_the_logits(permutations):
    model, config, _, hidden = permutations
    op = config.op
    neurons = pm.project_onto_frequencies(op, [1, 2], terms="sum")(hidden.double())
    logits = pm.restrict((hidden.double() @ model.W_L.T.double()).view(op.n, op.n, op.n), op, [1, 2])
    assert_close((neurons @ model.W_L.T.double()).view_as(logits), logits, rtol=1e-10, atol=1e-10)


def demonstrated(hidden, keys):
    """The part of the neurons of Grokking_Demo, the demonstration that comes with TransformerLens, line by line."""
    p, part = 113, torch.zeros_like(hidden)
    a, b = torch.arange(p)[:, None], torch.arange(p)
    for k in keys:
        for wave in (torch.cos, torch.sin):
            vector = wave(k * 2 * torch.pi / p * (a + b).double())
            vector = (vector / vector.norm()).view(-1, 1)
            part += (hidden * vector).sum(0) * vector
    return part


def test_restricted_loss_of_the_demonstration_is_two_ablations(mainline):
    model, config, logits, hidden = mainline
    op, test = config.op, ~config.train_mask
    keys, logits = pm.key_frequencies(pm.spectrum(model.W_L, op), op), logits.flatten(0, 1).double()
    restricted = (hidden.double().mean(0) + demonstrated(hidden.double(), keys)) @ model.W_L.T.double()
    restricted += logits.mean(0) - restricted.mean(0)
    sites = {RELU: pm.project_onto_frequencies(op, keys, terms="sum"), SKIP: pm.mean_ablation()}
    with pm.ablated(model, sites):
        loss = pm.cross_entropy(pm.grid_logits(model, op), op, mask=test)
    assert_close(loss, pm.cross_entropy(restricted, op, mask=test), rtol=1e-4)


def test_excluded_loss_of_the_demonstration_is_one_ablation(mainline):
    model, config, logits, hidden = mainline
    op, mask = config.op, config.train_mask
    keys = pm.key_frequencies(pm.spectrum(model.W_L, op), op)
    # There biases are zero; so what skips the MLP is what is left of the logits.
    skips = logits.flatten(0, 1).double() - hidden.double() @ model.W_L.T.double()
    excluded = (hidden.double() - demonstrated(hidden.double(), keys)) @ model.W_L.T.double() + skips
    with pm.ablated(model, RELU, pm.project_out_frequencies(op, keys, terms="sum")):
        loss = pm.cross_entropy(pm.grid_logits(model, op), op, mask=mask)
    assert_close(loss, pm.cross_entropy(excluded, op, mask=mask), rtol=1e-4)


# In training

SMALL = pm.addition(7)
KEYS = [1, 3]


class Network(torch.nn.Sequential):
    @property
    def W_L(self):
        return self[-1].weight


def on_grid(x):
    return x.view(7, 7, -1)


def trained(recorder):
    """A few steps of Adam with dropout, and what is left of them: weights, moments, and the next random number."""
    nn = torch.nn
    torch.manual_seed(0)
    layers = [nn.Embedding(7, 8), nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 7)]
    model = Network(*layers)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=1.0)
    for step in range(6):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(SMALL.inputs), SMALL.table.flatten()).backward()
        if recorder is not None:
            recorder(step, model)  # with gradients there
        optimizer.step()
    moments = [value for state in optimizer.state.values() for value in state.values()]
    return [*model.parameters(), *(p.grad for p in model.parameters()), *moments, torch.rand(3)]


def measures_of(net, neurons, logits):
    """Each measure, to be computed."""
    return {
        "restricted loss through W_L": lambda: pm.restricted_loss(
            on_grid(neurons @ net.W_L.T) - (neurons @ net.W_L.T).mean(0), SMALL, KEYS
        ),
        "excluded loss through W_L": lambda: pm.excluded_loss(neurons @ net.W_L.T, SMALL, KEYS),
        "share of ρ(a)": lambda: pm.input_spectrum(on_grid(neurons), SMALL)[KEYS, 0].sum(),
        "share of ρ(a∘b)": lambda: pm.spectra.answer_spectrum(neurons, SMALL)[0],
        "activation_sparsity": lambda: pm.sparsity.activation_sparsity(neurons),
        "effective_sparsity": lambda: pm.sparsity.effective_sparsity(
            neurons, net.W_L, SMALL.table.flatten(), net.W_L.norm(dim=0), rest=net[-1].bias
        ),
        "absolute_weight_entropy": lambda: pm.sparsity.absolute_weight_entropy(net.W_L),
        "coset_concentration": lambda: pm.concentration.coset_concentration(net[0].weight, SMALL, [0]).mean(),
        "parallelogram_quality": lambda: pm.fits.parallelogram_quality(net[0].weight, tolerance=1.0),
        "normalized_margin": lambda: pm.losses.normalized_margin(
            logits, SMALL, pm.sum_squared_weights(net).sqrt(), homogeneity=3
        ),
        "compressed_size": lambda: pm.compression.compressed_size(net, step=0.01),
        "coarsest_step": lambda: pm.compression.coarsest_step(
            net, lambda model: pm.cross_entropy(pm.grid_logits(model, SMALL), SMALL), tolerance=0.01
        ),
    }


RECORDED = [*measures_of(None, None, None)]


@pytest.mark.parametrize("name", RECORDED)
def test_training_is_the_same_bit_for_bit_whatever_is_recorded(name):
    def measure(model):
        with pm.captured(model, ["3"]) as activations:
            logits = pm.grid_logits(model, SMALL)
        return {name: measures_of(model, activations["3"], logits)[name]()}

    recorder = pm.Recorder(measure, every=1)
    with_it, without = trained(recorder), trained(None)
    assert all(torch.equal(one, other) for one, other in zip(with_it, without, strict=True))
    assert recorder.trajectory[name].isfinite().all()
    if name not in {"coset_concentration", "parallelogram_quality"}:  # which need not change
        assert len(recorder.trajectory[name].unique()) > 1
