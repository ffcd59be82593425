import math

import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_close


def test_sum_squared_weights_counts_every_parameter_once():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(4, 3), torch.nn.Linear(3, 4))
    model.register_buffer("not_a_weight", torch.ones(100))
    model.register_parameter("tied", model[0].weight)
    expected = sum((p.double() ** 2).sum() for p in (model[0].weight, model[1].weight, model[1].bias))
    assert_close(pm.sum_squared_weights(model), expected, rtol=1e-14)


def test_sum_squared_weights_in_float64_and_with_gradient():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, 3e30)  # its square overflows float32
    total = pm.sum_squared_weights(model)
    assert total.dtype == torch.float64
    assert torch.isfinite(total)
    total.backward()
    assert model.weight.grad is not None
    assert pm.sum_squared_weights(torch.nn.ReLU()) == 0


def tied_model():
    """Parts within parts, with a weight that two of them share."""
    torch.manual_seed(0)
    model = nn.ModuleDict(
        {"embed": nn.Embedding(4, 3), "blocks": nn.ModuleList([nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 4))])}
    )
    model["unembed"] = nn.Linear(3, 4, bias=False)
    model["unembed"].weight = model["embed"].weight
    model.register_buffer("not_a_weight", torch.ones(100))
    return model


def by_hand(*parameters):
    return math.sqrt(sum(float(value) ** 2 for parameter in parameters for value in parameter.detach().flatten()))


def test_norms_of_every_parameter():
    model = tied_model()
    norms = pm.parameter_norms(model)
    # The shared weight counts once, under its first name.
    assert list(norms) == [
        "embed.weight", "blocks.0.weight", "blocks.0.bias", "blocks.1.0.weight", "blocks.1.0.bias"
    ]  # fmt: skip
    for name, parameter in model.named_parameters():
        assert norms[name].dtype == torch.float64
        assert norms[name].shape == ()
        assert_close(norms[name], by_hand(parameter), rtol=1e-12)


@pytest.mark.parametrize(
    ("depth", "names"),
    [
        (1, ["embed", "blocks"]),
        (2, ["embed.weight", "blocks.0", "blocks.1"]),
        (3, ["embed.weight", "blocks.0.weight", "blocks.0.bias", "blocks.1.0"]),
    ],
)
def test_norms_of_parts(depth, names):
    model = tied_model()
    norms = pm.parameter_norms(model, depth=depth)
    assert list(norms) == names
    assert_close(norms[names[-1]], by_hand(*(model["blocks"][1] if depth > 1 else model["blocks"]).parameters()))


@pytest.mark.parametrize("depth", [None, 1, 2, 3, 9])
def test_squares_of_norms_add_up(depth):
    model = tied_model()
    total = sum(norm.square() for norm in pm.parameter_norms(model, depth=depth).values())
    assert_close(total, pm.sum_squared_weights(model), rtol=1e-13)


def test_norms_are_differentiable_even_at_zero():
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.weight, 3.0)
    nn.init.zeros_(layer.bias)
    sum(pm.parameter_norms(layer).values()).backward()
    assert_close(layer.weight.grad, torch.full((1, 2), math.sqrt(0.5)), rtol=1e-6)
    assert layer.bias.grad.tolist() == [0.0]
    layer.zero_grad()
    nn.init.zeros_(layer.weight)
    pm.parameter_norms(nn.Sequential(layer), depth=1)["0"].backward()
    assert layer.weight.grad.tolist() == [[0.0, 0.0]]


def test_norms_in_float64():
    layer = nn.Linear(2, 1, bias=False)
    nn.init.constant_(layer.weight, 3e30)  # its square overflows float32
    assert pm.parameter_norms(layer)["weight"].item() == pytest.approx(3e30 * math.sqrt(2), rel=1e-6)
    assert pm.parameter_norms(nn.ReLU()) == {}


def test_norms_are_columns_of_a_trajectory():
    trajectory = pm.track([(0, tied_model())], lambda model: pm.parameter_norms(model, depth=1))
    assert set(trajectory.columns) == {"embed", "blocks"}


def test_a_complex_parameter_is_two_numbers():
    model = nn.ParameterDict({"w": nn.Parameter(torch.tensor([3 + 4j, 12j]))})
    assert pm.sum_squared_weights(model) == 169
    assert pm.parameter_norms(model)["w"] == 13


def test_state_dicts_have_the_numbers_of_their_models():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model(torch.randn(5, 3))  # running means that are not zero
    assert_close(pm.sum_squared_weights(model.state_dict()), pm.sum_squared_weights(model), rtol=1e-14)
    norms = pm.parameter_norms(model)
    assert list(pm.parameter_norms(model.state_dict())) == list(norms)
    assert_close(pm.parameter_norms(model.state_dict(), depth=1)["0"], pm.parameter_norms(model, depth=1)["0"])
    assert pm.sum_squared_weights({}) == 0
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    assert_close(pm.sum_squared_weights(arrays), pm.sum_squared_weights(model), rtol=1e-14)


def test_a_tensor_that_is_twice_in_a_state_dict_counts_once():
    model = tied_model()
    state = {name: value for name, value in model.state_dict().items() if name != "not_a_weight"}
    assert len(state) > len(pm.parameter_norms(model))
    assert_close(pm.sum_squared_weights(state), pm.sum_squared_weights(model), rtol=1e-14)
    assert list(pm.parameter_norms(state)) == list(pm.parameter_norms(model))
    with_buffer = pm.sum_squared_weights(model.state_dict())  # of which a state dict does not say that it is one
    assert_close(with_buffer, pm.sum_squared_weights(model) + 100, rtol=1e-14)
