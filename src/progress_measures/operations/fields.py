"""Checks of the fields of an operation, and of its frequencies."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import Array, check_finite, check_indices, check_real
from progress_measures._checks.values import check_distinct_integers, shape_of, type_name
from progress_measures.operations.irreps import Irrep
from progress_measures.operations.operands import wave_label

Tokens: TypeAlias = Array | Sequence[int]


def check_fields(elements: object, table: object, basis: object, row_frequency: object) -> dict[str, Tensor]:
    """Requires tensors with the properties that ``Operation`` documents; returns them by field."""
    elements, table, row_frequency = (
        check_indices(x, name)
        for x, name in ((elements, "elements"), (table, "table"), (row_frequency, "row_frequency"))
    )
    basis = check_finite(check_real(basis, "basis"), "basis").detach().to("cpu", torch.float64, copy=True)
    n = elements.numel()
    if n == 0:
        raise ValueError("`elements` must hold at least one token. Got none.")
    expected = {"elements": (n,), "basis": (n, n), "row_frequency": (n,)}
    fields = {"elements": elements, "table": table, "basis": basis, "row_frequency": row_frequency}
    for name, shape in expected.items():
        if fields[name].shape != shape:
            raise ValueError(f"`{name}` must have shape {shape} for n={n}. Got {shape_of(fields[name])}.")
    if elements.min() < 0 or len(set(elements.tolist())) < n:
        raise ValueError("`elements` must be distinct tokens, none negative. Got " + str(elements.tolist()) + ".")
    check_answers(table, n)
    error = float((basis @ basis.T - torch.eye(n, dtype=basis.dtype, device="cpu")).abs().max())
    if error > 1e-10:
        raise ValueError(
            f"`basis` must have orthonormal rows to 1e-10. Got an inner product that is off by {error:.3g}. "
            "Compute it in float64."
        )
    if float((basis[0] - basis[0, 0]).abs().max()) > 1e-10:
        raise ValueError("`basis` must have a constant row 0.")
    steps = row_frequency.diff(prepend=row_frequency.new_tensor([-1]))
    if row_frequency[0] != 0 or (n > 1 and row_frequency[1] != 1) or bool(((steps < 0) | (steps > 1)).any()):
        raise ValueError("`row_frequency` must be 0 for row 0 alone, then 1, 2, … in ascending order without a gap.")
    return fields


def check_answers(table: Tensor, n: int) -> None:
    """Requires indices of answers, each of them at least once."""
    if table.ndim == 0 or table.numel() == 0:
        raise ValueError(f"`table` must hold the answer to at least one input. Got shape {shape_of(table)}.")
    if int(table.min()) < 0 or int(table.max()) >= n:
        raise ValueError(
            f"`table` must hold indices 0..{n - 1} of the answers. Got {int(table.min())}..{int(table.max())}."
        )
    missing = (torch.bincount(table.flatten(), minlength=n) == 0).nonzero().flatten().tolist()
    if missing:
        raise ValueError(
            f"`table` must have an input for each answer. Got none for {some(missing)}. "
            "Leave such answers out of `elements`, or add inputs."
        )


def some(numbers: list[int]) -> str:
    """Numbers for a message: the first three, and the total."""
    return ", ".join(map(str, numbers[:3])) + (f", … ({len(numbers)} in all)" if len(numbers) > 3 else "")


def check_inputs(table: Tensor, elements: Tensor, operands: object, inputs: object) -> dict[str, Any]:
    """Requires operands that fit the axes of the table, or inputs that fit its entries; returns both by field."""
    if not isinstance(operands, tuple | list):
        raise TypeError(f"`operands` must be a tuple with the tokens of each operand. Got {type_name(operands)}.")
    if inputs is not None and not operands:
        rows = check_indices(inputs, "inputs")
        if rows.ndim != 2 or table.shape != rows.shape[:1]:
            raise ValueError(
                f"`inputs` must have one row per entry of `table`, {shape_of(table)}: shape (N, k). "
                f"Got {shape_of(rows)}."
            )
        check_tokens_of_inputs(rows)
        return {"operands": (), "inputs": rows}
    axes = tuple(check_tokens(x, f"operands[{i}]") for i, x in enumerate(operands)) or (elements,) * table.ndim
    sizes = tuple(map(len, axes))
    if table.shape != sizes:
        remedy = "" if operands else " Pass `operands`, the tokens along each axis."
        raise ValueError(
            f"`table` must have one entry per combination of the operands: shape {sizes} for n={len(elements)}. "
            f"Got {shape_of(table)}.{remedy}"
        )
    product = torch.cartesian_prod(*axes).reshape(-1, len(axes))
    if inputs is not None and not torch.equal(check_indices(inputs, "inputs"), product):
        raise ValueError("`inputs` must be left out where `operands` are given, or be all their combinations.")
    return {"operands": axes, "inputs": product}


def check_tokens(tokens: object, name: str) -> Tensor:
    """Requires distinct tokens, none negative, and returns them, int64, ``(m,)``."""
    x = check_indices(tokens, name)
    if x.ndim != 1 or x.numel() == 0 or int(x.min()) < 0 or len(set(x.tolist())) < len(x):
        different = set(x.flatten().tolist())
        found = x.tolist() if x.numel() <= 20 else f"shape {shape_of(x)}, {len(different)} of them different"
        signs = " Bits of signs are (1 - x) / 2." if different == {-1, 1} else ""
        raise ValueError(f"`{name}` must be distinct tokens, none negative. Got {found}.{signs}")
    return x


def check_tokens_of(tokens: object, n: int, name: str = "tokens") -> Tensor:
    """Requires one token for each of n elements, in the caller's order, and returns them, int64, ``(n,)``."""
    values = np.asarray(tokens) if isinstance(tokens, Sequence) and not isinstance(tokens, str) else tokens
    x = check_tokens(values, name)
    if len(x) != n:
        raise ValueError(f"`{name}` must have one token per element ({n}). Got {len(x)}.")
    return x


