import copy
import math
import warnings

import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_close
from tests._losses import FIRST, SECOND, Point, network, on, quadratic, symmetric

NONE = torch.tensor([0.0, 0.0], dtype=torch.float64)
E1, E2 = torch.eye(2, dtype=torch.float64)


def linear(direction):
    return lambda point: direction @ point.x


# Cosine


@pytest.mark.parametrize("angle", [0.0, 0.5, math.pi / 2, 3.0, math.pi])
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_cosine_of_linear_losses(angle, scale):
    other = scale * (math.cos(angle) * E1 + math.sin(angle) * E2)
    assert_close(pm.gradients.cosine(linear(E1), linear(other), Point(1, 2)), math.cos(angle), atol=1e-15)


def test_cosine_without_a_direction_is_zero():
    still = quadratic(torch.eye(2, dtype=torch.float64))
    assert pm.gradients.cosine(still, linear(E1), Point(0, 0)) == 0
    assert pm.gradients.cosine(still, still, Point(0, 0)) == 0


def test_cosine_of_a_network_is_that_of_public_code():
    # `grad_cos` of commutator_defect in grok_commutator_analysis.py of skydancerosel/grokking-integrability, cbc1078.
    assert_close(pm.gradients.cosine(FIRST, SECOND, network()), 0.8467002438966899, rtol=1e-12)


# Commutator defect


def test_defect_of_a_network_is_that_of_public_code():
    # commutator_defect of the same file, with eps=0. What is subtracted there are parameters: that costs digits.
    found = pm.gradients.commutator_defect(FIRST, SECOND, network(), lr=1e-3)
    assert_close(found, 0.1875252906810954, rtol=1e-9)


@pytest.mark.parametrize("lr", [1e-4, 1e-2, 1.0])
def test_defect_of_quadratic_losses(lr):
    # With gradients a = A x + c and b = B x + d, steps leave θ_AB − θ_BA = lr² (B a − A b), whatever the step is.
    A, B, point = symmetric(5, 1), symmetric(5, 2), Point(1, -1, 2, 0.5, 3)
    c, d = torch.arange(5.0).double(), torch.ones(5).double()
    a, b = A @ point.x + c, B @ point.x + d
    expected = (B @ a - A @ b).norm() / (a.norm() * b.norm())
    found = pm.gradients.commutator_defect(quadratic(A, c), quadratic(B, d), point, lr=lr)
    assert_close(found, expected.detach(), rtol=1e-9)


def test_defect_of_small_steps_does_not_depend_on_the_scale_of_a_loss():
    expected = pm.gradients.commutator_defect(FIRST, SECOND, network(), lr=1e-5)
    for scale in (0.1, 10):
        found = pm.gradients.commutator_defect(lambda model, by=scale: by * FIRST(model), SECOND, network(), lr=1e-5)
        assert_close(found, expected, rtol=1e-4)


def test_defect_is_zero_where_the_order_does_not_matter():
    curved = quadratic(symmetric(2))
    for first, second in ((curved, curved), (linear(E1), linear(E2)), (curved, lambda point: 0 * point.x.sum())):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert pm.gradients.commutator_defect(first, second, Point(1, 2), lr=0.1) == 0


def test_defect_in_float32_keeps_digits_that_subtracted_parameters_lose():
    exact = pm.gradients.commutator_defect(FIRST, SECOND, network(), lr=1e-3)
    model = network().float()
    assert_close(pm.gradients.commutator_defect(FIRST, SECOND, model, lr=1e-3), exact, rtol=1e-2)


@pytest.mark.parametrize("lr", [1e-6, 1e-9])
def test_a_step_that_rounding_swallows_is_warned_of(lr):
    model = network().float()
    with pytest.warns(RuntimeWarning, match=r"^`lr` should move the model by more than rounding does\. Got 1e-0"):
        pm.gradients.commutator_defect(FIRST, SECOND, model, lr=lr)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pm.gradients.commutator_defect(FIRST, SECOND, copy.deepcopy(model).double(), lr=lr)


# Noise


def test_noise_of_linear_losses():
    gradients = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 3
    found = pm.gradients.noise_scale([linear(row) for row in gradients], Point(0, 0))
    # McCandlish et al., appendix A.1, of batches of 1 and of 6 examples.
    small, big = gradients.square().sum(1).mean(), gradients.mean(0).square().sum()
    signal, noise = (6 * big - small) / 5, (small - big) / (1 - 1 / 6)
    assert_close(found, noise / signal, rtol=1e-12)


def test_noise_where_there_is_none_and_where_there_is_nothing_else():
    assert pm.gradients.noise_scale([linear(E1)] * 3, Point(0, 0)) == 0
    assert pm.gradients.noise_scale([linear(E1), linear(-E1)], Point(0, 0)) == math.inf
    assert pm.gradients.noise_scale([linear(NONE)] * 2, Point(0, 0)) == 0


# All three


MEASURES = {
    "cosine": lambda first, second, model: pm.gradients.cosine(first, second, model),
    "commutator_defect": lambda first, second, model: pm.gradients.commutator_defect(first, second, model, lr=0.1),
    "noise_scale": lambda first, second, model: pm.gradients.noise_scale([first, second, on(slice(5, 15))], model),
}


