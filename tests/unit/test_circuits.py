import itertools
import math

import pytest
import torch
from torch import nn

import progress_measures as pm
from tests import _oracle
from tests._asserts import assert_close
from tests._planted import Slices, random_logits, spread

CYCLIC = [(pm.addition, 1), (pm.subtraction, -1), (lambda n: pm.multiplication(n + 1), 1)]
FREQUENCIES = (4, 9, 17, 25)


# Distance irrelevance


@pytest.mark.parametrize(("make", "sign"), CYCLIC)
@pytest.mark.parametrize("n", [4, 6, 10])
def test_irrelevance_one_distance_at_a_time(n, make, sign):
    op, logits = make(n), random_logits(n)
    irrelevance = pm.circuits.distance_irrelevance(logits, op)
    assert irrelevance.dtype == torch.float64
    assert_close(irrelevance, _oracle.distance_irrelevance(logits.numpy(), op.table.numpy(), sign), rtol=1e-12)
    assert_close(pm.circuits.distance_irrelevance((3 * logits + 7).flatten(0, 1), op), irrelevance, rtol=1e-12)


def test_irrelevance_by_hand():
    op = pm.addition(2)  # correct logits: 1 and 3 where a = b, 4 and 4 where not
    logits = torch.zeros(2, 2, 2)
    logits[0, 0, 0], logits[1, 1, 0], logits[0, 1, 1], logits[1, 0, 1] = 1.0, 3.0, 4.0, 4.0
    # Deviations 1 and 0 of a distance; over all, the squares 4, 0, 1, 1 have the mean 3/2.
    assert_close(pm.circuits.distance_irrelevance(logits, op), 0.5 / math.sqrt(1.5), rtol=1e-12)


@pytest.mark.parametrize("make", [pm.addition, pm.subtraction, lambda n: pm.division(n + 1)])
@pytest.mark.parametrize("n", [10, 28])
def test_irrelevance_of_a_pizza_is_zero_and_of_a_clock_one(make, n):
    op = make(n)
    assert pm.circuits.distance_irrelevance(pm.grid_logits(pm.circuits.Pizza(op, {1: 2.0, 3: 1.0}), op), op) < 1e-12
    assert pm.circuits.distance_irrelevance(pm.grid_logits(pm.circuits.Clock(op, {1: 2.0, 3: 1.0}), op), op) == 1


def test_irrelevance_is_one_where_every_distance_is_alike():
    op = pm.addition(7)
    of_answer = torch.randn(7, generator=torch.Generator().manual_seed(0))
    logits = of_answer[op.table][..., None].expand(7, 7, 7)
    assert_close(pm.circuits.distance_irrelevance(logits, op), 1.0, rtol=1e-12)
    assert pm.circuits.distance_irrelevance(torch.full((7, 7, 7), 1e30), op) == 1
    assert pm.circuits.distance_irrelevance(torch.zeros(7, 7, 7), op) == 1


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("scale", [1e-6, 1e150])
def test_irrelevance_at_the_extremes(scale, offset):
    op, logits = pm.addition(5), random_logits(5)
    expected = pm.circuits.distance_irrelevance(logits, op)
    assert_close(pm.circuits.distance_irrelevance(scale * (logits + offset), op), expected, rtol=1e-10)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_irrelevance_does_not_change_with_the_scale(scale):
    op, logits = pm.addition(9), random_logits(9)
    expected = pm.circuits.distance_irrelevance(logits, op)
    assert_close(pm.circuits.distance_irrelevance(scale * logits, op), expected, rtol=1e-9)


