from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm

# Tokens that are neither in order nor without a gap: columns have to be gathered, not sliced.
OP = pm.Operation(
    "permuted",
    torch.tensor([7, 2, 0, 5, 3]),
    pm.addition(5).table,
    pm.fourier_basis(5),
    torch.tensor([0, 1, 1, 2, 2]),
)


def encode(pairs):
    """Logits that tell the pair and the column apart."""
    return 10000.0 * pairs[:, :1] + 100 * pairs[:, 1:] + torch.arange(9.0)


class Recorder(nn.Module):
    """A model with parts in several modes, which notes the modes that it is run in."""

    def __init__(self, error=None):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.dropout = nn.Dropout(0.5)
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
        self.unembedding = nn.Linear(4, 9)
        self.error = error
        self.seen = []
        # As in fine-tuning with a frozen part.
        self.train()
        self.inner.eval()
        self.inner[1].train()

    def modes(self):
        return [module.training for module in self.modules()]

    def forward(self, pairs):
        self.seen.append((self.modes(), torch.is_grad_enabled()))
        if self.error is not None:
            raise self.error
        return self.unembedding(self.inner(self.dropout(self.embedding(pairs).sum(1))))


def test_axes_are_both_inputs_and_the_columns_of_the_elements():
    tokens = OP.elements.float()
    expected = 10000 * tokens[:, None, None] + 100 * tokens[:, None] + tokens
    assert torch.equal(pm.grid_logits(encode, OP), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.dtype(">f4"), np.int64])
@pytest.mark.parametrize("batch_size", [None, 7])
def test_arrays_are_taken_for_tensors(dtype, batch_size):
    def predict(pairs):
        logits = (encode(pairs) / 2**7).numpy().astype(dtype)
        logits.flags.writeable = False  # as those of JAX are not
        return logits

    logits = pm.grid_logits(predict, OP, batch_size=batch_size)
    expected = pm.grid_logits(
        lambda pairs: torch.from_numpy(predict(pairs).astype(np.dtype(dtype).newbyteorder("="))), OP
    )
    assert logits.dtype == expected.dtype
    assert torch.equal(logits, expected)


@pytest.mark.parametrize("batch_size", [1, 7, 24, 25, 1000])
def test_batches_follow_one_another_in_the_order_of_the_pairs(batch_size):
    fed = []

    def predict(pairs):
        fed.append(pairs)
        return encode(pairs)

    logits = pm.grid_logits(predict, OP, batch_size=batch_size)
    assert torch.equal(logits, pm.grid_logits(encode, OP))
    assert torch.equal(torch.cat(fed), OP.inputs)
    assert [len(pairs) for pairs in fed[:-1]] == [batch_size] * ((25 - 1) // batch_size)
    assert len(fed[-1]) == (25 - 1) % batch_size + 1


def test_all_pairs_are_fed_at_once_by_default():
    model = Recorder()
    pm.grid_logits(model, OP)
    assert len(model.seen) == 1


def test_tokens_are_int64_on_the_cpu():
    def predict(pairs):
        assert (pairs.dtype, pairs.device.type, tuple(pairs.shape)) == (torch.int64, "cpu", (25, 2))
        return encode(pairs)

    pm.grid_logits(predict, OP)


def test_batch_size_may_be_a_numpy_integer():
    assert torch.equal(pm.grid_logits(encode, OP, batch_size=np.int64(4)), pm.grid_logits(encode, OP))


def test_group_of_one_element():
    assert torch.equal(pm.grid_logits(lambda pairs: pairs.double() + 3, pm.addition(1)), torch.full((1, 1, 1), 3.0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64])
def test_dtype_is_the_models(dtype):
    assert pm.grid_logits(lambda pairs: encode(pairs).div(1000).to(dtype), OP, batch_size=10).dtype == dtype


def test_result_has_no_graph_by_default():
    model = Recorder()
    assert not pm.grid_logits(model, OP, batch_size=10).requires_grad
    assert [grad for _, grad in model.seen] == [False] * 3


def test_gradients_reach_the_parameters_when_asked_for():
    model = Recorder().double()
    logits = pm.grid_logits(model, OP, batch_size=4, requires_grad=True)
    gradient = torch.autograd.grad(logits[1, 2, 3], model.unembedding.weight)[0]
    direct = model.eval()(OP.inputs)[1 * 5 + 2, OP.elements[3]]
    expected = torch.autograd.grad(direct, model.unembedding.weight)[0]
    assert expected.any()
    assert torch.allclose(gradient, expected)


def leaving(error):
    return nullcontext() if error is None else pytest.raises(type(error))


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("error", [None, RuntimeError(), KeyboardInterrupt()])
def test_grad_mode_is_put_back(requires_grad, before, error):
    model = Recorder(error)
    with torch.set_grad_enabled(before):
        with leaving(error):
            pm.grid_logits(model, OP, requires_grad=requires_grad)
        assert torch.is_grad_enabled() is before
    assert [grad for _, grad in model.seen] == [requires_grad]


def test_model_is_run_in_evaluation_mode():
    model = Recorder()
    pm.grid_logits(model, OP)
    assert not any(model.seen[0][0])


def test_function_is_run_in_the_modes_that_it_finds():
    model = Recorder()
    pm.grid_logits(lambda pairs: model(pairs), OP)
    assert model.seen[0][0] == model.modes()


@pytest.mark.parametrize("error", [None, RuntimeError(), KeyboardInterrupt()])
def test_each_submodule_is_put_back_into_its_mode(error):
    model = Recorder(error)
    before = model.modes()
    assert set(before) == {True, False}
    with leaving(error):
        pm.grid_logits(model, OP)
    assert model.modes() == before


def test_modes_are_put_back_when_the_logits_are_refused():
    model = nn.Sequential(nn.Embedding(9, 4), nn.Dropout())
    with pytest.raises(ValueError, match="`predict` must return logits at the answer position"):
        pm.grid_logits(model, OP)
    assert all(module.training for module in model.modules())


def test_graph_where_asked_for_inside_no_grad():
    model = torch.nn.Sequential(torch.nn.Embedding(3, 4), torch.nn.Flatten(), torch.nn.Linear(8, 3))
    with torch.no_grad():
        assert pm.grid_logits(model, pm.addition(3), 4, requires_grad=True).requires_grad
    assert not pm.grid_logits(model, pm.addition(3), 4).requires_grad
