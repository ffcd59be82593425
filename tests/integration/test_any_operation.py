"""Every measure on every operation: what is planted is found."""

import math

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close
from tests._groups import quaternions
from tests._planted import random_logits, random_mask

OPERATIONS = {
    "addition 13": lambda: pm.addition(13),
    "subtraction 12": lambda: pm.subtraction(12),
    "multiplication 13": lambda: pm.multiplication(13),
    "division 17": lambda: pm.division(17),
    "S4": lambda: pm.groups.symmetric_group(4),
    "S5": lambda: pm.groups.symmetric_group(5),
    "A5": lambda: pm.groups.alternating_group(5),
    "D7": lambda: pm.groups.dihedral_group(7),
    "D8": lambda: pm.groups.dihedral_group(8),
    "Q8": lambda: pm.groups.composition(quaternions()),
    "Z3 × Z5": lambda: pm.groups.direct_product(pm.addition(3), pm.addition(5)),
    "Z4 − × Z4 −": lambda: pm.groups.direct_product(pm.subtraction(4), pm.subtraction(4)),
    "Z5 × Z4 −": lambda: pm.groups.direct_product(pm.addition(5), pm.subtraction(4)),
    "Z3 − × A4": lambda: pm.groups.direct_product(pm.subtraction(3), pm.groups.alternating_group(4)),
    "(Z3 × Z4 −) × Z3 −": lambda: pm.groups.direct_product(
        pm.groups.direct_product(pm.addition(3), pm.subtraction(4)), pm.subtraction(3)
    ),
    "S3 × Z4": lambda: pm.groups.direct_product(pm.groups.symmetric_group(3), pm.addition(4)),
    "Z5 as a table": lambda: pm.groups.composition(pm.addition(5).table),
}
TERMS = ["sum", "product", "polynomial", "aligned"]
AMPLITUDE = 60.0


@pytest.fixture(params=OPERATIONS)
def op(request):
    return OPERATIONS[request.param]()


@pytest.fixture
def planted(op):
    """The logits Σ_k A χ_k(s c⁻¹) / χ_k(1) for some frequencies k, and these: all but the first, or the first alone."""
    keys = op.frequencies[1:4] if len(op.frequencies) > 2 else op.frequencies[:1]
    return characters(op, keys), keys


def characters(op, keys):
    if not op.irreps:  # of which no label is known
        rows = [op.rows([k]) for k in keys]
        return AMPLITUDE * sum(op.n / len(own) * own.T @ own for own in rows)[op.table]
    return labelled_characters(op, keys)


def labelled_characters(op, keys):
    """From the labels and the table of the group, which is that of a - b or a / b already where that is the answer."""
    identity = int((op.classes == 0).nonzero())
    # s c⁻¹ for a group; a∘b is a b⁻¹ already where no element is neutral from both sides.
    group = torch.equal(op.table[identity], torch.arange(op.n))
    inverse = (op.table == identity).int().argmax(1)
    quotient = op.table[:, inverse] if group else op.table
    of_quotient = sum(op.irreps[k - 1].character / op.irreps[k - 1].dimension for k in keys)[op.classes]
    return AMPLITUDE * of_quotient[quotient][op.table]


def test_key_frequencies_are_found(op, planted):
    logits, keys = planted
    if len(op.frequencies) < 2:
        pytest.skip("one frequency cannot stand out")
    share = pm.logit_spectrum(logits, op)
    assert pm.key_frequencies(share) == pm.key_frequencies(share, op) == keys
    assert_close(share.sum(), 1.0)
    noisy = logits + random_logits(op.n, scale=1e-2)
    assert pm.key_frequencies(pm.logit_spectrum(noisy, op), op) == keys or len(op.frequencies) < 5


@pytest.mark.parametrize("terms", TERMS)
def test_restricted_is_everything_and_excluded_is_nothing(op, planted, terms):
    logits, keys = planted
    assert_close(pm.restrict(logits, op, keys, terms=terms), logits, rtol=0, atol=1e-9)
    assert_close(pm.exclude(logits, op, keys, terms=terms), torch.zeros_like(logits), rtol=0, atol=1e-9)
    full = pm.cross_entropy(logits, op)
    assert_close(pm.restricted_loss(logits, op, keys, terms=terms), full, rtol=1e-8)
    assert_close(pm.excluded_loss(logits, op, keys, terms=terms), math.log(op.n), rtol=1e-9)


