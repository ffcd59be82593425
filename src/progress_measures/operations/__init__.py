"""Operations: the answer to each input, and a basis for functions of the answer.

Every measure works on indices 0..n-1 of ``Operation.elements``, reads the answer from ``Operation.table`` and the basis
from ``Operation.basis``. None assumes that the answer is a + b, or that there are two operands. A frequency is a block
of basis rows, numbered by ``Operation.row_frequency``: 0 is the constant, 1..K are the others. For a cyclic operation a
block is the cosine and the sine of one frequency. For any other group it is one isotypic part of the functions on the
group, which an ``Irrep`` describes.
"""

from progress_measures.operations.any_function import operation, parity
from progress_measures.operations.cyclic import addition, division, multiplication, subtraction
from progress_measures.operations.operation import Operation

__all__ = ["Operation", "addition", "division", "multiplication", "operation", "parity", "subtraction"]
