"""The check that a table is the Cayley table of a group, axiom by axiom."""

import numpy as np
import torch
from torch import Tensor

from progress_measures._checks.tensors import check_indices
from progress_measures._checks.values import shape_of


def check_cayley_table(table: object) -> tuple[Tensor, int]:
    """Requires the Cayley table of a group, possibly as nested lists.

    Returns the table, int64, ``(n, n)``, and the index of the identity.
    """
    if isinstance(table, list | tuple):
        lengths = {len(row) if isinstance(row, list | tuple) else 0 for row in table}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError("`table` must be a list of rows of the same length. Got " + repr(table) + ".")
        table = np.array(table)
    x = check_indices(table, "table")
    if x.ndim != 2 or x.shape[0] != x.shape[1] or len(x) == 0:
        raise ValueError(f"`table` must have shape (n, n). Got {shape_of(x)}.")
    n, index = len(x), torch.arange(len(x), device="cpu")

    outside = ((x < 0) | (x >= n)).nonzero()
    if len(outside) > 0:
        a, b = outside[0].tolist()
        raise _no_group(f"Closure does not hold: {a}∘{b} = {int(x[a, b])}, which is not one of 0..{n - 1}.")

    # The number of products, from either side, in which each element leaves the other factor unchanged.
    neutral = (x == index).sum(1) + (x == index[:, None]).sum(0)
    identity = int(neutral.argmax())
    if neutral[identity] < 2 * n:
        left, right = (x[identity] != index).nonzero(), (x[:, identity] != index).nonzero()
        a, b = (identity, int(left[0])) if len(left) > 0 else (int(right[0]), identity)
        raise _no_group(f"There is no identity: {identity} comes nearest, but {a}∘{b} = {int(x[a, b])}.")

    invertible = (x == identity).any(1)
    if not bool(invertible.all()):
        a = int((~invertible).nonzero()[0])
        raise _no_group(f"Not all have an inverse: there is no x with {a}∘x = {identity}, the identity.")

    # If (a∘g)∘b = a∘(g∘b) for all a and b, for each generator g, then the same holds for their products (Light's test).
    for g in _generators(x):
        wrong = (x[x[:, g]] != x[:, x[g]]).nonzero()
        if len(wrong) > 0:
            a, b = wrong[0].tolist()
            one, other = int(x[x[a, g], b]), int(x[a, x[g, b]])
            raise _no_group(f"Associativity does not hold: ({a}∘{g})∘{b} = {one}, but {a}∘({g}∘{b}) = {other}.")
    return x, identity


def _no_group(finding: str) -> ValueError:
    return ValueError(
        f"`table` must be the table of a group. {finding} "
        "An operation that is no group can be an Operation with a basis of its own."
    )


def _generators(table: Tensor) -> list[int]:
    """Elements whose products are the whole group."""
    generated, generators = torch.zeros(len(table), dtype=torch.bool, device="cpu"), []
    while not bool(generated.all()):
        generators.append(int((~generated).nonzero()[0]))
        generated[generators[-1]] = True
        count = -1
        while count != (count := int(generated.sum())):
            members = generated.nonzero().flatten()
            generated[table[members][:, members].flatten()] = True
    return generators
