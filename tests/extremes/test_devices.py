"""Devices: what a device without float64 holds is measured on the CPU. There is none here, so one is made up.

The tests of a CUDA device, which has float64, are in tests/unit/test_gpu.py. Where tensors are made by default must not
matter either: the device "meta" stands for any other, because nothing that is made there has a value.
"""

import numpy as np
import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten

import progress_measures as pm
from tests._asserts import assert_close
from tests.extremes._functions import COUNTED, DIFFERENTIABLE, EVERY, LOGITS, MASK, OF_ANY_DTYPE, OP, Weights

pytestmark = pytest.mark.filterwarnings("ignore:.frequencies. are none", "ignore:No frequency is key")  # asked for here


class OnMPS(torch.Tensor):
    """A tensor that behaves as one on Apple's GPUs: no float64, and no computing with tensors of the CPU."""

    device = property(lambda _: torch.device("mps"))

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
        if function is torch.Tensor.cpu:
            return args[0].as_subclass(torch.Tensor)
        if any(not isinstance(each, cls) and each.ndim > 0 for each in given):
            raise RuntimeError(f"{function.__name__} expected all tensors to be on the same device: mps:0 and cpu")
        found = super().__torch_function__(function, types, args, kwargs or {})
        for each in tree_flatten(found)[0]:
            if isinstance(each, torch.Tensor) and each.dtype in (torch.float64, torch.complex128):
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support it.")
        return found


