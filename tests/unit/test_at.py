"""A part of an activation, replaced."""

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_gradient, assert_raises

X = torch.arange(2 * 3 * 4.0).reshape(2, 3, 4) - 7


def negative(x):
    return -x


INDICES = {
    "last position": (slice(None), -1),
    "a head": (slice(None), [1]),
    "two features": (..., [3, 0]),
    "features as a range": (..., range(1, 3)),
    "features as a tuple": (..., (1, 2)),
    "features as a tensor": (..., torch.tensor([2])),
    "features as an array": (..., np.array([0, 2], dtype=np.uint8)),
    "features by a mask": (..., torch.tensor([True, False, False, True])),
    "features by a list of bools": (..., [True, False, False, True]),
    "mask over two axes": (slice(None), torch.eye(3, 4, dtype=torch.bool)),
    "mask over all": X > 3,
    "mask of NumPy": (X > 3).numpy(),
    "pairs of places": ([0, 1], [2, 0]),
    "a grid of places": (slice(None), [[0], [2]], [1, 3]),
    "every other": (slice(None, None, 2), ..., slice(1, None, 2)),
    "a row": 1,
    "a row, of a tensor": torch.tensor(1),
    "a row, of NumPy": np.int64(-1),
    "rows": [1],
    "all": ...,
    "all, by nothing": (),
    "numpy.s_": np.s_[:, -1, ::2],
}


def for_numpy(index):
    entries = index if isinstance(index, tuple) else (index,)
    entries = (entry.numpy() if isinstance(entry, torch.Tensor) else entry for entry in entries)
    return tuple(np.array(entry) if isinstance(entry, tuple | range) else entry for entry in entries)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_what_is_chosen_is_replaced_and_the_rest_stays(index):
    before = X.clone()
    replaced = pm.at(index, lambda part: part + 100)(X)
    chosen = np.zeros(X.shape, dtype=bool)
    chosen[for_numpy(index)] = True
    assert chosen.sum() > 0
    assert torch.equal(replaced, X + 100 * torch.from_numpy(chosen))
    assert torch.equal(X, before)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_replacement_sees_what_is_chosen(index):
    seen = []
    pm.at(index, lambda part: seen.append(part) or part)(X)
    assert np.array_equal(seen[0].numpy(), X.numpy()[for_numpy(index)])


def test_parts_of_a_model_are_replaced():
    model = nn.Sequential(nn.Identity(), nn.Identity())
    with pm.ablated(model, {"0": pm.at((slice(None), -1), pm.mean_ablation()), "1": pm.at((..., [0]), negative)}):
        output = model(X)
    expected = X.clone()
    expected[:, -1] = X[:, -1].mean(0)
    expected[..., 0] *= -1
    assert torch.equal(output, expected)


def test_parts_of_items_are_replaced():
    torch.manual_seed(0)
    attention, x = nn.MultiheadAttention(4, 2, batch_first=True), torch.randn(2, 3, 4)
    output, weights = attention(x, x, x)
    with pm.ablated(attention, pm.output_of("", 0), pm.at((slice(None), 1), pm.zero_ablation())):
        ablated, same = attention(x, x, x)
    assert torch.equal(same, weights)
    assert (ablated[:, 1] == 0).all()
    assert torch.equal(ablated[:, [0, 2]], output[:, [0, 2]])


def test_parts_nest():
    replaced = pm.at((..., slice(2)), pm.at((slice(None), 0), negative))(X)
    expected = X.clone()
    expected[:, 0, :2] *= -1
    assert torch.equal(replaced, expected)


def test_resampled_and_projected_parts_have_the_shape_of_the_part():
    source = torch.arange(4.0).reshape(1, 4)
    replaced = pm.at((slice(None), 1), pm.resample_ablation(source))(X)
    assert torch.equal(replaced[:, 1], source.expand(2, 4))
    kept = pm.at((..., [1, 2]), pm.project_onto(torch.tensor([1.0, 1.0])))(X)
    mean = (X[..., 1] + X[..., 2]) / 2
    torch.testing.assert_close(kept, torch.stack([X[..., 0], mean, mean, X[..., 3]], -1))


def test_gradients_flow_through_the_part_and_the_rest():
    assert_gradient(pm.at((slice(None), [0, 2], 1), torch.exp), X / 10)
    x = X.clone().requires_grad_()
    pm.at((..., 0), lambda part: 3 * part)(x).sum().backward()
    assert torch.equal(x.grad, torch.tensor([3.0, 1.0, 1.0, 1.0]).expand(2, 3, 4))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_part_is_cast_to_the_dtype_of_the_activation(dtype):
    replaced = pm.at(0, lambda part: torch.ones(part.shape, dtype=torch.int64))(X.to(dtype))
    assert replaced.dtype == dtype
    assert (replaced[0] == 1).all()


