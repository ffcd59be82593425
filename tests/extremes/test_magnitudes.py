"""The largest and the smallest numbers, beside the definitions in arithmetic of 60 digits."""

import math
import re

import mpmath
import numpy as np
import pytest
import torch
from mpmath import mp

import progress_measures as pm
from tests import _oracle
from tests._asserts import assert_close
from tests._planted import learned_logits, planted_logits, random_logits, random_mask

OP = pm.addition(5)
RIGHT = torch.nn.functional.one_hot(OP.table, 5).double()
MASK = random_mask(5)
TERMS = ["sum", "product", "polynomial", "aligned"]
LARGEST = torch.finfo(torch.float64).max
LEAST = 5e-324
TINY = torch.finfo(torch.float64).tiny  # below which numbers lose digits


@pytest.fixture(autouse=True)
def _sixty_digits():
    with mp.workdps(60):
        yield


def exact_loss(logits, mask=None):
    """The mean of -log softmax in 60 digits, of logits that are taken for exact."""
    losses = []
    for a, b in (torch.ones(5, 5) if mask is None else mask).nonzero().tolist():
        row = [mpmath.mpf(value) for value in logits[a, b].tolist()]
        wrong = [mpmath.exp(value - row[OP.table[a, b]]) for c, value in enumerate(row) if c != OP.table[a, b]]
        losses.append(mpmath.log1p(mpmath.fsum(wrong)))
    return mpmath.fsum(losses) / len(losses)


def assert_exact(actual, expected, *, rtol):
    assert abs(mpmath.mpf(actual.item()) - expected) <= rtol * expected + TINY


def all_losses(logits, mask=None):
    """Every loss of some logits, and the logits that it is of; those of a part are in float64."""
    yield pm.cross_entropy(logits, OP, mask=mask), logits
    for terms in TERMS:
        restricted, excluded = (f(logits, OP, [2], terms=terms) for f in (pm.restrict, pm.exclude))
        yield pm.restricted_loss(logits, OP, [2], mask=mask, terms=terms), restricted
        yield pm.excluded_loss(logits, OP, [2], mask=mask, terms=terms), excluded
        yield pm.excluded_loss_per_frequency(logits, OP, mask=mask, terms=terms)[1], excluded


@pytest.mark.parametrize("loss", [1e-30, 1e-20, 1e-12, 1e-6, 1e-3, 1.0, 40.0, 1e3, 1e4, 2e4])
def test_losses_of_every_size_keep_fourteen_digits(loss):
    # The loss of equal wrong logits and a right one that is above them by m is log(1 + 4 exp -m).
    margin = float(-mpmath.log(mpmath.expm1(loss) / 4))
    logits = margin * RIGHT
    for mask in (None, MASK):
        found = pm.cross_entropy(logits, OP, mask=mask)
        assert_exact(found, exact_loss(logits, mask), rtol=1e-14)
        assert_close(found, loss, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-300, 1e-10, 1.0, 30.0, 1e3, 1e4])
def test_every_loss_is_that_of_its_definition_at_every_scale(scale):
    logits = scale * (learned_logits(OP, (2,)) / 4 + 2 * RIGHT)
    # The parts are rounded to float64 in two orders: that is what is left beside the digits of the loss itself.
    for found, of in all_losses(logits, MASK):
        assert_exact(found, exact_loss(of, MASK), rtol=1e-13 + 1e-14 * scale)


@pytest.mark.parametrize("right", [1e4, -1e4])
@pytest.mark.parametrize("common", [0.0, 1e4, -1e4])
def test_logits_of_ten_thousand(right, common):
    logits = common + right * RIGHT + random_logits(5)
    for found, of in all_losses(logits):
        assert_exact(found, exact_loss(of), rtol=1e-10)
    assert pm.accuracy(logits, OP) == (right > 0)
    shares = pm.logit_spectrum(logits, OP)
    assert_close(shares, np.array(_oracle.logit_spectrum(logits.numpy(), OP.table.numpy())), rtol=1e-9)


def test_small_losses_beside_large_ones():
    losses = torch.logspace(-30, 4, 25, dtype=torch.float64)
    margins = torch.tensor([float(-mpmath.log(mpmath.expm1(loss) / 4)) for loss in losses.tolist()])
    logits = margins.double().reshape(5, 5, 1) * RIGHT
    for index in range(25):
        only = torch.zeros(25, dtype=torch.bool)
        only[index] = True
        found = pm.cross_entropy(logits, OP, mask=only)
        assert_exact(found, exact_loss(logits, only.reshape(5, 5)), rtol=1e-13)
        assert_close(found, losses[index], rtol=1e-4)  # margins are float32's
    assert_exact(pm.cross_entropy(logits, OP), exact_loss(logits), rtol=1e-14)


@pytest.mark.parametrize("difference", [1e-300, 2.3e-308, 1e-320, LEAST])
def test_the_smallest_difference_decides(difference):
    assert pm.accuracy(difference * RIGHT, OP) == 1
    assert pm.accuracy(-difference * RIGHT, OP) == 0
    train = random_mask(5)
    measures = pm.measure(difference * RIGHT, OP, [1, 2], train_mask=train)
    assert measures.train_accuracy == measures.test_accuracy == 1
    assert_close(pm.cross_entropy(difference * RIGHT, OP), math.log(5), rtol=1e-15)


