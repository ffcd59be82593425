import math

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close, assert_orthonormal
from tests._groups import projection, quaternions

FACTORS = {
    "Z3 × Z5": (pm.addition, 3, pm.addition, 5),
    "Z4 × Z6": (pm.addition, 4, pm.addition, 6),
    "S3 × Z5": (pm.groups.symmetric_group, 3, pm.addition, 5),
    "Z5 × S3": (pm.addition, 5, pm.groups.symmetric_group, 3),
    "A4 × Z3": (pm.groups.alternating_group, 4, pm.addition, 3),
    "S3 × S3": (pm.groups.symmetric_group, 3, pm.groups.symmetric_group, 3),
}


@pytest.fixture(
    params=[
        *FACTORS,
        "Q8 × Z3",
        "Z3 × Q8",
        "Q8 × Q8",
        "(Z3 × Z3) × Z4",
        "(S3 × Z3) × Z4",
        "(Z3 × S3) × Z4",
        "(S3 × Z3) × (S3 × Z3)",
        "((S3 × Z3) × Z4) × Z3",
        "Z5 in another order × Z4",
    ]
)
def product(request):
    q8 = pm.groups.composition(quaternions())
    # Its largest part is of the complex kind and has eight rows: four pairs u, J u.
    s3_z3 = pm.groups.composition(pm.groups.direct_product(pm.groups.symmetric_group(3), pm.addition(3)).table)
    others = {
        "Q8 × Z3": (q8, pm.addition(3)),
        "Z3 × Q8": (pm.addition(3), q8),
        "Q8 × Q8": (q8, q8),
        "(S3 × Z3) × Z4": (s3_z3, pm.addition(4)),
        "(S3 × Z3) × (S3 × Z3)": (s3_z3, s3_z3),
        "Z5 in another order × Z4": (pm.groups.composition((pm.addition(5).table - 2) % 5), pm.addition(4)),
        "((S3 × Z3) × Z4) × Z3": (pm.groups.direct_product(s3_z3, pm.addition(4)), pm.addition(3)),
        "(Z3 × S3) × Z4": (pm.groups.direct_product(pm.addition(3), pm.groups.symmetric_group(3)), pm.addition(4)),
        "(Z3 × Z3) × Z4": (pm.groups.direct_product(pm.addition(3), pm.addition(3)), pm.addition(4)),
    }
    if request.param in others:
        return pm.groups.direct_product(*others[request.param])
    make, m, make_other, other = FACTORS[request.param]
    return pm.groups.direct_product(make(m), make_other(other))


def test_answers_are_pairs_of_answers():
    op = pm.groups.direct_product(pm.subtraction(3), pm.multiplication(5))
    for (a, x), (b, y) in [((0, 0), (1, 2)), ((2, 3), (2, 1)), ((1, 2), (0, 3))]:
        minus, times = divmod(int(op.table[4 * a + x, 4 * b + y]), 4)
        assert minus == (a - b) % 3
        assert times == (x + y) % 4
    assert op.elements.tolist() == list(range(12))
    assert repr(op) == "Operation(subtraction × multiplication, n=12, frequencies=5)"
    assert not op.cyclic


def test_frequencies_are_the_isotypic_parts_of_the_table(product):
    # Found again from the table alone: the same subspaces, of the same kinds, with the same characters.
    op, other = product, pm.groups.composition(product.table)
    assert_orthonormal(op.basis)
    parts = {k: projection(other, k) for k in other.frequencies}
    found = set()
    for k, irrep in zip(op.frequencies, op.irreps, strict=True):
        (same,) = [j for j, kept in parts.items() if float((kept - projection(op, k)).abs().max()) < 1e-12]
        found.add(same)
        again = other.irreps[same - 1]
        assert (irrep.dimension, irrep.kind) == (again.dimension, again.kind)
        assert_close(irrep.character[op.classes], again.character[other.classes], rtol=0, atol=1e-12)
    assert found == set(other.frequencies)


def test_two_waves_make_those_of_the_sum_and_of_the_difference():
    op = pm.groups.direct_product(pm.addition(5), pm.addition(7))
    # (0, 1), (0, 2), (0, 3), then (1, 0), (1, ±1), (1, ±2), (1, ±3), then the same for 2.
    assert op.rows_per_frequency == (2,) * 17
    x, y = torch.arange(5).double()[:, None], torch.arange(7).double()
    for k, (first, second) in {3: (0, 3), 4: (1, 0), 5: (1, 1), 6: (1, -1), 16: (2, 3), 17: (2, -3)}.items():
        angle = 2 * math.pi * (first * x / 5 + second * y / 7)
        waves = torch.stack([angle.cos().flatten(), angle.sin().flatten()]) * (2 / 35) ** 0.5
        assert_close(op.rows([k]), waves, rtol=0, atol=1e-14)


def test_operations_without_irreps_have_plain_products():
    cyclic = pm.addition(5)
    mine = pm.Operation("mine", cyclic.elements, cyclic.table, cyclic.basis, cyclic.row_frequency)
    for op in (pm.groups.direct_product(mine, cyclic), pm.groups.direct_product(cyclic, mine)):
        assert op.rows_per_frequency == (2, 2, 2, 4, 4, 2, 4, 4)
        assert op.irreps == ()
        assert op.classes is None
        assert_orthonormal(op.basis)


def test_with_one_element_nothing_changes():
    op = pm.groups.direct_product(pm.groups.symmetric_group(1), pm.groups.symmetric_group(3))
    assert torch.equal(op.table, pm.groups.symmetric_group(3).table)
    assert op.rows_per_frequency == (1, 4)
    assert repr(op.irreps) == repr(pm.groups.symmetric_group(3).irreps)


def test_sums_beside_differences_keep_their_waves_together():
    op = pm.groups.direct_product(pm.addition(5), pm.subtraction(7))
    assert op.rows_per_frequency == (2, 2, 2, 2, 4, 4, 4, 2, 4, 4, 4)
    assert op.irreps == ()
    # Where there is nothing to keep together, labels are as good as ever.
    real = pm.groups.direct_product(pm.groups.symmetric_group(3), pm.subtraction(5))
    assert (
        real.rows_per_frequency
        == pm.groups.direct_product(pm.groups.symmetric_group(3), pm.addition(5)).rows_per_frequency
    )
    assert [irrep.dimension for irrep in real.irreps] == [2, 2, 1, 2, 2, 2, 4, 4]


def test_rows_that_are_no_pairs_are_noticed():
    # Z7 : Z3, the maps x -> 2^i x + v modulo 7, has a part of 18 rows of the complex kind.
    maps = [(u, v) for u in (1, 2, 4) for v in range(7)]
    op = pm.groups.composition([[maps.index((u * s % 7, (u * t + v) % 7)) for s, t in maps] for u, v in maps])
    assert op.rows_per_frequency == (2, 18)
    turn = torch.linalg.qr(torch.randn(18, 18, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).Q
    basis = op.basis.clone()
    basis[3:] = turn @ basis[3:]
    fields = {"classes": op.classes, "irreps": op.irreps}
    mine = pm.Operation("mine", op.elements, op.table, basis, op.row_frequency, **fields)
    assert mine.irreps == op.irreps  # the same functions, and so the same characters
    with pytest.raises(ValueError, match="Rows of a complex one come in pairs, see `Operation`"):
        pm.groups.direct_product(mine, pm.addition(3))
    assert pm.groups.direct_product(op, pm.addition(3)).rows_per_frequency == (2, 2, 2, 2, 18, 18, 18)
