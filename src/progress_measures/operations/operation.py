"""The class of operations."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._rows.places import check_input_mask, find_labels, find_rows, mirrors
from progress_measures.operations.fields import (
    check_fields,
    check_inputs,
    check_irreps,
    check_labels,
    check_members,
    check_rows_of_waves,
)
from progress_measures.operations.irreps import Irrep
from progress_measures.operations.operands import check_tuple, label_of_inputs, operand_basis, operand_frequencies


@dataclass(frozen=True, eq=False)
class Operation:
    """A task with n answers: the answer to each of its inputs, with a basis for functions of the answer.

    Call :func:`operation` to make one from any function. :func:`addition`, :func:`subtraction`, :func:`multiplication`
    and :func:`division` make cyclic operations, :func:`parity` makes one for a subset of bits, :func:`composition` one
    for any finite group, and :func:`direct_product` combines two operations. An operation that you construct yourself
    works in the same way.

    Args:
        name: A word for messages and pictures.
        elements: Token of each answer, distinct non-negative integers, shape ``(n,)``.
        table: The index in ``elements`` of the answer to each input, one axis per operand: ``table[a, b]`` is the
            answer to a and b. With ``inputs``, one entry per input, ``(N,)``. Each answer occurs at least once.
        basis: Orthonormal functions on the answers, one per row, float64, shape ``(n, n)``. Row 0 is constant.
        row_frequency: The frequency of each row, shape ``(n,)``: 0 only for row 0, then 1..K in ascending order, each
            at least once.
        cyclic: Whether the frequencies are those of Z/n, where k and n-k are the same, with rows in the order of
            :func:`fourier_basis`.
        classes: The number of each element's conjugacy class, shape ``(n,)``, in the group whose functions the basis
            describes. The identity's class is 0. None if there is no such group.
        irreps: The real irreducible representation of each frequency 1..K, with its character on the classes; empty if
            ``classes`` is None. For the kind ``"complex"``, basis rows come in pairs u, J u, like cosine and sine,
            where J commutes with the group and J² = -1; :func:`direct_product` relies on these pairs.
        operands: The tokens along each axis of ``table``. If empty, the elements along each axis.
        inputs: The tokens of each input, as a model takes them, int64, shape ``(N, k)``. If None, all combinations of
            the operands, in row-major order. If given, only these inputs exist, and there are no ``operands``.
        frequency_labels: A few words for each frequency 1..K; derived from the basis if empty.

    Raises:
        TypeError: If a field is not a tensor or array of its type.
        ValueError: If a field does not have its shape, or breaks a property named above.

    Example:
        >>> op = pm.addition(5)
        >>> op.table[3, 4], op.frequencies
        (tensor(2), (1, 2))
    """

    name: str
    elements: Tensor
    table: Tensor
    basis: Tensor
    row_frequency: Tensor
    cyclic: bool = False
    classes: Tensor | None = None
    irreps: tuple[Irrep, ...] = ()
    operands: tuple[Tensor, ...] = ()
    inputs: Any = None
    frequency_labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fields = check_fields(self.elements, self.table, self.basis, self.row_frequency)
        fields |= check_inputs(fields["table"], fields["elements"], self.operands, self.inputs)
        fields |= check_irreps(self.classes, self.irreps, fields["basis"], fields["row_frequency"])
        fields |= check_labels(self.frequency_labels, fields["row_frequency"], self.cyclic, self.irreps)
        if self.cyclic:
            check_rows_of_waves(fields["row_frequency"])
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    @property
    def n(self) -> int:
        """The number of answers; for a group, its order."""
        return len(self.elements)

    @property
    def frequencies(self) -> tuple[int, ...]:
        """The non-trivial frequencies, 1..K; for a cyclic operation K is ``n // 2``."""
        return tuple(range(1, int(self.row_frequency[-1]) + 1))

    @property
    def rows_per_frequency(self) -> tuple[int, ...]:
        """The number of basis rows of each frequency. In a cyclic operation, 2 except for n/2, which has 1."""
        return tuple(torch.bincount(self.row_frequency)[1:].tolist())

    @property
    def on_pairs(self) -> bool:
        """Whether there are two operands with the frequencies of the answers, as in a group."""
        frequencies = [operand_frequencies(x, self.elements, self.row_frequency) for x in self.operands]
        return len(self.operands) == 2 and all(torch.equal(of_rows, self.row_frequency) for of_rows in frequencies)

    @property
    def axes(self) -> str:
        """The names of the axes of logits, for messages."""
        if not self.operands:
            return "(input, c)"
        count = len(self.operands)
        return {1: "(a, c)", 2: "(a, b, c)", 3: "(x1, x2, x3, c)"}.get(count, f"(x1, …, x{count}, c)")

    def rows(self, frequencies: Iterable[int]) -> Tensor:
        """The basis rows of the given frequencies, in the order of the basis.

        ``op.rows(keys) @ W_L`` are the directions u_k, v_k in neuron space from which W_L reads these frequencies.

        Args:
            frequencies: Distinct members of :attr:`frequencies`.

        Returns:
            Orthonormal rows, float64, shape ``(r, n)``. In a cyclic operation there are two per frequency, except for
            n/2, which has one.

        Raises:
            TypeError: If ``frequencies`` are not integers.
            ValueError: If one is not a frequency of the operation, or is repeated.

        References:
            Nanda et al. (2023), section 3.1, equation 2.

        Example:
            >>> pm.addition(5).rows([2]).shape
            torch.Size([2, 5])
        """
        chosen = check_members(frequencies, self.frequencies, self.n, cyclic=self.cyclic)
        return self.basis[torch.tensor([k in chosen for k in self.row_frequency.tolist()], device="cpu")]

    def label(self, frequency: int | tuple[int, ...]) -> str:
        """A frequency in a few words: its waves, its character, a subset of bits, or zero.

        Args:
            frequency: A member of :attr:`frequencies`; or a frequency of the inputs, a tuple with one integer per
                operand, 0 for the constant.

        Returns:
            Words for a picture or a table.

        Raises:
            TypeError: If ``frequency`` is neither an integer nor a tuple of integers.
            ValueError: If it is not a frequency of the operation or of its inputs.

        Example:
            >>> pm.addition(8).label(3), pm.addition(8).label(4), pm.parity(5, of=(0, 3)).label((1, 0, 0, 1, 0))
            ('cos 3, sin 3', 'cos 4', 'bits 0 and 3')
        """
        if isinstance(frequency, tuple):
            counts = [int(self.operand_basis(axis)[1][-1]) for axis in range(len(self.operands))]
            return label_of_inputs(check_tuple(frequency, counts), self.operands, self.elements, self.frequency_labels)
        (k,) = check_members([frequency], self.frequencies, self.n, cyclic=self.cyclic)
        return self.frequency_labels[k - 1]

    def operand_basis(self, axis: int) -> tuple[Tensor, Tensor]:
        """The basis of the functions of one operand, ``(m, m)``, and the frequency of each of its rows.

        It is the operation's own basis if the operand's tokens are the elements, in any order. Otherwise it is the
        Fourier basis of Z/m on the places of the tokens.
        """
        if not self.operands:
            raise ValueError(f"`op` must have all combinations of its operands. Got {self!r}, with some inputs only.")
        given = self.operands[axis], self.elements
        return operand_basis(*given, self.basis), operand_frequencies(*given, self.row_frequency)

    def mask(self, rows: Any, *, columns: Iterable[int] | None = None) -> Tensor:
        """The mask of the inputs in a set of rows, such as the training data.

        Args:
            rows: Tokens, whole numbers, shape ``(rows, k)``, in any order: a tensor, an array, nested lists, or a
                dataset whose items are such rows, or begin with them, such as a ``TensorDataset`` or a ``Subset``. Rows
                may repeat.
            columns: The columns of the operands' tokens, for rows that hold other tokens too, such as ``[0, 2]`` for
                ``a + b =``. If None, rows have only the operands' tokens.

        Returns:
            True at the inputs that are among the rows, bool, the shape of ``table``.

        Raises:
            TypeError: If the rows are not whole numbers.
            ValueError: If they have another number of columns, or a row is not an input of the operation.

        Example:
            >>> op = pm.multiplication(5)
            >>> op.mask([[2, 3], [4, 4]]).sum()
            tensor(2)
        """
        found, _ = find_rows(self.inputs, rows, columns, self.table.shape, self.name)
        mask = torch.zeros(self.table.numel(), dtype=torch.bool, device="cpu")
        mask[found] = True
        return mask.view(self.table.shape)

    def labels(self, rows: Any, answers: Any = None, *, columns: Iterable[int] | None = None) -> Tensor:
        """The label that a network was trained on at each input, for the argument ``labels`` of :func:`measure`.

        Args:
            rows: Tokens of the training inputs in any order, as for :meth:`mask`.
            answers: The token of each row's label, right or wrong, shape ``(rows,)``. If None, ``rows`` must be a
                dataset whose items are tokens and a label.
            columns: As for :meth:`mask`.

        Returns:
            Indices of ``elements``, int64, the shape of ``table``. Inputs that are not among the rows have their right
            answers.

        Raises:
            TypeError: If rows or labels are not whole numbers, or there are no labels.
            ValueError: As for :meth:`mask`; also if a label is not the token of an answer, or a repeated input has two
                labels.

        Example:
            >>> op = pm.multiplication(5)
            >>> op.elements[op.labels([[2, 3]], [4])[op.mask([[2, 3]])]]  # 4, where 2 · 3 is 1
            tensor([4])
        """
        found, following = find_rows(self.inputs, rows, columns, self.table.shape, self.name)
        given = following if answers is None else answers
        return find_labels(found, given, self.elements, self.table.flatten()).view(self.table.shape)

    def mirrored(self, mask: Array) -> Tensor:
        """The inputs that are in the mask if their tokens are reordered, with the same answer.

        In a symmetric task, such as a + b, a network that was trained on (a, b) may know (b, a) without generalizing,
        because it ignores the order. Test it on other inputs: ``test_mask=~(train_mask | op.mirrored(train_mask))``. An
        input of equal tokens is its own mirror.

        Args:
            mask: The training inputs, bool, the shape of ``table``, or ``(N,)``.

        Returns:
            True at the mirrored inputs, bool, the shape of ``table``. If all pairs have the same answer as their
            mirror, it is ``mask.T``.

        Raises:
            TypeError: If ``mask`` is not boolean.
            ValueError: If it does not have one entry per input.

        Example:
            >>> op = pm.addition(5)
            >>> op.mirrored(op.mask([[1, 2]])).nonzero().tolist()
            [[2, 1]]
        """
        chosen = check_input_mask(mask, self.table, "mask").cpu()
        return mirrors(self.inputs, self.table.flatten(), chosen).view(self.table.shape)

    def __repr__(self) -> str:
        inputs = "" if len(self.operands) == 2 and self.table.shape == (self.n,) * 2 else f", inputs={len(self.inputs)}"
        return f"Operation({self.name}, n={self.n}, frequencies={len(self.frequencies)}{inputs})"