def test_activation_that_shares_memory_is_replaced_in_one_place():
    # Such as the mean over the batch, which is one row seen many times.
    replaced = pm.at(0, pm.zero_ablation())(torch.ones(1, 3).expand(2, 3))
    assert replaced.tolist() == [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]


def test_index_is_fixed_when_it_is_given():
    features = [0]
    replacement = pm.at((..., features), pm.zero_ablation())
    features[0] = 1
    assert replacement(torch.ones(1, 2)).tolist() == [[0.0, 1.0]]


INDEX = "`index` must be an integer, a slice, ..., a list of integers or a mask, or a tuple of these. "
# fmt: off
MISTAKES = [
    ("name", lambda: pm.at("last", negative), TypeError, INDEX + "Got 'last' (str)."),
    ("nothing", lambda: pm.at(None, negative), TypeError, INDEX + "Got None (NoneType)."),
    ("new axis", lambda: pm.at((slice(None), None), negative), TypeError, INDEX + "Got None (NoneType)."),
    ("bool", lambda: pm.at(True, negative), TypeError, INDEX + "Got True (bool)."),
    ("tensor of one bool", lambda: pm.at(torch.tensor(True), negative), TypeError,
     INDEX + "Got tensor(True) (Tensor)."),
    ("array of one bool", lambda: pm.at(np.array(True), negative), TypeError, INDEX + "Got array(True) (ndarray)."),
    ("mapping", lambda: pm.at({0: 1}, negative), TypeError, INDEX + "Got {0: 1} (dict)."),
    ("float", lambda: pm.at((..., 1.0), negative), TypeError, INDEX + "Got 1.0 (float)."),
    ("floats", lambda: pm.at((..., [0.5]), negative), TypeError, INDEX + "Got [0.5] (list)."),
    ("no entries", lambda: pm.at((..., []), negative)(X), ValueError,
     "`index` chooses nothing of an activation of shape (2, 3, 4)."),
    ("half a place", lambda: pm.at(slice(0, 2.5), negative)(X), ValueError,
     "`index` must fit an activation of shape (2, 3, 4). "
     "Got: slice indices must be integers or None or have an __index__ method"),
    ("list for a tuple", lambda: pm.at([..., [1]], negative), TypeError, INDEX + "Got [Ellipsis, [1]] (list)."),
    ("replacement left out", lambda: pm.at(0, torch.ones(2)), TypeError,
     "`replacement` must be a function of the activation. Got Tensor."),
    ("nothing chosen", lambda: pm.at((..., slice(9, None)), negative)(X), ValueError,
     "`index` chooses nothing of an activation of shape (2, 3, 4)."),
    ("empty mask", lambda: pm.at(X > 99, negative)(X), ValueError,
     "`index` chooses nothing of an activation of shape (2, 3, 4)."),
    ("chosen twice", lambda: pm.at((..., [1, -3]), negative)(X), ValueError,
     "`index` must choose nothing twice. Got 12 entries, 6 of them distinct."),
    ("part of another shape", lambda: pm.at((..., [0, 1]), lambda part: part[0])(X), ValueError,
     "The replacement for the part at `index` must keep the activation's shape (2, 3, 2). Got (3, 2)."),
    ("part is no tensor", lambda: pm.at(0, lambda _: 0.0)(X), TypeError,
     "The replacement for the part at `index` must return a tensor. Got float."),
]
# fmt: on


@pytest.mark.parametrize(("mistake", "error", "message"), [pytest.param(*rest, id=name) for name, *rest in MISTAKES])
def test_mistake_is_met_with(mistake, error, message):
    assert_raises(mistake, error, message)


@pytest.mark.parametrize(
    "index",
    [
        pytest.param(2, id="no such row"),
        pytest.param((..., [0, 4]), id="no such feature"),
        pytest.param((0, 0, 0, 0), id="too many axes"),
        pytest.param(torch.ones(3, dtype=torch.bool), id="mask of another shape"),
        pytest.param(([0, 1], [0, 1, 2]), id="lists of unequal lengths"),
        pytest.param(slice(None, None, -1), id="backwards"),
    ],
)
def test_index_that_does_not_fit_is_an_error(index):
    # What comes after "Got:" are PyTorch's words.
    with pytest.raises(ValueError, match=r"^`index` must fit an activation of shape \(2, 3, 4\)\. Got: .+"):
        pm.at(index, negative)(X)
