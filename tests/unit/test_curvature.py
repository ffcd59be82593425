import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_close
from tests._losses import ALL, Point, network, quadratic, symmetric

BOTH = {"trace": pm.curvature.hessian_trace, "eigenvalue": pm.curvature.largest_eigenvalue}
each_measure = pytest.mark.parametrize("name", BOTH)

# HessianLinearOperator of curvlinops-for-pytorch 3.0.1 on the network and the loss of tests/_losses.py: trace and
# largest eigenvalue of the operator times the identity. Its smallest one, which is the largest in size, is -0.766473.
CURVLINOPS_TRACE, CURVLINOPS_LARGEST = -4.968428246284502, 0.4387211002320297


def hessian(model):
    """The whole matrix, by PyTorch's own function."""
    names = dict(model.named_parameters())
    sizes = [x.numel() for x in names.values()]

    def loss(flat):
        parts = [part.view(x.shape) for part, x in zip(flat.split(sizes), names.values(), strict=True)]
        return ALL(lambda x: torch.func.functional_call(model, dict(zip(names, parts, strict=True)), x))

    return torch.autograd.functional.hessian(loss, torch.cat([x.detach().flatten() for x in names.values()]))


# Trace


def test_trace_of_a_diagonal_hessian_is_exact():
    for seed in range(3):
        point = Point(*range(5))
        diagonal = torch.tensor([3.0, -1.0, 0.0, 2.0, 0.25], dtype=torch.float64)
        found = pm.curvature.hessian_trace(quadratic(diagonal.diag()), point, samples=1, seed=seed)
        assert_close(found, 4.25, rtol=1e-15)


def test_trace_has_the_mean_and_the_spread_of_hutchinsons():
    matrix, point = symmetric(6), Point(*range(6))
    found = [float(pm.curvature.hessian_trace(quadratic(matrix), point, samples=1, seed=seed)) for seed in range(600)]
    spread = (2 * (matrix.square().sum() - matrix.diagonal().square().sum())).sqrt().item()
    assert abs(np.mean(found) - matrix.trace()) < 4 * spread / 600**0.5
    assert np.std(found) == pytest.approx(spread, rel=0.1)
    many = pm.curvature.hessian_trace(quadratic(matrix), point, samples=600)
    assert abs(many - matrix.trace()) < 4 * spread / 600**0.5


def test_trace_of_a_network_is_that_of_public_code():
    samples = 4000
    H = hessian(network())
    assert_close(H.trace(), CURVLINOPS_TRACE, rtol=1e-12)
    spread = (2 * (H.square().sum() - H.diagonal().square().sum())).sqrt() / samples**0.5
    assert abs(pm.curvature.hessian_trace(ALL, network(), samples=samples) - CURVLINOPS_TRACE) < 3 * spread


def test_trace_is_that_of_its_vectors():
    H, size = hessian(network()), 68
    generator = torch.Generator().manual_seed(7)
    vectors = [2.0 * torch.randint(2, (size,), generator=generator).double() - 1 for _ in range(3)]
    expected = torch.stack([v @ H @ v for v in vectors]).mean()
    assert_close(pm.curvature.hessian_trace(ALL, network(), samples=3, seed=7), expected, rtol=1e-10)


# Largest eigenvalue


@pytest.mark.parametrize("size", [1, 2, 5, 32, 33, 60])
def test_largest_eigenvalue_of_a_quadratic(size):
    matrix = symmetric(size) - (2 * size * torch.eye(size).double() if size == 5 else 0)  # one negative definite
    point = Point(*range(size))
    expected = torch.linalg.eigvalsh(matrix)[-1]
    assert_close(pm.curvature.largest_eigenvalue(quadratic(matrix), point), expected, rtol=1e-6)


def test_largest_eigenvalue_of_a_network_is_that_of_public_code():
    assert_close(pm.curvature.largest_eigenvalue(ALL, network()), CURVLINOPS_LARGEST, rtol=1e-8)
    # What iterated powers would find is larger in size: PyHessian 0.1 has -0.76647.
    assert torch.linalg.eigvalsh(hessian(network()))[0] < -CURVLINOPS_LARGEST


def test_largest_eigenvalue_does_not_depend_on_the_seed():
    found = [pm.curvature.largest_eigenvalue(ALL, network(), seed=seed) for seed in (0, 1)]
    assert_close(found[0], found[1], rtol=1e-8)


@pytest.mark.parametrize("size", [4, 50])
def test_a_loss_that_does_not_curve(size):
    point = Point(*range(size))
    for loss in (lambda point: point.x.sum(), lambda point: point.x.sum() + 0 * point.x.square().sum()):
        assert pm.curvature.hessian_trace(loss, point) == 0
        assert pm.curvature.largest_eigenvalue(loss, point) == 0


