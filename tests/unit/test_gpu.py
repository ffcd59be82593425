"""Everything on a CUDA device: the same numbers, there, without waiting for it once per frequency."""

import warnings

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close
from tests._planted import learned_logits, random_mask

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and there is none"),
]
TERMS = ["sum", "product", "polynomial", "aligned"]


def everything(logits, op, mask):
    for control in (pm.random_frequency_control, pm.shuffled_label_control):
        for loss in vars(control(logits, op, [1, 3], train_mask=mask, draws=5)).values():
            yield from (loss.real, loss.draws, loss.quantiles())
    yield from all_but_controls(logits, op, mask)


def all_but_controls(logits, op, mask):
    yield from vars(pm.measure(logits, op, [1, 3], train_mask=mask)).values()
    yield pm.accuracy(logits, op, mask=mask)
    for terms in TERMS:
        yield pm.restrict(logits, op, [1, 3], terms=terms)
        yield pm.restricted_loss(logits, op, [1], mask=mask, terms=terms)
        yield pm.excluded_loss(logits, op, [1, 3], mask=mask, terms=terms)
        yield pm.excluded_loss_per_frequency(logits, op, mask=mask, terms=terms)
    yield pm.logit_spectrum(logits, op)
    yield pm.cosine_coefficients(logits, op)
    yield pm.neuron_spectrum(logits, op)
    yield pm.neuron_frequencies(pm.neuron_spectrum(logits, op), min_share=0.2)
    yield pm.project_onto_frequencies(op, [1, 3])(logits.flatten(0, 1))
    yield pm.project_out_frequencies(op, [1], terms="sum")(logits.flatten(0, 1))
    yield pm.project_each_onto_frequency(op, torch.arange(op.n) % 4)(logits.flatten(0, 1))
    yield pm.spectrum(logits, op, dim=2)
    yield pm.gini(pm.spectrum(logits, op))
    yield pm.to_fourier(logits, (0, 1))
    yield pm.from_fourier(logits, (1, 2))
    yield pm.frequency_power(logits, (0, 2))
    yield pm.fourier_basis(5, device=logits.device)
    yield pm.effective_rank(logits)
    yield pm.concentration.inverse_participation_ratio(logits, op)
    yield pm.concentration.fourier_frequency_density(logits, op)
    yield pm.concentration.fourier_coefficient_ratio(logits, op)
    yield pm.circuits.distance_irrelevance(logits, op)
    yield pm.circuits.circularity(logits, op)


@pytest.mark.parametrize("make", [pm.addition, lambda n: pm.multiplication(n + 1)])
def test_the_same_numbers_on_the_device(make):
    op = make(12)
    logits, mask = learned_logits(op, (1, 3)), random_mask(12)
    there = everything(logits.cuda(), op, mask.cuda())
    for actual, expected in zip(there, everything(logits, op, mask), strict=True):
        assert actual.is_cuda
        assert_close(actual.cpu(), expected, rtol=1e-9, atol=1e-12)


def test_logits_and_hooks_on_the_device():
    model = torch.nn.Sequential(torch.nn.Embedding(7, 16), torch.nn.Flatten(), torch.nn.Linear(32, 7)).cuda()
    op = pm.addition(7)
    with pm.captured(model, "0") as activations, pm.ablated(model, "1", pm.mean_ablation()):
        logits = pm.grid_logits(model, op, batch_size=10)
    assert logits.is_cuda
    assert activations["0"].is_cuda
    assert pm.sum_squared_weights(model).is_cuda
    assert pm.parameter_norms(model, depth=1)["0"].is_cuda
    symmetricity = pm.circuits.gradient_symmetricity(model, op, model[0])
    assert symmetricity.is_cuda
    assert_close(symmetricity.cpu(), pm.circuits.gradient_symmetricity(model.cpu(), op, model[0]), rtol=1e-4)


def test_logits_of_the_device_in_a_file(tmp_path):
    logits = learned_logits(pm.addition(7), (2,)).cuda()
    found = pm.grid_logits(
        lambda pairs: logits.flatten(0, 1)[: len(pairs)], pm.addition(7), out=tmp_path / "logits.npy"
    )
    assert torch.equal(found, logits.cpu())


def test_waiting_does_not_depend_on_the_number_of_frequencies():
    def waits(n):
        op = pm.addition(n)
        logits, mask = learned_logits(op, (1, 3)).cuda(), random_mask(n).cuda()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                pm.measure(logits, op, [1, 3], train_mask=mask)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return len(caught)

    assert waits(8) == waits(64)
