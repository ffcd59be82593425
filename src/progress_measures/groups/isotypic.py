r"""The isotypic parts of the functions on a group, from its Cayley table alone.

A class function f acts on all functions by convolution, (f * φ)(g) = Σ_h f(g h⁻¹) φ(h). By Schur's lemma it multiplies
all matrix entries of an irreducible representation by the same number. If f(g) = f(g⁻¹), that number is real, and it is
the same for a representation and its conjugate. So the eigenspaces of a generic f of this kind are exactly the real
isotypic parts, and its eigenvectors among the class functions are the real characters.

Eigenvectors are more exact if the eigenvalues are farther apart. So a random f only finds the characters. They are then
combined into another f, whose eigenvalues are 0, 1, 2, … in the order of the frequencies, and whose eigenvectors among
all functions are the rows of the basis.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures.operations.irreps import Irrep, Kind, first_of_each, irreps_of_basis


@dataclass(frozen=True, eq=False)
class IsotypicParts:
    """A basis of the functions on a group, sorted by isotypic part, as fields of an operation."""

    basis: Tensor
    row_frequency: Tensor
    classes: Tensor
    irreps: tuple[Irrep, ...]


def isotypic_parts(table: Tensor, identity: int) -> IsotypicParts:
    """The isotypic parts of the functions on a group, in the order that :func:`composition` documents.

    In a part of the kind ``"complex"``, rows 0 and 1, 2 and 3, … are pairs u, J u, where J commutes with the group and
    J² = -1. Cosine and sine are such a pair.
    """
    n = len(table)
    inverse = (table == identity).int().argmax(1)
    classes = _conjugacy_classes(table, inverse, identity)
    quotient = table[:, inverse]  # g h⁻¹ at (g, h)
    units = _units(quotient, _merged(classes, classes[inverse]))
    rows = (n * units[:, identity]).round().to(torch.int64)

    order = torch.arange(len(units), device="cpu")
    ranked = order.double() @ units  # eigenvalues 0, 1, 2, … in the units' order
    basis = torch.linalg.eigh(ranked[quotient]).eigenvectors.T.contiguous()
    basis[0] = n**-0.5  # exact, where eigh rounds
    row_frequency = order.repeat_interleave(rows)

    # Convolution with an odd class function tells conjugate representations apart. On other parts it is zero.
    generic = _generic(int(classes.max()) + 1)
    odd = (generic[classes] - generic[classes[inverse]])[quotient]
    squares = units[:, table.diagonal()].sum(1)  # the Frobenius-Schur indicator, up to a positive factor
    kinds: list[Kind] = []
    for part, part_rows in enumerate(basis.split(rows.tolist())):
        turn = part_rows @ odd @ part_rows.T
        if turn.norm() > 1e-6 * odd.norm() / n:
            kinds.append("complex")
            part_rows[:] = _paired(part_rows, turn)  # in the basis, of which these are a view
        else:
            kinds.append("real" if squares[part] > 0 else "quaternionic")
    return IsotypicParts(basis, row_frequency, classes, irreps_of_basis(basis, row_frequency, classes, kinds[1:]))


def _conjugacy_classes(table: Tensor, inverse: Tensor, identity: int) -> Tensor:
    """The number of each element's class, ``(n,)``: 0 for the identity, then in the order of the first elements."""
    conjugates = table[table, inverse[:, None]]  # g x g⁻¹ at (g, x)
    least = conjugates.amin(0)
    least[identity] = -1  # gives its class the number 0
    return _ranks(least)


def _merged(classes: Tensor, of_inverse: Tensor) -> Tensor:
    """The numbers of the classes after each class is merged with the class of its inverses."""
    return _ranks(torch.minimum(classes, of_inverse))


def _ranks(x: Tensor) -> Tensor:
    """The rank of each number among the distinct ones: 0 for the least, and so on without a gap."""
    return torch.searchsorted(torch.tensor(sorted(set(x.tolist())), device="cpu"), x)


def _units(quotient: Tensor, classes: Tensor) -> Tensor:
    """The unit of each isotypic part, ``(parts, n)``: convolution with this class function projects onto the part."""
    sizes = torch.bincount(classes).double()
    from_first = classes[quotient[first_of_each(classes)]]  # class of x y⁻¹, for the first x of each class and every y
    # Convolution with a generic f, in the orthonormal basis of the classes' indicators: a symmetric matrix.
    f = _generic(len(sizes))
    matrix = f.new_zeros(len(f), len(f)).index_add(1, classes, f[from_first]) * sizes.sqrt()[:, None] / sizes.sqrt()
    functions = torch.linalg.eigh(matrix + matrix.T).eigenvectors.T / sizes.sqrt()
    # Each function is a unit e divided by its norm. As e * e = e, e(1) = |e|², and so e = function(1) · function.
    units = functions[:, :1] * functions
    order = sorted(range(len(units)), key=lambda part: _sort_key(units[part], len(classes)))
    return torch.stack([units[part, classes] for part in order])


def _sort_key(unit: Tensor, n: int) -> tuple[int, list[float]]:
    """The number of rows of a part, then minus the ratio of its character to its dimension, class by class.

    The constant comes first: it has one row, and its character is the largest.
    """
    return round(n * float(unit[0])), (-unit / unit[0]).round(decimals=6).tolist()


def _generic(count: int) -> Tensor:
    """Random numbers, the same at every call, which satisfy no relation by accident."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, dtype=torch.float64, generator=generator, device="cpu")


def _paired(rows: Tensor, turn: Tensor) -> Tensor:
    """Another basis for the span of ``rows``, in pairs u, J u; ``turn`` is a multiple of J as a matrix in ``rows``."""
    # If J u = v and J v = -u, then i J (u + i v) = u + i v. The eigenvalues of i J are ±1: take the upper half.
    vectors = torch.linalg.eigh(1j * turn).eigenvectors[:, len(rows) // 2 :].T
    pairs = torch.stack([vectors.real, vectors.imag], dim=1).flatten(0, 1) * 2**0.5
    return pairs @ rows