def test_an_eigenvalue_that_comes_often():
    point = Point(*range(50))
    matrix = 3.0 * torch.eye(50).double()
    assert_close(pm.curvature.largest_eigenvalue(quadratic(matrix), point), 3.0, rtol=1e-12)
    matrix[1:, 1:] = 0
    assert_close(pm.curvature.largest_eigenvalue(quadratic(matrix), point), 3.0, rtol=1e-12)


# Both


@each_measure
def test_float32_has_its_digits(name):
    assert_close(BOTH[name](ALL, network().float()), BOTH[name](ALL, network()), rtol=1e-4)


@each_measure
def test_frozen_and_unused_and_shared_parameters(name):
    """Frozen ones are constants, unused ones have curvature zero, shared ones count once."""
    model = network()
    model[0].requires_grad_(False)
    block = hessian(network())[32:, 32:]  # of the second layer
    model.again = model[2]
    loss = lambda model: ALL(nn.Sequential(model[0], model[1], model[2]))  # noqa: E731 (one line is enough)
    found = BOTH[name](loss, model)
    if name == "eigenvalue":
        assert_close(found, torch.linalg.eigvalsh(block)[-1], rtol=1e-8)
        model.unused = nn.Linear(40, 1).double()
        assert_close(BOTH[name](loss, model), found, rtol=1e-8)
    else:
        many = BOTH[name](loss, model, samples=2000)
        spread = (2 * (block.square().sum() - block.diagonal().square().sum())).sqrt()
        assert abs(many - block.trace()) < 4 * spread / 2000**0.5


@each_measure
def test_complex_parameters_are_two_real_ones(name):
    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.x = nn.Parameter(torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128))

    def loss(model):  # 3 re² + im², of each
        return 3 * model.x.real.square().sum() + model.x.imag.square().sum()

    assert_close(BOTH[name](loss, Complex()), {"trace": 16.0, "eigenvalue": 6.0}[name], rtol=1e-12)


@each_measure
def test_a_recurrent_network_and_a_checkpointed_one(name):
    from torch.utils.checkpoint import checkpoint

    x = torch.cos(torch.arange(30.0)).view(2, 5, 3)
    model = nn.LSTM(3, 4, batch_first=True)
    assert torch.isfinite(BOTH[name](lambda model: model(x)[0].square().mean(), model))
    again = lambda model: model(x).square().mean()  # noqa: E731 (one line is enough)
    saving = lambda model: checkpoint(model, x, use_reentrant=False).square().mean()  # noqa: E731 (one line is enough)
    layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3))
    assert_close(BOTH[name](saving, layers), BOTH[name](again, layers), rtol=1e-5)


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return 2 * ctx.saved_tensors[0] * g


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(8, 8)

    def forward(self, x):
        heads = self.project(x).unflatten(-1, (2, 4)).transpose(1, 2)
        return nn.functional.scaled_dot_product_attention(heads, heads, heads, is_causal=True)


@each_measure
def test_what_has_no_second_derivative_is_refused(name):
    # PyTorch takes this one for linear, where nothing else comes after it.
    with pytest.raises(ValueError, match=r"^`loss` must have second derivatives\. Got Once, which is marked once_diff"):
        BOTH[name](lambda point: Once.apply(point.x).sum(), Point(1, 2))
    x = torch.ones(2, 3, 8)
    with pytest.raises(ValueError, match=r"^`loss` must have second derivatives\. Got a kernel of attention that has"):
        BOTH[name](lambda model: model(x).square().mean(), Attention())


@each_measure
def test_the_remedy_for_attention(name):
    x = torch.cos(torch.arange(48.0)).view(2, 3, 8)

    def loss(model):
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return model(x).square().mean()

    assert torch.isfinite(BOTH[name](loss, Attention()))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@each_measure
def test_on_a_gpu(name):
    found = BOTH[name](ALL, network().cuda())
    assert found.is_cuda
    assert_close(found.cpu(), BOTH[name](ALL, network()), rtol=1e-8)


@pytest.mark.parametrize("scale", [1.0, 1e-13, 1e13])
def test_the_largest_eigenvalue_of_a_small_hessian_is_as_exact(scale):
    values = torch.linspace(-0.5, 1.0, 200, dtype=torch.float64)
    values[-1] = 1.3
    found = pm.curvature.largest_eigenvalue(
        lambda point: scale * (values * point.x.square()).sum() / 2, Point(*[1.0] * 200)
    )
    assert_close(found, 1.3 * scale, rtol=1e-6)
