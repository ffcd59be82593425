import itertools
import math
import re

import pytest
import torch

import progress_measures as pm
from progress_measures.operations.irreps import dimension
from tests._asserts import assert_close, assert_orthonormal
from tests._groups import cycle_type, projection, quaternions, relabelled

NAMED = {
    "S1": lambda: pm.groups.symmetric_group(1),
    "S2": lambda: pm.groups.symmetric_group(2),
    "S3": lambda: pm.groups.symmetric_group(3),
    "S4": lambda: pm.groups.symmetric_group(4),
    "S5": lambda: pm.groups.symmetric_group(5),
    "A3": lambda: pm.groups.alternating_group(3),
    "A4": lambda: pm.groups.alternating_group(4),
    "A5": lambda: pm.groups.alternating_group(5),
    "D1": lambda: pm.groups.dihedral_group(1),
    "D2": lambda: pm.groups.dihedral_group(2),
    "D7": lambda: pm.groups.dihedral_group(7),
    "D8": lambda: pm.groups.dihedral_group(8),
    "Z12": lambda: pm.groups.composition(pm.addition(12).table),
    "Q8": lambda: pm.groups.composition(quaternions()),
}
each_group = pytest.mark.parametrize("make", NAMED.values(), ids=NAMED)


@pytest.mark.parametrize(
    ("make", "rows"),
    [
        ("S1", ()),
        ("S2", (1,)),
        ("S3", (1, 4)),
        ("S4", (1, 4, 9, 9)),
        ("S5", (1, 16, 16, 25, 25, 36)),
        ("A3", (2,)),
        ("A4", (2, 9)),
        ("A5", (9, 9, 16, 25)),
        ("D1", (1,)),
        ("D2", (1, 1, 1)),
        ("D7", (1, 4, 4, 4)),
        ("D8", (1, 1, 1, 4, 4, 4)),
        ("Z12", (1, 2, 2, 2, 2, 2)),
        ("Q8", (1, 1, 1, 4)),
    ],
)
def test_rows_of_isotypic_parts(make, rows):
    op = NAMED[make]()
    assert op.rows_per_frequency == rows
    assert op.frequencies == tuple(range(1, len(rows) + 1))
    assert sum(rows) == op.n - 1
    assert not op.cyclic


@each_group
def test_parts_are_orthonormal_and_move_with_the_group(make):
    op = make()
    assert_orthonormal(op.basis)
    assert_close(op.basis[0], [op.n**-0.5] * op.n, rtol=1e-15)
    for k in (0, *op.frequencies):
        kept = projection(op, k)
        for g in range(op.n):
            for moved in (op.table[g], op.table[:, g]):  # g∘x and x∘g
                assert_close(kept[moved][:, moved], kept, rtol=0, atol=1e-12)


@each_group
def test_parts_cannot_be_divided(make):
    # As many as there are characters with χ(g) = χ(g⁻¹) that are independent: one per class, where a class and that of
    # the inverses are one.
    op = make()
    identity = int((op.classes == 0).nonzero())
    inverse = (op.table == identity).int().argmax(1)
    classes = {frozenset((op.classes[g].item(), op.classes[inverse[g]].item())) for g in range(op.n)}
    assert len(op.frequencies) + 1 == len(classes)


@each_group
def test_classes_are_those_of_conjugation(make):
    op = make()
    identity = int((op.classes == 0).nonzero())
    inverse = (op.table == identity).int().argmax(1)
    for x in range(op.n):
        conjugates = {int(op.table[op.table[g, x], inverse[g]]) for g in range(op.n)}
        assert {y for y in range(op.n) if op.classes[y] == op.classes[x]} == conjugates


