"""Checks of the fields of an operation, and of its frequencies."""

from typing import Any

import torch
from torch import Tensor

from progress_measures._checks.tensors import check_finite, check_indices, check_real
from progress_measures._checks.values import check_distinct_integers, shape_of, type_name


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
    expected = {"elements": (n,), "table": (n, n), "basis": (n, n), "row_frequency": (n,)}
    fields = {"elements": elements, "table": table, "basis": basis, "row_frequency": row_frequency}
    for name, field in fields.items():
        if field.shape != expected[name]:
            raise ValueError(f"`{name}` must have shape {expected[name]} for n={n}. Got {shape_of(field)}.")
    if elements.min() < 0 or len(set(elements.tolist())) < n:
        raise ValueError("`elements` must be distinct tokens, none negative. Got " + str(elements.tolist()) + ".")
    indices = torch.arange(n, device="cpu").expand(n, n)
    if not (torch.equal(table.sort(1).values, indices) and torch.equal(table.T.sort(1).values, indices)):
        raise ValueError("`table` must hold each index 0..n-1 once in every row and every column.")
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


def check_rows_of_waves(row_frequency: Tensor) -> None:
    """Requires as many rows per frequency as in the Fourier basis: two, but one for the constant and for n/2."""
    if not torch.equal(row_frequency, (torch.arange(len(row_frequency), device="cpu") + 1) // 2):
        raise ValueError("`row_frequency` must be 0, 1, 1, 2, 2, … for a cyclic operation. Leave out `cyclic`.")


def check_irreps(classes: object, irreps: object, basis: Tensor, row_frequency: Tensor) -> dict[str, Any]:
    """Requires both ``classes`` and ``irreps``, in agreement with the basis, or neither; returns them by field."""
    if classes is None:
        if irreps:
            raise ValueError("`classes` must be given where `irreps` are, whose characters are on them. Got None.")
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
