r"""The isotypic parts of the functions on a group, from its Cayley table alone.

A class function f acts on all functions by convolution, (f * φ)(g) = Σ_h f(g h⁻¹) φ(h). By Schur's lemma it multiplies
every matrix entry of an irreducible representation by one number, and if f(g) = f(g⁻¹) that number is real and the same
for a representation and its conjugate. So the eigenspaces of a generic such f are exactly the real isotypic parts, and
eigenvectors among the class functions themselves are the real characters.

Eigenvectors are the more exact the farther apart the eigenvalues are. So a random f only serves to find the characters,
and from these one is made whose eigenvalues are 0, 1, 2, … in the order that frequencies have; its eigenvectors, on all
functions, are the rows of the basis.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from progress_measures.operations.irreps import Irrep, Kind, first_of_each, irreps_of_basis


@dataclass(frozen=True, eq=False)
class IsotypicParts:
    """A basis of the functions on a group, by isotypic part: the fields of an operation."""

    basis: Tensor
    row_frequency: Tensor
    classes: Tensor
    irreps: tuple[Irrep, ...]


def isotypic_parts(table: Tensor, identity: int) -> IsotypicParts:
    """The isotypic parts of a group, those of fewest rows first, and then by falling character class by class.

    Two rows that follow each other, the first of them in an even place, are u and J u in a part of the kind
    ``"complex"``, where J commutes with the group and J² = -1. Cosine and sine are such a pair.
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
    basis[0] = n**-0.5  # exactly
    row_frequency = order.repeat_interleave(rows)

    # An odd class function tells conjugate representations apart, and is zero on a real or a quaternionic part.
    generic = _generic(int(classes.max()) + 1)
    odd = (generic[classes] - generic[classes[inverse]])[quotient]
    squares = units[:, table.diagonal()].sum(1)  # Frobenius' and Schur's indicator, but for a positive factor
    kinds: list[Kind] = []
    for part, rows_ in enumerate(basis.split(rows.tolist())):
        turn = rows_ @ odd @ rows_.T
        if turn.norm() > 1e-6 * odd.norm() / n:
            kinds.append("complex")
            rows_[:] = _paired(rows_, turn)
        else:
            kinds.append("real" if squares[part] > 0 else "quaternionic")
    return IsotypicParts(basis, row_frequency, classes, irreps_of_basis(basis, row_frequency, classes, kinds[1:]))


def _conjugacy_classes(table: Tensor, inverse: Tensor, identity: int) -> Tensor:
    """The number of each element's class, ``(n,)``: 0 for the identity's, the others in the order of first elements."""
    conjugates = table[table, inverse[:, None]]  # g x g⁻¹ at (g, x)
    least = conjugates.amin(0)
    least[identity] = -1  # a class of its own, to be the first
    return _numbered(least)


def _merged(classes: Tensor, of_inverse: Tensor) -> Tensor:
    """The classes numbered anew, where one and that of its inverses are the same."""
    return _numbered(torch.minimum(classes, of_inverse))


def _numbered(x: Tensor) -> Tensor:
    """The same numbers as ranks: 0 for the least, and so on without a gap."""
    return torch.searchsorted(torch.tensor(sorted(set(x.tolist())), device="cpu"), x)


def _units(quotient: Tensor, classes: Tensor) -> Tensor:
    """The unit of each isotypic part, ``(parts, n)``: the class function whose convolution is the projection on it."""
    sizes = torch.bincount(classes).double()
    from_first = classes[quotient[first_of_each(classes)]]  # of x y⁻¹, for one x of each class and every y
    # Convolution with a generic f, in the orthonormal basis of the classes' indicators: a symmetric matrix.
    f = _generic(len(sizes))
    matrix = f.new_zeros(len(f), len(f)).index_add(1, classes, f[from_first]) * sizes.sqrt()[:, None] / sizes.sqrt()
    functions = torch.linalg.eigh(matrix + matrix.T).eigenvectors.T / sizes.sqrt()
    # A multiple of a unit e of length 1: e * e = e and e(1) = |e|² leave e = function(1) · function.
    units = functions[:, :1] * functions
    order = sorted(range(len(units)), key=lambda part: _place(units[part], len(classes)))
    return torch.stack([units[part, classes] for part in order])


def _place(unit: Tensor, n: int) -> tuple[int, list[float]]:
    """What parts are sorted by: the number of rows, and how small the character is, class by class.

    The constant, of one row and with the largest of characters, is the first.
    """
    return round(n * float(unit[0])), (-unit / unit[0]).round(decimals=6).tolist()


def _generic(count: int) -> Tensor:
    """Numbers without a relation between them, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, dtype=torch.float64, generator=generator, device="cpu")


def _paired(rows: Tensor, turn: Tensor) -> Tensor:
    """Another basis of the same functions, in pairs u, J u; ``turn`` is a multiple of J in the one that is given."""
    # J u = v and J v = -u, so u + i v is an eigenvector of i J: of the upper half of the eigenvalues, which are ±1.
    vectors = torch.linalg.eigh(1j * turn).eigenvectors[:, len(rows) // 2 :].T
    pairs = torch.stack([vectors.real, vectors.imag], dim=1).flatten(0, 1) * 2**0.5
    return pairs @ rows