@each_group
def test_characters_are_orthogonal_and_make_the_projection(make):
    op = make()
    identity = int((op.classes == 0).nonzero())
    inverse = (op.table == identity).int().argmax(1)
    quotient = op.table[:, inverse]
    for k, irrep in zip(op.frequencies, op.irreps, strict=True):
        character = irrep.character[op.classes]
        divisor = {"real": 1, "complex": 2, "quaternionic": 4}[irrep.kind]
        assert op.rows_per_frequency[k - 1] == irrep.dimension**2 // divisor
        assert character[identity] == irrep.dimension
        assert_close(character.square().sum(), float(op.n * divisor), rtol=1e-12)  # |χ|² = 1, 2 or 4
        assert_close(projection(op, k), irrep.dimension / (divisor * op.n) * character[quotient], rtol=0, atol=1e-12)


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_a_symmetric_group_composes_permutations(m):
    op, every = pm.groups.symmetric_group(m), list(itertools.permutations(range(m)))
    for (i, a), (j, b) in itertools.product(enumerate(every), repeat=2):
        assert every[op.table[i, j]] == tuple(a[x] for x in b)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
def test_an_alternating_group_composes_even_permutations(m):
    op = pm.groups.alternating_group(m)
    every = [p for p in itertools.permutations(range(m)) if (m - len(cycle_type(p))) % 2 == 0]
    assert op.n == len(every)
    for (i, a), (j, b) in itertools.product(enumerate(every), repeat=2):
        assert every[op.table[i, j]] == tuple(a[x] for x in b)


@pytest.mark.parametrize("m", [1, 2, 3, 6])
def test_a_dihedral_group_composes_moves_of_corners(m):
    op = pm.groups.dihedral_group(m)
    moves = [lambda x, i=i: (x + i) % m for i in range(m)] + [lambda x, i=i: (i - x) % m for i in range(m)]
    for a, b in itertools.product(range(2 * m), repeat=2):
        composed = moves[op.table[a, b]]
        assert all(composed(x) == moves[a](moves[b](x)) for x in range(m))
        assert (op.table[a, b] >= m) == ((a >= m) != (b >= m))


def test_characters_of_s5():
    # By Young's rule from the numbers of fixed points and of 2-cycles; nothing here comes from a table of the group.
    op = pm.groups.symmetric_group(5)
    for index, permutation in enumerate(itertools.permutations(range(5))):
        lengths = cycle_type(permutation)
        fixed, swaps = lengths.count(1), lengths.count(2)
        sign = (-1) ** (5 - len(lengths))
        standard = fixed - 1
        on_pairs = fixed * (fixed - 1) / 2 + swaps  # pairs that stay where they are: 1 + standard + 5-dimensional
        of_five = on_pairs - fixed
        exterior = standard * (standard - 1) / 2 - swaps  # Λ² of the standard representation
        expected = [sign, standard, sign * standard, of_five, sign * of_five, exterior]
        assert [irrep.dimension for irrep in op.irreps] == [1, 4, 4, 5, 5, 6]
        assert_close([irrep.character[op.classes[index]] for irrep in op.irreps], expected, rtol=0, atol=1e-12)


def test_characters_of_a5_and_of_a_dihedral_group():
    golden = (1 + 5**0.5) / 2
    first, second = pm.groups.alternating_group(5).irreps[:2]
    of_fives = sorted([golden, 1 - golden])
    assert_close(first.character.sort().values, sorted([3, -1, 0, *of_fives]), rtol=0, atol=1e-12)
    assert_close(second.character.sort().values, sorted([3, -1, 0, *of_fives]), rtol=0, atol=1e-12)
    assert (first.character - second.character).norm() > 1

    op = pm.groups.dihedral_group(7)
    for k, irrep in enumerate(op.irreps[1:], start=1):
        on_elements = irrep.character[op.classes]
        expected = [2 * math.cos(2 * math.pi * k * i / 7) for i in range(7)] + [0] * 7
        assert_close(on_elements, expected, rtol=0, atol=1e-12)