@pytest.mark.parametrize("scale", [1e-300, 1e-308, 1e-315, 1e300, 1e304])
def test_shares_of_tiny_and_huge_values(scale):
    # A subnormal number has fewer digits, by as many as its distance from the largest of them.
    tolerance = 1e-9 + 100 * LEAST / scale
    logits, neurons, weights = learned_logits(OP, (2,)), random_logits(5, seed=3), random_logits(5, seed=4)[0]
    for function, x in (
        (lambda x: pm.logit_spectrum(x, OP), logits),
        (lambda x: pm.neuron_spectrum(x, OP), neurons),
        (lambda x: pm.circuits.distance_irrelevance(x, OP), logits),
        (pm.gini, weights),
        (pm.effective_rank, weights),
        (lambda x: pm.concentration.inverse_participation_ratio(x, OP), weights),
        (lambda x: pm.concentration.fourier_coefficient_ratio(x, OP), weights),
        (lambda x: pm.concentration.fourier_frequency_density(x, OP), weights),
        (lambda x: pm.circuits.circularity(x, OP), weights),
        (lambda x: pm.explained_variance(x, 0.9 * x), weights),
        (lambda x: pm.cosine_coefficients(x, OP) / x.abs().max(), logits),
    ):
        assert_close(function(scale * x), function(x), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("difference", [1e-300, 1e-12])
def test_gini_of_nearly_equal_values(difference):
    # Half the mean absolute difference over the mean: of 1 and 1 + d that is d / (4 + 2 d); ones must not cancel.
    x = torch.tensor([1.0, 1 + difference], dtype=torch.float64)
    actual = mpmath.mpf(x[1].item()) - 1
    assert_exact(pm.gini(x), actual / (4 + 2 * actual), rtol=1e-15)


@pytest.mark.parametrize("scale", [1e-40, 1e-45, 3e38])
def test_subnormal_and_largest_numbers_of_float32(scale):
    logits = (planted_logits(OP, {2: 1.0}) * scale).float()
    assert torch.isfinite(logits).all()
    assert_close(pm.logit_spectrum(logits, OP), pm.logit_spectrum(logits.double(), OP), rtol=1e-12, atol=1e-15)
    assert_exact(pm.cross_entropy(-logits, OP), exact_loss(-logits.double()), rtol=1e-13)


def test_powers_below_the_smallest_number_are_zero_and_no_frequency_stands_out():
    power = pm.spectrum(1e-200 * random_logits(5)[0], OP)
    assert power.tolist() == [0, 0]
    assert pm.key_frequencies(power) == ()


def test_powers_above_the_largest_number_are_infinite_and_refused():
    power = pm.spectrum(1e200 * random_logits(5)[0], OP)
    assert power.tolist() == [torch.inf, torch.inf]
    with pytest.raises(
        ValueError, match=r"^`power` must be finite\. Got 2 non-finite of 2 values, .* at index \(0,\)\.$"
    ):
        pm.key_frequencies(power)


LIMIT = LARGEST / 5**4
OF_LOGITS = [
    lambda x: pm.cross_entropy(x, OP),
    lambda x: pm.accuracy(x, OP),
    *(
        lambda x, f=function, terms=terms: f(x, OP, [1], terms=terms)
        for function in (pm.restrict, pm.exclude, pm.restricted_loss, pm.excluded_loss)
        for terms in TERMS
    ),
    *(lambda x, terms=terms: pm.excluded_loss_per_frequency(x, OP, terms=terms) for terms in TERMS),
    lambda x: pm.measure(x, OP, [1], train_mask=MASK).excluded_loss_per_frequency,
    lambda x: pm.measure(x, OP, [1], train_mask=MASK).test_loss,
    lambda x: pm.random_frequency_control(x, OP, [1], train_mask=MASK, draws=2).excluded_loss.draws,
    lambda x: pm.logit_spectrum(x, OP),
    lambda x: pm.cosine_coefficients(x, OP),
    lambda x: pm.circuits.distance_irrelevance(x, OP),
    lambda x: pm.neuron_spectrum(x, OP),
]


@pytest.mark.parametrize("function", OF_LOGITS)
@pytest.mark.parametrize("sign", [1, -1])
def test_up_to_the_limit_every_number_is_finite(function, sign):
    for x in (sign * LIMIT * (2 * RIGHT - 1), torch.full_like(RIGHT, sign * LIMIT)):
        assert torch.isfinite(function(x)).all()


@pytest.mark.parametrize("function", OF_LOGITS)
@pytest.mark.parametrize("value", [6e307, -1.7e308])
def test_beyond_the_limit_there_is_an_error_and_not_a_nan(function, value):
    with pytest.raises(ValueError, match="must be at most") as caught:
        function(value * RIGHT)
    assert re.sub("^`activations`", "`logits`", str(caught.value)) == (
        "`logits` must be at most 2.9e+305 in size for n=5, so that their sums are finite. "
        f"Got {abs(value):.2g}. Divide them by a number."
    )
