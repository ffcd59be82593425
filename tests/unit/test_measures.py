import dataclasses

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close
from tests._planted import OPERATIONS, learned_logits, random_mask


@pytest.mark.parametrize("make", OPERATIONS)
@pytest.mark.parametrize("n", [5, 12, 31])
def test_every_number_is_that_of_its_own_function(n, make):
    op = make(n)
    keys = (1, n // 2)
    logits, train = learned_logits(op, keys).float(), random_mask(n)
    m = pm.measure(logits, op, keys, train_mask=train)
    restricted, excluded = pm.restrict(logits, op, keys), pm.exclude(logits, op, keys)
    expected = {
        "train_loss": pm.cross_entropy(logits, op, mask=train),
        "test_loss": pm.cross_entropy(logits, op, mask=~train),
        "train_accuracy": pm.accuracy(logits, op, mask=train),
        "test_accuracy": pm.accuracy(logits, op, mask=~train),
        "restricted_loss": pm.restricted_loss(logits, op, keys),
        "restricted_loss_train": pm.restricted_loss(logits, op, keys, mask=train),
        "restricted_loss_test": pm.restricted_loss(logits, op, keys, mask=~train),
        "restricted_accuracy": pm.accuracy(restricted, op),
        "excluded_loss": pm.excluded_loss(logits, op, keys, mask=train),
        "excluded_accuracy": pm.accuracy(excluded, op, mask=train),
        "excluded_loss_per_frequency": pm.excluded_loss_per_frequency(logits, op, mask=train),
    }
    assert vars(m).keys() == expected.keys()
    for name, value in expected.items():
        assert getattr(m, name).dtype == torch.float64
        assert_close(getattr(m, name), value, rtol=1e-12)


def test_as_dict_is_flat_and_of_floats():
    op = pm.addition(7)
    m = pm.measure(learned_logits(op, (2,)), op, [2], train_mask=random_mask(7))
    flat = m.as_dict()
    assert all(type(value) is float for value in flat.values())
    assert flat["test_loss"] == m.test_loss.item()
    assert [flat[f"excluded_loss_per_frequency/{k}"] for k in (1, 2, 3)] == m.excluded_loss_per_frequency.tolist()
    assert len(flat) == 10 + 3


def test_frozen():
    op = pm.addition(5)
    m = pm.measure(learned_logits(op, (2,)), op, [2], train_mask=random_mask(5))
    with pytest.raises(dataclasses.FrozenInstanceError):
        m.train_loss = torch.zeros(())


@pytest.mark.filterwarnings("ignore:.frequencies. are none")
def test_no_frequencies_restrict_to_the_constant():
    op = pm.addition(5)
    logits = learned_logits(op, (2,))
    m = pm.measure(logits, op, pm.key_frequencies(torch.ones(2)), train_mask=random_mask(5))
    assert_close(m.excluded_loss, m.train_loss)
    assert_close(m.restricted_loss, pm.cross_entropy(logits.mean((0, 1)).expand(5, 5, 5), op))


def test_an_iterator_of_frequencies_is_read_once():
    op, train = pm.addition(7), random_mask(7)
    logits = learned_logits(op, (1, 3))
    once = pm.measure(logits, op, iter([1, 3]), train_mask=train)
    assert_close(once.excluded_loss, pm.excluded_loss(logits, op, [1, 3], mask=train))