@pytest.mark.parametrize("name", MEASURES)
def test_frozen_parameters_take_no_part(name):
    """As if they were constants."""
    model = network()
    model[0].requires_grad_(False)

    class Rest(nn.Module):
        def __init__(self):
            super().__init__()
            self.rest = network()[2]

        def forward(self, x):
            return self.rest(model[1](model[0](x)))

    expected = MEASURES[name](FIRST, SECOND, Rest())
    assert_close(MEASURES[name](FIRST, SECOND, model), expected, rtol=1e-12)
    assert abs(expected - MEASURES[name](FIRST, SECOND, network())) > 1e-3


@pytest.mark.parametrize("name", MEASURES)
def test_shared_parameters_count_once(name):
    class Shared(nn.Module):
        def __init__(self, times):
            super().__init__()
            self.layers = nn.ModuleList([network()] * times)

        def forward(self, x):
            return self.layers[-1](x)

    assert_close(MEASURES[name](FIRST, SECOND, Shared(2)), MEASURES[name](FIRST, SECOND, Shared(1)), rtol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_parameters_that_a_loss_does_not_use_have_gradient_zero(name):
    expected = MEASURES[name](FIRST, SECOND, network())
    plain = nn.ModuleDict({"used": network(), "unused": nn.Linear(2, 2)})
    losses = [lambda model, loss=loss: loss(model["used"]) for loss in (FIRST, SECOND)]
    if name == "noise_scale":
        found = pm.gradients.noise_scale([*losses, lambda model: on(slice(5, 15))(model["used"])], plain)
    else:
        found = MEASURES[name](*losses, plain)
    assert_close(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_complex_parameters_are_two_real_ones(name):
    class Parts(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight = nn.Parameter(torch.view_as_real(weight.detach()).clone())

        def forward(self, x):
            return x @ torch.view_as_complex(self.weight)

    class Complex(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight = nn.Parameter(weight.clone())

        def forward(self, x):
            return x @ self.weight

    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(3, 2, dtype=torch.complex128, generator=generator)
    x = torch.randn(4, 3, dtype=torch.complex128, generator=generator)
    first, second = lambda model: model(x).abs().pow(3).mean(), lambda model: model(x).imag.square().mean()
    measure = {"noise_scale": lambda model: pm.gradients.noise_scale([first, second], model)}.get(
        name, lambda model: MEASURES[name](first, second, model)
    )
    assert_close(measure(Complex(weight)), measure(Parts(weight)), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gradients_of_half_precision(dtype):
    """Their entries are rounded; what is made of them is not."""
    model = network().to(dtype)
    found = pm.gradients.cosine(FIRST, SECOND, model)
    assert found.dtype == torch.float64
    assert_close(found, pm.gradients.cosine(FIRST, SECOND, network()), rtol=4 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("name", MEASURES)
def test_a_loss_that_draws_its_batch_draws_the_same_one_each_time(name):
    def drawn(model):
        return on(torch.randperm(20)[:10])(model)

    model = network()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        rows = torch.randperm(20)[:10]
        torch.manual_seed(3)
        found = MEASURES[name](drawn, SECOND, model)
    assert_close(found, MEASURES[name](on(rows), SECOND, network()), rtol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_the_model_is_in_evaluation_mode(name):
    """So dropout is off, and a measure is the same inside of a recorder."""
    model = nn.Sequential(nn.Dropout(0.5), *network()).train()
    assert_close(MEASURES[name](FIRST, SECOND, model), MEASURES[name](FIRST, SECOND, network()), rtol=1e-12)


def test_steps_are_made_in_the_model_itself():
    """So what the model keeps, hooks on its parameters, and a loss that uses the model from outside all see them."""
    expected = pm.gradients.commutator_defect(FIRST, SECOND, network(), lr=0.1)
    model = network()
    model.kept = next(model.parameters()) * 2  # with a graph, which cannot be copied
    outside = pm.gradients.commutator_defect(lambda _: FIRST(model), lambda _: SECOND(model), model, lr=0.1)
    assert_close(outside, expected, rtol=1e-12)


def test_hooks_on_parameters_act_before_and_after_a_step():
    masked, frozen = network(), network()
    first = next(masked.parameters())
    first.register_hook(torch.zeros_like)
    next(frozen.parameters()).requires_grad_(False)
    found, expected = (pm.gradients.commutator_defect(FIRST, SECOND, each, lr=1e-3) for each in (masked, frozen))
    assert_close(found, expected, rtol=1e-9)


def test_the_model_has_its_own_tensors_again():
    model = network()
    before = [(x, x.data_ptr(), x.detach().clone(), x._version) for x in model.parameters()]
    graph = FIRST(model)
    pm.gradients.commutator_defect(FIRST, SECOND, model, lr=0.1)
    for x, place, values, version in before:
        assert (x.data_ptr(), x._version) == (place, version)
        assert torch.equal(x, values)
    graph.backward()


def test_a_difference_that_rounds_to_nothing_is_warned_of():
    weights = torch.rand(4, dtype=torch.float32) + 0.5

    def first(point):
        return ((point.x - 1).square() * weights).sum()

    def second(point):
        return ((point.x - 2).square() * weights.flip(0)).sum()

    point = Point(0, 0, 0, 0).float()
    with pytest.warns(RuntimeWarning, match="rounding may be 100% of the defect"):
        assert pm.gradients.commutator_defect(first, second, point, lr=1e-12) == 0
    assert pm.gradients.commutator_defect(linear(E1), linear(E2), Point(1, 2), lr=1e-12) == 0  # which is right


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", MEASURES)
def test_on_a_gpu(name):
    found = MEASURES[name](FIRST, SECOND, network().cuda())
    assert found.is_cuda
    assert_close(found.cpu(), MEASURES[name](FIRST, SECOND, network()), rtol=1e-9)
