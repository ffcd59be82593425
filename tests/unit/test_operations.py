import math

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close, assert_orthonormal
from tests._planted import planted_logits

ORDERS = [1, 2, 3, 4, 12, 64, 113]


@pytest.mark.parametrize(("make", "answer"), [(pm.addition, lambda a, b: a + b), (pm.subtraction, lambda a, b: a - b)])
@pytest.mark.parametrize("n", ORDERS)
def test_table_holds_the_answers(make, answer, n):
    op = make(n)
    for a, b in [(0, 0), (0, n - 1), (n - 1, 0), (n // 2, n // 3), (n - 1, n - 1)]:
        assert op.table[a, b] == answer(a, b) % n


@pytest.mark.parametrize("make", [pm.addition, pm.subtraction])
@pytest.mark.parametrize("n", ORDERS)
def test_fields_have_their_shapes(make, n):
    op = make(n)
    assert op.n == n
    assert op.elements.tolist() == list(range(n))
    assert op.table.shape == (n, n)
    assert_orthonormal(op.basis)
    assert op.row_frequency.tolist() == [(row + 1) // 2 for row in range(n)]
    assert op.frequencies == tuple(range(1, n // 2 + 1))
    assert op.cyclic


@pytest.mark.parametrize("n", ORDERS)
def test_pairs_are_row_major(n):
    pairs = pm.addition(n).inputs
    assert pairs.shape == (n * n, 2)
    assert pairs.dtype == torch.int64
    assert pairs.tolist() == [[a, b] for a in range(n) for b in range(n)]


def klein():
    """Z/2 × Z/2 with tokens of its own: a group that is not cyclic, with one basis row per frequency."""
    x = torch.arange(4)
    signs = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
    return pm.Operation("klein", x * 10 + 3, x[:, None] ^ x, signs.double(), x)


def test_an_operation_of_ones_own():
    op = klein()
    assert op.n == 4
    assert op.frequencies == (1, 2, 3)
    assert not op.cyclic
    assert op.inputs[1].tolist() == [3, 13]
    assert repr(op) == "Operation(klein, n=4, frequencies=3)"


def test_nothing_downstream_assumes_a_cyclic_operation():
    op = klein()
    # A function of the answer in the last character, and nothing else.
    kernel = op.basis[3][:, None] * op.basis[3]
    logits = 12 * kernel[op.table]
    assert pm.accuracy(logits, op) == 0.5  # one character tells half of the answers apart
    torch.testing.assert_close(pm.logit_spectrum(logits, op), torch.tensor([0.0, 0.0, 1.0]).double())
    assert pm.key_frequencies(pm.logit_spectrum(logits, op)) == (3,)
    for terms in ("sum", "aligned", "product"):
        torch.testing.assert_close(pm.restrict(logits, op, [3], terms=terms), logits)
        torch.testing.assert_close(pm.excluded_loss(logits, op, [3], terms=terms), torch.tensor(4.0).double().log())


@pytest.mark.parametrize("p", [2, 3, 5, 7, 11, 13, 41, 113])
def test_multiplication_and_division_modulo_a_prime(p):
    for make, answer in (
        (pm.multiplication, lambda a, b: a * b % p),
        (pm.division, lambda a, b: a * pow(b, -1, p) % p),
    ):
        op = make(p)
        assert (op.n, op.cyclic, len(op.frequencies)) == (p - 1, True, (p - 1) // 2)
        assert sorted(op.elements.tolist()) == list(range(1, p))
        for a, b, c in zip(*op.inputs.T.tolist(), op.elements[op.table].flatten().tolist(), strict=True):
            assert c == answer(a, b)


def test_least_primitive_roots():
    # 41 is the least prime whose least primitive root is 6.
    assert [int(pm.multiplication(p).elements[1]) for p in (3, 5, 7, 23, 41, 113)] == [2, 2, 3, 5, 6, 3]


@pytest.mark.parametrize("make", [pm.multiplication, pm.division])
def test_frequencies_are_those_of_the_discrete_logarithm(make):
    op = make(11)
    wave = torch.cos(2 * torch.pi * 3 * torch.arange(10, dtype=torch.float64) / 10)  # of the logarithm
    assert_close(pm.spectrum(wave, op), [0, 0, 5, 0, 0], rtol=0, atol=1e-12)
    logits = planted_logits(op, {3: 9.0, 5: 4.0})
    assert_close(pm.excluded_loss(logits, op, [3, 5]), math.log(10), rtol=1e-12)

    def predict(pairs):
        # A model knows tokens, and has a column for every number and for "=".
        a, b = pairs.T
        answer = a * b % 11 if make is pm.multiplication else a * torch.tensor([pow(int(x), -1, 11) for x in b]) % 11
        return 30.0 * torch.nn.functional.one_hot(answer, 12)

    assert pm.accuracy(pm.grid_logits(predict, op), op) == 1


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_rows_of_frequencies_are_their_part_of_the_basis(n):
    op = pm.addition(n)
    assert torch.equal(op.rows(op.frequencies), op.basis[1:])
    assert op.rows([]).shape == (0, n)
    for k in op.frequencies:
        rows = op.rows([k])
        assert_orthonormal(rows)
        assert pm.key_frequencies(pm.spectrum(rows.T, op)) in {(k,), ()}  # too few frequencies: chance
        assert_close(pm.spectrum(rows.T, op)[k - 1], float(len(rows)), rtol=1e-12)


def test_rows_are_in_the_order_of_the_basis():
    op = pm.addition(7)
    assert torch.equal(op.rows([3, 1]), op.basis[[1, 2, 5, 6]])
    assert torch.equal(klein().rows([3]), klein().basis[3:])


def test_fields_may_be_arrays():
    op = klein()
    again = pm.Operation(
        "klein", op.elements.numpy(), op.table.int().numpy(), op.basis.numpy(), op.row_frequency.numpy()
    )
    assert torch.equal(again.table, op.table)
    assert again.elements.dtype == torch.int64


NAMES = {
    "addition": lambda: pm.addition(5),
    "subtraction": lambda: pm.subtraction(5),
    "multiplication": lambda: pm.multiplication(5),
    "division": lambda: pm.division(5),
    "S3": lambda: pm.groups.symmetric_group(3),
    "A4": lambda: pm.groups.alternating_group(4),
    "dihedral group of order 6": lambda: pm.groups.dihedral_group(3),
    "composition": lambda: pm.groups.composition([[0]]),
    "parity of bits 0 and 2": lambda: pm.parity(3, of=(0, 2)),
    "addition × S3": lambda: pm.groups.direct_product(pm.addition(2), pm.groups.symmetric_group(3)),
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    assert NAMES[name]().name == name


def test_frozen_and_hashable():
    op = pm.addition(5)
    with pytest.raises(AttributeError):
        op.name = "other"
    assert {op: 1}[op] == 1