def test_kinds_of_representations():
    assert [irrep.kind for irrep in NAMED["Q8"]().irreps] == ["real", "real", "real", "quaternionic"]
    assert [irrep.dimension for irrep in NAMED["Q8"]().irreps] == [1, 1, 1, 4]
    assert [irrep.kind for irrep in pm.groups.alternating_group(4).irreps] == ["complex", "real"]
    assert {irrep.kind for irrep in pm.groups.symmetric_group(5).irreps} == {"real"}
    assert [irrep.kind for irrep in pm.addition(4).irreps] == ["complex", "real"]
    kinds = [
        irrep.kind for irrep in pm.groups.composition(pm.addition(900).table).irreps
    ]  # whose parts are small beside all
    assert kinds == ["real", *["complex"] * 449]


@pytest.mark.parametrize("kind", ["real", "complex", "quaternionic"])
def test_a_dimension_is_known_from_the_number_of_rows(kind):
    divisor = {"real": 1, "complex": 2, "quaternionic": 4}[kind]
    for size in (4, 12, 40):
        assert dimension(size**2 // divisor, kind) == size


@pytest.mark.parametrize("n", [1, 2, 9, 12, 113, 200])
def test_a_cyclic_table_gives_the_frequencies_of_the_fourier_basis(n):
    op, cyclic = pm.groups.composition(pm.addition(n).table), pm.addition(n)
    # The lone cosine n/2 has fewer rows than the others, and is first.
    order = sorted(cyclic.frequencies, key=lambda k: (2 * k != n, k))
    for k, of_cyclic in zip(op.frequencies, order, strict=True):
        assert_close(projection(op, k), projection(cyclic, of_cyclic), rtol=0, atol=1e-11)
        assert_close(op.irreps[k - 1].character, cyclic.irreps[of_cyclic - 1].character, rtol=0, atol=1e-11)
        assert op.irreps[k - 1].kind == cyclic.irreps[of_cyclic - 1].kind


@pytest.mark.parametrize("make", ["S4", "A4", "Q8", "Z12"])
def test_order_of_the_elements_does_not_matter(make):
    op = NAMED[make]()
    table, place = relabelled(op.table, seed=1)
    assert int(place[0]) != 0  # the identity is somewhere else
    other = pm.groups.composition(table)
    assert other.rows_per_frequency == op.rows_per_frequency
    moved = [projection(op, k) for k in op.frequencies]
    for k in other.frequencies:
        there = projection(other, k)[place][:, place]
        # Those of equal size may come in another order, because the classes do.
        assert min(float((there - kept).abs().max()) for kept in moved) < 1e-12
        assert other.irreps[k - 1].character[0] == other.irreps[k - 1].dimension


def test_tokens_and_names():
    op = pm.groups.composition(pm.addition(3).table, elements=torch.tensor([7, 5, 9]), name="mine")
    assert op.inputs[1].tolist() == [7, 5]
    assert repr(op) == "Operation(mine, n=3, frequencies=1)"
    assert repr(pm.groups.symmetric_group(3)) == "Operation(S3, n=6, frequencies=2)"
    assert (
        repr(pm.groups.Irrep(2, "real", torch.tensor([2.0, -4e-10, 0.123456]))) == "Irrep(2, character=(2, 0, 0.1235))"
    )
    assert (
        repr(pm.groups.symmetric_group(3).irreps) == "(Irrep(1, character=(1, -1, 1)), Irrep(2, character=(2, 0, -1)))"
    )


def test_a_table_may_be_nested_lists():
    assert torch.equal(pm.groups.composition([[0, 1], [1, 0]]).table, pm.addition(2).table)


def test_two_calls_give_the_same_basis():
    assert torch.equal(pm.groups.symmetric_group(4).basis, pm.groups.symmetric_group(4).basis)
    before = torch.random.get_rng_state()
    pm.groups.symmetric_group(3)
    assert torch.equal(torch.random.get_rng_state(), before)


# A loop: an identity, inverses, every element once in each row and column, but (1∘1)∘2 is not 1∘(1∘2).
LOOP = [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]]
NOT_A_GROUP = (
    "`table` must be the table of a group. {} An operation that is no group can be an Operation with a basis of its "
    "own."
)