def check_tokens_of_inputs(rows: Tensor) -> None:
    """Requires rows of tokens, none negative, none repeated."""
    if rows.numel() == 0:
        raise ValueError(f"`inputs` must have at least one row. Got shape {shape_of(rows)}.")
    if int(rows.min()) < 0:
        signs = " Bits of signs are (1 - x) / 2." if bool((rows.abs() == 1).all()) else ""
        raise ValueError(f"`inputs` must be tokens, none negative. Got {int(rows.min())}.{signs}")
    different, count = torch.unique(rows, dim=0, return_counts=True)
    if len(different) < len(rows):
        repeated = tuple(different[count > 1][0].tolist())
        raise ValueError(f"`inputs` must be distinct. Got {repeated} {int(count.max())} times.")


def check_labels(labels: object, row_frequency: Tensor, cyclic: bool, irreps: Sequence[Irrep]) -> dict[str, Any]:
    """Requires one string per frequency, or none at all, to derive them from the basis; returns them by field."""
    count = int(row_frequency[-1])
    if not isinstance(labels, tuple | list) or not all(isinstance(label, str) for label in labels):
        raise TypeError(f"`frequency_labels` must be strings, one per frequency ({count}). Got {labels!r}.")
    if labels and len(labels) != count:
        raise ValueError(f"`frequency_labels` must be strings, one per frequency ({count}). Got {len(labels)}.")
    if labels:
        derived = [*labels]
    elif cyclic:
        derived = [wave_label(k, len(row_frequency)) for k in range(1, count + 1)]
    else:
        derived = [irrep.label for irrep in irreps] or [f"frequency {k}" for k in range(1, count + 1)]
    return {"frequency_labels": tuple(derived)}


def check_rows_of_waves(row_frequency: Tensor) -> None:
    """Requires the rows per frequency of the Fourier basis: two each, except for one for the constant and for n/2."""
    if not torch.equal(row_frequency, (torch.arange(len(row_frequency), device="cpu") + 1) // 2):
        raise ValueError("`row_frequency` must be 0, 1, 1, 2, 2, … for a cyclic operation. Leave out `cyclic`.")


def check_irreps(classes: object, irreps: object, basis: Tensor, row_frequency: Tensor) -> dict[str, Any]:
    """Requires both ``classes`` and ``irreps``, in agreement with the basis, or neither; returns them by field."""
    if classes is None:
        if irreps:
            raise ValueError("`classes` must be given with `irreps`, whose characters are functions of them. Got None.")
        return {"classes": None, "irreps": ()}
    numbers, n, count = check_indices(classes, "classes"), len(row_frequency), int(row_frequency[-1])
    if numbers.shape != (n,):
        raise ValueError(f"`classes` must have shape ({n},) for n={n}. Got {shape_of(numbers)}.")
    if int((numbers == 0).sum()) != 1 or set(numbers.tolist()) != set(range(int(numbers.max()) + 1)):
        raise ValueError("`classes` must be numbered 0, 1, … without a gap, with the identity alone in class 0.")
    if not isinstance(irreps, tuple) or not all(isinstance(getattr(x, "character", None), Tensor) for x in irreps):
        found = f"tuple of {', '.join(map(type_name, irreps))}" if isinstance(irreps, tuple) else type_name(irreps)
        raise TypeError(f"`irreps` must be a tuple of Irreps whose characters are tensors. Got {found}.")
    if len(irreps) != count:
        raise ValueError(f"`irreps` must have one entry per frequency ({count}). Got {len(irreps)}.")
    of_classes = (int(numbers.max()) + 1,)
    for k, irrep in enumerate(irreps, start=1):
        if irrep.character.shape != of_classes:
            raise ValueError(
                f"`irreps` must have characters of shape {of_classes}, one entry per class. "
                f"Got {shape_of(irrep.character)} for frequency {k}."
            )
    # The kernel of the projection onto a frequency, with the identity as one argument, is a multiple of its character.
    at_identity = torch.where(numbers == 0, basis, 0.0).sum(1, keepdim=True) * basis
    kernels = basis.new_zeros(1 + count, n).index_add(0, row_frequency, at_identity)[1:]
    for k, (kernel, irrep) in enumerate(zip(kernels, irreps, strict=True), start=1):
        of_elements = irrep.character.to(kernel)[numbers]
        error = float((kernel * of_elements.norm() - of_elements * kernel.norm()).abs().max() / of_elements.norm())
        if not error < 1e-8:
            raise ValueError(
                f"`irreps` must have the characters of the rows in `basis`. Got one of frequency {k} that is none: "
                f"off by {error:.3g}. Rows of a complex one come in pairs, see `Operation`."
            )
    return {"classes": numbers, "irreps": irreps}


def check_members(values: object, frequencies: tuple[int, ...], n: int, *, cyclic: bool) -> tuple[int, ...]:
    """Requires distinct members of ``frequencies``, possibly none, and returns them in the order given."""
    chosen = check_distinct_integers(values, "frequencies")
    for k in chosen:
        if not frequencies:
            raise ValueError(f"`frequencies` must be empty for n={n}, where there is only the constant. Got {k}.")
        if k not in frequencies:
            remedy = f" Frequencies k and n-k are the same: pass {n - k}." if cyclic and n - k in frequencies else ""
            span = f"{frequencies[0]}..{frequencies[-1]}"
            raise ValueError(f"`frequencies` must lie in {span} for n={n}. Got {k}.{remedy}")
    return chosen
