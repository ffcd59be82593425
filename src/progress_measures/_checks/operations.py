"""Checks of operations, and of the Cayley tables that they are made of."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import finite, real, tensor
from progress_measures._checks.values import kind, shape


def operation(op: Any, name: str = "op") -> int:
    """The order of an operation, known by its fields: this room lies below that of ``Operation``."""
    if not all(hasattr(op, field) for field in ("n", "elements", "table", "basis", "row_frequency", "frequencies")):
        raise TypeError(f"`{name}` must be an Operation, such as addition(113). Got {kind(op)}.")
    n: int = op.n
    return n


def operation_fields(elements: object, table: object, basis: object, row_frequency: object) -> dict[str, Tensor]:
    """The tensors of an operation, by field; see ``Operation`` for the properties that they must have."""
    elements, table, row_frequency = (
        indices(x, name) for x, name in ((elements, "elements"), (table, "table"), (row_frequency, "row_frequency"))
    )
    basis = finite(real(basis, "basis"), "basis").detach().to("cpu", torch.float64, copy=True)
    n = elements.numel()
    if n == 0:
        raise ValueError("`elements` must hold at least one token. Got none.")
    expected = {"elements": (n,), "table": (n, n), "basis": (n, n), "row_frequency": (n,)}
    fields = {"elements": elements, "table": table, "basis": basis, "row_frequency": row_frequency}
    for name, field in fields.items():
        if field.shape != expected[name]:
            raise ValueError(f"`{name}` must have shape {expected[name]} for n={n}. Got {shape(field)}.")
    if elements.min() < 0 or len(set(elements.tolist())) < n:
        raise ValueError("`elements` must be distinct tokens, none negative. Got " + str(elements.tolist()) + ".")
    every = torch.arange(n, device="cpu").expand(n, n)
    if not (torch.equal(table.sort(1).values, every) and torch.equal(table.T.sort(1).values, every)):
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


def rows_of_waves(row_frequency: Tensor) -> None:
    """Rows as those of the Fourier basis: two per frequency, but for the constant and the last of an even number."""
    if not torch.equal(row_frequency, (torch.arange(len(row_frequency), device="cpu") + 1) // 2):
        raise ValueError("`row_frequency` must be 0, 1, 1, 2, 2, … for a cyclic operation. Leave out `cyclic`.")


def operation_labels(classes: object, irreps: object, basis: Tensor, row_frequency: Tensor) -> dict[str, Any]:
    """What names the frequencies of an operation: either both, or neither."""
    if classes is None:
        if irreps:
            raise ValueError("`classes` must be given where `irreps` are, whose characters are on them. Got None.")
        return {"classes": None, "irreps": ()}
    numbers, n, count = indices(classes, "classes"), len(row_frequency), int(row_frequency[-1])
    if numbers.shape != (n,):
        raise ValueError(f"`classes` must have shape ({n},) for n={n}. Got {shape(numbers)}.")
    if int((numbers == 0).sum()) != 1 or set(numbers.tolist()) != set(range(int(numbers.max()) + 1)):
        raise ValueError("`classes` must be numbered 0, 1, … without a gap, with the identity alone in class 0.")
    if not isinstance(irreps, tuple) or not all(isinstance(getattr(x, "character", None), Tensor) for x in irreps):
        found = f"tuple of {', '.join(map(kind, irreps))}" if isinstance(irreps, tuple) else kind(irreps)
        raise TypeError(f"`irreps` must be a tuple of Irreps whose characters are tensors. Got {found}.")
    if len(irreps) != count:
        raise ValueError(f"`irreps` must have one entry per frequency ({count}). Got {len(irreps)}.")
    of_classes = (int(numbers.max()) + 1,)
    for k, irrep in enumerate(irreps, start=1):
        if irrep.character.shape != of_classes:
            raise ValueError(
                f"`irreps` must have characters of shape {of_classes}, one entry per class. "
                f"Got {shape(irrep.character)} for frequency {k}."
            )
    # The projection on a frequency is a multiple of its character where the identity is one of the two.
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


def cayley_table(table: object) -> tuple[Tensor, int]:
    """The table of a group, int64, ``(n, n)``, and the index of its identity; nested lists will do."""
    if isinstance(table, list | tuple):
        lengths = {len(row) if isinstance(row, list | tuple) else 0 for row in table}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError("`table` must be a list of rows of the same length. Got " + repr(table) + ".")
        table = np.array(table)
    x = indices(table, "table")
    if x.ndim != 2 or x.shape[0] != x.shape[1] or len(x) == 0:
        raise ValueError(f"`table` must have shape (n, n). Got {shape(x)}.")
    n, index = len(x), torch.arange(len(x), device="cpu")

    outside = ((x < 0) | (x >= n)).nonzero()
    if len(outside) > 0:
        a, b = outside[0].tolist()
        raise _no_group(f"Closure does not hold: {a}∘{b} = {int(x[a, b])}, which is not one of 0..{n - 1}.")

    neutral = (x == index).sum(1) + (x == index[:, None]).sum(0)  # how many it leaves as they are, from either side
    identity = int(neutral.argmax())
    if neutral[identity] < 2 * n:
        left, right = (x[identity] != index).nonzero(), (x[:, identity] != index).nonzero()
        a, b = (identity, int(left[0])) if len(left) > 0 else (int(right[0]), identity)
        raise _no_group(f"There is no identity: {identity} comes nearest, but {a}∘{b} = {int(x[a, b])}.")

    invertible = (x == identity).any(1)
    if not bool(invertible.all()):
        a = int((~invertible).nonzero()[0])
        raise _no_group(f"Not all have an inverse: there is no x with {a}∘x = {identity}, the identity.")

    # Where (a∘g)∘b = a∘(g∘b) for all a and b, it holds for all products of such g too (Light's test).
    for g in _generators(x):
        wrong = (x[x[:, g]] != x[:, x[g]]).nonzero()
        if len(wrong) > 0:
            a, b = wrong[0].tolist()
            one, other = int(x[x[a, g], b]), int(x[a, x[g, b]])
            raise _no_group(f"Associativity does not hold: ({a}∘{g})∘{b} = {one}, but {a}∘({g}∘{b}) = {other}.")
    return x, identity


def elements(tokens: object, n: int) -> Tensor:
    """A token for each of n elements, int64, ``(n,)``."""
    x = indices(tokens, "elements")
    if x.shape != (n,):
        raise ValueError(f"`elements` must have one token per row of the table ({n}). Got shape {shape(x)}.")
    return x


def _no_group(finding: str) -> ValueError:
    return ValueError(
        f"`table` must be that of a group. {finding} "
        "An operation that is no group can be an Operation with a basis of its own."
    )


def _generators(table: Tensor) -> list[int]:
    """Elements of which all others are products."""
    generated, generators = torch.zeros(len(table), dtype=torch.bool, device="cpu"), []
    while not bool(generated.all()):
        generators.append(int((~generated).nonzero()[0]))
        generated[generators[-1]] = True
        known = -1
        while known != (known := int(generated.sum())):
            members = generated.nonzero().flatten()
            generated[table[members][:, members].flatten()] = True
    return generators


def indices(x: object, name: str) -> Tensor:
    """A tensor of integers, int64."""
    x = tensor(x, name)
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"`{name}` must be integers. Got {x.dtype}.")
    return x.to("cpu", torch.int64, copy=True)
