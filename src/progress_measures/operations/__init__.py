"""Operations: what the answer to a pair of inputs is, and in which basis functions of the answer are measured.

Everything downstream works on indices 0..n-1 of ``Operation.elements`` and reads the answer from ``Operation.table``
and the basis from ``Operation.basis``; nothing assumes that the answer is a + b. A frequency is a block of basis rows,
numbered by ``Operation.row_frequency``: 0 is the constant, 1..K are the others. For a cyclic operation a block is the
cosine and the sine of one frequency; for another group it is one isotypic part of the functions on it, and its label is
an :class:`Irrep`.
"""

from progress_measures.operations.cyclic import addition, division, multiplication, subtraction
from progress_measures.operations.groups import alternating_group, composition, dihedral_group, symmetric_group
from progress_measures.operations.irreps import Irrep
from progress_measures.operations.on_grid import answer_means, input_coefficients, pairs_of_answers, rows_by_frequency
from progress_measures.operations.operation import Operation
from progress_measures.operations.products import direct_product

__all__ = [
    "Irrep",
    "Operation",
    "addition",
    "alternating_group",
    "answer_means",
    "composition",
    "dihedral_group",
    "direct_product",
    "division",
    "input_coefficients",
    "multiplication",
    "pairs_of_answers",
    "rows_by_frequency",
    "subtraction",
    "symmetric_group",
]