@pytest.mark.parametrize("n", [5, 11])
@pytest.mark.parametrize("components", [1, 4])
def test_circularity_by_a_transform_written_out(n, components):
    x = torch.randn(n, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = pm.circuits.circularity(x, pm.addition(n), components=components)
    assert found.dtype == torch.float64
    assert_close(found, _oracle.circularity(x.numpy(), components), rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [11, 12])
def test_circularity_of_circles_is_one(n, dtype):
    op = pm.addition(n)
    generator = torch.Generator().manual_seed(0)
    rotation = torch.linalg.qr(torch.randn(16, 16, generator=generator).double()).Q
    sizes = torch.linspace(1, 3, n // 2 + 1, dtype=torch.float64)[op.row_frequency]
    circles = (5 + (sizes[:, None] * op.basis).T @ rotation[:n]).to(dtype)
    for components in (1, 2, 4, n - 1):
        assert_close(pm.circuits.circularity(circles, op, components=components), 1.0, rtol=1e-4)
    assert_close(pm.circuits.circularity(circles.roll(3, 0).T.numpy(), op, 1), 1.0, rtol=1e-4)


def test_circularity_of_the_lone_cosine_is_one_and_not_two():
    op = pm.addition(6)
    assert_close(pm.circuits.circularity(op.basis[5], op), 1.0, rtol=1e-12)


def test_circularity_of_two_frequencies_in_one_component():
    op = pm.addition(7)
    v = 0.6 * op.basis[1] + 0.8 * op.basis[6]
    assert_close(pm.circuits.circularity(torch.outer(v, torch.ones(3).double()), op), 0.64, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_circularity_counts_only_components_that_there_are(dtype):
    op = pm.addition(59)
    one = pm.circuits.Clock(op, {7: 1.0}).embed.weight.detach().to(dtype)  # two components, of four
    assert_close(pm.circuits.circularity(one, op), 1.0, rtol=1e-5)
    generator = torch.Generator().manual_seed(0)
    mixed = (one.double() @ torch.randn(2, 9, generator=generator).double()).to(dtype)  # the rest is rounding
    assert_close(pm.circuits.circularity(mixed, op), 1.0, rtol=1e-5)
    assert pm.circuits.circularity(torch.full((59, 3), 0.1, dtype=dtype), op) == 0
    assert pm.circuits.circularity(torch.zeros(1, 3), pm.addition(1)) == 0


def test_circularity_of_another_group():
    op = pm.addition(5)
    # One frequency that holds all four rows: every component lies in it.
    merged = pm.Operation("merged", op.elements, op.table, op.basis, torch.tensor([0, 1, 1, 1, 1]))
    assert_close(pm.circuits.circularity(random_logits(5)[0], merged), 1.0, rtol=1e-12)


class MLP(nn.Module):
    """Any network on embeddings, which may be called once for both inputs or once for each, or at other positions."""

    def __init__(self, n, calls=1, first=0):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.n, self.calls, self.first = n, calls, first
        self.embed = nn.Embedding(n + 1, 5, _weight=torch.randn(n + 1, 5, generator=generator).double())
        self.hidden = torch.randn(10, 12, generator=generator).double()
        self.out = nn.Parameter(torch.randn(12, n, generator=generator).double())

    def forward(self, pairs):
        if self.calls == 2:
            embedded = torch.cat([self.embed(pairs[:, 0]), self.embed(pairs[:, 1])], 1)
        else:
            separator = pairs.new_full((len(pairs), 1), self.n)
            embedded = self.embed(torch.cat([separator] * self.first + [pairs, separator], 1))
            embedded += 0.5  # in place, as of positions
            embedded = embedded[:, self.first : self.first + 2].flatten(1) - 0.5
        return torch.tanh(embedded @ self.hidden) @ self.out


def symmetricity_by_jacobian(model, n):
    """One pair at a time, by the Jacobian of the logits with respect to the two embeddings."""
    cosines = []
    for a, b in itertools.product(range(n), repeat=2):
        embedded = torch.cat([model.embed.weight[a], model.embed.weight[b]]).detach()
        jacobian = torch.func.jacrev(lambda x: torch.tanh(x @ model.hidden) @ model.out)(embedded).detach()
        for row in jacobian:
            u, v = row[:5], row[5:]
            cosines.append(float(u @ v / math.sqrt(u @ u) / math.sqrt(v @ v)))
    return sum(cosines) / len(cosines)


@pytest.mark.parametrize("batch_size", [1, 10, 1000])
def test_symmetricity_of_all_triples_is_that_of_the_jacobian(batch_size):
    op, model = pm.addition(4), MLP(4)
    found = pm.circuits.gradient_symmetricity(model, op, model.embed, samples=None, batch_size=batch_size)
    assert found.dtype == torch.float64
    assert not found.requires_grad
    assert_close(found, symmetricity_by_jacobian(model, 4), rtol=1e-10)


def test_symmetricity_of_one_call_or_two_at_any_position():
    op = pm.addition(4)
    model = MLP(4)
    expected = pm.circuits.gradient_symmetricity(model, op, model.embed, samples=None)
    twice, later = MLP(4, calls=2), MLP(4, first=2)
    assert_close(pm.circuits.gradient_symmetricity(twice, op, twice.embed, samples=None), expected, rtol=1e-12)
    for positions in ((2, 3), (3, 2)):
        found = pm.circuits.gradient_symmetricity(later, op, later.embed, positions=positions, samples=None)
        assert_close(found, expected, rtol=1e-12)


@pytest.mark.parametrize("make", [pm.addition, lambda n: pm.multiplication(n + 1)])
@pytest.mark.parametrize("samples", [None, 200])
def test_symmetricity_of_a_pizza_is_one(make, samples):
    op = make(10)
    pizza = pm.circuits.Pizza(op, {1: 2.0, 4: 1.0})  # no distance is half a turn of both
    assert_close(pm.circuits.gradient_symmetricity(pizza, op, pizza.embed, samples=samples), 1.0, rtol=1e-12)


@pytest.mark.parametrize("n", [5, 6])
def test_symmetricity_of_a_clock_is_zero(n):
    op = pm.addition(n)
    clock = pm.circuits.Clock(op, {1: 2.0, 2: 1.0})
    assert abs(pm.circuits.gradient_symmetricity(clock, op, clock.embed, samples=None)) < 1e-12


def test_symmetricity_of_a_clock_at_each_distance():
    op = pm.addition(6)
    clock = pm.circuits.Clock(op, {1: 2.0, 2: 1.0})
    # One triple: the cosine is the mean of cos w (a - b), weighted by the amplitudes.
    for seed in range(20):
        triple = int(torch.randint(6**3, (1,), generator=torch.Generator().manual_seed(seed)))
        distance = triple // 36 - triple // 6 % 6
        expected = (2 * math.cos(math.pi / 3 * distance) + math.cos(2 * math.pi / 3 * distance)) / 3
        found = pm.circuits.gradient_symmetricity(clock, op, clock.embed, samples=1, seed=seed)
        assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0, math.pi])
def test_symmetricity_where_one_embedding_is_turned(angle):
    # Neurons that read a and b at phases apart by an angle see their gradients apart by it.
    op, model = pm.addition(7), Slices(7, (1, 3), 5, torch.tensor([angle]).double())
    assert_close(pm.circuits.gradient_symmetricity(model, op, model.embed), math.cos(angle), rtol=1e-10)


def test_a_gradient_of_zero_counts_as_zero():
    op = pm.addition(5)
    embed = nn.Embedding(5, 3)

    def of_a(pairs):
        return embed(pairs)[:, 0] @ torch.ones(3, 5)

    def where_a_is_zero(pairs):
        return torch.where(pairs[:, :1] == 0, embed(pairs).sum(1), 0.0) @ torch.ones(3, 5)

    assert pm.circuits.gradient_symmetricity(of_a, op, embed) == 0
    assert_close(pm.circuits.gradient_symmetricity(where_a_is_zero, op, embed, samples=None), 0.2, rtol=1e-6)


def test_gradients_so_small_that_their_squares_vanish():
    op, embed = pm.addition(5), nn.Embedding(5, 3).double()
    found = pm.circuits.gradient_symmetricity(
        lambda pairs: 1e-300 * embed(pairs).sum(1) @ torch.ones(3, 5).double(), op, embed
    )
    assert_close(found, 1.0, rtol=1e-12)


def test_draws_are_the_seeds_and_touch_no_global_generator():
    op, model = pm.addition(7), MLP(7)
    before = torch.get_rng_state()
    first, again, other = (
        pm.circuits.gradient_symmetricity(model, op, model.embed, samples=50, seed=s) for s in (3, 3, 4)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert first == again
    assert first != other
    every = pm.circuits.gradient_symmetricity(model, op, model.embed, samples=None)
    many = pm.circuits.gradient_symmetricity(model, op, model.embed, samples=20_000)
    assert_close(many, every, rtol=0, atol=0.02)


def test_nothing_is_left_behind():
    op, model = pm.addition(5), MLP(5)
    model.dropout = nn.Dropout()  # a part in a mode of its own
    model.train()
    model.dropout.eval()
    model.out.requires_grad_(False)
    seen = []
    handle = model.embed.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    for context in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        with context():
            enabled, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
            pm.circuits.gradient_symmetricity(model, op, model.embed, samples=5)
            assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == (enabled, inference)
    assert seen == [True] * 3
    assert list(model.embed._forward_hooks) == [handle.id]
    assert [parameter.grad for parameter in model.parameters()] == [None, None]
    assert (model.training, model.embed.training, model.dropout.training) == (True, True, False)
    assert [parameter.requires_grad for parameter in (model.out, model.embed.weight)] == [False, True]


def test_no_hook_is_left_after_an_error():
    embed = nn.Embedding(5, 3).train()

    def fails(pairs):
        embed(pairs)
        raise KeyError("the user's own")

    with pytest.raises(KeyError, match="the user's own"):
        pm.circuits.gradient_symmetricity(fails, pm.addition(5), embed)
    assert not embed._forward_hooks


def test_a_tensor_of_the_users_own_is_left_as_it_is():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("points", torch.rand(5, 2, 3))

        def forward(self, _):
            return self.points

    embed = Fixed()
    pm.circuits.gradient_symmetricity(
        lambda pairs: embed(pairs).sum(1) @ torch.ones(3, 5), pm.addition(5), embed, samples=5
    )
    assert not embed.points.requires_grad


def test_predict_as_a_module_is_run_in_evaluation_mode():
    op = pm.addition(5)
    model = nn.Sequential(nn.Embedding(5, 3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(6, 5)).train()
    first, again = (pm.circuits.gradient_symmetricity(model, op, model[0], samples=50) for _ in range(2))
    assert first == again
    assert model[1].training


def test_parameters_and_inputs_of_a_frozen_model():
    op, model = pm.addition(4), MLP(4).requires_grad_(False)
    expected = symmetricity_by_jacobian(model, 4)
    assert_close(pm.circuits.gradient_symmetricity(model, op, model.embed, samples=None), expected, rtol=1e-10)


# Between a pizza and a clock


def numbers(model, op):
    logits = pm.grid_logits(model, op)
    assert pm.accuracy(logits, op) == 1
    return pm.circuits.gradient_symmetricity(model, op, model.embed).item(), pm.circuits.distance_irrelevance(
        logits, op
    ).item()


def test_the_two_measures_move_together_from_a_pizza_to_a_clock():
    op = pm.addition(59)
    found = [numbers(Slices(59, FREQUENCIES, 5, spread(width)), op) for width in (0.0, 0.4, 0.7, 0.9, 1.0)]
    symmetricity, irrelevance = zip(*found, strict=True)
    assert list(symmetricity) == sorted(symmetricity, reverse=True)
    assert list(irrelevance) == sorted(irrelevance)
    assert symmetricity[0] == pytest.approx(1, abs=1e-12)
    assert symmetricity[-1] == pytest.approx(0, abs=0.05)
    assert irrelevance[-1] > 0.98


def test_networks_of_few_slices_come_near_the_trained_ones():
    # Zhong et al.: a trained pizza has 0.9937 and 0.17, a trained clock 0.3336 and 0.85.
    op = pm.addition(59)
    pizza = numbers(Slices(59, FREQUENCIES, 5, spread(0.25)), op)
    assert pizza == (pytest.approx(0.985, abs=5e-3), pytest.approx(0.12, abs=5e-3))
    clock = numbers(Slices(59, FREQUENCIES, 3, spread(0.83)), op)
    assert clock == (pytest.approx(0.3336, abs=0.04), pytest.approx(0.84, abs=5e-3))
