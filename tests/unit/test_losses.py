import math
import re

import numpy as np
import pytest
import torch

import progress_measures as pm
from progress_measures.losses.by_answer import Inputs
from progress_measures.losses.margins import losses_of, margins
from tests import _oracle
from tests._asserts import assert_close, assert_gradient, assert_scalar_loss
from tests._planted import OPERATIONS, learned_logits, planted_logits, random_logits, random_mask

TERMS = ["sum", "product", "polynomial", "aligned"]


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [5, 12, 64, 113])
def test_every_loss_agrees_with_the_oracle(n, make, terms):
    op = make(n)
    table = op.table.numpy()
    frequencies = sorted({1, n // 3, n // 2})
    logits = learned_logits(op, tuple(frequencies))
    mask = random_mask(n, fraction=min(0.4, 400 / n**2))  # the oracle is slow

    def loss(values):
        return _oracle.cross_entropy(values, table, mask.numpy())

    x = logits.numpy()
    restricted = _oracle.restrict(x, table, frequencies, terms)
    excluded = _oracle.exclude(x, table, frequencies, terms)
    assert_close(pm.cross_entropy(logits, op, mask=mask), loss(x))
    assert_close(pm.restricted_loss(logits, op, frequencies, mask=mask, terms=terms), loss(restricted))
    assert_close(pm.excluded_loss(logits, op, frequencies, mask=mask, terms=terms), loss(excluded))
    assert_close(pm.accuracy(logits, op, mask=mask), _oracle.accuracy(x, table, mask.numpy()))
    per_frequency = pm.excluded_loss_per_frequency(logits, op, mask=mask, terms=terms)
    for k in op.frequencies if n < 60 else frequencies:  # each takes the oracle seconds at n = 113
        assert_close(per_frequency[k - 1], loss(_oracle.exclude(x, table, [k], terms)))


@pytest.mark.parametrize("n", [64, 113])
def test_all_pairs_are_averaged_without_a_mask(n):
    op = pm.addition(n)
    logits = learned_logits(op, (1, 5))
    everything = np.ones((n, n), dtype=bool)
    assert_close(pm.cross_entropy(logits, op), _oracle.cross_entropy(logits.numpy(), op.table.numpy(), everything))
    assert_close(pm.accuracy(logits, op), _oracle.accuracy(logits.numpy(), op.table.numpy(), everything))


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [2, 5, 8])
def test_per_frequency_is_one_excluded_loss_each(n, make, terms):
    op = make(n)
    logits, mask = random_logits(n, scale=3), random_mask(n)
    losses = pm.excluded_loss_per_frequency(logits, op, mask=mask, terms=terms)
    assert losses.shape == (len(op.frequencies),)
    assert losses.dtype == torch.float64
    for k, loss in zip(op.frequencies, losses, strict=True):
        assert_close(loss, pm.excluded_loss(logits, op, [k], mask=mask, terms=terms))


@pytest.mark.parametrize("margin", [1.0, 40.0, 60.0, 300.0, 700.0])
@pytest.mark.parametrize("n", [2, 5, 113])
def test_small_losses_are_exact(n, margin):
    op = pm.addition(n)
    logits = margin * torch.nn.functional.one_hot(op.table, n).double() + 1000
    assert_close(pm.cross_entropy(logits, op), math.log1p((n - 1) * math.exp(-margin)), rtol=1e-12)


@pytest.mark.parametrize("margin", [1.0, 20.5, 50.0, 1e4])
def test_large_losses_are_exact(margin):
    op = pm.addition(5)
    logits = -margin * torch.nn.functional.one_hot(op.table, 5).double()
    assert_close(pm.cross_entropy(logits, op), margin + math.log(4 + math.exp(-margin)), rtol=1e-12)


@pytest.mark.parametrize("make", OPERATIONS)
def test_of_equal_logits_the_first_counts_as_it_does_for_argmax(make):
    op, train = make(6), random_mask(6)
    logits = torch.randint(3, (6, 6, 6), generator=torch.Generator().manual_seed(0))
    right = (logits.argmax(-1) == op.table).double()
    assert 0.1 < right.mean() < 0.9
    assert pm.accuracy(logits, op) == right.mean()
    measures = pm.measure(logits, op, [1], train_mask=train)
    assert_close(measures.train_accuracy, right[train].mean(), rtol=1e-15)
    assert_close(measures.test_accuracy, right[~train].mean(), rtol=1e-15)


def test_equal_logits_are_chance():
    for n in (1, 2, 113):
        op = pm.addition(n)
        assert_close(pm.cross_entropy(torch.full((n, n, n), 7.0), op), math.log(n), rtol=1e-14)
        assert pm.accuracy(torch.full((n, n, n), 7.0), op) == 1 / n


@pytest.mark.parametrize("make", OPERATIONS)
def test_masks_split_the_mean(make):
    op = make(6)
    logits, mask = random_logits(6), random_mask(6)
    for function in (pm.cross_entropy, pm.accuracy):
        chosen, rest = function(logits, op, mask=mask), function(logits, op, mask=~mask)
        share = mask.double().mean()
        assert_close(share * chosen + (1 - share) * rest, function(logits, op), rtol=1e-12)
    assert_close(pm.cross_entropy(logits, op, mask=mask.flatten().numpy()), pm.cross_entropy(logits, op, mask=mask))


def test_mask_chooses_pairs_after_the_parts_are_measured_on_all():
    op = pm.addition(6)
    logits, mask = random_logits(6), random_mask(6)
    only = torch.where(mask[..., None], logits, 0.0)
    assert pm.excluded_loss(logits, op, [1], mask=mask) != pm.excluded_loss(only, op, [1], mask=mask)


def test_losses_compose_from_restrict_and_exclude():
    op = pm.addition(7)
    logits, mask = random_logits(7), random_mask(7)
    for terms in TERMS:
        restricted = pm.restrict(logits, op, [1, 3], terms=terms)
        excluded = pm.exclude(logits, op, [1, 3], terms=terms)
        assert_close(
            pm.restricted_loss(logits, op, [1, 3], mask=mask, terms=terms), pm.cross_entropy(restricted, op, mask=mask)
        )
        assert_close(
            pm.excluded_loss(logits, op, [1, 3], mask=mask, terms=terms), pm.cross_entropy(excluded, op, mask=mask)
        )


def test_results_are_scalars_in_float64_whatever_the_dtype():
    op = pm.addition(5)
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        logits = random_logits(5).to(dtype)
        for loss in (
            pm.cross_entropy(logits, op),
            pm.restricted_loss(logits, op, [1]),
            pm.excluded_loss(logits, op, [1]),
        ):
            assert_scalar_loss(loss)
        assert_close(pm.cross_entropy(logits, op), pm.cross_entropy(logits.double(), op), rtol=1e-15)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # by which torch.func.jvp sets itself up
def test_inside_torch_func():
    op, x = pm.addition(5), random_logits(5)
    for function in (pm.cross_entropy, pm.excluded_loss_per_frequency, pm.logit_spectrum):
        gradient = torch.func.grad(lambda y, f=function: f(y, op).sum())(x)
        expected = torch.autograd.functional.jacobian(lambda y, f=function: f(y, op).sum(), x)
        assert_close(gradient, expected, rtol=1e-9, atol=1e-12)
        _, along = torch.func.jvp(lambda y, f=function: f(y, op).sum(), (x,), (x,))
        assert_close(along, (expected * x).sum(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 60.0, 800.0])
def test_gradients_are_finite_at_the_extremes(value):
    for n in (1, 5):
        op = pm.addition(n)
        logits = (value * torch.nn.functional.one_hot(op.table, n).double()).requires_grad_()
        (gradient,) = torch.autograd.grad(pm.cross_entropy(logits, op), logits)
        assert torch.isfinite(gradient).all()


def test_one_element():
    op = pm.addition(1)
    assert pm.cross_entropy(torch.tensor([[[3.0]]]), op) == 0
    assert pm.accuracy(torch.tensor([[[3.0]]]), op) == 1
    losses = pm.excluded_loss_per_frequency(torch.tensor([[[3.0]]]), op)
    assert (losses.shape, losses.dtype) == ((0,), torch.float64)


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [4, 5, 12, 113])
def test_planted_logits(n, make, terms):
    op = make(n)
    keys = (1, n // 2) if n < 12 else (1, 4, n // 2)
    logits = planted_logits(op, dict.fromkeys(keys, 2.0))
    full = pm.cross_entropy(logits, op)
    assert_close(pm.restricted_loss(logits, op, keys, terms=terms), full)
    assert_close(pm.excluded_loss(logits, op, keys, terms=terms), math.log(n), rtol=1e-12)
    per_frequency = pm.excluded_loss_per_frequency(logits, op, terms=terms)
    for k, loss in zip(op.frequencies, per_frequency, strict=True):
        assert loss > full * 1.01 if k in keys else abs(loss / full - 1) < 1e-9


@pytest.mark.parametrize("terms", TERMS)
def test_frequencies_of_unequal_numbers_of_rows(terms):
    cyclic = pm.addition(9)  # 1, then blocks of one, four and three rows
    op = pm.Operation("unequal", cyclic.elements, cyclic.table, cyclic.basis, torch.tensor([0, 1, 2, 2, 2, 2, 3, 3, 3]))
    logits, mask = random_logits(9, scale=4), random_mask(9)
    at_once = pm.excluded_loss_per_frequency(logits, op, mask=mask, terms=terms)
    one_by_one = [pm.excluded_loss(logits, op, [k], mask=mask, terms=terms) for k in (1, 2, 3)]
    assert_close(at_once, torch.stack(one_by_one), rtol=1e-12)
    means = torch.stack([logits[op.table == s].mean(0) for s in range(9)])
    rows = op.basis[2:6]
    if terms == "sum":
        removed = (rows.T @ rows @ means)[op.table]
        assert_close(at_once[1], pm.cross_entropy(logits - removed, op, mask=mask), rtol=1e-12)
        assert_close(pm.measure(logits, op, [2], train_mask=mask).excluded_loss, at_once[1], rtol=1e-12)


def confident(op):
    """Right everywhere by a wide margin, and far from any wave."""
    return 1500.0 * torch.nn.functional.one_hot(op.table, op.n) + random_logits(op.n, scale=500)


@pytest.mark.parametrize("terms", ["sum", "aligned"])
@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [2, 3, 12, 13])
@pytest.mark.parametrize(
    "logits",
    [
        lambda op: random_logits(op.n, scale=1e4),
        lambda op: planted_logits(op, dict.fromkeys(op.frequencies, 9.0)),
        lambda op: planted_logits(op, {op.frequencies[-1]: 1000.0}),
        confident,
    ],
    ids=["huge", "small loss", "one wave", "confident"],
)
def test_all_frequencies_at_once_are_one_at_a_time(n, make, logits, terms):
    op = make(n)
    x = logits(op)
    for mask in (None, random_mask(n)):
        at_once = pm.excluded_loss_per_frequency(x, op, mask=mask, terms=terms)
        one_by_one = torch.stack([pm.excluded_loss(x, op, [k], mask=mask, terms=terms) for k in op.frequencies])
        assert_close(at_once, one_by_one, rtol=1e-10)


