import pytest
import torch

import progress_measures as pm
from progress_measures import _blocks
from tests._asserts import assert_close, assert_gradient
from tests._planted import learned_logits, random_logits, random_mask


def test_blocks_follow_one_another():
    x = torch.arange(7 * 3.0).view(7, 3)
    found = list(_blocks.blocks(x))
    assert [start for start, _ in found] == [0]
    assert torch.equal(found[0][1], x)


@pytest.mark.parametrize("size", [1, 6, 8, 100])
def test_blocks_are_of_rows_and_no_larger_than_they_have_to_be(monkeypatch, size):
    monkeypatch.setattr(_blocks, "BLOCK", size)
    x = torch.arange(7 * 3.0).view(7, 3)
    found = list(_blocks.blocks(x))
    assert torch.equal(torch.cat([block for _, block in found]), x)
    assert all(torch.equal(x[start : start + len(block)], block) for start, block in found)
    assert {len(block) for _, block in found[:-1]} <= {max(1, size // 3)}


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("size", [1, 8, 1000])
def test_row_blocks_are_the_rows_of_their_indices(monkeypatch, size, requires_grad):
    monkeypatch.setattr(_blocks, "BLOCK", size)
    x = torch.randn(10, 2, requires_grad=requires_grad)
    index = torch.tensor([[3, 1, 1], [9, 0, 2], [4, 4, 5], [8, 7, 6]])
    seen = []

    def progress(blocks):
        seen.append(len(blocks))
        return blocks

    found = list(_blocks.row_blocks(x, index, progress))
    assert seen == [len(found)]
    assert torch.equal(torch.cat([part for part, _ in found]), index)
    assert all(torch.equal(rows, x[part]) for part, rows in found)
    assert all(rows.requires_grad == requires_grad for _, rows in found)


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_measures_do_not_depend_on_the_blocks(monkeypatch, size):
    op, train = pm.subtraction(8), random_mask(8)
    logits, activations = learned_logits(op, (1, 3)), torch.randn(8, 8, 5, dtype=torch.float64)

    def everything():
        return [
            *vars(pm.measure(logits, op, [1, 3], train_mask=train)).values(),
            pm.cross_entropy(logits, op, mask=train),
            pm.excluded_loss_per_frequency(logits, op, terms="aligned"),
            pm.logit_spectrum(logits, op),
            pm.neuron_spectrum(activations, op),
        ]

    expected = everything()
    monkeypatch.setattr(_blocks, "BLOCK", size)
    for actual, value in zip(everything(), expected, strict=True):
        assert_close(actual, value, rtol=1e-12)
    small, mask = pm.subtraction(4), random_mask(4)  # finite differences of 64 logits
    assert_gradient(
        lambda x: pm.measure(x, small, [1], train_mask=mask).excluded_loss_per_frequency, learned_logits(small, (1,))
    )


def test_where_the_first_bad_value_is_is_said_across_blocks(monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 30)
    logits = random_logits(5)
    logits[3, 1, 4] = torch.nan
    logits[4, 4, 4] = -torch.inf
    with pytest.raises(ValueError, match=r"2 non-finite of 125 values, the first \(nan\) at \(a, b, c\) \(3, 1, 4\)"):
        pm.accuracy(logits, pm.addition(5))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_values_whose_sum_overflows_are_finite(dtype):
    assert pm.gini(torch.full((5,), torch.finfo(dtype).max, dtype=dtype)) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])  # of float64 the largest logits are refused
def test_logits_whose_sum_overflows_are_finite(dtype):
    logits = torch.full((5, 5, 5), torch.finfo(dtype).max, dtype=dtype)
    assert pm.accuracy(logits, pm.addition(5)) == 1 / 5