@pytest.mark.parametrize(
    ("table", "finding"),
    [
        ([[0, 1], [1, 2]], "Closure does not hold: 1∘1 = 2, which is not one of 0..1."),
        ([[0, -1], [1, 0]], "Closure does not hold: 0∘1 = -1, which is not one of 0..1."),
        (pm.subtraction(4).table, "There is no identity: 0 comes nearest, but 0∘1 = 3."),
        ([[0, 0], [1, 1]], "There is no identity: 0 comes nearest, but 0∘1 = 0."),
        ([[0, 1], [0, 1]], "There is no identity: 0 comes nearest, but 1∘0 = 0."),
        (
            [[max(a, b) for b in range(3)] for a in range(3)],
            "Not all have an inverse: there is no x with 1∘x = 0, the identity.",
        ),
        (LOOP, "Associativity does not hold: (1∘1)∘2 = 2, but 1∘(1∘2) = 4."),
    ],
)
def test_what_is_not_a_group_is_refused_with_the_axiom(table, finding):
    with pytest.raises(ValueError, match=f"^{re.escape(NOT_A_GROUP.format(finding))}$"):
        pm.groups.composition(torch.as_tensor(table))


@pytest.mark.parametrize("seed", range(20))
def test_a_table_with_one_wrong_entry_is_not_a_group(seed):
    table = pm.groups.dihedral_group(5).table.clone()
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randint(10, (2,), generator=generator).tolist()
    table[a, b] = (table[a, b] + 1 + torch.randint(9, (), generator=generator)) % 10
    with pytest.raises(ValueError, match="must be the table of a group"):
        pm.groups.composition(table)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pm.groups.composition(torch.zeros(2, 2)), TypeError, "`table` must be integers. Got torch.float32."),
        (
            lambda: pm.groups.composition(torch.zeros(2, 3, dtype=torch.int64)),
            ValueError,
            "`table` must have shape (n, n). Got (2, 3).",
        ),
        (
            lambda: pm.groups.composition(torch.zeros(0, 0, dtype=torch.int64)),
            ValueError,
            "`table` must have shape (n, n). Got (0, 0).",
        ),
        (
            lambda: pm.groups.composition(pm.addition(2).table, tokens="ab"),
            TypeError,
            "`tokens` must be a tensor or a NumPy array. Got str.",
        ),
        (
            lambda: pm.groups.composition(pm.addition(2).table, tokens=[0, 1], elements=[0, 1]),
            TypeError,
            "`elements` must be left out where `tokens` are given: both are the token of each element.",
        ),
        (
            lambda: pm.groups.composition(pm.addition(4).table, elements=torch.arange(5)),
            ValueError,
            "`elements` must have one token per element (4). Got 5.",
        ),
        (
            lambda: pm.groups.composition([[0, 1], [1]]),
            ValueError,
            "`table` must be a list of rows of the same length. Got [[0, 1], [1]].",
        ),
        (lambda: pm.groups.symmetric_group(0), ValueError, "`m` must be at least 1. Got 0."),
        (
            lambda: pm.groups.symmetric_group(8),
            ValueError,
            "`m` must be at most 7. Got 8. The table of the group has (m!)² entries.",
        ),
        (
            lambda: pm.groups.alternating_group(8),
            ValueError,
            "`m` must be at most 7. Got 8. The table of the group has (m!/2)² entries.",
        ),
        (lambda: pm.groups.dihedral_group(2.0), TypeError, "`m` must be an integer. Got 2.0 (float)."),
        (
            lambda: pm.groups.direct_product(pm.addition(3), 5),
            TypeError,
            "`second` must be an Operation, such as addition(113). Got int.",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
