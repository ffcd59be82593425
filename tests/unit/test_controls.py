import itertools

import numpy as np
import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close
from tests._planted import learned_logits, memorizing_logits, planted_logits, random_logits, random_mask

CONTROLS = [pm.random_frequency_control, pm.shuffled_label_control]
LOSSES = ["restricted_loss", "restricted_loss_train", "restricted_loss_test", "excluded_loss"]
OPERATIONS = [pm.addition(7), pm.subtraction(8), pm.groups.symmetric_group(3)]


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("op", OPERATIONS, ids=repr)
def test_the_loss_itself_is_that_of_measure(control, op):
    logits, mask = learned_logits(op, (1,)), random_mask(op.n)
    found, expected = control(logits, op, [1], train_mask=mask, draws=3), pm.measure(logits, op, [1], train_mask=mask)
    for name in LOSSES:
        assert_close(getattr(found, name).real, getattr(expected, name), rtol=1e-12)
        assert getattr(found, name).draws.shape == (3,)


def test_draws_are_the_losses_of_other_frequencies():
    op = pm.addition(8)  # frequency 4 has one row
    logits, mask = learned_logits(op, (1, 4)), random_mask(8)
    found = pm.random_frequency_control(logits, op, [1, 4], train_mask=mask, draws=200)
    sets = [pm.measure(logits, op, some, train_mask=mask) for some in itertools.combinations(op.frequencies, 2)]
    for name in LOSSES:
        expected = torch.stack([getattr(each, name) for each in sets])
        near = torch.isclose(getattr(found, name).draws[:, None], expected, rtol=1e-10, atol=0)
        assert near.any(1).all()
        # All six sets are equally likely: 33 of 200 on average, with a standard deviation of 5.
        assert (near.sum(0) > 15).all()


@pytest.mark.parametrize("op", [pm.addition(5), pm.groups.symmetric_group(3)], ids=repr)
def test_draws_are_the_losses_of_renamed_answers(op):
    logits, mask = learned_logits(op, (1,)), random_mask(op.n)
    found = pm.shuffled_label_control(logits, op, [1], train_mask=mask, draws=30)
    renamed = []
    for names in map(torch.tensor, itertools.permutations(range(op.n))):
        other = pm.Operation("renamed", op.elements, names[op.table], op.basis, op.row_frequency)
        columns = torch.empty_like(logits)
        columns[:, :, names] = logits
        renamed.append(pm.measure(columns, other, [1], train_mask=mask))
    assert_close(torch.stack([each.train_loss for each in renamed]).std(), 0.0, atol=1e-12)
    for name in LOSSES:
        every = torch.stack([getattr(each, name) for each in renamed])
        draws = getattr(found, name).draws
        assert torch.isclose(draws[:, None], every, rtol=1e-10, atol=0).any(1).all()
        assert len(draws.unique()) > 1


@pytest.mark.parametrize("control", CONTROLS)
def test_a_circuit_is_far_from_its_draws(control):
    op = pm.addition(59)
    mask = random_mask(59)
    logits = planted_logits(op, {3: 10.0, 8: 10.0, 20: 10.0}) + random_logits(59)
    found = control(logits, op, [3, 8, 20], train_mask=mask)
    for name in LOSSES[:3]:
        loss = getattr(found, name)
        assert loss.share_below == 0
        assert loss.real < loss.draws.min() / 2
    assert found.excluded_loss.share_below == 1
    assert found.excluded_loss.real > 2 * found.excluded_loss.draws.max()


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("seed", range(3))
def test_what_memorizes_is_like_its_draws(control, seed):
    op = pm.addition(59)
    mask = random_mask(59, fraction=0.3)
    found = control(memorizing_logits(op, mask, seed=seed), op, [3, 8, 20], train_mask=mask, seed=seed)
    # The answers are known from the training pairs, so the loss is below chance; but so it is with anything.
    assert found.restricted_loss_test.real < 0.95 * np.log(59)
    for name in LOSSES:
        loss = getattr(found, name)
        assert 0.01 < loss.share_below < 0.99
        assert_close(loss.real, loss.quantiles([0.5])[0], rtol=0.02)


@pytest.mark.parametrize("control", CONTROLS)
def test_draws_depend_on_the_seed_alone(control):
    op, mask = pm.addition(23), random_mask(23)
    logits = learned_logits(op, (3, 5))
    state = torch.random.get_rng_state()
    first, again, other = (control(logits, op, [3, 5], train_mask=mask, draws=20, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    for name in LOSSES:
        assert torch.equal(getattr(first, name).draws, getattr(again, name).draws)
        assert not torch.equal(getattr(first, name).draws, getattr(other, name).draws)


def test_share_and_quantiles():
    loss = pm.measures.Control(real=torch.tensor(2.0).double(), draws=torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]).double())
    assert loss.share_below == 0.2
    assert_close(loss.quantiles(), [1.2, 3.0, 4.8])
    assert_close(loss.quantiles([0, 1]), [1.0, 5.0])
    assert_close(loss.quantiles(torch.tensor([0.5])), [3.0])
    assert loss.quantiles([]).shape == (0,)


def test_the_largest_seed():
    op = pm.addition(5)
    found = pm.random_frequency_control(learned_logits(op, (1,)), op, [1], train_mask=op.table < 2, seed=2**64 - 1)
    assert len(found.excluded_loss.draws) == 100


def test_with_few_sets_no_loss_is_above_all():
    op = pm.addition(9)  # four sets of three frequencies
    shares = []
    for seed in range(100):
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(9, 9, 9, generator=generator, dtype=torch.float64)
        chosen = (torch.randperm(4, generator=generator)[:3] + 1).tolist()
        found = pm.random_frequency_control(logits, op, chosen, train_mask=op.table < 4, draws=400, seed=seed)
        shares.append(found.restricted_loss.share_below)
    near, counts = np.unique(np.round(np.array(shares) * 4), return_counts=True)
    assert near.tolist() == [0, 1, 2, 3]
    assert counts.min() > 10  # of 25


def test_renamed_answers_tell_nothing_about_a_group_whose_frequencies_are_used_alike():
    op = pm.groups.symmetric_group(4)
    kernels = [op.rows([k]).T @ op.rows([k]) for k in op.frequencies]

    def control(weights):
        table = 40 * sum(weight * kernel for weight, kernel in zip(weights, kernels, strict=True))
        logits = table[op.table]
        assert pm.accuracy(logits, op) == 1
        return pm.shuffled_label_control(logits, op, [3, 4], train_mask=op.table < 12).restricted_loss.share_below

    # Whether power per row is above or below the average decides.
    assert control([2, 1.5, 1, 1]) == 1
    assert control([0.5, 0.7, 1, 1]) == 0
