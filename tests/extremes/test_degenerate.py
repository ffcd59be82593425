"""What does not vary, what has one element, no axis or no value: a number that the documentation names, or an error."""

import math
import re

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close
from tests.extremes._functions import OF_NUMBERS, OP, REPLACEMENTS, N

TERMS = ["sum", "product", "polynomial", "aligned"]
ONE = [
    pm.addition(1),
    pm.subtraction(1),
    pm.multiplication(2),
    pm.division(2),
    pm.groups.symmetric_group(1),
    pm.groups.alternating_group(2),
    pm.groups.composition([[0]]),
    pm.groups.direct_product(pm.addition(1), pm.multiplication(2)),
]


@pytest.mark.parametrize("op", ONE, ids=repr)
@pytest.mark.parametrize("value", [0.0, 2.5, -1e4, 1e-300])
def test_one_element(op, value):
    assert (op.n, op.frequencies, op.rows_per_frequency) == (1, (), ())
    logits = torch.full((1, 1, 1), value, dtype=torch.float64)
    assert pm.cross_entropy(logits, op) == 0
    assert pm.accuracy(logits, op) == 1
    for terms in TERMS:
        assert torch.equal(pm.restrict(logits, op, [], terms=terms), logits)
        assert torch.equal(pm.exclude(logits, op, [], terms=terms), logits)
        assert pm.restricted_loss(logits, op, [], terms=terms) == pm.excluded_loss(logits, op, [], terms=terms) == 0
        assert pm.excluded_loss_per_frequency(logits, op, terms=terms).shape == (0,)
    for spectrum in (pm.spectrum, pm.logit_spectrum, pm.cosine_coefficients):
        assert spectrum(logits, op).shape == (0,)
        assert spectrum(logits, op).dtype == torch.float64
    assert pm.neuron_spectrum(logits.expand(1, 1, 3), op).shape == (3, 0)
    assert pm.key_frequencies(pm.logit_spectrum(logits, op), op) == ()
    assert pm.neuron_frequencies(pm.neuron_spectrum(logits, op)).tolist() == [0]
    assert pm.concentration.inverse_participation_ratio(logits[0], op).tolist() == [float(value != 0)]
    assert pm.circuits.circularity(logits[0], op) == 0
    assert torch.equal(pm.grid_logits(lambda pairs: logits[0].expand(len(pairs), 9), op), logits)


def test_one_element_of_a_cyclic_group_has_no_wave():
    x = torch.ones(1, 2)
    assert pm.fourier_basis(1).tolist() == [[1]]
    assert (
        pm.to_fourier(x, 0).tolist() == pm.from_fourier(x, 0).tolist() == pm.frequency_power(x, 0).tolist() == [[1, 1]]
    )
    assert (
        pm.concentration.fourier_frequency_density(x, ONE[0])
        == pm.concentration.fourier_coefficient_ratio(x, ONE[0])
        == 0
    )
    assert pm.circuits.distance_irrelevance(torch.ones(1, 1, 1), ONE[0]) == 1


def test_one_element_leaves_no_pair_to_test_on():
    measured = pm.measure(torch.ones(1, 1, 1), ONE[0], [], train_mask=torch.ones(1, 1, dtype=torch.bool)).as_dict()
    nothing = {name for name, value in measured.items() if math.isnan(value)}
    assert nothing == {"test_loss", "test_accuracy", "restricted_loss_test"}
    assert {value for name, value in measured.items() if name not in nothing} == {0.0, 1.0}


