import bz2

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_close


def weights(count=40):
    return torch.cos(torch.arange(count).double() ** 2)


def layer(values):
    model = nn.Linear(len(values), 1, bias=False).double()
    model.weight.data = values[None].clone()
    return model


def mean_square(model):
    return model.weight.square().mean()


def test_size_is_that_of_the_rounded_integers():
    # `bzip2_compress` of main.py, of the code of DeMoss et al. (2024), github.com/brantondemoss/GrokkingComplexity, run
    # once on these integers.
    size = pm.compression.compressed_size({"w": weights(4000)}, step=0.25)
    assert size == 1378
    assert size.dtype == torch.int64
    assert pm.compression.compressed_size(layer(weights(4000)), step=torch.tensor(0.25)) == 1378
    halves = {"w": np.array([0.5, 1.5, -0.5]), "v": torch.tensor([2.0])}  # to even
    expected = bz2.compress(np.array([0, 2, 0, 2], "<i4").tobytes(), 9)
    assert pm.compression.compressed_size(halves, step=1) == len(expected)


def test_size_of_equal_weights_is_small_and_of_noise_is_not():
    noise = torch.rand(1000, generator=torch.Generator().manual_seed(0))
    sizes = [pm.compression.compressed_size({"w": noise}, step=step) for step in (4.0, 0.25, 2**-10)]
    assert sizes[0] < 60 < sizes[1] < sizes[2]
    assert sizes[2] > 1000 * 10 / 8  # ten bits of noise each


def test_a_shared_weight_counts_once():
    model = nn.ModuleDict({"embed": nn.Embedding(50, 20), "unembed": nn.Linear(20, 50, bias=False)})
    alone = pm.compression.compressed_size(model["embed"], step=0.01)
    assert pm.compression.compressed_size(model, step=0.01) > alone + 500
    model["unembed"].weight = model["embed"].weight
    assert pm.compression.compressed_size(model, step=0.01) == alone


# `get_complexity` of the same main.py, run once with NumPy in place of JAX, and the mean square as its loss.
@pytest.mark.parametrize(
    ("tolerance", "expected"), [(0.1, 0.9951798815505322), (0.01, 0.14319030716435083), (0.001, 0.027606385506336976)]
)
def test_coarsest_step_is_that_of_the_released_code(tolerance, expected):
    step = pm.compression.coarsest_step(layer(weights()), mean_square, tolerance=tolerance, refinements=40)
    assert_close(step, expected, rtol=1e-9)
    rough = pm.compression.coarsest_step(layer(weights()), mean_square, tolerance=tolerance)
    assert 0 <= expected - rough < 0.016 * expected


def test_coarsest_step_of_one_weight():
    # A weight of 1 becomes Δ, as long as Δ is below 2: so 1 + ε changes a loss w by ε.
    step = pm.compression.coarsest_step(layer(weights(1)), lambda model: model.weight, tolerance=0.3, refinements=50)
    assert_close(step, 1.3, rtol=1e-12)
    assert pm.compression.coarsest_step(layer(0 * weights(3)), mean_square, tolerance=0.1) == 0


def test_weights_are_put_back_bit_for_bit_even_after_an_error():
    model = layer(weights())
    (parameter,), values = model.parameters(), weights()
    place, version = parameter.data_ptr(), parameter._version
    calls = []

    def fails(model):
        calls.append(model.weight.detach().clone())
        if len(calls) == 3:
            raise RuntimeError("no memory")
        return model.weight.sum()

    with pytest.raises(RuntimeError, match="no memory"):
        pm.compression.coarsest_step(model, fails, tolerance=1e-9)
    assert not torch.equal(calls[0], calls[2])
    assert torch.equal(model.weight.detach(), values[None])
    assert (parameter.data_ptr(), parameter._version) == (place, version)
    assert model.weight is parameter
    assert parameter.requires_grad
    assert parameter.grad is None


def test_a_step_that_a_message_names_is_taken():
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        weights = {"weight": torch.randn(3, generator=generator)}
        with pytest.raises(ValueError, match="Pass at least") as caught:
            pm.compression.compressed_size(weights, step=1e-12)
        least = float(str(caught.value).rsplit("Pass at least ", 1)[1].rstrip("."))
        assert pm.compression.compressed_size(weights, step=least) > 0


def test_the_coarsest_step_leaves_no_trace_of_its_losses():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 2)
    )
    before, state = {name: x.clone() for name, x in model.state_dict().items()}, torch.random.get_rng_state()
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    found = {
        float(pm.compression.coarsest_step(model, lambda model: model(x).square().mean(), tolerance=0.01))
        for _ in range(3)
    }
    assert len(found) == 1
    assert model.training
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
