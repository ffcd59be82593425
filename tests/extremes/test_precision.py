"""Measures are computed in float64, whatever the dtype of what is measured and the modes that are set around them."""

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close
from tests.extremes._functions import COUNTED, EVERY, LOGITS, MEASURES, OF_ANY_DTYPE, OP, REPLACEMENTS, TRANSFORMS

FLOAT8 = [torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz, torch.float8_e8m0fnu]
HALF = [torch.float16, torch.bfloat16]
# What they take for rounding depends on the dtype, or they tell finite differences of it.
BY_DTYPE = {"circularity", "fourier_coefficient_ratio", "fourier_frequency_density"}


def assert_equal(actual, expected, *, rtol=1e-12):
    for one, other in zip(actual, expected, strict=True):
        assert one.dtype == other.dtype
        assert_close(one.double(), other.double(), rtol=rtol, atol=1e-13)


def rounded(x, dtype):
    """Values of a dtype, positive and without a zero for the one that has neither sign nor zero."""
    return (x.abs() if dtype == torch.float8_e8m0fnu else x).to(dtype)


@pytest.mark.parametrize("dtype", [*FLOAT8, *HALF, torch.float32], ids=str)
@pytest.mark.parametrize("function", [f for f in [*MEASURES, *COUNTED] if f.public not in BY_DTYPE], ids=repr)
def test_measures_are_those_of_the_same_numbers_in_float64(function, dtype):
    x = rounded(function.x, dtype)
    assert_equal(function(x), function(x.to(torch.float32).double()))


@pytest.mark.parametrize("dtype", [*HALF, torch.float32], ids=str)
@pytest.mark.parametrize("function", [f for f in MEASURES if f.public in BY_DTYPE], ids=repr)
def test_measures_that_know_rounding_are_near(function, dtype):
    x = function.x.to(dtype)
    assert_equal(function(x), function(x.double()), rtol=0.5 if dtype in HALF else 1e-9)


@pytest.mark.parametrize("dtype", FLOAT8, ids=str)
@pytest.mark.parametrize("function", TRANSFORMS, ids=repr)
def test_transforms_of_float8_are_float32(function, dtype):
    x = rounded(function.x, dtype)
    assert_equal(function(x), function(x.float()))


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("function", [*TRANSFORMS, *REPLACEMENTS], ids=repr)
def test_what_returns_the_dtype_that_it_is_given_does_so(function, dtype):
    x = function.x.to(dtype)
    for found, expected in zip(function(x), function(x.double()), strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), expected, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("dtype", [*HALF, torch.float32], ids=str)
@pytest.mark.parametrize("function", [f for f in REPLACEMENTS if f.public.startswith("project")], ids=repr)
def test_projections_are_rounded_once(function, dtype):
    x = function.x.to(dtype)
    for found, expected in zip(function(x), function(x.double()), strict=True):
        assert torch.equal(found, expected.to(dtype))


@pytest.mark.parametrize("dtype", FLOAT8, ids=str)
def test_a_model_of_float8_has_logits_in_float32(dtype):
    x = rounded(LOGITS, dtype).flatten(0, 1)
    logits = pm.grid_logits(lambda pairs: x.view(torch.uint8)[pairs @ torch.tensor([4, 1])].view(dtype), OP)
    assert logits.dtype == torch.float32
    assert torch.equal(logits.flatten(0, 1), x.float())


@pytest.mark.parametrize("lower", HALF, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("function", [f for f in OF_ANY_DTYPE if f.public != "grid_logits"], ids=repr)
def test_autocast_changes_nothing(function, dtype, lower):
    x = function.x.to(dtype)
    with torch.autocast("cpu", lower):
        found = function(x)
        assert torch.mm(torch.ones(1, 1), torch.ones(1, 1)).dtype == lower  # it is in effect, there and afterwards
    assert_equal(found, function(x), rtol=0)


def bases():
    """Bases of every kind; the largest order is no number of bfloat16."""
    yield pm.fourier_basis(1009)
    for op in (pm.subtraction(8), pm.multiplication(7), pm.groups.symmetric_group(4), pm.groups.dihedral_group(9)):
        yield op.basis
        yield from (irrep.character for irrep in op.irreps)
    yield pm.groups.direct_product(pm.addition(3), pm.subtraction(4)).basis
    yield pm.grid_logits(pm.circuits.Pizza(pm.addition(9), {1: 0.3, 4: 0.7}), pm.addition(9))


@pytest.fixture(params=HALF, ids=str)
def default_dtype(request):
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield
    torch.set_default_dtype(before)


EXPECTED_BASES = [*bases()]


def test_an_operation_that_is_made_under_autocast_is_the_same():
    with torch.autocast("cpu", torch.bfloat16):
        assert_equal(bases(), EXPECTED_BASES, rtol=0)


@pytest.mark.usefixtures("default_dtype")
def test_so_is_one_that_is_made_under_another_default_dtype():
    assert_equal(bases(), EXPECTED_BASES, rtol=0)


EXPECTED = {repr(function): function(function.x) for function in EVERY}


@pytest.mark.usefixtures("default_dtype")
@pytest.mark.parametrize("function", EVERY, ids=repr)
def test_the_default_dtype_changes_nothing(function):
    assert_equal(function(function.x), EXPECTED[repr(function)], rtol=0)


@pytest.mark.parametrize("function", EVERY, ids=repr)
def test_in_inference_mode(function):
    with torch.inference_mode():
        found = function(function.x)
        of_inference = function.x.clone()
    assert_equal(found, function(function.x), rtol=0)
    assert of_inference.is_inference()
    with torch.no_grad():  # a graph through a tensor of inference is refused by PyTorch
        assert_equal(function(of_inference), function(function.x), rtol=0)


@pytest.mark.parametrize("function", EVERY, ids=repr)
def test_a_graph_changes_no_number(function):
    with_graph = function(function.x.clone().requires_grad_())
    assert_equal([part.detach() for part in with_graph], function(function.x), rtol=1e-13)
