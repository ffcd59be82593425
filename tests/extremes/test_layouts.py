"""The numbers do not depend on how a tensor or an array lies in memory, and nothing is written to it."""

import inspect
import re

import numpy as np
import pytest
import torch

import progress_measures as pm
from docs.public_names import PUBLIC
from progress_measures import plotting
from tests._asserts import assert_close
from tests.extremes._functions import DIRECTIONS, EVERY, LOGITS, MASK, OF_NUMBERS, OP, WAVES


def transposed(x):
    """The same values, first axis fastest."""
    return x.T.contiguous().T if x.ndim == 2 else x.permute(2, 1, 0).contiguous().permute(2, 1, 0) if x.ndim == 3 else x


def strided(x):
    """The same values, each second of another tensor along each axis."""
    wide = torch.full([2 * size + 1 for size in x.shape], torch.nan, dtype=x.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in x.shape)]
    view.copy_(x)
    return view


def offset(x):
    """The same values, at an odd place of a storage."""
    return torch.cat([x.new_zeros(3), x.flatten()])[3:].view(x.shape)


def backwards(x):
    return np.ascontiguousarray(x.numpy()[(slice(None, None, -1),) * x.ndim])[(slice(None, None, -1),) * x.ndim]


def read_only(x):
    array = x.numpy().copy()
    array.flags.writeable = False
    return array


def unaligned(x):
    raw = np.zeros(x.numel() * 8 + 1, dtype=np.uint8)[1:].view(np.float64).reshape(x.shape)
    raw[...] = x.numpy()
    assert not raw.flags.aligned
    return raw


TENSORS = [transposed, strided, offset]
ARRAYS = [
    backwards,
    read_only,
    unaligned,
    lambda x: np.asfortranarray(x.numpy()),
    lambda x: x.numpy().astype(">f8"),
    lambda x: x.numpy().astype(np.longdouble),
    lambda x: np.ma.masked_array(x.numpy(), mask=False),
]


def assert_same_results(actual, expected):
    for one, other in zip(actual, expected, strict=True):
        assert_close(one.double(), other.double(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("layout", TENSORS)
@pytest.mark.parametrize("function", EVERY, ids=repr)
def test_layouts_of_tensors(function, layout):
    x = layout(function.x)
    assert torch.equal(x, function.x)
    assert_same_results(function(x), function(function.x))


@pytest.mark.parametrize("layout", ARRAYS)
@pytest.mark.parametrize("function", OF_NUMBERS, ids=repr)
def test_layouts_of_arrays(function, layout):
    array = layout(function.x)
    np.testing.assert_array_equal(array, function.x.numpy())
    assert_same_results(function(array), function(function.x))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("function", EVERY, ids=repr)
def test_expanded_tensors(function, axis):
    x = function.x.narrow(min(axis, function.x.ndim - 1), 0, 1).expand_as(function.x)
    assert 0 in x.stride()
    assert_same_results(function(x), function(x.contiguous()))


@pytest.mark.parametrize("function", EVERY, ids=repr)
def test_nothing_is_written_to_what_is_given(function):
    x = function.x.clone()
    function(x)
    assert torch.equal(x, function.x)
    assert x._version == 0


@pytest.mark.parametrize("function", OF_NUMBERS, ids=repr)
def test_an_array_that_masks_a_value_is_refused(function):
    masked = np.ma.masked_array(function.x.numpy().copy(), mask=False)
    masked[(0,) * masked.ndim] = np.ma.masked
    count = masked.size
    with pytest.raises(
        ValueError,
        match=rf"^`\w+` must not mask any value\. Got 1 masked of {count}\. "
        r"Fill them in, or leave them out: `\.filled\(…\)`, `\.compressed\(\)`\.$",
    ):
        function(masked)


@pytest.mark.parametrize(
    ("call", "x"),
    [
        *((lambda m, f=f: f(LOGITS, OP, mask=m), MASK) for f in (pm.cross_entropy, pm.accuracy)),
        *((lambda m, f=f: f(LOGITS, OP, [1], mask=m), MASK) for f in (pm.restricted_loss, pm.excluded_loss)),
        (lambda m: pm.excluded_loss_per_frequency(LOGITS, OP, mask=m), MASK),
        (lambda m: pm.measure(LOGITS, OP, [1], train_mask=m).test_loss, MASK),
        (lambda m: pm.random_frequency_control(LOGITS, OP, [1], train_mask=m, draws=2).excluded_loss.draws, MASK),
        (lambda m: pm.shuffled_label_control(LOGITS, OP, [1], train_mask=m, draws=2).excluded_loss.draws, MASK),
        (lambda waves: pm.fit_waves(LOGITS.view(16, 4), waves).fitted, WAVES),
        *((lambda d, f=f: f(d)(LOGITS), DIRECTIONS) for f in (pm.project_onto, pm.project_out)),
        (lambda source: pm.resample_ablation(source)(torch.arange(4.0)), torch.tensor([1, 0, 3, 2])),
        (lambda k: pm.project_each_onto_frequency(OP, k)(LOGITS.view(16, 4)), torch.tensor([1, 2, 0, 1])),
        (lambda table: pm.groups.composition(table).basis, OP.table),
        (lambda elements: pm.groups.composition(OP.table, elements=elements).inputs, torch.tensor([3, 1, 7, 5])),
    ],
)
def test_what_is_no_input_of_a_measure_may_be_an_array_too(call, x):
    assert torch.equal(call(x.numpy()), call(x))


@pytest.mark.parametrize("house", [PUBLIC, {name: getattr(plotting, name) for name in plotting.__all__}])
def test_what_takes_a_tensor_says_that_it_takes_an_array(house):
    functions = [function for function in house.values() if inspect.isfunction(function)]
    taken = {
        f"{function.__name__}({name})": str(parameter.annotation)
        for function in functions
        for name, parameter in inspect.signature(function).parameters.items()
        if not str(parameter.annotation).startswith(("collections.abc.", "str |"))  # functions of tensors, and by path
    }
    functions_too = re.compile(r"collections.abc.Callable\[.*\]")  # a loss may be a function of tensors
    of_tensors = {name for name, kind in taken.items() if "Tensor" in functions_too.sub("", kind)}
    assert of_tensors
    assert not {name for name in of_tensors if "ndarray" not in taken[name]}


masked = np.ma.masked_array([1, 2, 3, 4], mask=[False, True, False, True])


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("mask", lambda: pm.cross_entropy(LOGITS, OP, mask=np.ma.masked_array(np.eye(4, dtype=bool), mask=np.eye(4)))),
        ("logits", lambda: pm.grid_logits(lambda pairs: np.ma.masked_less(np.zeros((len(pairs), 4)), 1), OP)),
        ("steps", lambda: pm.Trajectory(steps=masked, columns={})),
        ("index", lambda: pm.at(masked, pm.zero_ablation())),
        ("directions", lambda: pm.project_out(masked.astype(float))),
        ("source", lambda: pm.resample_ablation(masked)),
        ("frequency", lambda: pm.project_each_onto_frequency(OP, masked)),
        ("table", lambda: pm.groups.composition(np.ma.masked_array(OP.table.numpy(), mask=np.eye(4)))),
        ("elements", lambda: pm.groups.composition(OP.table, elements=masked)),
    ],
)
def test_so_are_masks_of_what_is_no_input_of_a_measure(name, call):
    with pytest.raises(
        ValueError, match=rf"^`{re.escape(name)}` must not mask any value\. Got \d+ masked of \d+\. Fill"
    ):
        call()
