"""What the properties are tried on: operations up to order 64, logits in any dtype, choices of frequencies."""

import functools

import torch
from hypothesis import strategies as st
from torch import Tensor

import progress_measures as pm
from tests._groups import quaternions

TERMS = ("sum", "product", "polynomial", "aligned")
DTYPES = (torch.float64, torch.float32, torch.bfloat16)
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61)

CYCLIC = {
    "addition": (pm.addition, range(1, 65)),
    "subtraction": (pm.subtraction, range(1, 65)),
    "multiplication": (pm.multiplication, PRIMES),
    "division": (pm.division, PRIMES),
}
GROUPS = {
    "S3": lambda: pm.groups.symmetric_group(3),
    "S4": lambda: pm.groups.symmetric_group(4),
    "A4": lambda: pm.groups.alternating_group(4),
    "D5": lambda: pm.groups.dihedral_group(5),
    "Q8": lambda: pm.groups.composition(quaternions()),
}
FACTORS = ("addition 2", "addition 5", "subtraction 3", "subtraction 4", "multiplication 5", "S3", "Q8")

terms = st.sampled_from(TERMS)
seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([1e-3, 1.0, 30.0, 1e4])


@functools.cache
def operation(name: str) -> pm.Operation:
    """The operation of a name, such as "addition 5", "S3" or "S3 × addition 5"; names are what a failure shows."""
    if " × " in name:
        return pm.groups.direct_product(*map(operation, name.split(" × ")))
    if name in GROUPS:
        return GROUPS[name]()
    make, n = name.split()
    return CYCLIC[make][0](int(n))


cyclic_names = st.one_of(
    *(st.sampled_from(orders).map(lambda n, name=name: f"{name} {n}") for name, (_, orders) in CYCLIC.items())
)
cyclic_operations = cyclic_names.map(operation)
group_names = st.sampled_from([*GROUPS])
group_operations = group_names.map(operation)
products = (st.tuples(st.sampled_from(FACTORS), st.sampled_from(FACTORS)).map(" × ".join).map(operation)).filter(
    lambda op: op.n <= 64
)
operations = st.one_of(cyclic_operations, group_operations, products)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


@st.composite
def logits_of(draw, op: pm.Operation) -> Tensor:
    """Logits with functions of the answer, of each input and of each output, and noise, at some scale in some dtype."""
    seed, n = draw(seeds), op.n
    of_answer, of_a, of_b = normal(3, n, n, seed=seed)
    noise = normal(n, n, n, seed=seed + 1)
    x = 2 * of_answer[op.table] + of_a[:, None] + of_b + noise + 3 * of_answer[0]
    return (draw(scales) * x).to(draw(st.sampled_from(DTYPES)))


@st.composite
def some_frequencies(draw, op: pm.Operation) -> list[int]:
    """Some of an operation's frequencies, in any order: possibly none, possibly all."""
    return draw(st.lists(st.sampled_from(op.frequencies), unique=True)) if op.frequencies else []


@st.composite
def masks(draw, op: pm.Operation) -> Tensor:
    """A choice of at least one pair."""
    mask = torch.rand(op.n, op.n, generator=generator(draw(seeds))) < draw(st.sampled_from([0.1, 0.5, 1.0]))
    mask[draw(st.integers(0, op.n - 1)), 0] = True
    return mask