@pytest.mark.parametrize("block", [None, 9])
@pytest.mark.parametrize("scale", [1.0, 300.0, 3000.0])
def test_any_functions_of_the_answer_are_removed_at_once(scale, block, monkeypatch):
    # At the larger scales most of the sums' factors are largest at answers so far apart that their product vanishes.
    if block is not None:
        monkeypatch.setattr("progress_measures._blocks.BLOCK", block)
    generator = torch.Generator().manual_seed(0)
    logits, answers = random_logits(9, scale=scale), torch.arange(9)[:, None].expand(9, 9)
    removed = scale * torch.randn(4, 9, 9, dtype=torch.float64, generator=generator)

    def losses(logits):
        return Inputs.of(logits.clone(), answers).losses_without(removed, constant=True).permute(2, 0, 1)

    def one_by_one(logits):
        return [losses_of(margins(logits - each[:, None], answers)) for each in removed]

    assert_close(losses(logits), torch.stack(one_by_one(logits)), rtol=1e-11)
    assert_close(Inputs.of(logits.clone(), answers).losses(), losses_of(margins(logits, answers)), rtol=1e-12)
    removed /= scale
    assert_gradient(losses, logits / scale)


def test_hits_of_fewer_answers_than_inputs_have_their_ties():
    logits = torch.randint(3, (2, 6, 4), generator=torch.Generator().manual_seed(0)).float()
    answers = torch.tensor([[1], [2]]).expand(2, 6)
    right = logits.argmax(-1) == answers
    assert 0 < right.sum() < 12
    assert torch.equal(Inputs.of(logits.clone(), answers).hits(), right)


