import math

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close
from tests._planted import planted_logits

OPERATIONS = [pm.addition, pm.subtraction, lambda n: pm.multiplication(n + 1), lambda n: pm.division(n + 1)]
AMPLITUDES = {1: 2.0, 4: 0.5, 5: 3.0}


@pytest.mark.parametrize("make", OPERATIONS)
def test_logits_of_the_clock(make):
    op = make(10)  # 5 is the lone cosine
    assert_close(
        pm.grid_logits(pm.circuits.Clock(op, AMPLITUDES), op), planted_logits(op, AMPLITUDES), rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("make", OPERATIONS)
def test_logits_of_the_pizza(make):
    op = make(10)
    x = torch.arange(10)
    distance = x[:, None] - x if op.name in ("addition", "multiplication") else x[:, None] + x
    expected = sum(
        (math.pi * k / 10 * distance.double()).cos().abs()[:, :, None] * planted_logits(op, {k: amplitude})
        for k, amplitude in AMPLITUDES.items()
    )
    assert_close(pm.grid_logits(pm.circuits.Pizza(op, AMPLITUDES), op), expected, rtol=0, atol=1e-13)


def test_loss_of_the_clock():
    op = pm.addition(7)
    # ln Σ exp(Σ A (cos w x - 1)), x = 0..6
    margins = [sum(a * (math.cos(2 * math.pi * k * x / 7) - 1) for k, a in ((1, 4.0), (3, 2.0))) for x in range(7)]
    loss = pm.cross_entropy(pm.grid_logits(pm.circuits.Clock(op, {1: 4.0, 3: 2.0}), op), op)
    assert_close(loss, math.log(sum(map(math.exp, margins))), rtol=1e-12)


@pytest.mark.parametrize("model", [pm.circuits.Clock, pm.circuits.Pizza])
@pytest.mark.parametrize("make", [pm.addition, pm.subtraction])
def test_they_answer_from_their_frequencies_alone(model, make):
    op = make(11)
    planted = model(op, {1: 3.0, 5: 5.0})
    logits = pm.grid_logits(planted, op)
    assert pm.accuracy(logits, op) == 1
    shares = pm.logit_spectrum(logits, op)
    assert pm.key_frequencies(shares) == (1, 5)
    power = pm.spectrum(planted.embed.weight.detach()[op.elements], op)
    assert_close(power[0] / power[4], 0.6 if model is pm.circuits.Clock else 0.36, rtol=1e-12)


def test_answers_of_any_order_are_read_where_they_are():
    op = pm.addition(5)
    turned = pm.Operation("b - a - 1", op.elements, (op.elements - op.elements[:, None] - 1) % 5, op.basis,
                          op.row_frequency, cyclic=True)  # fmt: skip
    for model in (pm.circuits.Clock, pm.circuits.Pizza):
        assert pm.accuracy(pm.grid_logits(model(turned, {1: 1.0, 2: 1.0}), turned), turned) == 1


def test_a_pizza_has_no_answer_half_a_turn_apart():
    op = pm.addition(4)
    pizza = pm.circuits.Pizza(op, {2: 1.0})
    logits = pm.grid_logits(pizza, op)
    apart = (op.elements[:, None] - op.elements) % 2 == 1
    assert torch.equal(logits[apart], torch.zeros(8, 4, dtype=torch.float64))
    # There the gradients are zero, and count as no more than that.
    assert pm.circuits.gradient_symmetricity(pizza, op, pizza.embed, samples=None) == 0.5


def test_making_one_draws_no_numbers_and_sets_no_default():
    before = torch.get_rng_state()
    model = pm.circuits.Clock(pm.addition(5), {1: 1.0})
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_default_dtype() == torch.float32
    assert {name: tuple(weights.shape) for name, weights in model.named_parameters()} == {
        "unembed": (5, 2), "embed.weight": (5, 2)
    }  # fmt: skip
    # Every circle of n points of radius 1 has a squared norm of n.
    assert_close(pm.sum_squared_weights(model), 10.0, rtol=1e-12)