@pytest.mark.parametrize("terms", TERMS)
def test_frequencies_that_are_not_there_change_nothing(op, planted, terms):
    logits, keys = planted
    others = [k for k in op.frequencies if k not in keys]
    full = pm.cross_entropy(logits, op)
    assert_close(pm.excluded_loss(logits, op, others, terms=terms), full, rtol=1e-8)
    assert_close(pm.restricted_loss(logits, op, others, terms=terms), math.log(op.n), rtol=1e-9)
    each = pm.excluded_loss_per_frequency(logits, op, terms=terms)
    assert_close(each[[k - 1 for k in others]], [full] * len(others), rtol=1e-8)
    for k in keys:
        assert_close(each[k - 1], pm.excluded_loss(logits, op, [k], terms=terms), rtol=1e-8)


def test_measure_gives_the_same_numbers(op, planted):
    logits, keys = planted
    mask = random_mask(op.n)
    m = pm.measure(logits, op, keys, train_mask=mask)
    assert_close(m.train_loss, pm.cross_entropy(logits, op, mask=mask), rtol=1e-12)
    assert_close(m.restricted_loss, pm.cross_entropy(logits, op), rtol=1e-8)
    assert_close(m.excluded_loss, math.log(op.n), rtol=1e-9)
    assert_close(
        m.excluded_loss_per_frequency, pm.excluded_loss_per_frequency(logits, op, mask=mask), rtol=1e-10, atol=1e-300
    )


def test_the_answer_lies_in_the_products_of_both_inputs(op):
    # ρ(a∘b) = ρ(a) ρ(b) or ρ(a) ρ(b)⁻¹: restricting to the answer first or to both inputs first is the same.
    logits = random_logits(op.n)
    for k in op.frequencies[:3]:
        of_answer = pm.restrict(logits, op, [k])
        for terms in ("product", "polynomial"):
            assert_close(pm.restrict(of_answer, op, [k], terms=terms), of_answer, rtol=0, atol=1e-10)
            assert_close(pm.restrict(pm.restrict(logits, op, [k], terms=terms), op, [k]), of_answer, rtol=0, atol=1e-10)


def test_spectra_of_weights_and_neurons(op, planted):
    _, keys = planted
    rows = op.rows(keys)
    assert_close(pm.spectrum(rows.T, op)[[k - 1 for k in keys]], [float(len(op.rows([k]))) for k in keys], rtol=1e-10)
    # One neuron per key frequency, the product of a function of a and one of b.
    generator = torch.Generator().manual_seed(0)
    neurons = []
    for k in keys:
        own = op.rows([k])
        of_a, of_b = torch.randn(2, len(own), dtype=torch.float64, generator=generator) @ own
        neurons.append(3.0 + torch.outer(of_a, of_b) + 0.5 * of_a[:, None] - of_b)
    share = pm.neuron_spectrum(torch.stack(neurons, dim=-1), op)
    assert pm.neuron_frequencies(share).tolist() == list(keys)
    assert_close(share.sum(1), [1.0] * len(keys), rtol=1e-10)


def test_phases_need_no_cyclic_operation():
    op = pm.groups.symmetric_group(3)
    mask = random_mask(6)
    recalled = torch.where(mask, op.table, (op.table + 1) % 6)  # right where it was trained, wrong elsewhere
    memory = 10.0 * torch.nn.functional.one_hot(recalled, 6)
    circuit = 20 / AMPLITUDE * characters(op, [2])
    steps = torch.arange(0, 4001, 100)

    def at(step):
        learned = 1 / (1 + math.exp(-(step - 1500) / 150))
        memorized = 1 / (1 + math.exp(-(step - 300) / 60)) / (1 + math.exp((step - 2500) / 150))
        return memorized * memory + learned * circuit, memorized, learned

    columns = {"train_loss": [], "test_loss": [], "restricted_loss": [], "excluded_loss": [], "sum_squared_weights": []}
    for step in steps.tolist():
        logits, memorized, learned = at(step)
        m = pm.measure(logits, op, [2], train_mask=mask).as_dict()
        for name in columns:
            columns[name].append(m[name] if name in m else 100 + 400 * memorized + 50 * learned)
    trajectory = pm.Trajectory(steps=steps, columns={name: torch.tensor(values) for name, values in columns.items()})
    phases = pm.find_phases(trajectory, answers=op.n)
    assert phases.memorization_end is not None
    assert phases.circuit_formation_end is not None
    assert phases.cleanup_end is not None
    assert phases.memorization_end < phases.circuit_formation_end < phases.cleanup_end
