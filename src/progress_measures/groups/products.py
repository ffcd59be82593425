"""Two operations side by side: the answer to a pair of pairs is a pair of answers."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from progress_measures.operations.checks import check_operation
from progress_measures.operations.irreps import Kind, irreps_of_basis
from progress_measures.operations.operation import Operation


def direct_product(first: Operation, second: Operation) -> Operation:
    """Two operations side by side: (a, x)∘(b, y) is (a∘b, x∘y).

    Element i · n₂ + j is made of element i of the first operation and element j of the second. A frequency is the
    product of one of the first and one of the second, the constant among them. If both belong to complex
    representations, as all frequencies of cyclic groups do but that of n/2, the product falls into two: for w_k x and
    w_l y these are the waves of w_k x + w_l y and those of w_k x - w_l y. The two stay together where one operation
    adds and the other subtracts, because a wave of the answer is then made of both: of w_k a + w_l x at the first
    input and of w_k b - w_l y at the second. Such an operation has no ``irreps``.

    Frequencies are in lexicographic order: (0, 1), (0, 2), …, (1, 0), (1, 1), …. Two that make two follow one another.

    Args:
        first: An operation of order n₁.
        second: An operation of order n₂. Operations of one's own without ``irreps`` are as good, but the product of two
            of their frequencies is then always one frequency.

    Returns:
        The operation, of order n₁ n₂. Tokens are the numbers 0..n₁n₂-1.

    Raises:
        TypeError: If an argument is not an operation.

    Example:
        >>> op = pm.groups.direct_product(pm.addition(3), pm.addition(5))
        >>> op.n, op.rows_per_frequency
        (15, (2, 2, 2, 2, 2, 2, 2))
        >>> op.elements[op.table[1 * 5 + 3, 2 * 5 + 4]]  # 1 + 2 = 0 modulo 3, 3 + 4 = 2 modulo 5
        tensor(2)
    """
    check_operation(first, "first")
    check_operation(second, "second")
    table = first.table[:, None, :, None] * second.n + second.table[None, :, None, :]
    alike = _composes(first) == _composes(second)
    blocks: list[Tensor] = []
    kinds: list[Kind] = []
    labelled = True
    for (rows, kind), (others, other) in itertools.product(_parts(first), _parts(second)):
        both_complex = kind == other == "complex"
        labelled = labelled and (alike or not both_complex)
        for block in _split(rows, others) if both_complex and alike else [_together(rows, others, kind)]:
            blocks.append(block)
            kinds.append(_kind(kind, other))
    n = first.n * second.n
    basis = torch.cat(blocks)
    row_frequency = torch.tensor([k for k, block in enumerate(blocks) for _ in block], device="cpu")
    name = f"{first.name} × {second.name}"
    fields = (torch.arange(n, device="cpu"), table.reshape(n, n), basis, row_frequency)
    if not labelled or first.classes is None or second.classes is None:
        return Operation(name, *fields)
    classes = (first.classes[:, None] * (int(second.classes.max()) + 1) + second.classes).flatten()
    irreps = irreps_of_basis(basis, row_frequency, classes, kinds[1:])
    return Operation(name, *fields, classes=classes, irreps=irreps)


def _parts(op: Operation) -> Iterator[tuple[Tensor, Kind]]:
    """The rows of each frequency and what kind it is, the constant first."""
    kinds: list[Kind] = [irrep.kind for irrep in op.irreps] or ["real"] * len(op.frequencies)
    rows = torch.split(op.basis, [1, *op.rows_per_frequency])
    return zip(rows, ["real", *kinds], strict=True)


def _composes(op: Operation) -> bool:
    """Whether the answer is a∘b in the group that the basis is of, and not a quotient such as a - b."""
    identity = 0 if op.classes is None else int((op.classes == 0).nonzero()[0])
    return torch.equal(op.table[identity], torch.arange(op.n, device="cpu"))


def _kind(kind: Kind, other: Kind) -> Kind:
    if "complex" in (kind, other):
        return "complex"
    return "real" if kind == other else "quaternionic"


def _together(rows: Tensor, others: Tensor, kind: Kind) -> Tensor:
    """The products of rows of both; where one is of the kind ``"complex"`` its pairs u, J u stay side by side."""
    order = "jixy" if kind == "complex" else "ijxy"
    return torch.einsum(f"ix,jy->{order}", rows, others).flatten(2).flatten(0, 1)


def _split(rows: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """The two frequencies that two of the kind ``"complex"`` make, in pairs u, J u as cosine and sine are."""

    def product(of_first: int, of_second: int) -> Tensor:
        return torch.einsum("ix,jy->ijxy", rows[of_first::2], others[of_second::2]).flatten(2).flatten(0, 1)

    cos_cos, cos_sin, sin_cos, sin_sin = (product(i, j) for i, j in itertools.product((0, 1), (0, 1)))
    of_sum, of_difference = (
        torch.stack([cos, sin], dim=1).flatten(0, 1) / 2**0.5
        for cos, sin in ((cos_cos - sin_sin, sin_cos + cos_sin), (cos_cos + sin_sin, sin_cos - cos_sin))
    )
    return of_sum, of_difference