@pytest.mark.parametrize("value", [0.0, -3.7, 1e-300, 1e4])
@pytest.mark.parametrize("make", [pm.addition, pm.subtraction, pm.groups.dihedral_group])
@pytest.mark.parametrize("n", [2, 5, 6])
def test_every_loss_of_constant_logits_is_chance(make, n, value):
    op = make(n)
    logits = torch.full((op.n, op.n, op.n), value, dtype=torch.float64)
    measures = vars(pm.measure(logits, op, op.frequencies[:1], train_mask=op.table < op.n // 2))
    found = [loss for name, loss in measures.items() if "loss" in name] + [pm.cross_entropy(logits, op)]
    for terms in TERMS:
        found += [f(logits, op, op.frequencies, terms=terms) for f in (pm.restricted_loss, pm.excluded_loss)]
        found.append(pm.excluded_loss_per_frequency(logits, op, terms=terms))
    for loss in found:
        assert_close(loss, torch.full_like(loss, math.log(op.n)), rtol=1e-11)


@pytest.mark.parametrize("value", [0.0, -3.7, 1 / 3, 1e-300, 1e300])
@pytest.mark.parametrize("make", [pm.addition, pm.multiplication, pm.groups.dihedral_group])
@pytest.mark.parametrize("n", [3, 5, 7])
def test_what_does_not_vary_has_no_frequency(make, n, value):
    op = make(n)
    x = torch.full((op.n, op.n, 3), value, dtype=torch.float64)
    logits = torch.full((op.n, op.n, op.n), value, dtype=torch.float64)
    assert pm.logit_spectrum(logits, op).tolist() == [0] * len(op.frequencies)
    assert pm.neuron_spectrum(x, op).tolist() == [[0] * len(op.frequencies)] * 3  # dead neurons
    assert pm.neuron_frequencies(pm.neuron_spectrum(x, op)).tolist() == [0, 0, 0]
    assert pm.key_frequencies(pm.logit_spectrum(logits, op), op) == ()
    assert pm.explained_variance(x, x) == 0
    assert pm.fit_waves(x.flatten(0, 1), torch.arange(op.n**2).double()[None]).explained_variance.tolist() == [0, 0, 0]
    assert pm.circuits.circularity(x[0], op) == 0


def test_dead_neurons_leave_their_neighbours_alone():
    op = pm.addition(7)
    waves = torch.cos(2 * math.pi / 7 * 3 * op.table.double())
    dead = torch.stack([torch.zeros(7, 7), waves, torch.full((7, 7), -2.0), 1e-30 * waves, torch.zeros(7, 7)], dim=-1)
    shares = pm.neuron_spectrum(dead, op)
    assert shares[[0, 2, 4]].abs().max() == 0
    assert_close(shares[[1, 3]], [[0.0, 0.0, 1.0]] * 2, rtol=1e-12, atol=1e-12)
    assert pm.neuron_frequencies(shares).tolist() == [0, 3, 0, 3, 0]
    for project in (pm.project_onto_frequencies, pm.project_out_frequencies):
        kept = project(op, [3])(dead.flatten(0, 1))
        assert_close(kept[:, [0, 2, 4]], dead.flatten(0, 1)[:, [0, 2, 4]], rtol=1e-14)


@pytest.mark.parametrize("value", [0.0, -3.7, 1e-300])
def test_constant_weights(value):
    op, x = pm.addition(6), torch.full((6, 4), value, dtype=torch.float64)
    # Rounding is all that is left of a constant in the other frequencies.
    assert pm.spectrum(x, op).max() <= (1e-15 * abs(value)) ** 2 * 100
    assert pm.key_frequencies(torch.zeros(3)) == ()
    assert pm.gini(x).tolist() == [0] * 6
    assert_close(pm.effective_rank(x), float(value != 0), rtol=1e-12)
    assert_close(pm.concentration.inverse_participation_ratio(x, op), [float(value != 0)] * 4, rtol=1e-12)
    assert pm.concentration.fourier_coefficient_ratio(x, op) == pm.concentration.fourier_frequency_density(x, op) == 0


def test_waves_of_the_first_and_the_last_element_alone():
    # The constant and every frequency have the same power per row, so that nothing stands out.
    op = pm.addition(8)
    for place in (0, 7):
        power = pm.spectrum(torch.eye(8, dtype=torch.float64)[place], op)
        assert_close(power / torch.tensor(op.rows_per_frequency), [1 / 8] * 4, rtol=1e-12)
        assert pm.key_frequencies(power, op) == ()


def message_of(function, x):
    """What is said of an argument; None if there is a result, which then has no value or those of dead neurons."""
    try:
        found = function(x)
    except (TypeError, ValueError) as error:
        return str(error)
    for part in found:
        assert part.shape.numel() == x.numel() or (function.public == "neuron_frequencies" and (part == 0).all())
    return None


@pytest.mark.parametrize("shape", [(), (0,), (0, N), (N, 0), (0, N, N), (N, N, 0), (N, N, N, 0)], ids=str)
@pytest.mark.parametrize("function", [*OF_NUMBERS, *REPLACEMENTS], ids=repr)
def test_no_axis_or_no_value_is_an_error_that_says_so_or_an_empty_result(function, shape):
    said = message_of(function, torch.zeros(shape, dtype=torch.float64))
    assert said is None or re.match(r"(`\w+`|The activation( of `\w+`)?) (must .* Got:?|chooses nothing of) ", said)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pm.gini(torch.tensor(1.0)), "`dim` must name an axis of a tensor of shape (). Got -1."),
        (lambda: pm.gini([]), "`x` must be a tensor or a NumPy array. Got list."),
        (
            lambda: pm.gini(torch.zeros(3, 0)),
            "`x` must have at least one entry along `dim`. Got shape (3, 0) and dim -1.",
        ),
        (
            lambda: pm.cross_entropy(torch.tensor(0.0), OP),
            "`logits` must have axes (a, b, c): shape (4, 4, m), or (16, m) in row-major order. Got ().",
        ),
        (
            lambda: pm.cross_entropy(torch.zeros(4, 4, 0), OP),
            "`logits` must have one column per element of the operation (4). Got 0.",
        ),
        (
            lambda: pm.cross_entropy(torch.zeros(4, 4, 4), OP, mask=torch.zeros(4, 4, dtype=torch.bool)),
            "`mask` selects no pair. A mean over nothing is undefined.",
        ),
        (lambda: pm.spectrum(torch.zeros(4, 0), OP), "`x` must hold at least one value. Got shape (4, 0)."),
        (
            lambda: pm.key_frequencies(torch.tensor(3.0)),
            "`power` must have one entry per frequency: shape (K,). Got ().",
        ),
    ],
)
def test_what_the_error_says(call, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert str(caught.value) == message


def test_empty_where_that_means_something():
    assert pm.gini(torch.zeros(0, 4)).shape == (0,)
    assert pm.to_fourier(torch.zeros(0, 4)).shape == (0, 4)
    assert pm.frequency_power(torch.zeros(0, 4)).shape == (0, 3)
    assert pm.neuron_spectrum(torch.zeros(4, 4, 0), OP).shape == (0, 2)
    assert pm.neuron_frequencies(torch.zeros(0, 2)).shape == (0,)
    assert pm.key_frequencies(torch.zeros(0)) == ()
    assert pm.restrict(torch.zeros(4, 4, 4), OP, []).abs().max() == 0
    assert pm.project_out_frequencies(OP, [])(torch.zeros(16, 0)).shape == (16, 0)