class Arrivals(TorchFunctionMode):
    """Where ``x.to(other)`` or ``x.to("mps")`` moves a tensor of the CPU to the made-up device."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.Tensor.to and type(args[0]) is torch.Tensor:
            goal = args[1] if len(args) > 1 else kwargs.get("device")
            there = isinstance(goal, OnMPS) or goal == torch.device("mps")
            if there:
                dtype = goal.dtype if isinstance(goal, OnMPS) else kwargs.get("dtype", args[0].dtype)
                return there_on(args[0].to(dtype))
        return function(*args, **kwargs)


def there_on(x):
    if x.dtype == torch.float64:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support it.")
    return x.as_subclass(OnMPS)


def plain(x):
    return x.as_subclass(torch.Tensor)


def test_the_device_that_is_made_up_has_no_float64():
    x = there_on(torch.ones(3))
    assert x.device.type == "mps"
    assert isinstance(x * 2, OnMPS)
    for call in (
        x.double,
        lambda: x.to(torch.float64),
        lambda: x.sum(dtype=torch.float64),
        lambda: x.new_zeros(1).double(),
    ):
        with pytest.raises(TypeError, match="doesn't support it"):
            call()
    with pytest.raises(RuntimeError, match="same device"):
        x + torch.ones(3)
    assert type(x.cpu()) is torch.Tensor


# Those that return what they are given, on the device and in the dtype of it, and those that a model is inside of.
STAY = ("mean_ablation", "at", "ablated", "grid_logits", "project_")
MEASURED = [function for function in OF_ANY_DTYPE if not function.public.startswith(STAY)]


@pytest.mark.parametrize("function", MEASURED, ids=repr)
def test_measured_on_the_cpu_with_the_same_numbers(function):
    x = function.x.float()
    with Arrivals():
        found = function(there_on(x.clone()))
    for one, expected in zip(found, function(x), strict=True):
        assert type(one) is torch.Tensor
        assert one.dtype == expected.dtype
        assert_close(one, expected, rtol=1e-12)


@pytest.mark.parametrize("function", [f for f in MEASURED if f in DIFFERENTIABLE], ids=repr)
def test_the_gradient_comes_back_to_the_device(function):
    x = function.x.float().requires_grad_()
    with Arrivals():
        sum(part.sum() for part in function(there_on(x))).backward()
    expected = function.x.float().requires_grad_()
    sum(part.sum() for part in function(expected)).backward()
    assert_close(x.grad, expected.grad, rtol=1e-6)


@pytest.mark.parametrize(
    "function", [f for f in OF_ANY_DTYPE if f.public.startswith("project_") and f not in COUNTED], ids=repr
)
def test_replacements_return_to_the_device(function):
    x = function.x.float()
    with Arrivals():
        (found,) = function(there_on(x.clone()))
    assert isinstance(found, OnMPS)
    assert found.dtype == torch.float32
    assert_close(plain(found), function(x)[0], rtol=1e-6, atol=1e-6)


def test_masks_operations_and_numbers_may_come_from_the_device():
    logits, mask = LOGITS.float(), MASK.clone()
    there, mask_there = there_on(logits.clone()), there_on(mask.clone())
    expected = pm.measure(logits, OP, [1], train_mask=mask).as_dict()
    with Arrivals():
        assert pm.measure(there, OP, [1], train_mask=mask_there).as_dict() == expected
        assert pm.measure(logits, OP, [1], train_mask=mask_there).as_dict() == expected
        assert pm.accuracy(there, OP, mask=mask_there) == pm.accuracy(logits, OP, mask=mask)
        op = pm.groups.composition(there_on(OP.table.clone()), elements=there_on(torch.arange(4)))
    assert type(op.table) is torch.Tensor
    assert torch.equal(op.table, OP.table)


def test_norms_of_a_model_on_the_device():
    weight = torch.randn(3, 4)
    with Arrivals():
        total, norms = pm.sum_squared_weights(Weights(there_on(weight))), pm.parameter_norms(Weights(there_on(weight)))
    assert type(total) is type(norms["weight"]) is torch.Tensor
    assert_close(total, weight.double().square().sum(), rtol=1e-14)


def test_what_a_training_run_records_on_the_device():
    op, mask = pm.addition(5), torch.eye(5, dtype=torch.bool)
    x = torch.randn(25, 5)
    model = Weights(x[:5].clone())

    def record(logits):
        names = pm.grokking_measures(lambda _model, pairs: logits[pairs @ torch.tensor([5, 1])], op, "current", mask)
        return names(model)

    expected = record(x)
    with Arrivals():
        found = record(_Gathered(x))
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert_close(value, expected[name], rtol=1e-12)


class _Gathered:
    """Logits on the device, of which tokens on the CPU choose rows, as a model there would."""

    def __init__(self, x):
        self.x = x

    def __getitem__(self, index):
        return there_on(self.x[plain(index)])


class _Columns(nn.Module):
    def forward(self, pairs):
        return there_on(torch.ones(len(pairs), 4) * pairs[:, :1])


def test_a_model_on_the_device_keeps_its_logits_there():
    with Arrivals():
        logits = pm.grid_logits(_Columns(), OP)
    assert isinstance(logits, OnMPS)
    assert logits.dtype == torch.float32
    assert torch.equal(plain(logits)[:, 0, 0], torch.arange(4.0))


# Clock and Pizza are modules, which are made where PyTorch makes them.
@pytest.mark.parametrize("function", [f for f in EVERY if f.public not in ("Clock", "Pizza")], ids=repr)
def test_the_default_device_changes_nothing(function):
    with torch.device("meta"):
        found = function(function.x)
    for one, expected in zip(found, function(function.x), strict=True):
        assert one.device.type == "cpu"
        assert torch.equal(one, expected)


def operations():
    yield from (pm.addition(6), pm.subtraction(5), pm.multiplication(7), pm.division(5))
    yield from (pm.groups.symmetric_group(3), pm.groups.alternating_group(4), pm.groups.dihedral_group(4))
    yield pm.groups.composition([[0, 1], [1, 0]], elements=np.array([3, 5]))
    yield pm.groups.direct_product(pm.addition(3), pm.addition(5))
    yield pm.groups.direct_product(pm.addition(3), pm.subtraction(4))


def test_operations_that_are_made_under_it_are_the_same():
    with torch.device("meta"):
        found = [*operations()]
    for op, expected in zip(found, operations(), strict=True):
        for name in ("elements", "table", "basis", "row_frequency", "inputs"):
            assert torch.equal(getattr(op, name), getattr(expected, name))
        for irrep, other in zip(op.irreps, expected.irreps, strict=True):
            assert torch.equal(irrep.character, other.character)


def test_a_basis_is_made_where_pytorch_makes_tensors_unless_it_is_said():
    with torch.device("meta"):
        there, here = pm.fourier_basis(3), pm.fourier_basis(3, device="cpu")
    assert there.is_meta
    assert torch.equal(here, pm.fourier_basis(3))


def measured(op, model, x):
    """What runs a model, or makes something of what was measured."""
    yield from pm.grokking_measures(None, op, "current", MASK, weights={"W_E": "0.weight"})(model).values()
    yield pm.circuits.gradient_symmetricity(model, op, model[0], samples=9)
    yield pm.circuits.gradient_symmetricity(model, op, model[0], samples=None)
    yield pm.resample_ablation(x)(x)
    yield op.rows([1])
    yield pm.gini(np.arange(5.0))
    recorder = pm.Recorder(pm.grokking_measures(None, op, "final", MASK), every=1)
    recorder(0, model)
    recorder(1, model)
    found = pm.add_restricted_loss(recorder.trajectory, op, train_mask=MASK)
    yield from found.columns.values()
    yield from found.select(steps=range(1)).complete().merge(found).columns.values()
    yield from pm.Runs({"a": found, "b": found}).mean().columns.values()
    yield pm.track([(0, model)], {"weights": pm.sum_squared_weights})["weights"]


def test_what_runs_a_model_does_not_depend_on_it():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Embedding(4, 3), nn.Flatten(), nn.Linear(6, 4)), torch.randn(5, 3)
    with torch.device("meta"):
        found = [*measured(OP, model, x)]
    for one, expected in zip(found, measured(OP, model, x), strict=True):
        assert torch.equal(one, expected)