def test_a_single_sum_that_vanishes():
    # After the right answer is lowered by 5000 and another by 2000, both wrong ones are 3000 above it.
    pairs = Inputs.of(torch.tensor([[[0.0, 0.0, -2000.0]]]), torch.tensor([[0]]))
    losses = pairs.losses_without(torch.tensor([[[5000.0, 2000.0, 0.0]]]).double(), constant=True)
    assert_close(losses, [[[3000 + math.log(2)]]], rtol=1e-14)


# Normalized margin


@pytest.mark.parametrize("p", [5, 7, 13])
def test_normalized_margin_of_the_best_network_is_that_of_the_theorem(p):
    # Morwani et al. (2023), theorem 7: of one layer of squares f(a, b)_c = Σ_i (u_i(a) + v_i(b))² w_i(c), the largest
    # margin by the 3-norm of the 2-norms of neurons is √(2/27) / (√p (p − 1)). Neurons of one frequency with phases
    # φ, ψ and φ + ψ have it; with nine pairs of phases all unwanted products cancel.
    numbers, thirds = torch.arange(p).double(), 2 * math.pi / 3 * torch.arange(3).double()
    wave = lambda k, phase: torch.cos(2 * math.pi * k / p * numbers + phase)  # noqa: E731 (one line, and its own)
    neurons = [
        torch.stack([wave(k, first), wave(k, second), wave(k, first + second)])
        for k in range(1, (p + 1) // 2) for first in thirds for second in thirds
    ]  # fmt: skip
    u, v, w = torch.stack(neurons, 1)
    logits = torch.einsum("iab,ic->abc", (u[:, :, None] + v[:, None]).square(), w)
    norm = torch.linalg.vector_norm(torch.stack([u, v, w]).square().sum((0, 2)).sqrt(), 3)
    found = pm.losses.normalized_margin(logits, pm.addition(p), norm, homogeneity=3)
    assert_close(found, math.sqrt(2 / 27) / (math.sqrt(p) * (p - 1)), rtol=1e-12)
    scaled = pm.losses.normalized_margin(1.7**3 * logits, pm.addition(p), 1.7 * float(norm), homogeneity=3)
    assert_close(scaled, found, rtol=1e-12)


def test_normalized_margin_is_of_the_worst_chosen_input():
    op = pm.addition(5)
    logits = torch.nn.functional.one_hot(op.table, 5).double()
    logits[1, 2, 0] = 1.25
    assert_close(pm.losses.normalized_margin(logits, op, 2, homogeneity=1), -0.125)
    others = torch.ones(5, 5, dtype=torch.bool)
    others[1, 2] = False
    assert_close(pm.losses.normalized_margin(logits, op, 2.0, homogeneity=1, mask=others), 0.5)
    assert_close(pm.losses.normalized_margin(logits.numpy(), op, torch.tensor([2.0]), homogeneity=2), -0.0625)


def test_normalized_margin_takes_a_norm_with_a_graph():
    op, norm = pm.addition(5), torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    found = pm.losses.normalized_margin(torch.nn.functional.one_hot(op.table, 5), op, norm, homogeneity=2)
    found.backward()
    assert_close(norm.grad, -2 * found.detach() / 2)
    for number, message in [(-1.0, "above 0. Got -2"), (1e200, "can hold. Got 2e+200 to the power 2")]:
        with pytest.raises(ValueError, match=re.escape(message)):
            pm.losses.normalized_margin(torch.ones(5, 5, 5), op, number * norm, homogeneity=2)
