"""Two operations next to each other: the answer to a pair of pairs is a pair of answers."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from progress_measures.operations.checks import check_pairs_of_elements
from progress_measures.operations.fields import Tokens, check_tokens_of
from progress_measures.operations.irreps import Kind, irreps_of_basis
from progress_measures.operations.operation import Operation


def direct_product(first: Operation, second: Operation, *, tokens: Tokens | None = None) -> Operation:
    """Two operations next to each other: (a, x)∘(b, y) is (a∘b, x∘y).

    Element i · n₂ + j pairs element i of the first operation with element j of the second. A frequency is the product
    of one frequency of the first and one of the second; either may be the constant.

    If both representations are of the kind ``"complex"``, as all frequencies of a cyclic group except for n/2 are,
    their product splits into two frequencies: waves of w_k s and waves of w_l t make waves of w_k s + w_l t and waves
    of w_k s - w_l t. They stay one frequency if one operation adds and the other subtracts. Then a wave of the answer
    mixes both: it depends on w_k a + w_l x in the first input and on w_k b - w_l y in the second. Such an operation has
    no ``irreps``.

    Frequencies are in lexicographic order: (0, 1), (0, 2), …, (1, 0), (1, 1), …. Where a product splits, the sum comes
    right before the difference.

    Args:
        first: An operation of order n₁.
        second: An operation of order n₂. If one of the two has no ``irreps``, the product of two frequencies is always
            one frequency.
        tokens: The token of each element, shape ``(n₁n₂,)``; 0..n₁n₂-1 if None.

    Returns:
        The operation, of order n₁ n₂.

    Raises:
        TypeError: If an argument is not an operation, or ``tokens`` are not integers.
        ValueError: If an operation does not take all pairs of its elements, or ``tokens`` are not distinct and
            non-negative, one per element.

    Example:
        >>> op = pm.groups.direct_product(pm.addition(3), pm.addition(5))
        >>> op.n, op.rows_per_frequency
        (15, (2, 2, 2, 2, 2, 2, 2))
        >>> op.elements[op.table[1 * 5 + 3, 2 * 5 + 4]]  # 1 + 2 = 0 modulo 3, 3 + 4 = 2 modulo 5
        tensor(2)
    """
    check_pairs_of_elements(first, "first")
    check_pairs_of_elements(second, "second")
    table = first.table[:, None, :, None] * second.n + second.table[None, :, None, :]
    alike = _composes(first) == _composes(second)
    blocks: list[Tensor] = []
    kinds: list[Kind] = []
    has_irreps = True
    for (rows, kind), (others, other) in itertools.product(_parts(first), _parts(second)):
        both_complex = kind == other == "complex"
        has_irreps = has_irreps and (alike or not both_complex)
        for block in _split(rows, others) if both_complex and alike else [_together(rows, others, kind)]:
            blocks.append(block)
            kinds.append(_kind(kind, other))
    n = first.n * second.n
    basis = torch.cat(blocks)
    row_frequency = torch.tensor([k for k, block in enumerate(blocks) for _ in block], device="cpu")
    name = f"{first.name} × {second.name}"
    elements = torch.arange(n, device="cpu") if tokens is None else check_tokens_of(tokens, n)
    fields = (elements, table.reshape(n, n), basis, row_frequency)
    if not has_irreps or first.classes is None or second.classes is None:
        return Operation(name, *fields)
    classes = (first.classes[:, None] * (int(second.classes.max()) + 1) + second.classes).flatten()
    irreps = irreps_of_basis(basis, row_frequency, classes, kinds[1:])
    return Operation(name, *fields, classes=classes, irreps=irreps)


def _parts(op: Operation) -> Iterator[tuple[Tensor, Kind]]:
    """The rows and the kind of each frequency, the constant first."""
    kinds: list[Kind] = [irrep.kind for irrep in op.irreps] or ["real"] * len(op.frequencies)
    rows = torch.split(op.basis, [1, *op.rows_per_frequency])
    return zip(rows, ["real", *kinds], strict=True)


def _composes(op: Operation) -> bool:
    """Whether the answer is a∘b in the group whose functions the basis describes, not a quotient such as a - b."""
    identity = 0 if op.classes is None else int((op.classes == 0).nonzero()[0])
    return torch.equal(op.table[identity], torch.arange(op.n, device="cpu"))


def _kind(kind: Kind, other: Kind) -> Kind:
    """The kind of a product of two representations."""
    if "complex" in (kind, other):
        return "complex"
    return "real" if kind == other else "quaternionic"


def _together(rows: Tensor, others: Tensor, kind: Kind) -> Tensor:
    """The products of the rows of both; pairs u, J u of one of the kind ``"complex"`` stay next to each other."""
    order = "jixy" if kind == "complex" else "ijxy"
    return torch.einsum(f"ix,jy->{order}", rows, others).flatten(2).flatten(0, 1)


def _split(rows: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """The two frequencies in the product of two of the kind ``"complex"``, in pairs u, J u like cosine and sine."""

    def product(of_first: int, of_second: int) -> Tensor:
        return torch.einsum("ix,jy->ijxy", rows[of_first::2], others[of_second::2]).flatten(2).flatten(0, 1)

    cos_cos, cos_sin, sin_cos, sin_sin = (product(i, j) for i, j in itertools.product((0, 1), (0, 1)))
    of_sum, of_difference = (
        torch.stack([cos, sin], dim=1).flatten(0, 1) / 2**0.5
        for cos, sin in ((cos_cos - sin_sin, sin_cos + cos_sin), (cos_cos + sin_sin, sin_cos - cos_sin))
    )
    return of_sum, of_difference
